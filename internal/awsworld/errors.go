package awsworld

import (
	"fmt"

	"github.com/aws/smithy-go"

	"github.com/dbferry/dbferry/internal/iam"
)

// Denied is a refusal by policy. The SDK edge turns it into the service's own
// access-denied error; jobs turn it into their status message.
type Denied struct {
	Request  iam.Request
	Decision iam.Decision
}

// Error is worded like AWS's own message.
func (d *Denied) Error() string {
	who := d.Request.Principal.Session
	if who == "" {
		who = d.Request.Principal.ARN
	}
	if who == "" {
		who = d.Request.Principal.Service
	}
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s: %s",
		who, d.Request.Action, d.Request.Resource, d.Decision.Why)
}

// Unsimulated is the loud answer to an operation the world does not know.
type Unsimulated struct{ Service, Operation string }

func (u *Unsimulated) Error() string {
	return fmt.Sprintf("the rehearsal does not simulate %s.%s; see FIDELITY.md for what it does", u.Service, u.Operation)
}

// Errorf makes an AWS error by its code, for errors that the SDK has no type for.
func Errorf(code, format string, args ...any) error {
	return &smithy.GenericAPIError{Code: code, Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}
