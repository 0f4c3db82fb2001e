package stack

import (
	"slices"
	"testing"

	"github.com/dbferry/dbferry/internal/config"
)

// TestTwoTargets synthesizes what the shipped example does not have: a second
// target, on the default bus, with a schedule, without secrets or addresses.
func TestTwoTargets(t *testing.T) {
	c, _, _ := places(t)
	c.Targets = append(slices.Clone(c.Targets), config.Target{
		Name: "qa-eu", Account: "333333333333", Bus: "default", Schedule: "cron(0 3 * * ? *)", Network: c.Targets[0].Network,
	})
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	all, err := synthesize(c)
	if err != nil {
		t.Fatal(err)
	}
	production, qa := all["dbferry-production"], all["dbferry-qa-eu"]
	if n := len(production.ofType("AWS::StepFunctions::StateMachine")); n != 3 {
		t.Errorf("production has %d machines, want one a target and the one that migrates", n)
	}
	if s := production.the(t, "AWS::Scheduler::Schedule", "Name", "dbferry-production-backup-qa-eu"); s.Properties["State"] != "ENABLED" ||
		s.Properties["ScheduleExpression"] != "cron(0 3 * * ? *)" {
		t.Errorf("the schedule is %v", s.Properties)
	}
	if got := production.statement(t, "CheckGroundRole", "ReadReady").Resources; len(got) != 2 {
		t.Errorf("check-ground reads %v, want ready.json of both targets", got)
	}
	if buses := qa.ofType("AWS::Events::EventBus"); len(buses) > 0 {
		t.Errorf("a bus was made beside the default one: %v", buses)
	}
	bus := "arn:aws:events:eu-west-1:333333333333:event-bus/default"
	if got := qa.statement(t, "BusPolicy", "ProductionForwards").Resources; !slices.Equal(got, []any{bus}) {
		t.Errorf("production may put events on %v, want %s", got, bus)
	}
	rule := qa.Resources["ProductionSucceeded"].Properties
	if rule["EventBusName"] != "default" {
		t.Errorf("the rule listens on %v", rule["EventBusName"])
	}
	for _, s := range qa.statements() {
		if s.typ == "AWS::IAM::Role" && len(s.Actions) > 0 && len(s.Resources) == 0 && s.Sid != "AssumedByService" && s.Sid != "AssumedByBackup" {
			t.Errorf("%s/%s has no resource", s.where, s.Sid)
		}
	}
}

// TestRotation: only where a login rotates, or did, may functions make, read and
// delete secrets of dbferry's, and change a proxy's secrets; and no others.
func TestRotation(t *testing.T) {
	for _, rotate := range []*bool{nil, new(true), new(false)} {
		c, _, _ := places(t)
		target := &c.Targets[0]
		target.Clusters = slices.Clone(target.Clusters)
		set := &target.Clusters[0]
		set.Logins = slices.Clone(set.Logins)
		set.Logins[0].Rotate = rotate
		sw := *target.Switch
		sw.Parameters = append(slices.Clone(sw.Parameters), config.Parameter{Name: "/staging/login", Value: "${secret:shop-orders/" + set.Logins[0].User + "}"})
		target.Switch = &sw
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		all, err := synthesize(c)
		if err != nil {
			t.Fatal(err)
		}
		const own = "arn:aws:secretsmanager:eu-west-1:222222222222:secret:dbferry/staging/*"
		found := map[string]bool{}
		for _, s := range all["dbferry-staging"].statements() {
			for _, a := range s.Actions {
				switch a {
				case "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:TagResource":
					found[a] = true
					if !slices.Equal(s.Resources, []any{own}) {
						t.Errorf("%s/%s: %s on %v", s.where, s.Sid, a, s.Resources)
					}
				case "rds:ModifyDBProxy":
					found[a] = true
				}
			}
		}
		if got := len(found); rotate == nil && got > 0 || rotate != nil && got != 4 {
			t.Errorf("rotate %v: %v", rotate, found)
		}
	}
}
