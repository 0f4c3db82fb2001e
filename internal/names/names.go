// Package names computes every name that crosses between accounts or between
// the CDK app and the functions. Stacks never refer to each other: what one
// account must know of the other is a name computed here from the
// configuration (docs/adr/0003).
package names

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Prefix begins the name of everything that dbferry owns.
const Prefix = "dbferry"

// ProductionSide is the value of a function's side in the production account;
// in a target account the side is the target's name.
const ProductionSide = "production"

// Names of tags on what dbferry makes. TagRefresh carries the refresh id.
const (
	TagOwner   = "dbferry:owner"   // always "dbferry"
	TagRefresh = "dbferry:refresh" // refresh id
	TagSource  = "dbferry:source"  // source resource's name
	TagTarget  = "dbferry:target"  // target's name
)

// Place is an account in a Region, with the side that it plays.
type Place struct {
	Side    string // ProductionSide, or the target's name
	Account string
	Region  string
}

func (p Place) arn(service, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, p.Region, p.Account, resource)
}

// Stack is the CloudFormation stack of the side.
func (p Place) Stack() string { return Prefix + "-" + p.Side }

// Vault is the backup vault of the side.
func (p Place) Vault() string { return Prefix + "-" + p.Side }

// VaultARN is its ARN.
func (p Place) VaultARN() string { return p.arn("backup", "backup-vault:"+p.Vault()) }

// KeyAlias is the alias of the vault's key.
func (p Place) KeyAlias() string { return "alias/" + Prefix + "-" + p.Side }

// Ledger is the private bucket of the side.
func (p Place) Ledger() string {
	return strings.Join([]string{Prefix, "ledger", p.Side, p.Account, p.Region}, "-")
}

// Inbox is the bucket of a target into which production writes manifests.
func (p Place) Inbox() string {
	return strings.Join([]string{Prefix, "inbox", p.Side, p.Account, p.Region}, "-")
}

// Bus is the target's event bus when the configuration does not choose the
// default one.
func (p Place) Bus() string { return Prefix + "-" + p.Side }

// BusARN is the ARN of the named bus.
func (p Place) BusARN(bus string) string { return p.arn("events", "event-bus/"+bus) }

// Topic is the notification topic of the side.
func (p Place) Topic() string { return Prefix + "-" + p.Side }

// TopicARN is its ARN.
func (p Place) TopicARN() string { return p.arn("sns", p.Topic()) }

// Function is the Lambda function that runs one step.
func (p Place) Function(step string) string { return Prefix + "-" + step }

// FunctionARN is its ARN.
func (p Place) FunctionARN(step string) string {
	return p.arn("lambda", "function:"+p.Function(step))
}

// FunctionRole is the name of the function's role.
func (p Place) FunctionRole(step string) string { return Prefix + "-fn-" + step }

// RoleARN is the ARN of a role of this account.
func (p Place) RoleARN(name string) string {
	return fmt.Sprintf("arn:aws:iam::%s:role/%s", p.Account, name)
}

// RootARN names the account itself as a principal.
func (p Place) RootARN() string { return fmt.Sprintf("arn:aws:iam::%s:root", p.Account) }

// BackupRole is the role that AWS Backup assumes in production; RestoreRole in
// a target.
const (
	BackupRole  = Prefix + "-backup"
	RestoreRole = Prefix + "-restore"
)

// BackupServiceLinkedRole is the path and name of AWS Backup's service-linked
// role, which does the copying in the destination account (R 1.6).
const BackupServiceLinkedRole = "aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"

// Machine names a state machine: the file's name and the target it serves, if it
// serves one.
func Machine(file, target string) string {
	if target == "" {
		return Prefix + "-" + file
	}
	return Prefix + "-" + file + "-" + target
}

// ProductionMigrate is the file of the machine that migrates a production
// cluster. It takes the same locks as a refresh, by the same rules.
const ProductionMigrate = "production-migrate"

// MachineARN is the ARN of a machine in this account.
func (p Place) MachineARN(file, target string) string {
	return p.arn("states", "stateMachine:"+Machine(file, target))
}

// MachineRole is the role of a machine.
func MachineRole(file, target string) string { return Machine(file, target) }

// ForwardRule carries production's success events to a target's bus; the role
// that delivers them has the same name.
func ForwardRule(target string) string { return Prefix + "-forward-" + target }

// Security groups of a target's stack: the one of the functions that log in to
// databases, and the one a restored cluster wears until it is opened.
func (p Place) FunctionsSecurityGroup() string  { return Prefix + "-functions-" + p.Side }
func (p Place) QuarantineSecurityGroup() string { return Prefix + "-quarantine-" + p.Side }

// ManifestKey is where in the inbox the manifest of a refresh is put.
func ManifestKey(refreshID string) string { return ManifestPrefix + refreshID + ".json" }

