package stack

import (
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/names"
)

// Statements that both sides' tables use, with the resource types of AWS's
// Service Authorization Reference. An action that has none there says so in
// Why.

// grants writes statements for the resources of one account.
type grants struct{ names.Place }

func (g grants) arn(service, resource string) string { return arn(g.Place, service, resource) }

func allow(sid string, actions []string, resources ...string) statement {
	return statement{Sid: sid, Actions: actions, Resources: resources}
}

func (s statement) when(c condition) statement {
	s.Condition = s.Condition.also(c)
	return s
}

// anything is for actions without resource types.
func anything(sid, why string, actions ...string) statement {
	return statement{Sid: sid, Actions: actions, Resources: []string{"*"}, Why: why}
}

const noResourceType = "the action has no resource types (Service Authorization Reference)"

// ours limits a change to what carries dbferry's tag.
func ours() condition {
	return condition{"StringEquals": {"aws:ResourceTag/" + names.TagOwner: names.Prefix}}
}

func (g grants) clusters() string  { return g.arn("rds", "cluster:*") }
func (g grants) instances() string { return g.arn("rds", "db:*") }
func (g grants) tables() string    { return g.arn("dynamodb", "table/*") }

// recoveryPoints are Aurora's snapshots and DynamoDB's advanced backups, by the
// forms of their ARNs (AWS Backup, "Access control").
func (g grants) recoveryPoints() []string {
	return []string{g.arn("rds", "cluster-snapshot:awsbackup:*"), g.arn("backup", "recovery-point:*")}
}

func (g grants) lookAtClusters() statement {
	return allow("LookAtClusters", []string{"rds:DescribeDBClusters"}, g.clusters())
}

func (g grants) lookAtInstances() statement {
	return allow("LookAtInstances", []string{"rds:DescribeDBInstances"}, g.instances())
}

// lookAtScaling reads scalable targets and policies.
func lookAtScaling() statement {
	return anything("LookAtScaling", noResourceType, "application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies")
}

// tableLooks are what the comparison of a table reads on either side.
var tableLooks = []string{"dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive", "dynamodb:DescribeContinuousBackups", "dynamodb:ListTagsOfResource"}

func (g grants) alarms(pattern string) string { return g.arn("cloudwatch", "alarm:"+pattern) }

func (g grants) modifyOwnClusters() statement {
	return allow("ModifyOwnClusters", []string{"rds:ModifyDBCluster"}, g.clusters()).when(ours())
}

// passRole lets a step hand a role to AWS Backup and to no other service.
func (g grants) passRole(name string) statement {
	return allow("PassBackupRole", []string{"iam:PassRole"}, g.RoleARN(name)).
		when(condition{"StringEquals": {"iam:PassedToService": "backup.amazonaws.com"}})
}

func regionSettings() statement {
	return anything("BackupOptIns", noResourceType, "backup:DescribeRegionSettings")
}

// executions are those of a machine itself and of its Distributed Maps, whose
// ARNs carry the map's label after the name.
func (g grants) executions(machine string) []string {
	return []string{g.arn("states", "execution:"+machine+":*"), g.arn("states", "execution:"+machine+"/*:*")}
}

// holders are the executions that may hold a lock: a dead holder is recognized
// by its execution's status.
func (g grants) holders(machines ...string) statement {
	var all []string
	for _, m := range machines {
		all = append(all, g.arn("states", "execution:"+m+":*"))
	}
	return allow("LockHolders", []string{"states:DescribeExecution"}, all...)
}

// closing and notifying are the two steps that both sides have.
func (g grants) closing() step {
	return step{name: "close-run", description: "Records how a run ended and frees its locks", wholeSet: true, ledger: readWriteUnlock}
}

func (g grants) notifying() step {
	return step{name: "notify", description: "Tells people how a run ended", ledger: readWrite, policy: []statement{g.publish()}}
}

func (g grants) publish() statement {
	return allow("Notify", []string{"sns:Publish"}, g.TopicARN())
}

// secrets are the ARNs of named secrets; Secrets Manager appends six characters
// to the name. A configured ARN stays as it is.
func (g grants) secrets(configured []string) []string {
	var out []string
	for _, name := range configured {
		if !strings.HasPrefix(name, "arn:") {
			name = g.arn("secretsmanager", "secret:"+name+"-??????")
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
