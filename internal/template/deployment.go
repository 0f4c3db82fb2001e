package template

import (
	"fmt"
	"strings"
)

// Deployment is one stack with everything resolved: what AWS would hold after
// `cdk deploy`.
type Deployment struct {
	Stack     string
	StackID   string // its ARN
	Account   string
	Region    string
	Partition string
	// Resources come in an order in which they can be created: each after
	// those it refers to or depends on, else by logical id.
	Resources []*Resource
	Outputs   []Output // by name
	Views

	byID map[string]*Resource
}

// Resource is one resource of a deployment.
type Resource struct {
	LogicalID string
	Type      string
	Path      string // of its construct in the CDK app, if recorded
	// Properties are fully resolved JSON values; numbers are json.Number.
	Properties          map[string]any
	DependsOn           []string // every resource that comes first, by logical id
	DeletionPolicy      string   // empty if not written
	UpdateReplacePolicy string
	Condition           string // empty, or the name of one that holds
	Metadata            map[string]any
	Ref                 string
	Attributes          map[string]string // what Fn::GetAtt gives
	View                any               // *Role, *Function, … as in Views
}

// Output is one output of a stack. ExportName is empty unless it is exported.
type Output struct {
	Name, Value, ExportName string
}

// Resource finds a resource by its logical id; nil if there is none.
func (d *Deployment) Resource(logicalID string) *Resource { return d.byID[logicalID] }

// where names the resource in messages.
func (r *Resource) where() string {
	if r.Path == "" {
		return r.LogicalID
	}
	return r.LogicalID + " (" + r.Path + ")"
}

// Resolve turns a stack into its deployment. The error lists every problem
// found, one a line, with the resource and the place in its properties.
func Resolve(s *Stack, given Given) (*Deployment, error) {
	r := &resolver{
		stack: s, given: given,
		pseudo:     pseudoParameters(s),
		parameters: map[string]any{},
		conditions: map[string]verdict{},
		resources:  map[string]*Resource{},
		failed:     map[string]bool{},
	}
	r.setParameters()
	for _, name := range sortedKeys(s.Template.conditions) {
		r.condition(name, "Conditions")
	}
	r.checkRules()
	d := &Deployment{Stack: s.Name, StackID: r.pseudo["AWS::StackId"].(string), Account: s.Account,
		Region: s.Region, Partition: partition(s.Region), byID: r.resources}
	d.Resources = r.resolveAll()
	d.Outputs = r.outputs()
	r.problems = append(r.problems, d.fillViews(s)...)
	if err := r.problems.err(); err != nil {
		return nil, fmt.Errorf("stack %s cannot be resolved:\n%w", s.Name, err)
	}
	return d, nil
}

func pseudoParameters(s *Stack) map[string]any {
	id := mintUUID(seed{s.Account, s.Region, s.Name, ""}, 0)
	p := partition(s.Region)
	return map[string]any{
		"AWS::AccountId":        s.Account,
		"AWS::Region":           s.Region,
		"AWS::Partition":        p,
		"AWS::URLSuffix":        urlSuffix(s.Region),
		"AWS::StackName":        s.Name,
		"AWS::StackId":          fmt.Sprintf("arn:%s:cloudformation:%s:%s:stack/%s/%s", p, s.Region, s.Account, s.Name, id),
		"AWS::NotificationARNs": []any{},
	}
}

// resolveAll decides which resources are created, sorts and resolves them.
func (r *resolver) resolveAll() []*Resource {
	active := map[string]bool{}
	for _, id := range sortedKeys(r.stack.Template.resources) {
		raw := r.stack.Template.resources[id]
		active[id] = !ignored[raw.Type]
		if raw.Condition == "" {
			continue
		}
		holds, ok := r.condition(raw.Condition, id+".Condition")
		r.failed[id] = !ok
		active[id] = active[id] && holds && ok
	}
	r.active = active
	var nodes []string
	for _, id := range sortedKeys(active) {
		if active[id] {
			nodes = append(nodes, id)
		}
	}
	edges := r.edges()
	sorted, cycle := order(nodes, edges)
	if cycle != nil {
		r.fail("Resources", "they need each other in a circle: %s", strings.Join(cycle, " needs "))
		return nil
	}
	var out []*Resource
	for _, id := range sorted {
		if res := r.resolveOne(id, edges[id]); res != nil {
			out = append(out, res)
		}
	}
	return out
}

func (r *resolver) resolveOne(id string, needs []string) *Resource {
	raw := r.stack.Template.resources[id]
	res := &Resource{LogicalID: id, Type: raw.Type, Condition: raw.Condition, DependsOn: needs,
		DeletionPolicy: raw.DeletionPolicy, UpdateReplacePolicy: raw.UpdateReplacePolicy, Metadata: raw.Metadata}
	res.Path, _ = raw.Metadata["aws:cdk:path"].(string)
	r.tainted = false
	k, known := kinds[raw.Type]
	if !known {
		r.fail(res.where(), "resource type %q is not supported; supported are %s", raw.Type, strings.Join(SupportedTypes(), ", "))
	}
	r.checkPolicies(res)
	res.Properties = r.evalObject(raw.Properties, res.where()+" Properties").(map[string]any)
	if r.tainted {
		r.failed[id] = true
		return nil
	}
	i, problem := identify(k, seed{r.stack.Account, r.stack.Region, r.stack.Name, id}, res.Properties)
	if problem != "" {
		r.fail(res.where()+" Properties", "%s", problem)
		r.failed[id] = true
		return nil
	}
	res.Ref = i.expand(k.ref)
	res.Attributes = map[string]string{}
	for _, name := range sortedKeys(k.attributes) {
		res.Attributes[name] = i.expand(k.attributes[name])
	}
	r.resources[id] = res
	return res
}

// checkPolicies: only these values exist ("DeletionPolicy attribute").
func (r *resolver) checkPolicies(res *Resource) {
	values := []string{"", "Delete", "Retain", "Snapshot", "RetainExceptOnCreate"}
	if !contains(values, res.DeletionPolicy) {
		r.fail(res.where(), "DeletionPolicy %q does not exist", res.DeletionPolicy)
	}
	if !contains(values[:4], res.UpdateReplacePolicy) {
		r.fail(res.where(), "UpdateReplacePolicy %q does not exist", res.UpdateReplacePolicy)
	}
}

func (r *resolver) outputs() []Output {
	var out []Output
	for _, name := range sortedKeys(r.stack.Template.outputs) {
		raw := r.stack.Template.outputs[name]
		at := "Outputs." + name
		if raw.Condition != "" {
			if holds, ok := r.condition(raw.Condition, at+".Condition"); !holds || !ok {
				continue
			}
		}
		o := Output{Name: name}
		o.Value, _ = r.text(raw.Value, at+".Value")
		if raw.Export != nil {
			o.ExportName, _ = r.text(raw.Export["Name"], at+".Export.Name")
		}
		out = append(out, o)
	}
	return out
}
