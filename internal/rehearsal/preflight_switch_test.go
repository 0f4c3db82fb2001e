package rehearsal_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	dnstypes "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/rehearsal"

	simulated "github.com/dbferry/dbferry/internal/awsworld/ssm"
)

// switchTrouble is a ground, or what somebody does to it, of which one check of
// the switch must complain.
type switchTrouble struct {
	ground func(*ground.Account)
	do     func(s *switcher)
}

// switchTroubles has one for every check of what a switch moves.
func switchTroubles() map[string]switchTrouble {
	second := func(edit func(*ground.Proxy)) switchTrouble {
		return switchTrouble{ground: func(a *ground.Account) { edit(&a.Application.Proxies[1]) }}
	}
	return map[string]switchTrouble{
		"proxy-exists":    {ground: func(a *ground.Account) { a.Application.Proxies = a.Application.Proxies[:1] }},
		"proxy-fits-lane": second(func(p *ground.Proxy) { p.Engine, p.Cluster = "aurora-postgresql", "" }),
		"proxy-login":     second(func(p *ground.Proxy) { p.Secrets = []string{"staging/shop/master"} }),
		"proxy-reachable": {ground: func(a *ground.Account) {
			for i, g := range a.SecurityGroups {
				if slices.Contains(a.Application.Proxies[0].Groups, g.ID) {
					a.SecurityGroups[i].Ingress = g.Ingress[:2] // the application's only
				}
			}
		}},
		"switch-parameters": {do: func(s *switcher) {
			s.must(nil, s.Systems().PutParameter(stagingAccount, simulated.ParameterSpec{Name: newParameter, Value: "not-a-secret", Secure: true}))
		}},
		"switch-records": {do: func(s *switcher) {
			s.must(route53.NewFromConfig(s.AWS(stagingAccount)).ChangeResourceRecordSets(s.t.Context(), &route53.ChangeResourceRecordSetsInput{
				HostedZoneId: aws.String(s.zone()), ChangeBatch: &dnstypes.ChangeBatch{Changes: []dnstypes.Change{{Action: dnstypes.ChangeActionCreate, ResourceRecordSet: &dnstypes.ResourceRecordSet{
					Name: aws.String(newRecord), Type: dnstypes.RRTypeA, TTL: aws.Int64(5), ResourceRecords: []dnstypes.ResourceRecord{{Value: aws.String("10.0.0.1")}},
				}}}},
			}))
		}},
		"switch-services": {ground: func(a *ground.Account) { a.Application.Services[0].Name = "another" }},
	}
}

// ready is what staging-ready says in a world with a trouble.
func ready(t *testing.T, tr switchTrouble) (r check.Ready) {
	t.Helper()
	sc := both(t)
	if tr.ground != nil {
		tr.ground(sc.Ground.Account(stagingAccount))
	}
	playIn(t, rehearsal.OpenEmpty, sc, func(o *rehearsal.Operator) error {
		if tr.do != nil {
			tr.do(&switcher{o, t, latest})
		}
		raw, err := o.Ready("staging")
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, &r)
	})
	return r
}

// TestPreflightOfASwitch: everything that a switch moves is proved; what the
// switch would make is neither a proof nor in the way.
func TestPreflightOfASwitch(t *testing.T) {
	r := ready(t, switchTrouble{})
	for name := range switchTroubles() {
		proved := 0
		for _, f := range r.Findings {
			switch {
			case f.Check != name:
			case f.Outcome == check.Proved:
				proved++
			case f.Outcome != check.NotProved || f.Resource != newParameter && f.Resource != "Z"+f.Resource[1:21]+"/"+newRecord:
				t.Errorf("%+v", f)
			}
		}
		if proved == 0 {
			t.Errorf("%s proves nothing", name)
		}
	}
	if len(r.Problems) > 0 {
		t.Errorf("problems: %v", r.Problems)
	}
}

// TestPreflightOfASwitchComplains with a fix, and stops no refresh. Troubles that
// do not hide each other share a world.
func TestPreflightOfASwitchComplains(t *testing.T) {
	for _, names := range [][]string{{"proxy-exists", "switch-parameters"}, {"proxy-fits-lane", "switch-records"}, {"proxy-login", "proxy-reachable", "switch-services"}} {
		t.Run(strings.Join(names, " "), func(t *testing.T) {
			r := ready(t, switchTrouble{
				ground: func(a *ground.Account) {
					for _, name := range names {
						if edit := switchTroubles()[name].ground; edit != nil {
							edit(a)
						}
					}
				},
				do: func(s *switcher) {
					for _, name := range names {
						if do := switchTroubles()[name].do; do != nil {
							do(s)
						}
					}
				},
			})
			for _, name := range names {
				if !slices.ContainsFunc(r.Findings, func(f check.Finding) bool { return f.Check == name && f.Outcome == check.Hinders && f.Fix != "" }) {
					t.Errorf("%s did not complain: %+v", name, r.Findings)
				}
			}
			if len(r.Problems) > 0 {
				t.Errorf("a refresh would be stopped: %v", r.Problems)
			}
		})
	}
}
