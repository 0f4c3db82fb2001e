package check

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/keypolicy"
	"github.com/dbferry/dbferry/internal/names"
)

// Policies are evaluated by internal/iam, as the rehearsal does, with the
// request that AWS would make. What the caller's own policies say is taken as
// allowed: these checks are about the other side.

// caller is who asks, with permission of his own for everything.
func caller(p names.Place, org, role string) (iam.Principal, []iam.Policy) {
	who := iam.Principal{ARN: p.RoleARN(role), Account: p.Account, Org: org, ServiceLinked: strings.HasPrefix(role, "aws-service-role/")}
	own := iam.Policy{Name: "own permissions of " + role, Account: p.Account, Doc: iam.Document{Version: iam.Version2012,
		Statements: []iam.Statement{{Effect: iam.Allow, Action: []string{"*"}, Resource: []string{"*"}}}}}
	return who, []iam.Policy{own}
}

// vaultAdmits asks whether production's backup role may copy into the target's
// vault.
func vaultAdmits(f Facts) (iam.Decision, error) {
	v := f.Vault
	pol, err := readPolicy("policy of vault "+v.Name, f.Target.Account, v.Policy)
	if err != nil {
		return iam.Decision{}, err
	}
	who, own := caller(f.Config.ProductionPlace(), f.Config.OrganizationID, names.BackupRole)
	return iam.Evaluate(iam.Request{Principal: who, Action: iam.CopyIntoVault, Resource: v.ARN, Owner: f.Target.Account, Kind: iam.VaultCopy},
		iam.Policies{Identity: own, Resource: pol}), nil
}

// readPolicy parses a resource policy; empty text is no policy.
func readPolicy(name, account, text string) (*iam.Policy, error) {
	if text == "" {
		return nil, nil
	}
	doc, err := iam.ParseDocument([]byte(text))
	if err != nil {
		return nil, err
	}
	return &iam.Policy{Name: name, Account: account, Doc: doc}, nil
}

// keyAdmits asks a key's policy for the calls of one role. It returns the
// statements of which an action is refused, each cut to those actions.
func keyAdmits(f Facts, k KeyFacts, p names.Place, role string, wanted []keypolicy.Statement) ([]keypolicy.Statement, error) {
	pol, err := readPolicy("policy of key "+k.ARN, f.Config.Production.Account, k.Policy)
	if err != nil {
		return nil, err
	}
	who, own := caller(p, f.Config.OrganizationID, role)
	var missing []keypolicy.Statement
	for _, st := range wanted {
		var refused []string
		for _, action := range st.Action {
			d := iam.Evaluate(iam.Request{Principal: who, Action: action, Resource: k.ARN, Owner: f.Config.Production.Account, Kind: iam.Key, Context: st.Context()},
				iam.Policies{Identity: own, Resource: pol})
			if !d.Allowed && keypolicy.Needed(action) {
				refused = append(refused, action)
			}
		}
		if len(refused) > 0 {
			st.Action = refused
			missing = append(missing, st)
		}
	}
	return missing, nil
}

// keyFinding is the finding of a key policy check for one resource.
func keyFinding(f Facts, resource string, k KeyFacts, p names.Place, role string, wanted []keypolicy.Statement) Finding {
	switch {
	case k.Unread != "":
		return unproved(resource, k.Unread)
	case k.PolicyError != "":
		return unproved(resource, "the policy of key "+k.ARN+" cannot be read: "+k.PolicyError)
	case k.Missing:
		return unproved(resource, "there is no key "+k.ARN+" to ask")
	}
	missing, err := keyAdmits(f, k, p, role, wanted)
	if err != nil {
		return unproved(resource, fmt.Sprintf("the policy of key %s cannot be evaluated: %v", k.ARN, err))
	}
	if len(missing) == 0 {
		return proved(resource, "the policy of key %s allows %s to role %s of account %s", k.ARN, actions(wanted), shortRole(role), p.Account)
	}
	return wrong(resource, fmt.Sprintf("the policy of its key %s does not allow %s to role %s of account %s", k.ARN, actions(missing), shortRole(role), p.Account),
		fmt.Sprintf("in account %s add to the key's policy %s and put it back: `aws kms get-key-policy --key-id %s --policy-name default --query Policy --output text`, `aws kms put-key-policy --key-id %s --policy-name default --policy file://key-policy.json`",
			f.Config.Production.Account, strings.ReplaceAll(keypolicy.JSON(missing), "\n", " "), k.ARN, k.ARN))
}

