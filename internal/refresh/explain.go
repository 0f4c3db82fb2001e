package refresh

import (
	"fmt"
	"strings"

	"github.com/dbferry/dbferry/internal/converge"
)

// failedJob is the state of a job that AWS ended badly, with what to do next.
func failedJob(state, message string) converge.JobState {
	if message == "" {
		message = "AWS Backup gives no reason"
	}
	return converge.JobState{Failed: fmt.Sprintf("the job ended %s: %s", state, message), Next: explain(message)}
}

// explanations leads from what AWS Backup says to what to do (docs/aws.md §11).
// Texts are matched in lower case; the first that is contained wins.
var explanations = []struct{ contains, next string }{
	{"same organization", "both accounts must be in one AWS Organization; `aws organizations describe-organization` in each"},
	{"cross-account copy feature is not enabled", "in the management account: `aws backup update-global-settings --global-settings isCrossAccountBackupEnabled=true`"},
	{"trying to call aws backup service", "the target's vault policy must allow backup:CopyIntoBackupVault to production: `npx cdk deploy dbferry-<target>` puts the statement back"},
	{"default backup service managed key", "the target's vault must be under a customer managed key: `npx cdk deploy dbferry-<target>`"},
	{"aws managed key", "the cluster is under an AWS managed key, which cannot leave the account; rebuild it from a snapshot with a customer managed key"},
	{"creategrant", "add kms:CreateGrant for the target to the cluster key's policy; the stack's output ClusterKeyStatements has the statement; `aws kms put-key-policy`"},
	{"kms key", "see that this key is enabled (`aws kms describe-key`); a cluster's key must also admit the target's AWS Backup role: add the statements of the stack's output ClusterKeyStatements with `aws kms put-key-policy`"},
	{"inaccessible-encryption-credentials", "see that the key of the target's vault is enabled (`aws kms describe-key`)"},
	{"reached the limit", "delete old generations, or raise the quota (`aws service-quotas request-service-quota-increase`); then continue with resume"},
	{"dbsubnetgroup", "the DB subnet group that dbferry.json names must be there: `aws rds describe-db-subnet-groups`"},
	{"subnet group", "the DB subnet group that dbferry.json names must be there: `aws rds describe-db-subnet-groups`"},
	{"security group", "the security groups must be in the VPC of the DB subnet group; `npx cdk deploy dbferry-<target>` puts dbferry's own back"},
	{"resource not found", "the source is gone: correct dataSet in dbferry.json if it is meant to be, and start a new refresh"},
	{"already exists", "see whose it is; continue with resume, which restores under another name"},
	{"running job for the same resource", "another backup or copy job of this resource was running; move the other plan's window, then continue with resume"},
	{"too many copy jobs", "another copy job of this resource was running; continue with resume when it is done"},
	{"50 user tags", "remove tags from the resource: AWS allows 50 after merging"},
	{"retention", "the target's vault lock limits retention; change limits.retentionDays in dbferry.json"},
	{"service-linked role", "`aws iam create-service-linked-role --aws-service-name backup.amazonaws.com` in the target"},
	{"does not have sufficient permissions", "the role of AWS Backup lacks a permission; `npx cdk diff` shows what dbferry's stacks would allow"},
	{"cannot be assumed by aws backup", "the role's trust policy must name backup.amazonaws.com: `npx cdk deploy` puts it back"},
	{"not authorized", "allow the action named above on the side named above; `npx cdk diff` shows what dbferry's stacks would allow"},
	{"access denied", "allow the action named above on the side named above; `npx cdk diff` shows what dbferry's stacks would allow"},
}

func explain(message string) string {
	low := strings.ToLower(message)
	for _, e := range explanations {
		if strings.Contains(low, e.contains) {
			return e.next
		}
	}
	return "look at the job in the AWS Backup console; when its cause is mended, continue with resume"
}
