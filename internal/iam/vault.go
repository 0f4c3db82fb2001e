package iam

import (
	"fmt"
	"strings"
)

// CopyIntoVault is the one action a backup vault honors across accounts.
const CopyIntoVault = "backup:CopyIntoBackupVault"

// vault is the rule of backup vaults. Everything but a copy into the vault is
// rejected from another account whatever the vault policy says (AWS Backup
// developer guide, "Vault access policies"; docs/aws.md, "Vault rules").
func (e *evaluation) vault() Decision {
	if e.req.crossAccount() && !strings.EqualFold(e.req.Action, CopyIntoVault) {
		return e.refuseOutright(e.policyName(), "across accounts AWS Backup honors only "+CopyIntoVault+", whatever the vault policy says; act through a role in "+e.req.Owner)
	}
	return e.general()
}

// CheckVaultPolicy refuses what AWS Backup refuses when a vault policy is put:
// statements without a principal and wildcards in actions (AWS Backup developer
// guide, "Vault access policies").
func CheckVaultPolicy(d Document) error {
	if err := d.Check(ResourcePolicy); err != nil {
		return err
	}
	for i, s := range d.Statements {
		for _, action := range append(s.Action[:len(s.Action):len(s.Action)], s.NotAction...) {
			if strings.ContainsAny(action, "*?") {
				return fmt.Errorf("vault policy, statement %d%s: action %q: a vault policy takes no wildcards in actions", i+1, inParentheses(s.Sid), action)
			}
		}
	}
	return nil
}
