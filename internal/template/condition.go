package template

import (
	"fmt"
	"strings"
)

// verdict is what is known of a named condition.
type verdict struct {
	done, valid, holds bool
}

// conditionFunctions are the functions of Conditions and Rules.
var conditionFunctions map[string]func(r *resolver, arg any, at string) (holds, ok bool)

func init() { // a variable would refer to itself through judge
	conditionFunctions = map[string]func(*resolver, any, string) (bool, bool){
		"Condition":    (*resolver).named,
		"Fn::Equals":   (*resolver).equals,
		"Fn::Not":      (*resolver).not,
		"Fn::And":      (*resolver).and,
		"Fn::Or":       (*resolver).or,
		"Fn::Contains": (*resolver).member,
	}
}

// condition is the verdict on a named condition; ok is false if it has a
// problem, which is recorded once.
func (r *resolver) condition(name, at string) (holds, ok bool) {
	if v, seen := r.conditions[name]; seen {
		if !v.done {
			r.fail(at, "condition %s depends on itself", name)
		}
		if !v.valid {
			r.tainted = true
		}
		return v.holds, v.valid
	}
	raw, there := r.stack.Template.conditions[name]
	if !there {
		r.fail(at, "there is no condition %s", name)
		return false, false
	}
	r.conditions[name] = verdict{}
	holds, ok = r.judge(raw, "Conditions."+name)
	r.conditions[name] = verdict{done: true, valid: ok, holds: holds}
	return holds, ok
}

// judge resolves a condition expression.
func (r *resolver) judge(v any, at string) (holds, ok bool) {
	expr, isObject := v.(map[string]any)
	if !isObject || len(expr) != 1 {
		r.fail(at, "a condition is an object with one function")
		return false, false
	}
	name := sortedKeys(expr)[0]
	f, known := conditionFunctions[name]
	if !known {
		r.fail(at, "%s is not supported in a condition; supported are %s", name, strings.Join(sortedKeys(conditionFunctions), ", "))
		return false, false
	}
	return f(r, expr[name], at+"."+name)
}

func (r *resolver) named(arg any, at string) (holds, ok bool) {
	name, isText := arg.(string)
	if !isText {
		r.fail(at, "takes the name of a condition")
		return false, false
	}
	return r.condition(name, at)
}

func (r *resolver) equals(arg any, at string) (holds, ok bool) {
	list, ok := r.args(arg, at, 2, 2)
	if !ok {
		return false, false
	}
	a, okA := r.text(list[0], at)
	b, okB := r.text(list[1], at)
	return a == b, okA && okB
}

func (r *resolver) not(arg any, at string) (holds, ok bool) {
	list, ok := r.args(arg, at, 1, 1)
	if !ok {
		return false, false
	}
	holds, ok = r.judge(list[0], at)
	return !holds, ok
}

func (r *resolver) and(arg any, at string) (holds, ok bool) {
	n, total, ok := r.count(arg, at)
	return n == total, ok
}

func (r *resolver) or(arg any, at string) (holds, ok bool) {
	n, _, ok := r.count(arg, at)
	return n > 0, ok
}

// count judges a list of conditions: how many hold, of how many.
func (r *resolver) count(arg any, at string) (hold, total int, ok bool) {
	list, ok := r.args(arg, at, 2, 10)
	if !ok {
		return 0, 0, false
	}
	for i, c := range list {
		holds, valid := r.judge(c, fmt.Sprintf("%s[%d]", at, i))
		if holds {
			hold++
		}
		ok = ok && valid
	}
	return hold, len(list), ok
}

// member is Fn::Contains, which only Rules use.
func (r *resolver) member(arg any, at string) (holds, ok bool) {
	list, ok := r.args(arg, at, 2, 2)
	if !ok {
		return false, false
	}
	set, okSet := r.list(list[0], at)
	s, ok := r.text(list[1], at)
	return contains(set, s), ok && okSet
}

// checkRules refuses the deployment that the template's own rules refuse, for
// example a bootstrap stack that is too old.
func (r *resolver) checkRules() {
	for _, name := range sortedKeys(r.stack.Template.rules) {
		rule := r.stack.Template.rules[name]
		at := "Rules." + name
		if rule.RuleCondition != nil {
			if holds, ok := r.judge(rule.RuleCondition, at); !holds || !ok {
				continue
			}
		}
		for _, a := range rule.Assertions {
			if holds, ok := r.judge(a.Assert, at); ok && !holds {
				r.fail(at, "the template's rule is not met: %s", a.AssertDescription)
			}
		}
	}
}
