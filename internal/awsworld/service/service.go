// Package service holds what the simulated services share: reading policy
// documents the way AWS accepts them, refusing inputs that are not simulated,
// and calling one service from another.
package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/iam"
)

// Policy parses the resource policy of a resource. Empty text is no policy.
// The name is what decisions call it: "bucket policy of dbferry-inbox".
func Policy(name, account string, raw []byte) (*iam.Policy, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	doc, err := iam.ParseDocument(raw)
	if err != nil {
		return nil, fmt.Errorf("%s in account %s: %w", name, account, err)
	}
	return &iam.Policy{Name: name, Account: account, Doc: doc}, nil
}

// MissingPrincipal returns the first AWS principal that the policy names and
// that does not exist; empty when all exist. S3, SNS and Lambda refuse such
// policies (docs/aws.md §13; "Principals").
func MissingPrincipal(w *awsworld.World, p *iam.Policy) string {
	if p == nil {
		return ""
	}
	for _, st := range p.Doc.Statements {
		for _, who := range []*iam.Principals{st.Principal, st.NotPrincipal} {
			if who == nil {
				continue
			}
			for _, arn := range who.AWS {
				if !w.PrincipalExists(arn) {
					return arn
				}
			}
		}
	}
	return ""
}

// OnlyFields refuses an SDK input that sets a field which the simulated
// operation does not understand, so that nothing is ever ignored in silence.
func OnlyFields(c *awsworld.Call, known ...string) error {
	v := reflect.ValueOf(c.Input).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || v.Field(i).IsZero() || slices.Contains(known, f.Name) {
			continue
		}
		return &awsworld.Unsimulated{Service: c.Op.Service, Operation: c.Op.Name + " with " + f.Name}
	}
	return nil
}

// Call sends a call from one service to another. A crash that was injected
// there has no function to kill: it is a failure of the calling service.
func Call[Out any](ctx context.Context, w *awsworld.World, caller awsworld.Caller, service, op string, in any) (out *Out, err error) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		crash, ok := r.(*awsworld.ErrCrash)
		if !ok {
			panic(r)
		}
		err = awsworld.Errorf("InternalFailure", "%s was interrupted at %s", caller, crash.Site)
	}()
	got, err := w.Call(ctx, caller, service, op, in)
	if err != nil {
		return nil, err
	}
	return got.(*Out), nil
}

// Code is the AWS error code of err as a service principal or role would see
// it; "AccessDenied" for a refusal by policy, empty for what is no API error.
func Code(err error) string {
	if _, ok := awsworld.IsDenied(err); ok {
		return "AccessDenied"
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// Throttled tells whether the error is one of AWS's ways to say "slow down".
func Throttled(err error) bool {
	code := Code(err)
	return strings.Contains(code, "Throttl") || code == "TooManyRequestsException"
}

// Missing tells whether the error says that the resource does not exist.
func Missing(err error) bool {
	code := Code(err)
	for _, s := range []string{"NotFound", "NoSuch", "DoesNotExist", "NonExistent"} {
		if strings.Contains(code, s) {
			return true
		}
	}
	return false
}

// AccountOf takes the account id out of an ARN; empty when there is none.
func AccountOf(arn string) string { return field(arn, 4) }

// ServiceOf takes the service out of an ARN.
func ServiceOf(arn string) string { return field(arn, 2) }

// ResourceOf is the last part of an ARN, after the account.
func ResourceOf(arn string) string { return field(arn, 5) }

func field(arn string, i int) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return ""
	}
	return parts[i]
}

// TagContext gives the aws:ResourceTag keys of a resource's tags.
func TagContext(tags map[string]string) map[string][]string {
	out := make(map[string][]string, len(tags))
	for k, v := range tags {
		out["aws:ResourceTag/"+k] = []string{v}
	}
	return out
}

// RequestTags are the condition keys of the tags that a request brings; AWS gives
// none for a request without tags.
func RequestTags(tags map[string]string) map[string][]string {
	out := make(map[string][]string, len(tags)+1)
	for k, v := range tags {
		out["aws:RequestTag/"+k] = []string{v}
	}
	if len(tags) > 0 {
		out["aws:TagKeys"] = slices.Sorted(maps.Keys(tags))
	}
	return out
}
