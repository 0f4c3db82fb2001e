package stack

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSubstitutionsAndPermissionsAgree: every placeholder has a value, every
// function among the values may be invoked, and no other.
func TestSubstitutionsAndPermissionsAgree(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		functions := tpl.ofType("AWS::Lambda::Function")
		for _, id := range tpl.ofType("AWS::StepFunctions::StateMachine") {
			p := tpl.Resources[id].Properties
			values := p["DefinitionSubstitutions"].(map[string]any)
			if d := cmp.Diff(placeholders(p["DefinitionString"].(string)), sortedKeys(values)); d != "" {
				t.Errorf("%s: placeholders and values: %s", id, d)
			}
			var named []string
			for _, key := range sortedKeys(values) {
				if f := functionRef(values[key]); slices.Contains(functions, f) {
					named = append(named, f)
					if f != key {
						t.Errorf("%s: ${%s} is the function %s", id, key, f)
					}
				}
			}
			if d := cmp.Diff(named, invocable(t, tpl, p)); d != "" {
				t.Errorf("%s: functions it names and functions it may invoke: %s", id, d)
			}
		}
	})
}

func invocable(t *testing.T, tpl template, machine map[string]any) []string {
	t.Helper()
	var out []string
	for _, r := range tpl.statement(t, functionRef(machine["RoleArn"]), "InvokeSteps").Resources {
		out = append(out, functionRef(r))
	}
	slices.Sort(out)
	return out
}

// TestEveryFunctionIsStartedBySomething: by a machine, a rule or a schedule.
func TestEveryFunctionIsStartedBySomething(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		started := map[string]bool{}
		for _, s := range tpl.statements() {
			if slices.Contains(s.Actions, "lambda:InvokeFunction") {
				for _, r := range s.Resources {
					started[functionRef(r)] = true
				}
			}
		}
		for _, id := range tpl.ofType("AWS::Lambda::Permission") {
			started[functionRef(tpl.Resources[id].Properties["FunctionName"])] = true
		}
		for _, id := range tpl.ofType("AWS::Lambda::Url") {
			started[functionRef(tpl.Resources[id].Properties["TargetFunctionArn"])] = true
		}
		for _, id := range tpl.ofType("AWS::Lambda::Function") {
			if !started[id] {
				t.Errorf("nothing starts %s", id)
			}
		}
	})
}

// TestMachinesRunTheirOwnMaps: a Distributed Map starts executions of its own
// machine and keeps plan and results in the ledger.
func TestMachinesRunTheirOwnMaps(t *testing.T) {
	for stack, name := range map[string]string{"dbferry-production": "dbferry-production-backup-staging", "dbferry-staging": "dbferry-staging-restore-staging"} {
		tpl := load(t, stack)
		machine := tpl.the(t, "AWS::StepFunctions::StateMachine", "StateMachineName", name)
		roleID := functionRef(machine.Properties["RoleArn"])
		c, production, staging := places(t)
		place := production
		if stack != production.Stack() {
			place = staging
		}
		start := tpl.statement(t, roleID, "StartMapItems")
		if want := []any{"arn:aws:states:" + c.Region + ":" + place.Account + ":stateMachine:" + name}; !slices.Equal(start.Resources, want) {
			t.Errorf("%s may start %v, want %v", name, start.Resources, want)
		}
		results := tpl.statement(t, roleID, "MapPlansAndResults")
		if want := []any{"arn:aws:s3:::" + place.Ledger() + "/runs/*"}; !slices.Equal(results.Resources, want) {
			t.Errorf("%s reads and writes %v, want %v", name, results.Resources, want)
		}
		logging := machine.Properties["LoggingConfiguration"].(map[string]any)
		if logging["IncludeExecutionData"] != false || logging["Level"] != "ERROR" {
			t.Errorf("%s logs %v; data of runs does not belong into logs", name, logging)
		}
	}
}

// TestFailuresAreClosed: every machine has its rule to what closes its runs.
func TestFailuresAreClosed(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		closing := 0
		for _, id := range tpl.ofType("AWS::Events::Rule") {
			target := asList(tpl.Resources[id].Properties["Targets"])[0].(map[string]any)
			if to := functionRef(target["Arn"]); to == "CloseRun" || to == "CloseMigration" {
				closing++
			}
		}
		if machines := len(tpl.ofType("AWS::StepFunctions::StateMachine")); closing != machines {
			t.Errorf("%d rules lead to what closes runs, there are %d machines", closing, machines)
		}
	})
}
