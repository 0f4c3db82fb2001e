package backup

import (
	"strings"
)

// Resource types as AWS Backup names them.
const (
	typeAurora   = "Aurora"
	typeDynamoDB = "DynamoDB"
)

// resource is something that can be backed up, read off its ARN.
type resource struct {
	arn     string
	account string
	region  string
	kind    string // typeAurora or typeDynamoDB
	name    string // cluster identifier or table name
}

// parseResource reads the ARN of an Aurora cluster or a DynamoDB table.
func parseResource(arn string) (resource, error) {
	p := strings.SplitN(arn, ":", 6)
	if len(p) == 6 && p[0] == "arn" {
		r := resource{arn: arn, account: p[4], region: p[3]}
		if name, ok := strings.CutPrefix(p[5], "cluster:"); ok && p[2] == "rds" && name != "" {
			r.kind, r.name = typeAurora, name
			return r, nil
		}
		if name, ok := strings.CutPrefix(p[5], "table/"); ok && p[2] == "dynamodb" && name != "" && !strings.Contains(name, "/") {
			r.kind, r.name = typeDynamoDB, name
			return r, nil
		}
	}
	return resource{}, invalid("Invalid resource ARN %q: the rehearsal backs up arn:aws:rds:…:cluster:… and arn:aws:dynamodb:…:table/…", arn)
}

// snapshotOf is the RDS identifier in the ARN of an Aurora recovery point.
func snapshotOf(arn string) string {
	_, id, _ := strings.Cut(arn, ":cluster-snapshot:")
	return id
}

// vaultARNParts splits arn:aws:backup:REGION:ACCOUNT:backup-vault:NAME.
func vaultARNParts(arn string) (account, region, name string, ok bool) {
	p := strings.SplitN(arn, ":", 7)
	if len(p) != 7 || p[0] != "arn" || p[2] != "backup" || p[5] != "backup-vault" || !vaultName.MatchString(p[6]) {
		return "", "", "", false
	}
	return p[4], p[3], p[6], true
}
