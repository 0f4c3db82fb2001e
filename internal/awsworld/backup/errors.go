package backup

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/smithy-go"

	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// How jobs end badly, as AWS words it (docs/aws.md §11).
const (
	msgBusy          = "Backup job failed because there was a running job for the same resource."
	msgBusyCopy      = "There are too many copy jobs running for resource."
	msgOrganization  = "Copy job failed. Both source and destination account must be a member of the same organization."
	msgSwitchedOff   = "Cross-account copy feature is not enabled for the current organization."
	msgDefaultKey    = "Copy job failed because the destination Backup vault is encrypted with the default Backup service managed key. The contents of this vault cannot be copied. Only the contents of a Backup vault encrypted by an AWS KMS key may be copied."
	msgVaultDenied   = "Access Denied trying to call AWS Backup service"
	msgTags          = "Job failed because the resultant tag set must not have more than 50 user tags."
	msgRetention     = "The retention specified in the job is not within the range specified by the target Backup Vault."
	msgUnshare       = "Failed to unshare snapshot"
	msgWindow        = "Backup job expired before completion."
	msgNotAuthorized = "You are not authorized to perform this operation. Please consult the permissions associated with your AWS Backup role(s), and refer to the AWS Backup documentation for more details."
)

// Categories of a job's message.
const (
	categorySuccess = "SUCCESS"
	categoryDenied  = "AccessDenied"
	categoryFailure = "FAILURE"
)

// failure is the bad end of a job.
type failure struct {
	message  string
	category string
	expired  bool // EXPIRED rather than FAILED; backups only
}

func (f *failure) Error() string { return f.message }

func failf(format string, args ...any) error {
	return &failure{message: fmt.Sprintf(format, args...), category: categoryFailure}
}

func denied(message string) error { return &failure{message: message, category: categoryDenied} }

func expired(message string) error {
	return &failure{message: message, category: categoryFailure, expired: true}
}

// errStopped is the cause of a job's scope when someone stopped the job;
// errTooLate when its completion window ended.
var (
	errStopped = errors.New("backup: the job was stopped")
	errTooLate = errors.New("backup: the completion window ended")
)

// retriable says whether AWS Backup tries again by itself after err: the
// resource is not in a state to be read, or the service is having trouble.
func retriable(err error) bool {
	switch service.Code(err) {
	case "InternalFailure", "InternalError", "ServiceUnavailableException", "ThrottlingException", "Throttling",
		"InvalidDBClusterStateFault", "ResourceInUseException", "SnapshotQuotaExceeded", "SnapshotQuotaExceededFault":
		return true
	}
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorFault() == smithy.FaultServer
}

// messageOf is what a job says about the error of a service it called.
func messageOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorMessage()
	}
	return err.Error()
}

func isDenied(err error) bool { return strings.HasPrefix(service.Code(err), "AccessDenied") }

func notFound(format string, args ...any) error {
	return &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func invalid(format string, args ...any) error {
	return &types.InvalidParameterValueException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func missing(name string) error {
	return &types.MissingParameterValueException{Message: aws.String("Missing parameter: " + name)}
}

func badRequest(format string, args ...any) error {
	return &types.InvalidRequestException{Message: aws.String(fmt.Sprintf(format, args...))}
}
