package iam

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDocument(t *testing.T) {
	got := document(t, `{"Version":"2012-10-17","Id":"key-default-1","Statement":[
	 {"Sid":"Enable IAM","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root","Service":["rds.amazonaws.com"]},"Action":"kms:*","Resource":"*",
	  "Condition":{"StringLike":{"b":["x","y"],"a":"z"},"Bool":{"kms:GrantIsForAWSResource":true},"NumericLessThan":{"n":[10,"11"]}}},
	 {"Effect":"Deny","NotPrincipal":{"AWS":"*"},"NotAction":["s3:Get*"],"NotResource":"arn:aws:s3:::a"},
	 {"Effect":"Allow","Principal":"*","Action":["sts:AssumeRole"]}]}`)
	want := Document{Version: Version2012, ID: "key-default-1", Statements: []Statement{
		{Sid: "Enable IAM", Effect: Allow, Principal: &Principals{AWS: []string{"arn:aws:iam::111111111111:root"}, Service: []string{"rds.amazonaws.com"}},
			Action: []string{"kms:*"}, Resource: []string{"*"}, Condition: []Condition{
				{"Bool", "kms:GrantIsForAWSResource", []string{"true"}}, {"NumericLessThan", "n", []string{"10", "11"}},
				{"StringLike", "a", []string{"z"}}, {"StringLike", "b", []string{"x", "y"}}}},
		{Effect: Deny, NotPrincipal: &Principals{AWS: []string{"*"}}, NotAction: []string{"s3:Get*"}, NotResource: []string{"arn:aws:s3:::a"}},
		{Effect: Allow, Principal: &Principals{Anyone: true}, Action: []string{"sts:AssumeRole"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseRefusesByName(t *testing.T) {
	statement := func(extra string) string {
		return `{"Version":"2012-10-17","Statement":{"Sid":"One","Effect":"Allow",` + extra + `}}`
	}
	const action, resource = `"Action":"s3:GetObject"`, `"Resource":"*"`
	cases := []struct{ name, raw, names string }{
		{"not an object", `[]`, "not a JSON object"},
		{"cut off", `{"Version":"2012-10-17","Statement":[`, "unexpected"},
		{"text after", `{"Statement":[]} x`, "text after"},
		{"no statement", `{"Version":"2012-10-17"}`, "no Statement"},
		{"old version", `{"Version":"2015-01-01","Statement":[]}`, `"2015-01-01"`},
		{"unknown top element", `{"Statements":[]}`, `"Statements"`},
		{"case of an element", `{"statement":[]}`, `"statement"`},
		{"unknown element", statement(action + `,"Resources":"*"`), `"Resources"`},
		{"element twice", statement(action + `,` + action), `"Action": stands twice`},
		{"Sid is named", statement(action + `,"Foo":1`), `statement 1 ("One")`},
		{"effect", `{"Statement":{"Effect":"allow",` + action + `}}`, `"allow"`},
		{"no action", statement(resource), "Action and NotAction"},
		{"both actions", statement(action + `,"NotAction":"s3:*"`), "Action and NotAction"},
		{"empty actions", statement(`"Action":[]`), "lists nothing"},
		{"action without a service", statement(`"Action":"GetObject"`), `"GetObject"`},
		{"action is a number", statement(`"Action":7`), "7 is not a string"},
		{"both resources", statement(action + `,"Resource":"*","NotResource":"*"`), "Resource and NotResource"},
		{"resource not an ARN", statement(action + `,"Resource":"bucket/*"`), `"bucket/*"`},
		{"resource cut short", statement(action + `,"Resource":"arn:aws:s3:*"`), `"arn:aws:s3:*"`},
		{"broken variable", statement(action + `,"Resource":"arn:aws:s3:::${aws:username"`), "policy variable"},
		{"broken default", statement(action + `,"Resource":"arn:aws:s3:::${a:b, c}"`), "policy variable"},
		{"both principals", statement(action + `,"Principal":"*","NotPrincipal":"*"`), "Principal and NotPrincipal"},
		{"allow with NotPrincipal", statement(action + `,"NotPrincipal":"*"`), "NotPrincipal with Allow"},
		{"principal with wildcard", statement(action + `,"Principal":{"AWS":"arn:aws:iam::111111111111:role/*"}`), "aws:PrincipalArn"},
		{"deleted principal", statement(action + `,"Principal":{"AWS":"AROAEXAMPLE"}`), `"AROAEXAMPLE"`},
		{"principal of another kind", statement(action + `,"Principal":{"AWS":"arn:aws:iam::111111111111:group/g"}`), "group/g"},
		{"plain principal", statement(action + `,"Principal":"111111111111"`), `"111111111111"`},
		{"federated", statement(action + `,"Principal":{"Federated":"x"}`), `"Federated"`},
		{"unknown principal type", statement(action + `,"Principal":{"Role":"x"}`), `"Role"`},
		{"nobody", statement(action + `,"Principal":{}`), "names nobody"},
		{"service wildcard", statement(action + `,"Principal":{"Service":"*"}`), "backup.amazonaws.com"},
		{"unknown operator", statement(action + `,"Condition":{"StringIs":{"a":"b"}}`), `"StringIs"`},
		{"unsupported operator", statement(action + `,"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`), `"IpAddress"`},
		{"bool value", statement(action + `,"Condition":{"Bool":{"a":"yes"}}`), `"yes"`},
		{"null value", statement(action + `,"Condition":{"Null":{"a":"x"}}`), `"x"`},
		{"number value", statement(action + `,"Condition":{"NumericEquals":{"a":"ten"}}`), `"ten"`},
		{"date value", statement(action + `,"Condition":{"DateLessThan":{"a":"soon"}}`), `"soon"`},
		{"arn value", statement(action + `,"Condition":{"ArnLike":{"a":"role/x"}}`), `"role/x"`},
		{"condition value is null", statement(action + `,"Condition":{"StringEquals":{"a":null}}`), "null"},
		{"empty key", statement(action + `,"Condition":{"StringEquals":{"":"x"}}`), "condition key"},
		{"Sid twice", `{"Statement":[{"Sid":"A","Effect":"Allow","Action":"*"},{"Sid":"A","Effect":"Allow","Action":"*"}]}`, `statement 2 ("A")`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseDocument([]byte(c.raw))
			if err == nil || !strings.Contains(err.Error(), c.names) {
				t.Errorf("error %v, want it to name %s", err, c.names)
			}
		})
	}
}

func TestCheckTellsTheSides(t *testing.T) {
	withPrincipal := document(t, `{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*"}}`)
	without := document(t, `{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`)
	noResource := document(t, `{"Statement":{"Sid":"S","Effect":"Allow","Action":"s3:*"}}`)
	cases := []struct {
		name string
		doc  Document
		side PolicyType
		want string
	}{
		{"resource policy", withPrincipal, ResourcePolicy, ""},
		{"identity policy", without, IdentityPolicy, ""},
		{"scp", without, ServiceControlPolicy, ""},
		{"resource policy without principal", without, ResourcePolicy, "no Principal"},
		{"identity policy with principal", withPrincipal, IdentityPolicy, "names a principal"},
		{"boundary without resource", noResource, BoundaryPolicy, `statement 1 ("S"): has no Resource`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := c.doc.Check(c.side)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// FuzzParseDocument: no panic, and what is accepted survives writing, reading and
// evaluating.
func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(`{"Version":"2012-10-17","Statement":[{"Sid":"S","Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":["kms:*"],"Resource":"*","Condition":{"StringLike":{"kms:ViaService":"rds.*"}}}]}`))
	f.Add([]byte(`{"Statement":{"Effect":"Deny","NotPrincipal":"*","NotAction":"*","NotResource":"arn:aws:s3:::${aws:username,'x'}"}}`))
	f.Add([]byte(`{"Statement":[{"Effect":"Allow","Action":"*","Condition":{"Null":{"a":[true,"false"]},"NumericEquals":{"n":1e3},"StringEquals":{"e":[]}}}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := ParseDocument(raw)
		if err != nil {
			return
		}
		written, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var again Document
		if err := json.Unmarshal(written, &again); err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
		if diff := cmp.Diff(d, again); diff != "" {
			t.Fatalf("%s\n%s", diff, written)
		}
		p := Policy{Name: "p", Doc: d}
		for _, kind := range []ResourceKind{General, Key, Trust, VaultCopy} {
			req := Request{Principal: copier, Action: "kms:Decrypt", Resource: "arn:aws:kms:eu-west-1:111111111111:key/k", Kind: kind}
			checkInvariants(t, req, Policies{Identity: []Policy{p}, Resource: &Policy{Name: "r", Doc: d}}, Evaluate(req, Policies{Identity: []Policy{p}, Resource: &Policy{Name: "r", Doc: d}}))
		}
	})
}
