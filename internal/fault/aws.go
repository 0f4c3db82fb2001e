package fault

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// AWS names an error of an AWS call: denied, throttled, unavailable, or, when
// it is none of these, a bad request. A nil error stays nil.
func AWS(op, resource string, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Op: op, Resource: resource, Cause: err}
	switch {
	case IsDenied(err):
		e.Name = Denied
		e.Next = "allow the action named above on the side named above; `npx cdk diff` shows what dbferry's stacks would allow"
	case IsThrottled(err):
		e.Name = Throttled
	case isUnavailable(err):
		e.Name = Unavailable
	default:
		e.Name = BadRequest
	}
	return e
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func status(err error) int {
	var re *smithyhttp.ResponseError
	if errors.As(err, &re) {
		return re.HTTPStatusCode()
	}
	return 0
}

// IsDenied asks whether a policy forbade the call.
func IsDenied(err error) bool {
	c := code(err)
	return strings.HasPrefix(c, "AccessDenied") || c == "AuthorizationError" || c == "UnauthorizedOperation" ||
		status(err) == http.StatusForbidden
}

var throttleCodes = []string{
	"ThrottlingException", "Throttling", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException",
	"ProvisionedThroughputExceededException", "SlowDown", "RequestThrottled", "PriorRequestNotComplete",
}

// IsThrottled asks whether AWS limited the rate of calls.
func IsThrottled(err error) bool { return slices.Contains(throttleCodes, code(err)) }

func isUnavailable(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		// No answer at all: a connection that broke, a context that ended.
		return !errors.Is(err, context.Canceled)
	}
	return api.ErrorFault() == smithy.FaultServer || status(err) >= 500
}

// IsNotFound asks whether the resource does not exist. AWS Backup answers 400
// with ResourceNotFoundException, RDS 404 with codes of its own.
func IsNotFound(err error) bool {
	c := code(err)
	return c == "ResourceNotFoundException" || c == "NoSuchKey" || c == "NotFound" || c == "DBInstanceNotFound" || c == "DBParameterGroupNotFound" ||
		c == "NoSuchEntity" || strings.HasSuffix(c, "NotFoundFault") || c == "ExecutionDoesNotExist" || c == "TableNotFoundException"
}

// IsPrecondition asks whether a conditional write lost.
func IsPrecondition(err error) bool { return code(err) == "PreconditionFailed" }

// IsConflict asks whether a conditional write met another one in flight.
func IsConflict(err error) bool { return code(err) == "ConditionalRequestConflict" }

// HasCode asks for one of the given error codes.
func HasCode(err error, codes ...string) bool { return slices.Contains(codes, code(err)) }
