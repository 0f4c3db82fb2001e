package check

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/dbferry/dbferry/internal/keypolicy"
)

// FuzzPolicies: whatever AWS hands over as a policy of a key, a vault or a role,
// or as an event pattern, the preflight says something, and proves nothing by
// what it cannot read.
func FuzzPolicies(f *testing.F) {
	for _, seed := range []string{
		"", "{", "[]", "null", trust, matching, `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":["kms:*"],"Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":true}}}]}`,
		`{"account":[{"anything-but":["111111111111"]}]}`, `{"detail":{"status":[{"prefix":"SUCC"}]}}`, `{"account":null}`,
		keyPolicy([]keypolicy.Statement{{Effect: "Allow", Action: []string{"kms:CreateGrant"}, Resource: "*"}}),
	} {
		f.Add(seed)
	}
	checks := []Check{clusterKeyAdmitsBackup, clusterKeyAdmitsTarget, productionVaultAdmitsTarget, targetVaultPolicy, backupRole, restoreRole, busRules}
	f.Fuzz(func(t *testing.T, text string) {
		facts := sound(t)
		for arn, k := range facts.Keys {
			k.Policy = text
			facts.Keys[arn] = k
		}
		facts.Vault.Policy = text
		facts.BackupRole.Trust, facts.RestoreRole.Trust = text, text
		facts.Target.Bus, facts.Rules = "default", []RuleFacts{{Name: "theirs", Pattern: text}}
		for _, c := range checks {
			found := c.Run(facts)
			if len(found) == 0 {
				t.Fatalf("%s says nothing of %q", c.Name, text)
			}
			for _, x := range found {
				if !slices.Contains([]Outcome{Proved, Wrong, NotProved}, x.Outcome) || x.What == "" || (x.Outcome == Wrong) != (x.Fix != "") {
					t.Errorf("%s: %+v", c.Name, x)
				}
				if x.Outcome == Proved && text != "" && !json.Valid([]byte(text)) {
					t.Errorf("%s proves by %q", c.Name, text)
				}
			}
		}
	})
}
