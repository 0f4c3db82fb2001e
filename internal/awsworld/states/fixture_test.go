package states_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/lambda"
	"github.com/dbferry/dbferry/internal/awsworld/s3"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
	"github.com/dbferry/dbferry/internal/jsonata"
)

const (
	stepARN    = "arn:aws:lambda:eu-west-1:111111111111:function:step"
	machineARN = "arn:aws:states:eu-west-1:111111111111:stateMachine:dbferry-production-backup-staging"
	ledger     = "dbferry-ledger"
)

var (
	ctx    = context.Background()
	engine = sync.OnceValues(jsonata.Load)
)

// mayRun is what the role of an ordinary machine has.
var mayRun = []string{
	worldtest.Allow("lambda:InvokeFunction", "arn:aws:lambda:*:*:function:*"),
	worldtest.Allow("states:StartExecution", machineARN),
	worldtest.Allow("s3:*", "arn:aws:s3:::"+ledger+"/*"),
}

type handler func(ctx context.Context, event string) (string, *lambda.FunctionError)

// stage is a world with one function, one machine and one bucket in the
// production account.
type stage struct {
	*worldtest.Fixture
	t      *testing.T
	states *states.Service
	lambda *lambda.Service
	s3     *s3.Service
}

func setUp(t *testing.T, h handler, role ...string) *stage {
	t.Helper()
	j, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	f := worldtest.New(t)
	g := &stage{f, t, states.New(f.W, j), lambda.New(f.W), s3.New(f.W)}
	g.states.BucketOwner = g.s3.Owner
	g.lambda.Run = func(ctx context.Context, _ *lambda.Function, _ awsworld.Caller, event []byte) ([]byte, *lambda.FunctionError) {
		out, failed := h(ctx, string(event))
		return []byte(out), failed
	}
	if _, err := g.lambda.PutFunction(lambda.Function{Name: "step", Account: worldtest.Production, Timeout: time.Minute,
		RoleARN: f.Role(worldtest.Production, "fn", "lambda.amazonaws.com", worldtest.Allow("s3:*", "*"))}); err != nil {
		t.Fatal(err)
	}
	if err := g.s3.PutBucket(worldtest.Production, s3.BucketSpec{Name: ledger}); err != nil {
		t.Fatal(err)
	}
	f.Role(worldtest.Production, "machine", "states.amazonaws.com", role...)
	return g
}

// put puts the machine; $STEP in the definition is the function's ARN.
func (g *stage) put(definition string) {
	g.t.Helper()
	if err := g.tryPut(definition); err != nil {
		g.t.Fatal(err)
	}
}

func (g *stage) tryPut(definition string) error {
	_, err := g.states.PutMachine(states.MachineSpec{
		Name: "dbferry-production-backup-staging", Short: "production-backup", Account: worldtest.Production,
		RoleARN:    "arn:aws:iam::111111111111:role/machine",
		Definition: []byte(strings.ReplaceAll(definition, "$STEP", stepARN)),
	})
	return err
}

// run starts the machine as an operator would and reports how it ended.
func (g *stage) run(input string) states.Report {
	g.t.Helper()
	g.Run(func() {
		if _, err := g.states.Start(machineARN, "", []byte(input)); err != nil {
			g.t.Error(err)
		}
	})
	all := g.states.Executions(worldtest.Production)
	if len(all) == 0 {
		g.t.Fatal("nothing ran")
	}
	return all[len(all)-1]
}

const oneTask = `{"QueryLanguage":"JSONata","StartAt":"Step","States":{
 "Step":{"Type":"Task","Resource":"$STEP","Arguments":"{% $states.input %}","End":true}}}`

func echo(_ context.Context, event string) (string, *lambda.FunctionError) { return event, nil }

func ended(t *testing.T, r states.Report, status asl.Status, name string) {
	t.Helper()
	if r.Status != status || r.Error != name {
		t.Fatalf("ended %s %s (%s), want %s %s", r.Status, r.Error, r.Cause, status, name)
	}
}
