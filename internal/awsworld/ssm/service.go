// Package ssm simulates AWS Systems Manager as far as a switch needs it:
// Parameter Store, Run Command and automations with an outcome from the ground,
// and maintenance windows.
package ssm

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

const (
	serviceID = "SSM"
	reference = "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_"
)

// Keys is how the KMS key of a SecureString is used; the kms service is one.
type Keys interface {
	Use(ctx context.Context, caller awsworld.Caller, action, keyARN string, extra map[string][]string) error
}

// Service is Systems Manager in all accounts of one world.
type Service struct {
	// Keys is asked for SecureStrings with a KMS key of the customer's; nil
	// leaves KMS out.
	Keys Keys
	// Timing says how long things take; change it before the run.
	Timing Timing

	w        *awsworld.World
	accounts map[string]*account
}

// Timing is how long Systems Manager takes. AWS publishes none of these.
type Timing struct {
	// Register is how long a command that was sent has no invocations yet.
	Register time.Duration
}

// account is Systems Manager's state in one account.
type account struct {
	id         string
	parameters map[string]*parameter
	documents  map[string]*DocumentSpec
	instances  map[string]map[string]string // id → tags
	commands   map[string]*command
	automation map[string]*automation
	windows    map[string]*WindowSpec
}

// New registers the operations of Systems Manager.
func New(w *awsworld.World) *Service {
	s := &Service{w: w, Timing: Timing{Register: time.Second}, accounts: map[string]*account{}}
	w.Register(slices.Concat(s.parameterOps(), s.tagOps(), s.documentOps(), s.windowOps())...)
	return s
}

func (s *Service) account(id string) *account {
	a := s.accounts[id]
	if a == nil {
		a = &account{
			id: id, parameters: map[string]*parameter{}, documents: map[string]*DocumentSpec{}, instances: map[string]map[string]string{},
			commands: map[string]*command{}, automation: map[string]*automation{}, windows: map[string]*WindowSpec{},
		}
		s.accounts[id] = a
	}
	return a
}

// row completes an operation of the table.
func row[In, Out any](name string, do func(*awsworld.Call, *In) (*Out, error), resources func(*awsworld.Call) []awsworld.Resource, differs string) awsworld.Op {
	op := awsworld.On(serviceID, name, "ssm:"+name, do)
	op.Resources, op.Source, op.Differs = resources, reference+name+".html", differs
	return op
}

// parameterARN names a parameter in policies: its leading slash is not doubled.
func (s *Service) parameterARN(account, name string) string {
	return s.w.ARN("ssm", account, "parameter/"+strings.TrimPrefix(name, "/"))
}

// at is the resource of a parameter, by its name or ARN, without a selector.
func (s *Service) at(c *awsworld.Call, name string) awsworld.Resource {
	name, _ = splitSelector(plainName(name))
	r := awsworld.Resource{ARN: s.parameterARN(c.Account.ID, name), Owner: c.Account.ID, Kind: iam.NoPolicy}
	if p := s.account(c.Account.ID).parameters[name]; p != nil {
		r.Context = tagContext(p.tags)
	}
	return r
}

// tagContext gives the tag keys of a resource, AWS's and Systems Manager's own.
func tagContext(tags map[string]string) map[string][]string {
	out := service.TagContext(tags)
	for k, v := range tags {
		out["ssm:resourceTag/"+k] = []string{v}
	}
	return out
}

// plainName turns a parameter's ARN into its name.
func plainName(name string) string {
	if !strings.HasPrefix(name, "arn:") {
		return name
	}
	rest := strings.TrimPrefix(service.ResourceOf(name), "parameter")
	if strings.Count(rest, "/") == 1 {
		return strings.TrimPrefix(rest, "/")
	}
	return rest
}

// splitSelector parts name:version or name:label.
func splitSelector(name string) (plain, selector string) {
	plain, selector, _ = strings.Cut(name, ":")
	return plain, selector
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func validation(format string, args ...any) error {
	return awsworld.Errorf("ValidationException", format, args...)
}
