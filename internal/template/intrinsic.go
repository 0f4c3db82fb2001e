package template

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
)

// ref is the value of a parameter, a pseudo parameter or a resource.
func (r *resolver) ref(arg any, at string) any {
	name, ok := arg.(string)
	if !ok {
		return r.fail(at, "takes the name of a parameter or resource")
	}
	return r.lookup(name, at)
}

func (r *resolver) lookup(name, at string) any {
	if name == "AWS::NoValue" {
		return noValue{}
	}
	if v, ok := r.pseudo[name]; ok {
		return v
	}
	if strings.HasPrefix(name, "AWS::") {
		return r.fail(at, "pseudo parameter %s is not supported", name)
	}
	if _, ok := r.stack.Template.parameters[name]; ok {
		v, ok := r.parameters[name]
		if !ok { // its problem is reported with the parameters
			r.tainted = true
			return noValue{}
		}
		return v
	}
	res := r.resource(name, at)
	if res == nil {
		return noValue{}
	}
	return res.Ref
}

// resource finds a resource that is resolved already: the order of resolution
// is that of the references.
func (r *resolver) resource(name, at string) *Resource {
	if res := r.resources[name]; res != nil {
		return res
	}
	raw, there := r.stack.Template.resources[name]
	switch {
	case r.failed[name]:
		r.tainted = true
	case !there:
		r.fail(at, "there is no parameter or resource %s", name)
	case r.active == nil:
		r.fail(at, "resource %s cannot be used here, where only parameters count", name)
	case !r.active[name]:
		r.fail(at, "resource %s is not created: its condition %s is false", name, raw.Condition)
	default:
		r.fail(at, "resource %s cannot be used here", name)
	}
	return nil
}

// getAtt takes ["Logical", "Attribute"] or "Logical.Attribute".
func (r *resolver) getAtt(arg any, at string) any {
	var name, attribute string
	switch a := arg.(type) {
	case string:
		name, attribute, _ = strings.Cut(a, ".")
	case []any:
		if len(a) == 2 {
			name, _ = a[0].(string)
			attribute, _ = a[1].(string)
		}
	}
	if name == "" || attribute == "" {
		return r.fail(at, "takes the name of a resource and of its attribute")
	}
	return r.attribute(name, attribute, at)
}

func (r *resolver) attribute(name, attribute, at string) any {
	res := r.resource(name, at)
	if res == nil {
		return noValue{}
	}
	v, ok := res.Attributes[attribute]
	if !ok {
		known := strings.Join(sortedKeys(res.Attributes), ", ")
		if known == "" {
			known = "none"
		}
		return r.fail(at, "attribute %s of %s (%s) is not known; known are %s", attribute, name, res.Type, known)
	}
	return v
}

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

// sub takes a text, or [text, {variables}]. ${!Name} stays as ${Name}.
func (r *resolver) sub(arg any, at string) any {
	format, vars := arg, map[string]any{}
	if list, ok := arg.([]any); ok {
		if len(list) != 2 {
			return r.fail(at, "takes a text, or a list of a text and its variables")
		}
		if vars, ok = list[1].(map[string]any); !ok {
			return r.fail(at, "its variables must be an object")
		}
		format = list[0]
	}
	text, ok := format.(string)
	if !ok {
		return r.fail(at, "takes a text, or a list of a text and its variables")
	}
	return placeholder.ReplaceAllStringFunc(text, func(m string) string {
		name := m[2 : len(m)-1]
		if strings.HasPrefix(name, "!") {
			return "${" + name[1:] + "}"
		}
		s, _ := r.text(r.variable(name, vars, at+".${"+name+"}"), at)
		return s
	})
}

func (r *resolver) variable(name string, vars map[string]any, at string) any {
	if v, ok := vars[name]; ok {
		return r.eval(v, at)
	}
	if res, attribute, ok := strings.Cut(name, "."); ok {
		return r.attribute(res, attribute, at)
	}
	return r.lookup(name, at)
}

func (r *resolver) join(arg any, at string) any {
	list, ok := r.args(arg, at, 2, 2)
	if !ok {
		return noValue{}
	}
	delimiter, ok := list[0].(string)
	if !ok {
		return r.fail(at, "its delimiter must be a text")
	}
	items, ok := r.list(list[1], at)
	if !ok {
		return noValue{}
	}
	return strings.Join(items, delimiter)
}

func (r *resolver) split(arg any, at string) any {
	list, ok := r.args(arg, at, 2, 2)
	if !ok {
		return noValue{}
	}
	delimiter, _ := list[0].(string)
	if delimiter == "" {
		return r.fail(at, "its delimiter must be a text that is not empty")
	}
	s, ok := r.text(list[1], at)
	if !ok {
		return noValue{}
	}
	var out []any
	for _, part := range strings.Split(s, delimiter) {
		out = append(out, part)
	}
	return out
}

func (r *resolver) selectItem(arg any, at string) any {
	list, ok := r.args(arg, at, 2, 2)
	if !ok {
		return noValue{}
	}
	position, ok := r.text(list[0], at)
	if !ok {
		return noValue{}
	}
	items, ok := r.items(list[1], at)
	if !ok {
		return noValue{}
	}
	i, err := strconv.Atoi(position)
	if err != nil || i < 0 || i >= len(items) {
		return r.fail(at, "position %s is outside the list of %d", clip(position), len(items))
	}
	return items[i]
}

// ifElse resolves only the branch that its condition chooses.
func (r *resolver) ifElse(arg any, at string) any {
	list, ok := r.args(arg, at, 3, 3)
	if !ok {
		return noValue{}
	}
	name, ok := list[0].(string)
	if !ok {
		return r.fail(at, "takes the name of a condition first")
	}
	holds, ok := r.condition(name, at)
	if !ok {
		return noValue{}
	}
	if holds {
		return r.eval(list[1], at)
	}
	return r.eval(list[2], at)
}

func (r *resolver) findInMap(arg any, at string) any {
	list, ok := r.args(arg, at, 3, 3)
	if !ok {
		return noValue{}
	}
	var keys [3]string
	for i := range keys {
		if keys[i], ok = r.text(list[i], at); !ok {
			return noValue{}
		}
	}
	v, ok := r.stack.Template.mappings[keys[0]][keys[1]][keys[2]]
	if !ok {
		return r.fail(at, "there is no mapping %s", strings.Join(keys[:], "."))
	}
	return v
}

func (r *resolver) base64(arg any, at string) any {
	s, ok := r.text(arg, at)
	if !ok {
		return noValue{}
	}
	return base64.StdEncoding.EncodeToString([]byte(s))
}
