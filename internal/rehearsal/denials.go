package rehearsal

import (
	"fmt"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/iam"
)

// denials lists what was refused by policy, each pair of action and resource
// once for each caller, since the operator turned to it. Nobody but dbferry and the AWS services that work for
// it is at work in a rehearsal.
func (s *stage) denials(o Outcome) []Denial {
	var out []Denial
	seen := map[string]bool{}
	for _, d := range s.w.Journal.Denials() {
		key := d.Request.Principal.String() + " " + d.Action + " " + d.Request.Resource
		if seen[key] || d.At.Before(o.Asked) {
			continue
		}
		seen[key] = true
		out = append(out, s.denial(d))
	}
	return out
}

func (s *stage) denial(d awsworld.Decided) Denial {
	out := Denial{
		Account: refusingAccount(d), Who: d.Request.Principal.String(), Action: d.Action, Resource: d.Request.Resource, Why: d.Decision.Why,
	}
	if d.Decision.Fix != nil {
		out.Missing = d.Decision.Fix.String()
	}
	out.Fix = s.fix(out.Account, d)
	return out
}

// refusingAccount is whose policy refused: the owner's of the resource, or the
// caller's own.
func refusingAccount(d awsworld.Decided) string {
	if d.Decision.FixIn == iam.ResourcePolicy && d.Request.Owner != "" || d.Request.Principal.Account == "" {
		return d.Request.Owner
	}
	return d.Request.Principal.Account
}

// fix is the command that mends it: the key of a cluster is the user's, all
// other policies are the stacks'.
func (s *stage) fix(account string, d awsworld.Decided) string {
	if d.Decision.FixIn == iam.ResourcePolicy {
		for _, c := range s.ground.Clusters {
			if arn, ok := s.kms.KeyARN(s.config.Production.Account, c.Key.ID); ok && arn == d.Request.Resource {
				return "add the statement to the key's policy, then `aws kms put-key-policy --key-id " + arn + " --policy-name default --policy file://key-policy.json` in account " + account
			}
		}
	}
	if account == s.config.Production.Account {
		return deployCommand(s.config.ProductionPlace().Stack())
	}
	for _, t := range s.config.Targets {
		if t.Account == account {
			return deployCommand(s.config.Place(t).Stack())
		}
	}
	return fmt.Sprintf("ask who manages account %s", account)
}

func deployCommand(stack string) string { return "`npx cdk deploy " + stack + "`" }
