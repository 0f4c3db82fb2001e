package states_test

import (
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld/states"
)

const mapOfWaits = `{"QueryLanguage":"JSONata","StartAt":"Map","States":{"Map":{"Type":"Map","Label":"L","ToleratedFailurePercentage":100,
 "ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON"},"Arguments":{"Bucket":"` + ledger + `","Key":"plan.json"}},
 "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"Wait","States":{
  "Wait":{"Type":"Wait","Seconds":600,"Next":"Step"},"Step":{"Type":"Task","Resource":"$STEP","Arguments":{},"End":true}}},
 "End":true}}}`

// An execution that ends from outside takes the children of its Map with it, or
// not, as the world is told; and a child's history names the execution that
// started it.
func TestEndedFromOutside(t *testing.T) {
	for name, runOn := range map[string]bool{"children end too": false, "children run on": true} {
		t.Run(name, func(t *testing.T) {
			g := setUp(t, echo, mayRun...)
			g.put(mapOfWaits)
			if err := g.s3.PutObject(ledger, "plan.json", []byte(`[{"kind":"table"},{"kind":"cluster"}]`)); err != nil {
				t.Fatal(err)
			}
			g.states.LetChildrenRunOn(runOn)
			worked, roots := 0, map[string]bool{}
			g.states.Watch = func(s states.Step) {
				roots[s.Root] = true
				if s.Child && s.Event.Type == "TaskStateExited" {
					worked++
				}
			}
			var arn string
			g.Run(func() {
				var err error
				if arn, err = g.states.Start(machineARN, "", []byte(`{}`)); err != nil {
					t.Fatal(err)
				}
				_ = g.W.Kernel.Sleep(ctx, time.Minute)
				if err := g.states.TimeOut(arn); err != nil {
					t.Error(err)
				}
			})
			r, _ := g.states.Execution(arn)
			ended(t, r, asl.TimedOut, "States.Timeout")
			if want := map[bool]int{true: 2}[runOn]; worked != want {
				t.Errorf("%d children worked on, want %d", worked, want)
			}
			if len(roots) != 1 || !roots[arn] {
				t.Errorf("the steps name %v, want %s", roots, arn)
			}
		})
	}
}
