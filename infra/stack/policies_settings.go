package stack

import (
	"slices"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

// Statements of the steps that give restored resources their settings. What a
// target's configuration does not ask for is not allowed either.

func (g grants) addInstances(t config.Target) []statement {
	out := []statement{
		g.lookAtClusters(),
		g.lookAtInstances(),
		// The option group is RDS's default one, which RDS checks like a named one.
		allow("CreateInstances", []string{"rds:CreateDBInstance"},
			g.clusters(), g.instances(), g.arn("rds", "pg:*"), g.arn("rds", "og:*"), g.arn("rds", "subgrp:*")),
		allow("TagInstances", []string{"rds:AddTagsToResource"}, g.instances()),
	}
	var roles []string
	for _, c := range t.Clusters {
		if c.MonitoringRole != "" {
			roles = append(roles, c.MonitoringRole)
		}
	}
	return append(out, passConfigured("PassMonitoringRoles", "monitoring.rds.amazonaws.com", roles)...)
}

// passConfigured lets a step hand the configured roles, and no others, to one
// service; nothing when none is configured.
func passConfigured(sid, service string, roles []string) []statement {
	if len(roles) == 0 {
		return nil
	}
	slices.Sort(roles)
	return []statement{allow(sid, []string{"iam:PassRole"}, slices.Compact(roles)...).when(condition{"StringEquals": {"iam:PassedToService": service}})}
}

func (g grants) finishCluster(t config.Target) []statement {
	out := []statement{
		g.lookAtClusters(),
		g.lookAtInstances(),
		g.tagClusters(),
		g.modifyOwnClusters(),
		lookAtScaling(),
	}
	out = append(out, g.ownAlarms(clusterAlarms(t))...)
	var roles []string
	readers := false
	for _, c := range t.Clusters {
		for _, r := range c.Roles {
			roles = append(roles, r.Role)
		}
		readers = readers || c.MaxReplicas > 0
	}
	if len(roles) > 0 {
		out = append(out, allow("AddRoles", []string{"rds:AddRoleToDBCluster"}, g.clusters()).when(ours()))
		out = append(out, passConfigured("PassClusterRoles", "rds.amazonaws.com", roles)...)
	}
	if readers {
		out = append(out, g.scale("rds", "AWSServiceRoleForApplicationAutoScaling_RDSCluster", "TargetTracking-cluster:*")...)
		out = append(out, g.scaleReaders())
	}
	return out
}

func (g grants) finishTable(t config.Target) []statement {
	out := []statement{
		allow("LookAtTables", tableLooks, g.tables()),
		allow("ChangeOwnTables", []string{
			"dynamodb:UpdateTimeToLive", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable", "dynamodb:TagResource",
		}, g.tables()).when(ours()),
		lookAtScaling(),
	}
	out = append(out, g.scale("dynamodb", "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable", "TargetTracking-table/*")...)
	return append(out, g.ownAlarms(tableAlarms(t))...)
}

// scale lets a step register scalable targets of one namespace that carry
// dbferry's tag from the start, and put policies on such. AWS makes up their
// ARNs, so no name can narrow them. That the resource is dbferry's own is asked
// by the target service, with the caller's own permissions.
func (g grants) scale(namespace, role, alarms string) []statement {
	target, principal := g.arn("application-autoscaling", "scalable-target/*"), namespace+".application-autoscaling.amazonaws.com"
	tagged := condition{"StringEquals": {"aws:RequestTag/" + names.TagOwner: names.Prefix}}
	of := condition{"StringEquals": {"application-autoscaling:service-namespace": namespace}}
	return []statement{
		allow("RegisterScaling", []string{"application-autoscaling:RegisterScalableTarget"}, target).when(tagged.also(of)),
		allow("CorrectScaling", []string{"application-autoscaling:RegisterScalableTarget", "application-autoscaling:PutScalingPolicy"}, target).when(ours().also(of)),
		allow("TagScaling", []string{"application-autoscaling:TagResource"}, target).when(tagged),
		allow("ScalingAlarms", []string{"cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"}, g.alarms(alarms)),
		allow("ScalingRole", []string{"iam:CreateServiceLinkedRole"}, g.RoleARN("aws-service-role/"+principal+"/"+role)).
			when(condition{"StringEquals": {"iam:AWSServiceName": principal}}),
	}
}

// scaleReaders is what Application Auto Scaling asks of the caller before it acts
// itself (user guide, "Permissions validation"); it names the readers.
func (g grants) scaleReaders(more ...string) statement {
	return allow("ScaleReaders", append([]string{"rds:AddTagsToResource", "rds:CreateDBInstance", "rds:DeleteDBInstance"}, more...), g.arn("rds", "db:application-autoscaling-*"))
}

// ownAlarms lets a step put alarms of restored resources, which tell the
// target's own topic or nobody; none when the configuration wants none.
func (g grants) ownAlarms(modes []string) []statement {
	if len(modes) > 0 && !slices.ContainsFunc(modes, func(m string) bool { return m != config.AlarmsNone }) {
		return nil
	}
	own := g.alarms(names.RestoredAlarms + "*")
	return []statement{
		allow("LookAtAlarms", []string{"cloudwatch:DescribeAlarms"}, own),
		allow("PutAlarms", []string{"cloudwatch:PutMetricAlarm"}, own).
			when(condition{"ForAllValues:StringEquals": {"cloudwatch:AlarmActions": g.TopicARN()}}),
		allow("TagAlarms", []string{"cloudwatch:TagResource"}, own).when(condition{"StringEquals": {"aws:RequestTag/" + names.TagOwner: names.Prefix}}),
	}
}

func clusterAlarms(t config.Target) []string {
	var out []string
	for _, c := range t.Clusters {
		out = append(out, c.Alarms)
	}
	return out
}

// tableAlarms: a table that no entry matches has quiet alarms.
func tableAlarms(t config.Target) []string {
	out := []string{}
	all := false
	for _, s := range t.Tables {
		out = append(out, s.Alarms)
		all = all || s.Match == "*"
	}
	if !all {
		out = append(out, "")
	}
	return out
}
