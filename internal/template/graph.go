package template

import (
	"sort"
	"strings"
)

// edges are the resources each active resource needs first: by reference or by
// DependsOn. As in CloudFormation, a DependsOn on a resource that its condition
// leaves out does not count.
func (r *resolver) edges() map[string][]string {
	out := map[string][]string{}
	for _, id := range sortedKeys(r.active) {
		if !r.active[id] {
			continue
		}
		raw := r.stack.Template.resources[id]
		found := map[string]bool{}
		r.references(raw.Properties, id, found)
		for _, dep := range r.dependsOn(id, raw.DependsOn) {
			found[dep] = true
		}
		for _, dep := range sortedKeys(found) {
			if r.active[dep] {
				out[id] = append(out[id], dep)
			}
		}
	}
	return out
}

func (r *resolver) dependsOn(id string, v any) []string {
	var list []any
	switch v := v.(type) {
	case nil:
	case string:
		list = []any{v}
	case []any:
		list = v
	default:
		r.fail(id+".DependsOn", "takes the name of a resource, or a list of names")
	}
	var out []string
	for _, item := range list {
		name, _ := item.(string)
		if _, ok := r.stack.Template.resources[name]; !ok {
			r.fail(id+".DependsOn", "there is no resource %s", clip(string(encode(item))))
			continue
		}
		out = append(out, name)
	}
	return out
}

// references collects the names that a value refers to; of Fn::If only the
// branch that its condition chooses.
func (r *resolver) references(v any, at string, found map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			r.references(item, at, found)
		}
	case map[string]any:
		if name, ok := functionName(v); ok && len(v) == 1 {
			r.referencesOf(name, v[name], at, found)
			return
		}
		for _, k := range sortedKeys(v) {
			r.references(v[k], at, found)
		}
	}
}

func (r *resolver) referencesOf(function string, arg any, at string, found map[string]bool) {
	list, _ := arg.([]any)
	text, isText := arg.(string)
	switch {
	case function == "Ref" && isText:
		found[text] = true
	case function == "Fn::GetAtt" && isText:
		found[beforeDot(text)] = true
	case function == "Fn::GetAtt" && len(list) == 2:
		if name, ok := list[0].(string); ok {
			found[name] = true
		}
	case function == "Fn::If" && len(list) == 3:
		if name, ok := list[0].(string); ok {
			if holds, valid := r.condition(name, at); valid && holds {
				r.references(list[1], at, found)
			} else if valid {
				r.references(list[2], at, found)
			}
		}
	case function == "Fn::Sub":
		if len(list) == 2 {
			text, _ = list[0].(string)
			r.references(list[1], at, found)
		}
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			found[beforeDot(m[1])] = true
		}
	default:
		r.references(arg, at, found)
	}
}

func beforeDot(s string) string {
	name, _, _ := strings.Cut(s, ".")
	return name
}

// order sorts resources so that each comes after those it needs; among those
// that are ready, by name. What is left over is a cycle.
func order(nodes []string, edges map[string][]string) (sorted, cycle []string) {
	waits := map[string]int{}
	users := map[string][]string{}
	var ready []string
	for _, id := range nodes {
		waits[id] = len(edges[id])
		for _, dep := range edges[id] {
			users[dep] = append(users[dep], id)
		}
		if waits[id] == 0 {
			ready = append(ready, id)
		}
	}
	for len(ready) > 0 {
		sort.Strings(ready)
		id := ready[0]
		ready = ready[1:]
		sorted = append(sorted, id)
		for _, user := range users[id] {
			if waits[user]--; waits[user] == 0 {
				ready = append(ready, user)
			}
		}
	}
	if len(sorted) == len(nodes) {
		return sorted, nil
	}
	return sorted, findCycle(nodes, edges, sorted)
}

// findCycle follows the edges among the nodes left over until one repeats.
func findCycle(nodes []string, edges map[string][]string, sorted []string) []string {
	done := map[string]bool{}
	for _, id := range sorted {
		done[id] = true
	}
	at := ""
	for _, id := range nodes {
		if !done[id] {
			at = id
			break
		}
	}
	place := map[string]int{}
	var path []string
	for {
		if i, seen := place[at]; seen {
			return append(path[i:], at)
		}
		place[at] = len(path)
		path = append(path, at)
		for _, dep := range edges[at] {
			if !done[dep] {
				at = dep
				break
			}
		}
	}
}
