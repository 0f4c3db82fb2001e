package awsworld

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/iam"
)

// Op is one row of the table of operations: what it is called, what it does to
// the world, who may call it, and how far it can be trusted.
type Op struct {
	Service string // the SDK's service id: "Backup", "RDS", "DynamoDB"
	Name    string // the API operation: "StartBackupJob"

	// Action is the IAM action asked for; empty when AWS asks for none.
	Action string

	// Resources lists what the call touches. Every one must be allowed. Nil
	// means the one resource "*", for actions without resource level.
	Resources func(*Call) []Resource

	// ConditionKeys are the request's own condition keys (kms:ViaService and
	// the aws:… keys are added by the pipe).
	ConditionKeys func(*Call) map[string][]string

	// Do changes the world and returns a freshly built output. Errors are the
	// SDK's typed faults, or Errorf.
	Do func(*Call) (any, error)

	// Source names the AWS page or the section of docs/aws.md it follows.
	Source string
	// Differs says how it differs from AWS, or what of it is unverified.
	Differs string

	// Internal marks calls that AWS services make among themselves and that
	// no SDK client can make, such as backup:CopyIntoBackupVault.
	Internal bool

	in, out reflect.Type
}

// Resource is one thing that a call touches.
type Resource struct {
	ARN    string
	Owner  string // account id
	Kind   iam.ResourceKind
	Policy *iam.Policy // its resource policy, if any
	Grants []iam.Grant // KMS only

	// Action overrides the operation's action for this resource: for dependent
	// permissions such as iam:PassRole, and kms actions.
	Action string
	// Context are condition keys of this resource, such as aws:ResourceTag/x.
	Context map[string][]string
}

// Call is one call on its way through the pipe.
type Call struct {
	Ctx    context.Context
	World  *World
	Caller Caller
	Op     *Op
	Input  any

	// Account is where the call lands: the caller's account. Services that
	// reach another account take it from the ARN in the input.
	Account *Account
}

type opKey struct{ service, name string }

// On makes a row whose input and output types are checked by the compiler.
// In and Out are the SDK's types without the pointer.
func On[In, Out any](service, name, action string, do func(*Call, *In) (*Out, error)) Op {
	return Op{
		Service: service, Name: name, Action: action,
		in: reflect.TypeFor[*In](), out: reflect.TypeFor[*Out](),
		Do: func(c *Call) (any, error) {
			in, ok := c.Input.(*In)
			if !ok {
				return nil, fmt.Errorf("awsworld: %s.%s called with %T", service, name, c.Input)
			}
			out, err := do(c, in)
			if err != nil {
				return nil, err
			}
			return out, nil
		},
	}
}

// Input types the call's input; for use in Resources and ConditionKeys.
func Input[In any](c *Call) *In { return c.Input.(*In) }

// Register adds operations to the world's table. Registering one twice, or
// one whose SDK types do not carry its name, is a mistake found at start.
func (w *World) Register(ops ...Op) {
	for _, op := range ops {
		key := opKey{op.Service, op.Name}
		if _, ok := w.ops[key]; ok {
			panic("awsworld: " + op.Service + "." + op.Name + " registered twice")
		}
		if !op.Internal && op.in != nil {
			if got := op.in.Elem().Name(); got != op.Name+"Input" {
				panic(fmt.Sprintf("awsworld: %s.%s takes a %s", op.Service, op.Name, got))
			}
			if got := op.out.Elem().Name(); got != op.Name+"Output" {
				panic(fmt.Sprintf("awsworld: %s.%s returns a %s", op.Service, op.Name, got))
			}
		}
		if strings.TrimSpace(op.Source) == "" {
			panic("awsworld: " + op.Service + "." + op.Name + " names no source")
		}
		w.ops[key] = &op
	}
}

// Ops lists the table, by service and name.
func (w *World) Ops() []*Op {
	keys := slices.SortedFunc(maps.Keys(w.ops), func(a, b opKey) int {
		if a.service != b.service {
			return strings.Compare(a.service, b.service)
		}
		return strings.Compare(a.name, b.name)
	})
	out := make([]*Op, len(keys))
	for i, k := range keys {
		out[i] = w.ops[k]
	}
	return out
}
