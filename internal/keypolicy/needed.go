package keypolicy

import (
	"slices"

	"github.com/dbferry/dbferry/internal/config"
)

// unneeded are granted for what AWS may do later with a copy; a copy was never
// seen to ask for them, so that the preflight does not insist (docs/aws.md §2.4).
var unneeded = []string{"kms:Encrypt", "kms:ReEncryptTo", "kms:ListGrants", "kms:RevokeGrant"}

// Needed says whether a copy fails without the action.
func Needed(action string) bool { return !slices.Contains(unneeded, action) }

// Context is what AWS puts into a request that the statement is about.
func (s Statement) Context() map[string][]string {
	out := map[string][]string{}
	for _, keys := range s.Condition {
		for key, value := range keys {
			out[key] = []string{value}
		}
	}
	return out
}

// BackupRoleNeeds are the statements of BackupRoleStatements that a snapshot
// asks for: RDS works under the cluster's own grant and wants another one for
// the snapshot. The policy that AWS Backup's role has grants both, so a key
// policy that leaves permissions to the account satisfies them too.
func BackupRoleNeeds(c config.Config) []Statement {
	return slices.DeleteFunc(BackupRoleStatements(c), func(s Statement) bool {
		return !slices.Contains(s.Action, "kms:DescribeKey") && !slices.Contains(s.Action, "kms:CreateGrant")
	})
}
