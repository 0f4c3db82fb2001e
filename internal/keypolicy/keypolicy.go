// Package keypolicy writes the KMS key policy statements that let a copy cross
// the border. Aurora's recovery points stay under the key of their cluster, and
// that key is the user's: the production stack prints the statements to add,
// the preflight looks for them, and the rehearsal's ground holds them, all from
// here.
//
// Why these (AWS Backup Developer Guide, "Creating backup copies across AWS
// accounts" and "Encryption for backups in AWS Backup"): the copying is done by
// AWS Backup's service-linked role in the target account, so that role needs
// the source key. It is not named as the principal, because KMS refuses a
// policy that names a role which does not exist yet; its account is, narrowed
// by aws:PrincipalArn.
package keypolicy

import (
	"encoding/json"
	"strings"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

// Statement is one statement of a key policy, in the form that KMS takes.
type Statement struct {
	Sid       string
	Effect    string
	Principal Principal
	Action    []string
	Resource  string // "*" in a key policy means the key itself
	Condition Condition
}

// Principal is always an account: "arn:aws:iam::<account>:root".
type Principal struct {
	AWS string
}

// Condition maps operator to key to value.
type Condition map[string]map[string]string

// use and grant are the action pair of every cross-account key policy in the
// documentation of RDS, EBS and AWS Backup. DescribeKey stands apart because
// AWS Backup calls it directly and not through RDS.
var (
	describe = []string{"kms:DescribeKey"}
	use      = []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"}
	grant    = []string{"kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"}
)

// ClusterKeyStatements are all statements that the key of each production
// cluster must have: those for production's own backup role, then those for
// every target, in the order of the configuration.
func ClusterKeyStatements(c config.Config) []Statement {
	out := BackupRoleStatements(c)
	for _, t := range c.Targets {
		out = append(out, TargetStatements(c, t)...)
	}
	return out
}

// BackupRoleStatements let production's backup role snapshot and share an
// encrypted cluster.
func BackupRoleStatements(c config.Config) []Statement {
	p := c.ProductionPlace()
	return statements("DbferryBackupRole", p, names.BackupRole, viaRDS(c))
}

// TargetStatements let one target's AWS Backup read copies of the cluster.
func TargetStatements(c config.Config, t config.Target) []Statement {
	return statements("DbferryTo"+Pascal(t.Name), c.Place(t), names.BackupServiceLinkedRole, viaRDS(c))
}

// VaultKeyStatements are the targets' statements on production's vault key,
// under which DynamoDB's recovery points are. They have no kms:ViaService,
// since no page says through which service AWS Backup reads its own vault.
func VaultKeyStatements(c config.Config) []Statement {
	var out []Statement
	for _, t := range c.Targets {
		out = append(out, VaultKeyTargetStatements(c, t)...)
	}
	return out
}

// VaultKeyTargetStatements are those of one target.
func VaultKeyTargetStatements(c config.Config, t config.Target) []Statement {
	return statements("To"+Pascal(t.Name), c.Place(t), names.BackupServiceLinkedRole, nil)
}

func viaRDS(c config.Config) map[string]string {
	return map[string]string{"kms:ViaService": "rds." + c.Region + ".amazonaws.com"}
}

// statements are the three for one role: look, use, and hand on to AWS's own
// services by grants.
func statements(sid string, p names.Place, role string, via map[string]string) []Statement {
	caller := Condition{"ArnEquals": {"aws:PrincipalArn": p.RoleARN(role)}}
	narrow := func(extra Condition) Condition {
		out := Condition{"ArnEquals": caller["ArnEquals"]}
		if via != nil {
			out["StringEquals"] = via
		}
		for op, keys := range extra {
			out[op] = keys
		}
		return out
	}
	allow := func(what string, actions []string, c Condition) Statement {
		return Statement{Sid: sid + what, Effect: "Allow", Principal: Principal{AWS: p.RootARN()}, Action: actions, Resource: "*", Condition: c}
	}
	return []Statement{
		allow("Describe", describe, caller),
		allow("Use", use, narrow(nil)),
		allow("Grant", grant, narrow(Condition{"Bool": {"kms:GrantIsForAWSResource": "true"}})),
	}
}

// JSON is the text to paste into the Statement array of a key policy, one
// statement a line.
func JSON(list []Statement) string {
	lines := make([]string, len(list))
	for i, s := range list {
		raw, err := json.Marshal(s)
		if err != nil {
			panic(err) // strings only
		}
		lines[i] = string(raw)
	}
	return strings.Join(lines, ",\n")
}

// Pascal turns a name such as "staging-eu" into "StagingEu", as statement ids
// and template placeholders allow letters and digits only.
func Pascal(name string) string {
	var b strings.Builder
	for _, word := range strings.Split(name, "-") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}
