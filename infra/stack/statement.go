package stack

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// statement is one statement of a policy, written by hand. Strings may hold CDK
// tokens.
type statement struct {
	Sid       string
	Deny      bool
	Principal any // nil in a role's own policy
	Actions   []string
	Resources []string
	Condition condition

	// Why explains a "*" resource; it is kept in the template's metadata.
	Why string
}

// condition maps operator to key to value (a string or a list of strings).
type condition map[string]map[string]any

// also joins two conditions that share no operator and key.
func (c condition) also(more condition) condition {
	out := condition{}
	for _, m := range []condition{c, more} {
		for op, keys := range m {
			if out[op] == nil {
				out[op] = map[string]any{}
			}
			for k, v := range keys {
				out[op][k] = v
			}
		}
	}
	return out
}

func service(name string) any { return map[string]any{"Service": name} }
func account(root string) any { return map[string]any{"AWS": root} }
func everyone() any           { return "*" }
func principalIs(arn string) condition {
	return condition{"ArnEquals": {"aws:PrincipalArn": arn}}
}

// json is the statement as IAM takes it.
func (s statement) json() map[string]any {
	out := map[string]any{"Sid": s.Sid, "Effect": "Allow", "Action": list(s.Actions)}
	if s.Deny {
		out["Effect"] = "Deny"
	}
	if s.Principal != nil {
		out["Principal"] = s.Principal
	}
	if len(s.Resources) > 0 { // a trust policy has none
		out["Resource"] = list(s.Resources)
	}
	if len(s.Condition) > 0 {
		c := map[string]any{}
		for op, keys := range s.Condition {
			c[op] = map[string]any(keys)
		}
		out["Condition"] = c
	}
	return out
}

// list is a single string where one is enough, as people write it.
func list(values []string) any {
	if len(values) == 1 {
		return values[0]
	}
	return values
}

// document is a policy of these statements.
func document(statements ...statement) map[string]any {
	all := make([]any, len(statements))
	for i, s := range statements {
		all[i] = s.json()
	}
	return map[string]any{"Version": "2012-10-17", "Statement": all}
}

// whyKey is the metadata that maps the Sid of each statement on "*" to the
// reason for it.
const whyKey = "dbferry:WhyAnyResource"

// explain puts the reasons for "*" resources into the template.
func explain(resource awscdk.CfnResource, statements []statement) {
	reasons := map[string]any{}
	for _, s := range statements {
		if s.Why != "" {
			reasons[s.Sid] = s.Why
		}
	}
	if len(reasons) > 0 {
		resource.AddMetadata(jsii.String(whyKey), reasons)
	}
}

// plain turns a value of our own types into the maps that jsii passes on.
func plain(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		panic(err)
	}
	return out
}

// text and texts make the pointers that jsii wants.
func text(s string) *string { return jsii.String(s) }

func texts(list []string) *[]*string { return jsii.Strings(list...) }
