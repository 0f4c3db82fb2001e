package iam

import (
	"strings"
	"testing"
)

func TestConditions(t *testing.T) {
	ctx := map[string][]string{
		"aws:PrincipalOrgID": {"o-acme"}, "kms:ViaService": {"rds.eu-west-1.amazonaws.com"}, "aws:TagKeys": {"a", "b"},
		"kms:GrantIsForAWSResource": {"true"}, "aws:SourceArn": {"arn:aws:events:eu-west-1:111111111111:rule/bus/r"},
		"s3:max-keys": {"10"}, "aws:CurrentTime": {"2026-11-23T09:00:00Z"}, "empty": {},
	}
	cases := []struct {
		name, operator, key string
		values              []string
		want                bool
	}{
		{"equal", "StringEquals", "aws:principalorgid", []string{"o-x", "o-acme"}, true},
		{"case counts", "StringEquals", "aws:PrincipalOrgID", []string{"O-ACME"}, false},
		{"case ignored", "StringEqualsIgnoreCase", "aws:PrincipalOrgID", []string{"O-ACME"}, true},
		{"absent", "StringEquals", "x:none", []string{"a"}, false},
		{"empty is absent", "StringEquals", "empty", []string{""}, false},
		{"absent, if exists", "StringEqualsIfExists", "x:none", []string{"a"}, true},
		{"present, if exists", "StringEqualsIfExists", "aws:PrincipalOrgID", []string{"a"}, false},
		{"negated: none may match", "StringNotEquals", "aws:PrincipalOrgID", []string{"o-x", "o-acme"}, false},
		{"negated", "StringNotEquals", "aws:PrincipalOrgID", []string{"o-x", "o-y"}, true},
		{"negated, absent", "StringNotEquals", "x:none", []string{"a"}, true},
		{"no values", "StringEquals", "aws:PrincipalOrgID", nil, false},
		{"like", "StringLike", "kms:ViaService", []string{"rds.*.amazonaws.com"}, true},
		{"equals has no wildcards", "StringEquals", "kms:ViaService", []string{"rds.*.amazonaws.com"}, false},
		{"not like", "StringNotLike", "kms:ViaService", []string{"ec2.*"}, true},
		{"variable", "StringEquals", "aws:PrincipalOrgID", []string{"${aws:PrincipalOrgID}"}, true},
		{"variable without a value", "StringEquals", "aws:PrincipalOrgID", []string{"${x:none}"}, false},
		{"variable without a value, negated", "StringNotEquals", "aws:PrincipalOrgID", []string{"${x:none}"}, true},
		{"several values, one equal", "StringEquals", "aws:TagKeys", []string{"b"}, true},
		{"any value", "ForAnyValue:StringEquals", "aws:TagKeys", []string{"b", "c"}, true},
		{"any value, none", "ForAnyValue:StringEquals", "aws:TagKeys", []string{"c"}, false},
		{"any value, absent", "ForAnyValue:StringEquals", "x:none", []string{"c"}, false},
		{"any value negated", "ForAnyValue:StringNotEquals", "aws:TagKeys", []string{"a"}, true},
		{"any value negated, absent", "ForAnyValue:StringNotEquals", "x:none", []string{"a"}, false},
		{"all values", "ForAllValues:StringEquals", "aws:TagKeys", []string{"a", "b", "c"}, true},
		{"all values, one missing", "ForAllValues:StringEquals", "aws:TagKeys", []string{"a"}, false},
		{"all values, absent", "ForAllValues:StringLike", "x:none", []string{"a"}, true},
		{"all values negated", "ForAllValues:StringNotEquals", "aws:TagKeys", []string{"a"}, false},
		{"null wants absence", "Null", "x:none", []string{"true"}, true},
		{"null wants presence", "Null", "kms:ViaService", []string{"false"}, true},
		{"null, wrong", "Null", "kms:ViaService", []string{"true"}, false},
		{"null, empty is absent", "Null", "empty", []string{"true"}, true},
		{"bool", "Bool", "kms:GrantIsForAWSResource", []string{"True"}, true},
		{"bool, absent", "Bool", "x:none", []string{"false"}, false},
		{"bool if exists, absent", "BoolIfExists", "x:none", []string{"false"}, true},
		{"arn", "ArnEquals", "aws:SourceArn", []string{"arn:aws:events:*:111111111111:rule/*"}, true},
		{"arn, star within a part", "ArnLike", "aws:SourceArn", []string{"arn:aws:*:rule/bus/r::"}, false},
		{"arn negated", "ArnNotLike", "aws:SourceArn", []string{"arn:aws:s3:*:*:*"}, true},
		{"number", "NumericLessThanEquals", "s3:max-keys", []string{"10.0"}, true},
		{"number less", "NumericLessThan", "s3:max-keys", []string{"10"}, false},
		{"number greater", "NumericGreaterThan", "s3:max-keys", []string{"9"}, true},
		{"number negated", "NumericNotEquals", "s3:max-keys", []string{"9"}, true},
		{"not a number in the request", "NumericLessThan", "kms:ViaService", []string{"9"}, false},
		{"date", "DateGreaterThan", "aws:CurrentTime", []string{"2026-11-23"}, true},
		{"date as seconds", "DateLessThan", "aws:CurrentTime", []string{"1795424401"}, true},
		{"date equal", "DateEquals", "aws:CurrentTime", []string{"2026-11-23T10:00:00+01:00"}, true},
	}
	c := newContext(Request{Context: ctx})
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			got, known := Condition{tc.operator, tc.key, tc.values}.holds(c, true)
			if !known || got != tc.want {
				t.Errorf("%s %s %q: %v (known %v), want %v", tc.operator, tc.key, tc.values, got, known, tc.want)
			}
		})
	}
}

func TestOperatorsRefusedByName(t *testing.T) {
	for _, name := range []string{
		"StringEqual", "stringequals", "IpAddress", "NotIpAddress", "BinaryEquals", "NullIfExists",
		"ForAnyValue:Null", "ForSomeValue:StringEquals", "ForAnyValue:ForAllValues:StringEquals", "",
	} {
		if _, err := parseOperator(name); err == nil || !strings.Contains(err.Error(), `"`+name+`"`) {
			t.Errorf("%q: error %v does not name it", name, err)
		}
	}
}

// A hand-made document can hold what ParseDocument refuses. It must count
// against the caller.
func TestUnknownOperatorCountsAgainstTheCaller(t *testing.T) {
	bad := []Condition{{"IpAddress", "aws:SourceIp", []string{"10.0.0.0/8"}}}
	allow := Statement{Effect: Allow, Action: []string{"*"}, Resource: []string{"*"}}
	guarded, deny := allow, allow
	guarded.Condition, deny.Condition, deny.Effect = bad, bad, Deny
	req := Request{Principal: copier, Action: "rds:X", Resource: "*"}
	for name, statements := range map[string][]Statement{"allow": {guarded}, "deny": {allow, deny}} {
		pol := Policies{Identity: []Policy{{Name: "p", Doc: Document{Version: Version2012, Statements: statements}}}}
		if d := Evaluate(req, pol); d.Allowed {
			t.Errorf("%s: allowed by %s", name, d.Why)
		}
	}
}
