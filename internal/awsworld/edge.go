package awsworld

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmw "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Config returns an SDK configuration whose clients call this world with the
// caller's credentials. Unmodified handlers run on it: validation, endpoint
// rules, signing and retries are the SDK's own; the answer is given at the end
// of the Finalize step, from the typed input captured at Initialize, and the
// caller is read back from the signed header (docs/adr/0002).
func (w *World) Config(caller Caller) aws.Config {
	id := "ASIA" + strings.ToUpper(w.Hex(16))
	w.keys[id] = caller
	creds := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{
			AccessKeyID: id, SecretAccessKey: "simulated", SessionToken: "simulated", Source: "dbferry rehearsal",
			AccountID: caller.Principal.Account,
		}, nil
	})
	return aws.Config{
		Region:      w.Region,
		Credentials: creds,
		HTTPClient:  refusingClient{},
		Retryer:     func() aws.Retryer { return newRetryer(w) },
		APIOptions: []func(*middleware.Stack) error{
			func(s *middleware.Stack) error {
				if err := s.Initialize.Add(captureInput, middleware.After); err != nil {
					return err
				}
				return s.Finalize.Add(w.answer(), middleware.After)
			},
		},
	}
}

type inputKey struct{}

var captureInput = middleware.InitializeMiddlewareFunc("dbferryCapture",
	func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(middleware.WithStackValue(ctx, inputKey{}, in.Parameters), in)
	})

func (w *World) answer() middleware.FinalizeMiddleware {
	return middleware.FinalizeMiddlewareFunc("dbferryAnswer",
		func(ctx context.Context, in middleware.FinalizeInput, _ middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			var md middleware.Metadata
			caller, err := w.identify(in.Request)
			if err != nil {
				return middleware.FinalizeOutput{}, md, err
			}
			service, op := awsmw.GetServiceID(ctx), awsmw.GetOperationName(ctx)
			out, err := w.Call(ctx, caller, service, op, middleware.GetStackValue(ctx, inputKey{}))
			if err != nil {
				return middleware.FinalizeOutput{}, md, w.wire(service, err)
			}
			if reflect.ValueOf(out).IsNil() {
				return middleware.FinalizeOutput{}, md, fmt.Errorf("awsworld: %s.%s answered nil", service, op)
			}
			awsmw.SetRequestIDMetadata(&md, w.UUID())
			return middleware.FinalizeOutput{Result: out}, md, nil
		})
}

// identify reads the caller from the signed request, as AWS does.
func (w *World) identify(request any) (Caller, error) {
	r, ok := request.(*smithyhttp.Request)
	if !ok {
		return Caller{}, fmt.Errorf("awsworld: request of type %T", request)
	}
	_, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	id, _, _ := strings.Cut(rest, "/")
	caller, known := w.keys[id]
	if !ok || !known {
		return Caller{}, Errorf("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	return caller, nil
}

// wire puts an error into the shape in which the SDK hands it to a program:
// with status code and request id, so that its retryer treats it as real.
func (w *World) wire(service string, err error) error {
	var un *Unsimulated
	if errors.As(err, &un) || errors.Is(err, context.Canceled) {
		return err
	}
	if d, ok := IsDenied(err); ok {
		err = &smithy.GenericAPIError{Code: deniedCode(service), Message: d.Error(), Fault: smithy.FaultClient}
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	return &awshttp.ResponseError{
		RequestID: w.UUID(),
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: statusOf(api), Header: http.Header{}}},
			Err:      err,
		},
	}
}

// deniedCode is how each service spells the refusal.
func deniedCode(service string) string {
	switch service {
	case "RDS", "S3", "STS", "IAM", "CloudWatch", "Route 53", "Elastic Load Balancing v2":
		return "AccessDenied"
	case "SNS":
		return "AuthorizationError"
	}
	return "AccessDeniedException"
}

// statusOf gives the HTTP status of an error code. AWS Backup answers 400 for
// a resource that is not found (R 1.1); RDS answers 404.
func statusOf(e smithy.APIError) int {
	code := e.ErrorCode()
	switch {
	case strings.HasPrefix(code, "AccessDenied"), code == "AuthorizationError":
		return http.StatusForbidden
	case code == "InternalFailure", code == "InternalError", code == "ServiceUnavailableException", e.ErrorFault() == smithy.FaultServer:
		return http.StatusInternalServerError
	case code == "PreconditionFailed":
		return http.StatusPreconditionFailed
	case code == "ConditionalRequestConflict":
		return http.StatusConflict
	case code == "NoSuchKey", code == "NoSuchBucket", code == "NotFound",
		strings.HasSuffix(code, "NotFoundFault"), code == "DBInstanceNotFound", code == "DBParameterGroupNotFound":
		return http.StatusNotFound
	case code == "DisabledException", code == "KMSInvalidStateException":
		return http.StatusConflict
	}
	return http.StatusBadRequest
}

// refusingClient guarantees that nothing of a rehearsal reaches a network.
type refusingClient struct{}

func (refusingClient) Do(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("the rehearsal never opens a connection, but something asked for %s", r.URL.Host)
}

// retryer is the SDK's standard one whose delay is slept on the kernel, with a
// delay that is reproducible (the SDK's jitter comes from crypto/rand).
type retryer struct {
	*retry.Standard
	w *World
}

func newRetryer(w *World) aws.Retryer {
	return &retryer{Standard: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 3 }), w: w}
}

// RetryDelay sleeps here and tells the SDK that no delay is left.
func (r *retryer) RetryDelay(attempt int, _ error) (time.Duration, error) {
	delay := min(time.Second<<max(attempt-1, 0), 20*time.Second)
	return 0, r.w.Kernel.Sleep(context.Background(), r.w.Between(delay/2, delay))
}
