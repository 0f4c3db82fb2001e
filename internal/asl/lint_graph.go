package asl

import (
	"slices"
	"strings"
)

// graph are the transitions between the states of one level.
type graph struct {
	order []string
	next  map[string][]string
}

func newGraph(m *Machine) *graph {
	g := &graph{next: map[string][]string{}}
	for _, s := range m.States {
		g.order = append(g.order, s.Name)
		for _, e := range s.Edges() {
			g.next[s.Name] = append(g.next[s.Name], e.To)
		}
	}
	return g
}

// from is the set of states that can be reached from the given ones, which
// belong to it.
func (g *graph) from(names ...string) map[string]bool {
	seen := map[string]bool{}
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		if !seen[name] {
			seen[name] = true
			names = append(names, g.next[name]...)
		}
	}
	return seen
}

// ends says whether the state ends its machine.
func (s *State) ends() bool { return s.End || s.Type == "Succeed" || s.Type == "Fail" }

func (l *linter) reachable(m *Machine, g *graph) {
	seen := g.from(m.StartAt)
	for _, s := range m.States {
		if !seen[s.Name] {
			l.report(RuleUnreachable, s, "no path leads here from %q", m.StartAt)
			continue
		}
		ends := false
		for name := range g.from(s.Name) {
			ends = ends || m.State(name).ends()
		}
		if !ends {
			l.report(RuleDeadEnd, s, "no path leads from here to an end")
		}
	}
}

// loops reports each loop that no Choice bounds: one that remains when the
// states that bound their loop are taken away.
func (l *linter) loops(m *Machine, g *graph) {
	rest := &graph{order: g.order, next: map[string][]string{}}
	for _, s := range m.States {
		if !l.bounds(s, g) {
			rest.next[s.Name] = g.next[s.Name]
		}
	}
	reported := map[string]bool{}
	for _, s := range m.States {
		loop := rest.loop(s.Name)
		if len(loop) == 0 || reported[s.Name] {
			continue
		}
		for _, name := range loop {
			reported[name] = true
		}
		l.report(RuleLoop, s, "the loop %s has no Choice that leaves it by a deadline or a number of attempts", strings.Join(loop, " → "))
	}
}

// bounds says whether a Choice has a bounding condition and a way out of the
// loop it stands in.
func (l *linter) bounds(s *State, g *graph) bool {
	if s.Choice == nil {
		return false
	}
	mentions := slices.ContainsFunc(s.Choice.Rules, func(r Rule) bool {
		text, ok := r.Condition.Expression()
		return ok && l.opt.Bounds(text)
	})
	return mentions && slices.ContainsFunc(g.next[s.Name], func(to string) bool { return !g.from(to)[s.Name] })
}

// loop are the states on cycles through name, in the order of the definition.
func (g *graph) loop(name string) []string {
	if !g.from(g.next[name]...)[name] {
		return nil
	}
	after := g.from(name)
	var out []string
	for _, other := range g.order {
		if after[other] && g.from(other)[name] {
			out = append(out, other)
		}
	}
	return out
}

// catchEnds reports good ends that can be reached from a Catch: a failure that
// ends in SUCCEEDED. Inside a Map or Parallel, states may be excepted.
func (l *linter) catchEnds(m *Machine, g *graph, top bool) {
	for _, s := range m.States {
		for _, e := range s.Edges() {
			if !e.Catch {
				continue
			}
			reached := g.from(e.To)
			for _, end := range m.States {
				good := reached[end.Name] && end.ends() && end.Type != "Fail"
				if good && (top || !slices.Contains(l.opt.AllowCatchEnd, end.Name)) {
					l.report(RuleCatchEnd, s, "a path leads from %s to the good end %q", e.Field, end.Name)
				}
			}
		}
	}
}
