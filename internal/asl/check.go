package asl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/jsonata"
)

// CheckExpressions refuses what CreateStateMachine refuses in the expressions of
// a machine: wrong syntax, functions AWS lacks, and parts of $states that do not
// exist where they are read.
func CheckExpressions(m *Machine, engine *jsonata.Engine) error {
	var problems []string
	m.Walk(func(_ *Machine, s *State) {
		for _, use := range s.uses() {
			use.template.EachExpression(func(field, text string) {
				if err := checkExpression(engine, text, use.parts); err != nil {
					problems = append(problems, fmt.Sprintf("%s, %s: %v", s.Path, field, err))
				}
			})
		}
	})
	if problems != nil {
		return &ParseError{problems}
	}
	return nil
}

func checkExpression(engine *jsonata.Engine, text string, parts []string) error {
	if err := engine.Check(text); err != nil {
		return err
	}
	x, err := engine.Compile(text)
	if err != nil {
		return err
	}
	read, _ := x.Fields("states")
	for _, name := range read {
		if !slices.Contains(parts, name) {
			return fmt.Errorf("$states.%s does not exist here, only $states.%s", name, strings.Join(parts, ", $states."))
		}
	}
	return nil
}

// use is a template together with the parts of $states it may read.
type use struct {
	template *Template
	parts    []string
}

var (
	onEntry   = []string{"input", "context"}
	onResult  = []string{"input", "result", "context"}
	onFailure = []string{"input", "errorOutput", "context"}
)

// uses are all templates of a state, without those of inner machines.
func (s *State) uses() []use {
	var all []use
	add := func(parts []string, templates ...*Template) {
		for _, t := range templates {
			if t != nil {
				all = append(all, use{t, parts})
			}
		}
	}
	switch {
	case s.Task != nil:
		add(onEntry, s.Task.Arguments, s.Task.Credentials, s.Task.TimeoutSeconds, s.Task.HeartbeatSeconds)
	case s.Choice != nil:
		for _, r := range s.Choice.Rules {
			add(onEntry, r.Condition, r.Assign, r.Output)
		}
	case s.Wait != nil:
		add(onEntry, s.Wait.Seconds, s.Wait.Timestamp)
	case s.Fail != nil:
		add(onEntry, s.Fail.Error, s.Fail.Cause)
	case s.Parallel != nil:
		add(onEntry, s.Parallel.Arguments)
	case s.Map != nil:
		s.Map.uses(add)
	}
	if s.Task != nil || s.Parallel != nil || s.Map != nil {
		add(onResult, s.Assign, s.Output)
	} else {
		add(onEntry, s.Assign, s.Output)
	}
	for _, c := range s.Catch {
		add(onFailure, c.Assign, c.Output)
	}
	return all
}

func (m *Map) uses(add func(parts []string, templates ...*Template)) {
	add(onEntry, m.Items, m.ItemSelector, m.MaxConcurrency, m.ToleratedCount, m.ToleratedShare)
	if m.ItemReader != nil {
		add(onEntry, m.ItemReader.Arguments, m.ItemReader.MaxItems)
	}
	if m.ResultWriter != nil {
		add(onEntry, m.ResultWriter.Arguments)
	}
}
