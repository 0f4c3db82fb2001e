package jsonata

import (
	"slices"
	"strings"
)

// builtins are the functions of JSONata 2.0.6 without $eval, and those that
// Step Functions adds.
var builtins = strings.Fields(`
	abs append assert average base64decode base64encode boolean ceil clone contains count
	decodeUrl decodeUrlComponent distinct each encodeUrl encodeUrlComponent error exists filter
	floor formatBase formatInteger formatNumber fromMillis hash join keys length lookup lowercase
	map match max merge millis min not now number pad parse parseInteger partition power random
	range reduce replace reverse round shuffle sift single sort split spread sqrt string
	substring substringAfter substringBefore sum toMillis trim type uppercase uuid zip`)

// freeNames leaves out functions and the variables that the expression binds
// anywhere (by :=, as parameters, by @ or #); scopes are not followed.
func freeNames(names []string, tree *node) []string {
	bound := map[string]bool{}
	collectBound(tree, bound)
	free := []string{}
	for _, name := range names {
		if !bound[name] && !slices.Contains(builtins, name) {
			free = append(free, name)
		}
	}
	return free
}

func collectBound(n *node, bound map[string]bool) {
	switch n.Type {
	case "bind":
		if lhs := n.child("lhs"); lhs != nil {
			bound[lhs.text()] = true
		}
	case "lambda":
		for _, parameter := range n.list("arguments") {
			bound[parameter.text()] = true
		}
	}
	for _, property := range []string{"focus", "index"} {
		if name, ok := n.Props[property].(string); ok {
			bound[name] = true
		}
	}
	n.each(func(_ string, c *node) { collectBound(c, bound) })
}
