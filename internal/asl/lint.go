package asl

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/dbferry/dbferry/internal/jsonata"
)

// LintOptions are what the rules cannot know by themselves.
type LintOptions struct {
	// Engine checks the expressions and their variables; nil skips those rules.
	Engine *jsonata.Engine
	// KnownErrors are the names that ErrorEquals may hold besides AWS's own.
	KnownErrors []string
	// Bounds says whether a Choice condition limits a loop. By default a
	// condition does that mentions a variable or field with deadline or attempt
	// in its name.
	Bounds func(condition string) bool
	// AllowCatchEnd names states inside a Map or Parallel that may end their
	// branch well after a Catch, because their output says what went wrong.
	AllowCatchEnd []string
}

// Rule names of findings.
const (
	RuleParse       = "parse"       // the definition is refused
	RuleExpression  = "expression"  // an expression is refused
	RuleVariable    = "variable"    // a variable is read that no state in sight assigns
	RuleUnreachable = "unreachable" // no path leads to the state
	RuleDeadEnd     = "dead-end"    // no path leads from the state to an end
	RuleTask        = "task"        // a Task lacks TimeoutSeconds, Retry or Catch
	RuleErrorName   = "error-name"  // ErrorEquals holds an unknown name
	RuleLoop        = "loop"        // a loop without a bound
	RuleCatchEnd    = "catch-end"   // a path leads from a Catch to a good end
)

// Finding is one broken rule.
type Finding struct {
	Rule    string
	Path    string // of the state
	Message string
}

func (f Finding) String() string { return fmt.Sprintf("%s [%s] %s", f.Path, f.Rule, f.Message) }

// LintSource is Lint for a definition; if it is refused, the findings say why.
func LintSource(definition []byte, opt LintOptions) []Finding {
	m, err := Parse(definition)
	var refused *ParseError
	if errors.As(err, &refused) {
		var out []Finding
		for _, p := range refused.Problems {
			out = append(out, Finding{Rule: RuleParse, Message: p})
		}
		return out
	}
	return Lint(m, opt)
}

// Lint applies all rules to a machine and to the machines inside it; findings
// come in the order of the definition.
func Lint(m *Machine, opt LintOptions) []Finding {
	if opt.Bounds == nil {
		opt.Bounds = boundedByName
	}
	l := &linter{opt: opt}
	l.machine(m, nil, true)
	if opt.Engine != nil {
		var refused *ParseError
		if errors.As(CheckExpressions(m, opt.Engine), &refused) {
			for _, p := range refused.Problems {
				l.found = append(l.found, Finding{Rule: RuleExpression, Message: p})
			}
		}
	}
	return l.found
}

var boundName = regexp.MustCompile(`(?i)[$.][a-z0-9_]*(deadline|attempt)`)

func boundedByName(condition string) bool { return boundName.MatchString(condition) }

type linter struct {
	opt   LintOptions
	found []Finding
}

func (l *linter) report(rule string, s *State, format string, args ...any) {
	l.found = append(l.found, Finding{Rule: rule, Path: s.Path, Message: fmt.Sprintf(format, args...)})
}

// machine checks one level; visible are the variables of the scopes around it.
func (l *linter) machine(m *Machine, visible []string, top bool) {
	g := newGraph(m)
	l.reachable(m, g)
	l.loops(m, g)
	l.catchEnds(m, g, top)
	visible = slices.Clone(visible)
	for _, s := range m.States {
		visible = append(visible, s.Assigned()...)
	}
	for _, s := range m.States {
		l.task(s)
		l.errorNames(s)
		l.variables(s, visible)
		for _, inner := range s.Inner() {
			outer := visible
			if s.Map != nil && s.Map.Distributed {
				outer = nil
			}
			l.machine(inner, outer, false)
		}
	}
}

func (l *linter) task(s *State) {
	if s.Task == nil {
		return
	}
	if s.Task.TimeoutSeconds == nil {
		l.report(RuleTask, s, "a Task needs TimeoutSeconds, or it waits for 99999999 seconds")
	}
	if len(s.Retry) == 0 {
		l.report(RuleTask, s, "a Task needs a Retry for the errors that pass")
	}
	if len(s.Catch) == 0 {
		l.report(RuleTask, s, "a Task needs a Catch, so that its failure has a named end")
	}
}

func (l *linter) errorNames(s *State) {
	var names []string
	for _, r := range s.Retry {
		names = append(names, r.ErrorEquals...)
	}
	for _, c := range s.Catch {
		names = append(names, c.ErrorEquals...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !Reserved(name) && !slices.Contains(l.opt.KnownErrors, name) {
			l.report(RuleErrorName, s, "nothing raises the error %q", name)
		}
	}
}

func (l *linter) variables(s *State, visible []string) {
	if l.opt.Engine == nil {
		return
	}
	for _, use := range s.uses() {
		use.template.EachExpression(func(field, text string) {
			x, err := l.opt.Engine.Compile(text)
			if err != nil {
				return // RuleExpression reports it
			}
			for _, name := range x.Variables() {
				if name != "states" && !slices.Contains(visible, name) {
					l.report(RuleVariable, s, "%s reads $%s, which no state in sight assigns", field, name)
				}
			}
		})
	}
}
