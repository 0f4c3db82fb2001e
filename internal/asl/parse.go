package asl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dbferry/dbferry/internal/jsonata"
)

// ParseError lists everything that is wrong with a definition.
type ParseError struct{ Problems []string }

func (e *ParseError) Error() string {
	return fmt.Sprintf("state machine refused, %d problem(s):\n  %s", len(e.Problems), strings.Join(e.Problems, "\n  "))
}

// Parse reads a definition. It refuses what CreateStateMachine would refuse,
// every field it does not know, and every query language but JSONata. Whether
// the expressions themselves are valid is asked by CheckExpressions.
func Parse(definition []byte) (*Machine, error) {
	if len(definition) > MaxDefinition {
		return nil, &ParseError{[]string{fmt.Sprintf("the definition has %d bytes; Step Functions allows %d", len(definition), MaxDefinition)}}
	}
	v, err := jsonata.ParseStrict(definition)
	if err != nil {
		return nil, &ParseError{[]string{err.Error()}}
	}
	p := &parser{names: map[string]string{}}
	m := p.machine(&object{p: p, value: v}, true)
	if len(p.problems) == 0 {
		p.scopes(m, map[string]string{})
	}
	if len(p.problems) > 0 {
		return nil, &ParseError{p.problems}
	}
	return m, nil
}

type parser struct {
	problems []string
	names    map[string]string // state name → path: names are unique in the whole definition
}

func (p *parser) problem(path, format string, args ...any) {
	if path == "" {
		path = "the definition"
	}
	p.problems = append(p.problems, path+": "+fmt.Sprintf(format, args...))
}

// machine reads a machine; only the top has a query language and a time-out.
func (p *parser) machine(o *object, top bool) *Machine {
	m := &Machine{Path: o.path, byName: map[string]*State{}}
	m.Comment = o.text("Comment")
	m.StartAt = o.needText("StartAt")
	if top {
		p.top(o, m)
	}
	states := o.needObject("States")
	if states == nil {
		return m
	}
	o.done()
	for _, f := range states.value.Fields() {
		s := p.state(&object{p: p, path: join(o.path, fmt.Sprintf("States[%q]", f.Name)), value: f.Value}, f.Name)
		m.States = append(m.States, s)
		m.byName[s.Name] = s
	}
	p.targets(m)
	return m
}

func (p *parser) top(o *object, m *Machine) {
	if language := o.text("QueryLanguage"); language != "JSONata" {
		p.problem(o.path, "QueryLanguage must be JSONata, not %q", language)
	}
	if m.Version = o.text("Version"); m.Version != "" && m.Version != "1.0" {
		p.problem(o.path, "Version must be 1.0, not %q", m.Version)
	}
	m.TimeoutSeconds = o.whole("TimeoutSeconds", 1, maxSeconds, 0)
}

// targets refuses transitions to states that do not exist on the same level.
func (p *parser) targets(m *Machine) {
	if len(m.States) == 0 {
		p.problem(m.Path, "States is empty")
	}
	check := func(path, field, name string) {
		if name != "" && m.byName[name] == nil {
			p.problem(path, "%s names the state %q, which does not exist here", field, name)
		}
	}
	check(m.Path, "StartAt", m.StartAt)
	for _, s := range m.States {
		for _, e := range s.Edges() {
			check(s.Path, e.Field, e.To)
		}
	}
}

// Edge is one possible transition of a state.
type Edge struct {
	Field string // Next, Default, Choices[2].Next, Catch[0].Next
	To    string
	Catch bool
}

// Edges are the transitions of a state, in the order of the definition.
func (s *State) Edges() []Edge {
	var edges []Edge
	if s.Next != "" {
		edges = append(edges, Edge{Field: "Next", To: s.Next})
	}
	if s.Choice != nil {
		for i, r := range s.Choice.Rules {
			edges = append(edges, Edge{Field: fmt.Sprintf("Choices[%d].Next", i), To: r.Next})
		}
		if s.Choice.Default != "" {
			edges = append(edges, Edge{Field: "Default", To: s.Choice.Default})
		}
	}
	for i, c := range s.Catch {
		edges = append(edges, Edge{Field: fmt.Sprintf("Catch[%d].Next", i), To: c.Next, Catch: true})
	}
	return edges
}

// scopes refuses a variable that is assigned both in an inner and an outer
// scope, which Step Functions does not allow. A Distributed Map begins anew.
func (p *parser) scopes(m *Machine, outer map[string]string) {
	here := map[string]string{}
	for name, path := range outer {
		here[name] = path
	}
	for _, s := range m.States {
		for _, name := range s.Assigned() {
			if path, taken := outer[name]; taken {
				p.problem(s.Path, "assigns $%s, which an outer scope assigns too (%s): use another name", name, path)
			}
			here[name] = s.Path
		}
	}
	for _, s := range m.States {
		for _, inner := range s.Inner() {
			if s.Map != nil && s.Map.Distributed {
				p.scopes(inner, map[string]string{})
				continue
			}
			p.scopes(inner, here)
		}
	}
}

// Assigned are the variables that the state may assign, in its rules and
// catchers too, sorted.
func (s *State) Assigned() []string {
	templates := []*Template{s.Assign}
	if s.Choice != nil {
		for _, r := range s.Choice.Rules {
			templates = append(templates, r.Assign)
		}
	}
	for _, c := range s.Catch {
		templates = append(templates, c.Assign)
	}
	var names []string
	for _, t := range templates {
		if t == nil {
			continue
		}
		names = append(names, t.keys...)
		if t.literal != nil {
			for _, f := range t.literal.Fields() {
				names = append(names, f.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func itoa(i int) string { return strconv.Itoa(i) }

func join(path, rest string) string {
	if path == "" {
		return rest
	}
	return path + "." + rest
}
