// Package sts simulates GetCallerIdentity, by which a function or a command
// makes sure that it runs in the account it was made for.
package sts

import (
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// Register adds the operation. It needs no permission, as in AWS.
func Register(w *awsworld.World) {
	op := awsworld.On("STS", "GetCallerIdentity", "", getCallerIdentity)
	op.Source = "STS API Reference, GetCallerIdentity"
	op.Differs = "the UserId is made up"
	w.Register(op)
}

func getCallerIdentity(c *awsworld.Call, _ *sdk.GetCallerIdentityInput) (*sdk.GetCallerIdentityOutput, error) {
	arn := c.Caller.Session
	if arn == "" {
		arn = c.Caller.ARN
	}
	if arn == "" {
		arn = "arn:aws:iam::" + c.Caller.Principal.Account + ":root"
	}
	name := arn[strings.LastIndexAny(arn, "/:")+1:]
	return &sdk.GetCallerIdentityOutput{
		Account: new(c.Caller.Principal.Account), Arn: new(arn), UserId: new("AROASIMULATED:" + name),
	}, nil
}
