package iam

import "testing"

func TestVariables(t *testing.T) {
	ctx := requestContext{
		"aws:principalaccount": {production}, "aws:tagkeys": {"a", "b"}, "aws:username": {"star*"},
	}
	cases := []struct {
		name, value, text string
		want              bool
	}{
		{"key in any case", "arn:${AWS:PrincipalAccount}:x", "arn:111111111111:x", true},
		{"no value matches nothing", "arn:${aws:Nobody}:x", "arn::x", false},
		{"several values match nothing", "${aws:TagKeys}", "a", false},
		{"default", "${aws:Nobody, 'none'}", "none", true},
		{"default is not used when there is a value", "${aws:PrincipalAccount, 'none'}", "none", false},
		{"a star in a value is a star", "${aws:username}", "starfish", false},
		{"a star in a value matches itself", "${aws:username}-*", "star*-1", true},
		{"written-out characters", "${*}${?}${$}", "*?$", true},
		{"wildcards around", "a*${aws:PrincipalAccount}*", "ab111111111111c", true},
		{"not closed", "${aws:PrincipalAccount", "111111111111", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, ok := expand(c.value, wild, ctx)
			if got := ok && p.matches(c.text); got != c.want {
				t.Errorf("%q matches %q: %v, want %v", c.value, c.text, got, c.want)
			}
		})
	}
}

func TestVariablesNeedTheNewLanguage(t *testing.T) {
	statement := `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::${aws:PrincipalAccount}"}`
	req := Request{Principal: copier, Action: "s3:GetObject", Resource: "arn:aws:s3:::111111111111"}
	for version, want := range map[string]bool{Version2012: true, Version2008: false} {
		pol := Policies{Identity: []Policy{{Name: "p", Doc: document(t, `{"Version":"`+version+`","Statement":`+statement+`}`)}}}
		if got := Evaluate(req, pol).Allowed; got != want {
			t.Errorf("version %s: allowed %v, want %v", version, got, want)
		}
	}
}
