package jsonata

import (
	"encoding/json"
	"fmt"
	"slices"
)

// node is one node of JSONata's syntax tree: its type, its value, and every
// other property, some of which hold further nodes.
type node struct {
	Type  string
	Value any // string, float64, bool or nil
	Props map[string]any
}

func readTree(text string) (*node, error) {
	var raw map[string]any
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, fmt.Errorf("jsonata: reading a syntax tree: %w", err)
	}
	return toNode(raw), nil
}

// toNode converts an object of the tree; position is dropped, as is every
// property that is false, because JSONata writes both.
func toNode(raw map[string]any) *node {
	n := &node{Props: map[string]any{}}
	for key, v := range raw {
		switch key {
		case "type":
			n.Type, _ = v.(string)
		case "value":
			n.Value = convert(v)
		case "position":
		default:
			if v != false && v != nil {
				n.Props[key] = convert(v)
			}
		}
	}
	return n
}

func convert(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return toNode(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = convert(item)
		}
		return out
	}
	return v
}

// only says whether the node has no properties beside the named ones.
func (n *node) only(names ...string) bool {
	for key := range n.Props {
		if !slices.Contains(names, key) {
			return false
		}
	}
	return true
}

func (n *node) child(name string) *node {
	c, _ := n.Props[name].(*node)
	return c
}

func (n *node) list(name string) []*node {
	items, _ := n.Props[name].([]any)
	var out []*node
	for _, item := range items {
		if c, ok := item.(*node); ok {
			out = append(out, c)
		}
	}
	return out
}

func (n *node) text() string {
	s, _ := n.Value.(string)
	return s
}

// each visits the nodes directly below n, by property name in sorted order.
func (n *node) each(visit func(property string, c *node)) {
	keys := make([]string, 0, len(n.Props))
	for key := range n.Props {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		eachIn(n.Props[key], func(c *node) { visit(key, c) })
	}
	eachIn(n.Value, func(c *node) { visit("value", c) })
}

func eachIn(v any, visit func(*node)) {
	switch v := v.(type) {
	case *node:
		visit(v)
	case []any:
		for _, item := range v {
			eachIn(item, visit)
		}
	}
}

// readPaths finds, for each variable of the expression, the leading plain field
// names by which it is read: $states.input.a[0].b gives states: [[input a]].
// Variables that the expression binds somewhere are still listed, since their
// scope is not followed; that only costs a look-up.
func readPaths(tree *node) map[string][][]string {
	r := &pathReader{paths: map[string][][]string{}}
	r.visit(tree)
	if r.parent { // the % operator climbs back up: nothing may be left out
		for name := range r.paths {
			r.paths[name] = [][]string{{}}
		}
	}
	return r.paths
}

type pathReader struct {
	paths  map[string][][]string
	parent bool
}

func (r *pathReader) visit(n *node) {
	switch n.Type {
	case "variable":
		r.add(n.text(), nil)
	case "parent":
		r.parent = true
	case "path":
		if steps := n.list("steps"); len(steps) > 0 && steps[0].Type == "variable" && steps[0].only() {
			r.path(n, steps)
			return
		}
	}
	n.each(func(_ string, c *node) { r.visit(c) })
}

func (r *pathReader) path(n *node, steps []*node) {
	var names []string
	rest := steps[1:]
	for len(rest) > 0 && rest[0].Type == "name" && rest[0].only() {
		names = append(names, rest[0].text())
		rest = rest[1:]
	}
	if len(rest) > 0 && rest[0].Type == "name" && !rest[0].only("stages") { // focus, index, ancestor
		names = nil
	} else if len(rest) > 0 && rest[0].Type == "name" {
		names = append(names, rest[0].text())
	}
	r.add(steps[0].text(), names)
	n.each(func(_ string, c *node) {
		if c != steps[0] {
			r.visit(c)
		}
	})
}

func (r *pathReader) add(name string, path []string) {
	if name != "" && name != "$" { // the context and the root are no variables
		r.paths[name] = append(r.paths[name], slices.Clip(path))
	}
}

// firstFields are the first names of the paths, or nil when one path is empty.
func firstFields(paths [][]string) []string {
	fields := []string{}
	for _, p := range paths {
		if len(p) == 0 {
			return nil
		}
		fields = append(fields, p[0])
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}
