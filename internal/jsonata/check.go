package jsonata

// check refuses what Step Functions refuses although JSONata allows it
// (Developer Guide, "Transforming data with JSONata"): an expression of a state
// machine has no input, so $, $$ and bare field names mean nothing at the top.
func (x *Expr) check() error {
	var found error
	refuse := func(message string) {
		if found == nil {
			found = &SyntaxError{Expression: x.text, Code: "states", Message: message, Position: -1}
		}
	}
	restrict(x.tree, true, refuse)
	return found
}

func restrict(n *node, top bool, refuse func(string)) {
	switch n.Type {
	case "variable":
		restrictVariable(n.text(), top, refuse)
	case "name":
		if top {
			refuse("the field " + n.text() + " stands alone: begin with $states.input or a variable")
		}
	case "wildcard", "descendant":
		if top {
			refuse(n.text() + " has nothing to select from: begin with $states.input or a variable")
		}
	}
	n.each(func(property string, c *node) {
		restrict(c, top && !givesContext(n, property, c), refuse)
	})
}

func restrictVariable(name string, top bool, refuse func(string)) {
	switch {
	case name == "eval":
		refuse("Step Functions has no $eval: use $parse for JSON text")
	case name == "$":
		refuse("Step Functions has no $$: use $states.input")
	case name == "" && top:
		refuse("$ stands for nothing here: use $states.input")
	}
}

// givesContext says whether the child is evaluated for each item of something:
// a later step of a path, a filter, a sort term, a group, a transformation.
func givesContext(n *node, property string, c *node) bool {
	switch property {
	case "steps":
		return n.list("steps")[0] != c
	case "stages", "predicate", "group", "terms", "pattern", "update", "delete":
		return true
	}
	return false
}