// ManifestPrefix begins every manifest's key; ReadyKey is the one key that
// production may read.
const (
	ManifestPrefix = "manifests/"
	ReadyKey       = "ready.json"
)

// MaxRestoredCluster is RDS's limit on a cluster identifier; a DB instance
// identifier has the same.
const MaxRestoredCluster = 63

// RestoredCluster names the cluster that a refresh restores: source, then the
// refresh id. A source too long for RDS's 63 characters is shortened and made
// unique by a hash of its whole name.
func RestoredCluster(source, refreshID string) string {
	return fit(source, "-"+refreshID, MaxRestoredCluster-3) // room for "-NN" of its instances
}

// RestoredInstance names the n-th instance (from 1) of a restored cluster.
func RestoredInstance(cluster string, n int) string { return fmt.Sprintf("%s-%d", cluster, n) }

// RestoredTable names the table that a refresh restores; DynamoDB allows 255
// characters.
func RestoredTable(source, refreshID string) string { return fit(source, "-"+refreshID, 255) }

// RestoredAlarm names the alarm that a restored resource has in place of
// production's; CloudWatch allows 255 characters. The slash keeps it apart from
// the alarms of dbferry's own stacks.
func RestoredAlarm(restored, alarm string) string {
	if name := RestoredAlarms + restored + "/" + alarm; len(name) <= 255 {
		return name
	}
	sum := sha256.Sum256([]byte(restored + "/" + alarm))
	return RestoredAlarms + cut(restored, 120) + "/" + cut(alarm, 100) + "-" + hex.EncodeToString(sum[:])[:12]
}

// RestoredAlarmsOf begins the names of the alarms on one restored resource; that
// of a name of more than 120 bytes may be another's as well.
func RestoredAlarmsOf(restored string) string {
	if len(restored) <= 120 {
		return RestoredAlarms + restored + "/"
	}
	return RestoredAlarms + cut(restored, 120)
}

// RestoredAlarms begins the name of every alarm on a restored resource.
const RestoredAlarms = Prefix + "/"

// IsSecret says whether an ARN is that of a secret's name, to which AWS adds a
// hyphen and six characters.
func IsSecret(arn, name string) bool {
	_, id, found := strings.Cut(arn, ":secret:")
	return arn == name || found && len(id) == len(name)+7 && strings.HasPrefix(id, name+"-")
}

// LoginSecrets begins the names of the secrets that refreshes make for a
// target's logins.
func LoginSecrets(target string) string { return Prefix + "/" + target + "/" }

// LoginSecret names the secret with a login's password in one generation. The
// refresh id is not its end: a name that ends in a hyphen and six characters is
// taken for a part of an ARN (Secrets Manager API Reference, CreateSecret).
func LoginSecret(target, source, refreshID, user string) string {
	return LoginSecrets(target) + source + "/" + refreshID + "/" + secretUser(user)
}

// IsLoginSecret says whether an ARN is that of some generation's secret of a
// login.
func IsLoginSecret(arn, target, source, user string) bool {
	_, name, _ := strings.Cut(arn, ":secret:")
	rest, ours := strings.CutPrefix(name, LoginSecrets(target)+source+"/")
	if !ours || len(rest) < 7 {
		return false
	}
	_, is, _ := strings.Cut(rest[:len(rest)-7], "/") // without the suffix of the ARN
	return is == secretUser(user)
}

// secretUser is a user's name in the characters that a secret's name may have.
func secretUser(user string) string {
	ok := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_+=.@-", r) {
			return r
		}
		return '_'
	}
	if clean := strings.Map(ok, user); clean == user {
		return user
	} else {
		sum := sha256.Sum256([]byte(user))
		return clean + "+" + hex.EncodeToString(sum[:])[:8]
	}
}

// cut keeps at most n bytes, and no half of a character.
func cut(s string, n int) string { return strings.ToValidUTF8(s[:min(n, len(s))], "") }

// Attempt is what stands for the refresh id in the name that an attempt (from 1)
// restores under: a later one takes a name of its own, because an earlier one
// may have left its resource.
func Attempt(refreshID string, attempt int) string {
	if attempt <= 1 {
		return refreshID
	}
	return fmt.Sprintf("%s-r%d", refreshID, attempt)
}

func fit(name, suffix string, limit int) string {
	if len(name)+len(suffix) <= limit {
		return name + suffix
	}
	sum := sha256.Sum256([]byte(name))
	mark := "-" + hex.EncodeToString(sum[:])[:6]
	return strings.TrimRight(name[:limit-len(suffix)-len(mark)], "-._") + mark + suffix
}

// Table is the ARN of a DynamoDB table, Cluster that of an Aurora cluster.
func (p Place) Table(name string) string { return p.arn("dynamodb", "table/"+name) }
func (p Place) Cluster(id string) string { return p.arn("rds", "cluster:"+id) }
