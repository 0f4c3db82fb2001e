package check

import (
	"encoding/json"
	"fmt"

	"github.com/dbferry/dbferry/internal/eventpattern"
)

var busRules = Check{
	Name: "bus-rules", Side: Target, Scope: Ground, Needs: []Source{FromRules},
	Proves:      "no enabled rule of the target's default bus would fire on production's events: a rule without account matches those of every account",
	NotPromised: "the same of rules on other buses, to which production sends nothing",
	Run: func(f Facts) []Finding {
		if f.Target.Bus != "default" {
			return one(proved("event bus "+f.Config.BusName(f.Target), "production's events come to a bus of dbferry's own; no rule of others is on it"))
		}
		out := each(f.Rules, func(r RuleFacts) Finding { return ruleFinding(f, r) })
		if len(out) == 0 {
			return one(proved("event bus default", "it has no rule yet"))
		}
		return out
	},
}

func ruleFinding(f Facts, r RuleFacts) Finding {
	name := "rule " + r.Name + " of bus default"
	switch {
	case r.Disabled:
		return proved(name, "it is disabled")
	case r.Pattern == "":
		return proved(name, "it is a schedule and sees no events")
	case hasField(r.Pattern, "account"):
		return proved(name, "its pattern names the account")
	}
	p, err := eventpattern.Parse([]byte(r.Pattern))
	if err != nil {
		return unproved(name, fmt.Sprintf("its pattern cannot be evaluated: %v", err))
	}
	if ok, _ := p.Match(successEvent(f)); !ok {
		return proved(name, "its pattern does not match production's success event")
	}
	return wrong(name, "its pattern has no account and matches production's success events, so that its targets would be invoked for them",
		fmt.Sprintf("add \"account\":[%q] to its pattern: `aws events put-rule --name %s --event-pattern …`; or leave targets[].bus empty for a bus of dbferry's own", f.Target.Account, r.Name))
}

// successEvent is the event that production will send to the target.
func successEvent(f Facts) []byte {
	p := f.Config.ProductionPlace()
	machine := p.MachineARN("production-backup", f.Target.Name)
	raw, err := json.Marshal(map[string]any{
		"version": "0", "id": "00000000-0000-0000-0000-000000000000", "detail-type": "Step Functions Execution Status Change", "source": "aws.states",
		"account": p.Account, "time": "2026-01-01T00:00:00Z", "region": p.Region, "resources": []string{machine + ":1"},
		"detail": map[string]any{"stateMachineArn": machine, "name": "1", "status": "SUCCEEDED"},
	})
	if err != nil {
		panic(err) // strings only
	}
	return raw
}
