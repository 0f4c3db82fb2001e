package iam

import "testing"

func TestPrincipalGrip(t *testing.T) {
	cases := []struct {
		name string
		p    Principals
		who  Principal
		want grip
	}{
		{"anyone", Principals{Anyone: true}, copier, byItself},
		{"anyone, a service", Principals{Anyone: true}, backupItself, byItself},
		{"AWS star", Principals{AWS: []string{"*"}}, copier, byItself},
		{"role holds its session", Principals{AWS: []string{copier.ARN}}, copier, byRole},
		{"session itself", Principals{AWS: []string{copier.ARN, copier.Session}}, copier, byItself},
		{"another session", Principals{AWS: []string{copier.Session + "2"}}, copier, noGrip},
		{"user", Principals{AWS: []string{person.ARN}}, person, byItself},
		{"root", Principals{AWS: []string{"arn:aws:iam::111111111111:root"}}, copier, byAccount},
		{"account id", Principals{AWS: []string{production}}, copier, byAccount},
		{"other account", Principals{AWS: []string{staging}}, copier, noGrip},
		{"other role", Principals{AWS: []string{"arn:aws:iam::111111111111:role/copier"}}, copier, noGrip},
		{"account does not hold a service", Principals{AWS: []string{production}}, Principal{Service: "rds.amazonaws.com", Account: production}, noGrip},
		{"service", Principals{Service: []string{"backup.amazonaws.com"}}, backupItself, byItself},
		{"other service", Principals{Service: []string{"rds.amazonaws.com"}}, backupItself, noGrip},
		{"service does not hold a role", Principals{Service: []string{"backup.amazonaws.com"}}, backupSLR, noGrip},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.p.grip(c.who); got != c.want {
				t.Errorf("grip %d, want %d", got, c.want)
			}
		})
	}
}

// NotPrincipal spares a caller only when everything above it is listed too.
func TestNotPrincipal(t *testing.T) {
	const root = `"arn:aws:iam::111111111111:root"`
	role, session := `"`+copier.ARN+`"`, `"`+copier.Session+`"`
	req := Request{Principal: copier, Action: "s3:GetObject", Resource: "arn:aws:s3:::inbox/a", Owner: production}
	allow := `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`
	deny := func(list string) string {
		return `{"Effect":"Deny","NotPrincipal":{"AWS":[` + list + `]},"Action":"s3:*","Resource":"*"}`
	}
	runCases(t, []decisionCase{
		{name: "all listed", req: req, identity: allow, resource: deny(root + "," + role + "," + session)},
		{name: "session missing", req: req, identity: allow, resource: deny(root + "," + role), want: "explicit"},
		{name: "account missing", req: req, identity: allow, resource: deny(role + "," + session), want: "explicit"},
		{name: "only the account", req: req, identity: allow, resource: deny(root), want: "explicit"},
	})
}

func TestPrincipalNames(t *testing.T) {
	for want, p := range map[string]Principal{
		"role copier in 111111111111": copier, "user operator in 111111111111": person,
		"service principal backup.amazonaws.com": backupItself, "an unknown principal": {},
		"root of 111111111111": {ARN: "arn:aws:iam::111111111111:root"},
	} {
		if got := p.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
