package template

import "strings"

// Given is what a deployment takes from outside the template.
type Given struct {
	// Parameters overrides the defaults of the template's parameters, by name.
	Parameters map[string]string
	// SSM holds the Systems Manager parameters of the account and Region, by
	// name: parameters of type AWS::SSM::Parameter::Value<…> are read from it.
	SSM map[string]string
}

// BootstrapVersion is the Systems Manager parameter in which `cdk bootstrap`
// records its version; every stack reads it.
const BootstrapVersion = "/cdk-bootstrap/hnb659fds/version"

// setParameters gives every parameter its value.
func (r *resolver) setParameters() {
	declared := r.stack.Template.parameters
	for _, name := range sortedKeys(r.given.Parameters) {
		if _, ok := declared[name]; !ok {
			r.fail("Parameters."+name, "is given, but the template has no such parameter")
		}
	}
	for _, name := range sortedKeys(declared) {
		if v, ok := r.parameterValue(declared[name], name); ok {
			r.parameters[name] = v
		}
	}
}

func (r *resolver) parameterValue(p parameter, name string) (any, bool) {
	at := "Parameters." + name
	value, given := r.given.Parameters[name]
	if !given {
		var ok bool
		if value, ok = scalar(p.Default); !ok {
			r.fail(at, "has no default and no value is given")
			return nil, false
		}
	}
	if !r.allowed(p, value) {
		r.fail(at, "%q is not among the allowed values", value)
		return nil, false
	}
	kind := p.Type
	if inner, ok := strings.CutPrefix(kind, "AWS::SSM::Parameter::Value<"); ok {
		stored, there := r.given.SSM[value]
		if !there {
			r.fail(at, "Systems Manager parameter %s is not there in account %s, %s%s", value, r.stack.Account, r.stack.Region, bootstrapHint(value))
			return nil, false
		}
		value, kind = stored, strings.TrimSuffix(inner, ">")
	}
	return r.typed(value, kind, at)
}

func (r *resolver) allowed(p parameter, value string) bool {
	for _, a := range p.AllowedValues {
		if s, ok := scalar(a); ok && s == value {
			return true
		}
	}
	return len(p.AllowedValues) == 0
}

func bootstrapHint(name string) string {
	if strings.HasPrefix(name, "/cdk-bootstrap/") {
		return "; run `npx cdk bootstrap` for it"
	}
	return ""
}

// typed splits lists; every other type is text, as Ref gives it.
func (r *resolver) typed(value, kind, at string) (any, bool) {
	switch {
	case kind == "CommaDelimitedList", strings.HasPrefix(kind, "List<"):
		var list []any
		for _, item := range strings.Split(value, ",") {
			list = append(list, strings.TrimSpace(item))
		}
		return list, true
	case kind == "String", kind == "Number", strings.HasPrefix(kind, "AWS::"):
		return value, true
	}
	r.fail(at, "parameter type %q is not supported", kind)
	return nil, false
}