func shortRole(role string) string { return role[strings.LastIndex(role, "/")+1:] }

// actions lists the needed actions of statements.
func actions(list []keypolicy.Statement) string {
	var out []string
	for _, st := range list {
		for _, a := range st.Action {
			if keypolicy.Needed(a) {
				out = append(out, a)
			}
		}
	}
	return strings.Join(out, ", ")
}

// roleFinding says whether AWS Backup may assume a role.
func roleFinding(r *RoleFacts, account, name, stack string) Finding {
	fix := "`npx cdk deploy " + stack + "`"
	if r == nil {
		return wrong(name, "there is no such role in account "+account, fix)
	}
	pol, err := readPolicy("trust of "+name, account, r.Trust)
	if err != nil {
		return unproved(name, fmt.Sprintf("its trust policy cannot be evaluated: %v", err))
	}
	d := iam.Evaluate(iam.Request{Principal: iam.Principal{Service: BackupService}, Action: "sts:AssumeRole", Resource: r.ARN, Owner: account, Kind: iam.Trust}, iam.Policies{Resource: pol})
	if !d.Allowed {
		return wrong(name, "its trust policy does not let "+BackupService+" assume it", fix)
	}
	return proved(name, "role %s is there and %s may assume it", r.ARN, BackupService)
}

// lockFinding compares a vault's lock with the configured retention.
func lockFinding(v VaultFacts, days int64) Finding {
	switch {
	case v.MinDays > 0 && days < v.MinDays:
		return wrong(v.ARN, fmt.Sprintf("its vault lock keeps recovery points for at least %d days, limits.retentionDays is %d", v.MinDays, days),
			fmt.Sprintf("set limits.retentionDays to %d or more in dbferry.json and deploy both stacks", v.MinDays))
	case v.MaxDays > 0 && days > v.MaxDays:
		return wrong(v.ARN, fmt.Sprintf("its vault lock keeps recovery points for at most %d days, limits.retentionDays is %d", v.MaxDays, days),
			fmt.Sprintf("set limits.retentionDays to %d or less in dbferry.json and deploy both stacks", v.MaxDays))
	case v.MinDays == 0 && v.MaxDays == 0:
		return proved(v.ARN, "no vault lock limits the retention of %d days", days)
	}
	return proved(v.ARN, "its vault lock (%d to %d days) admits the retention of %d days", v.MinDays, v.MaxDays, days)
}

// vaultKeyFinding says whether a vault is under an enabled key of the
// customer's.
func vaultKeyFinding(v VaultFacts, k KeyFacts, stack string) Finding {
	fix := "`npx cdk deploy " + stack + "`"
	switch {
	case k.Unread != "":
		return unproved(v.ARN, k.Unread)
	case k.Missing:
		return wrong(v.ARN, "its key "+v.KeyARN+" does not exist", fix)
	case k.Manager != "CUSTOMER":
		return wrong(v.ARN, "its key "+v.KeyARN+" is not customer managed", fix)
	case k.State != "Enabled":
		return wrong(v.ARN, "its key "+v.KeyARN+" is "+k.State, "`aws kms enable-key --key-id "+v.KeyARN+"`")
	}
	return proved(v.ARN, "its key %s is customer managed and enabled", v.KeyARN)
}

// hasField says whether a JSON object has a member.
func hasField(object, name string) bool {
	var members map[string]json.RawMessage
	return json.Unmarshal([]byte(object), &members) == nil && members[name] != nil
}
