package stack

import (
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

// migrateSteps is the table of the functions that migrate clusters; none where
// the configuration does not ask for it. Only they may change production, each
// only what its step is for.
func migrateSteps(c config.Config) []step {
	m := c.Production.Migrate
	if m == nil {
		return nil
	}
	g := migrateGrants{grants{c.ProductionPlace()}, *m}
	machines := []string{names.Machine(productionMigrate, "")}
	for _, t := range c.Targets {
		machines = append(machines, names.Machine(productionBackup, t.Name))
	}
	return []step{
		{name: "plan-migration", description: "Takes the cluster's lock, asks every check, writes the plan", timeout: long, inNetwork: true, ledger: readWrite,
			policy: slices.Concat(g.clustersAnd(g.lookAtInstances(), g.lookAtDeployments()), g.ask(), g.secretsOf(true), []statement{g.holders(machines...)}, g.takeOver(), g.replicationLogins())},
		{name: "create-green", description: "Asks for the Blue/Green deployment of the plan", ledger: readWrite, policy: append(g.clustersAnd(g.lookAtDeployments(), g.createGreen()), g.detachFirst()...)},
		{name: "settle-green", description: "Waits for every member, and reboots green's that need it", ledger: readWrite,
			policy: g.clustersAnd(g.lookAtInstances(), allow("RebootGreen", []string{"rds:RebootDBInstance"}, g.arn("rds", "db:*-green-??????")))},
		{name: "verify-green", description: "Compares green with the plan and with blue", timeout: 900, inNetwork: true, ledger: readWrite,
			policy: slices.Concat(g.clustersAnd(g.lookAtInstances(), g.lag()), g.secretsOf(true), g.auditLogs())},
		{name: "request-approval", description: "Tells people what there is to approve", ledger: readWrite, policy: append(g.lookAtProxies(), g.publish())},
		{name: "answer-approval", description: "Takes the answer of an approver, through its URL", ledger: readWrite, policy: []statement{
			anything("AnswerTokens", "a token does not name its execution; older Regions ask for any resource", "states:SendTaskSuccess", "states:SendTaskFailure")}},
		{name: "set-maintenance", description: "Keeps users out, and lets them in again", timeout: 600, ledger: readWrite, policy: g.maintenance()},
		{name: "set-proxies", description: "Takes proxies off that Blue/Green cannot lead over, and puts them back", timeout: 900, inNetwork: true, quarantine: true, ledger: readWrite,
			policy: slices.Concat(g.clustersAnd(g.lookAtInstances(), g.lookAtDeployments(), g.lag()), g.lookAtProxies(), g.secretsOf(true), []statement{g.pointProxies("rds:RegisterDBProxyTargets", "rds:DeregisterDBProxyTargets")}, g.removeGreen())},
		{name: "switch-over", description: "Asks AWS to switch over, and watches it", timeout: 900, inNetwork: true, ledger: readWrite,
			policy: slices.Concat(g.clustersAnd(g.lookAtInstances(), g.lookAtDeployments(), g.lag(), anything("ReadEvents", noResourceType, "rds:DescribeEvents")), g.lookAtProxies(), g.secretsOf(true), g.switchover())},
		{name: "prove-switchover", description: "Proves the new production, and puts back what Blue/Green loses", timeout: 900, inNetwork: true, ledger: readWrite,
			policy: slices.Concat(g.clustersAnd(), g.lookAtProxies(), g.secretsOf(false), g.putBack())},
		{name: "keep-way-back", description: "Lets the old cluster follow the new production for a while", inNetwork: true, timeout: long, ledger: readWrite,
			policy: slices.Concat(g.clustersAnd(anything("ReadEvents", noResourceType, "rds:DescribeEvents"), g.publish()), g.secretsOf(true), g.replicationLogins())},
		{name: "go-back", description: "Gives production's name back to the old cluster", timeout: 900, inNetwork: true, ledger: readWrite,
			policy: slices.Concat(g.clustersAnd(g.lookAtInstances(), g.lookAtDeployments()), g.lookAtProxies(), g.secretsOf(true), g.goBack())},
		{name: "retire-blue", description: "Removes the old cluster, after a final snapshot", quarantine: true, ledger: readWrite, policy: append(g.clustersAnd(g.lookAtDeployments()), g.retireOld()...)},
		{name: "abandon-green", description: "Removes green before anything was switched to it", ledger: readWrite, policy: slices.Concat(g.clustersAnd(g.lookAtInstances(), g.lookAtDeployments()), g.lookAtProxies(), []statement{g.pointProxies("rds:RegisterDBProxyTargets")}, g.removeGreen())},
		{name: "close-migration", description: "Records how a migration ended, with its evidence", timeout: long, ledger: readWriteUnlock, policy: []statement{g.publish()}},
	}
}

// migrateGrants writes statements for the clusters of production.
type migrateGrants struct {
	grants
	m config.Migrate
}

func (g migrateGrants) deployments() string { return g.arn("rds", "deployment:*") }

func (g migrateGrants) lookAtDeployments() statement {
	return allow("LookAtDeployments", []string{"rds:DescribeBlueGreenDeployments"}, g.deployments())
}

// clustersAnd begin the policy of a step that looks at clusters.
func (g migrateGrants) clustersAnd(more ...statement) []statement {
	return append([]statement{g.lookAtClusters()}, more...)
}

func (g migrateGrants) lookAtProxies() []statement {
	return []statement{allow("LookAtProxies", []string{"rds:DescribeDBProxies", "rds:DescribeDBProxyTargets"}, g.arn("rds", "db-proxy:*"), g.arn("rds", "target-group:*"))}
}

// pointProxies is limited by no name: which proxies lead to a cluster is looked up.
func (g migrateGrants) pointProxies(actions ...string) statement {
	return allow("PointProxies", actions, g.arn("rds", "db-proxy:*"), g.arn("rds", "target-group:*"), g.clusters())
}

// wayBack says whether any cluster has one.
func (g migrateGrants) wayBack() bool {
	return slices.ContainsFunc(g.m.Clusters, func(c config.MigrateCluster) bool { return c.WayBack != nil })
}

// auditLogs are those of greens, whose names AWS makes.
func (g migrateGrants) auditLogs() []statement {
	if !slices.ContainsFunc(g.m.Clusters, func(c config.MigrateCluster) bool { return c.AuditLog }) {
		return nil
	}
	group := g.arn("logs", "log-group:/aws/rds/cluster/*-green-??????/audit")
	return []statement{allow("ReadAuditLogs", []string{"logs:FilterLogEvents"}, group, group+":*")}
}

// replicationLogins are the secrets of the accounts that old clusters follow with.
func (g migrateGrants) replicationLogins() []statement {
	if !g.wayBack() {
		return nil
	}
	var all []string
	for _, c := range g.m.Clusters {
		if c.WayBack != nil {
			all = append(all, c.WayBack.Secret)
		}
	}
	return []statement{allow("ReadReplicationLogins", []string{"secretsmanager:GetSecretValue"}, g.secrets(all)...)}
}

// takeOver is stopping the execution that keeps a way back open, when it is taken.
func (g migrateGrants) takeOver() []statement {
	if !g.wayBack() {
		return nil
	}
	return []statement{allow("TakeOver", []string{"states:StopExecution"}, g.arn("states", "execution:"+names.Machine(productionMigrate, "")+":*"))}
}

// goBack exchanges names.
func (g migrateGrants) goBack() []statement {
	if !g.wayBack() {
		return nil
	}
	return []statement{
		allow("Rename", []string{"rds:ModifyDBCluster"}, g.clusters()),
		allow("DeleteDeployment", []string{"rds:DeleteBlueGreenDeployment"}, g.deployments()).when(ours()),
		g.pointProxies("rds:RegisterDBProxyTargets", "rds:DeregisterDBProxyTargets"),
	}
}

// detachFirst is for configurations whose proxies are taken off before green is
// created.
func (g migrateGrants) detachFirst() []statement {
	if !slices.ContainsFunc(g.m.Clusters, func(c config.MigrateCluster) bool { return c.Proxies == config.ProxiesDetachFirst }) {
		return nil
	}
	return append(g.lookAtProxies(), g.pointProxies("rds:DeregisterDBProxyTargets"))
}

// ask is what the preflight reads.
func (g migrateGrants) ask() []statement {
	return append(g.lookAtProxies(),
		allow("ReadParameters", []string{"rds:DescribeDBClusterParameters", "rds:DescribeDBClusterParameterGroups"}, g.arn("rds", "cluster-pg:*")),
		allow("ReadInstanceParameters", []string{"rds:DescribeDBParameterGroups"}, g.arn("rds", "pg:*")),
		anything("VersionsAndQuotas", noResourceType, "rds:DescribeDBEngineVersions", "rds:DescribeAccountAttributes"),
		lookAtScaling())
}

// internalNames is why Blue/Green's own permissions have no narrower resource.
const internalNames = "Blue/Green names what it makes itself, so that no pattern of names holds (Aurora User Guide, \"Authorizing access to Blue/Green operations\")"

func (g migrateGrants) createGreen() statement {
	return anything("CreateGreen", internalNames, "rds:CreateBlueGreenDeployment", "rds:AddTagsToResource", "rds:CreateDBCluster", "rds:CreateDBInstance", "rds:CreateDBClusterEndpoint")
}

// switchover and removeGreen begin with a deployment that carries dbferry's tag;
// AWS asks for the rest on behalf of it.
func (g migrateGrants) switchover() []statement {
	return []statement{
		allow("SwitchOver", []string{"rds:SwitchoverBlueGreenDeployment"}, g.deployments()).when(ours()),
		allow("RenameAndPromote", []string{"rds:ModifyDBCluster", "rds:PromoteReadReplicaDBCluster"}, g.clusters()),
	}
}

func (g migrateGrants) removeGreen() []statement {
	return []statement{
		allow("DeleteDeployment", []string{"rds:DeleteBlueGreenDeployment"}, g.deployments()).when(ours()),
		allow("RemoveGreen", []string{"rds:ModifyDBCluster", "rds:DeleteDBCluster", "rds:DeleteDBInstance", "rds:DeleteDBClusterEndpoint"},
			g.clusters(), g.instances(), g.arn("rds", "cluster-endpoint:*")),
	}
}

// retireOld is limited by the name that AWS gives to what was replaced.
func (g migrateGrants) retireOld() []statement {
	old := []string{g.arn("rds", "cluster:*-old1"), g.arn("rds", "db:*-old1")}
	return []statement{
		allow("RemoveOld", []string{"rds:ModifyDBCluster", "rds:DeleteDBCluster", "rds:DeleteDBInstance"}, old...),
		allow("FinalSnapshot", []string{"rds:DeleteDBCluster", "rds:CreateDBClusterSnapshot", "rds:DescribeDBClusterSnapshots"}, g.arn("rds", "cluster-snapshot:"+names.Prefix+"-*"), g.arn("rds", "cluster:*-old1")),
		allow("DeleteDeployment", []string{"rds:DeleteBlueGreenDeployment"}, g.deployments()).when(ours()),
	}
}

func (g migrateGrants) lag() statement {
	return anything("ReadLag", "metrics have no resource type; datasets do not hold AWS's own metrics (Service Authorization Reference)", "cloudwatch:GetMetricData")
}

// secretsOf are the login's and, for what only the master user may read, the
// master's.
func (g migrateGrants) secretsOf(master bool) []statement {
	var all []string
	for _, c := range g.m.Clusters {
		all = append(all, c.Login.Secret)
		if master {
			all = append(all, c.MasterSecret)
		}
	}
	return []statement{allow("ReadLogins", []string{"secretsmanager:GetSecretValue"}, g.secrets(all)...)}
}

// putBack adds roles and replica auto scaling to the new production.
func (g migrateGrants) putBack() []statement {
	return []statement{
		allow("AddRoles", []string{"rds:AddRoleToDBCluster"}, g.clusters()),
		allow("PassRoles", []string{"iam:PassRole"}, g.RoleARN("*")).when(condition{"StringEquals": {"iam:PassedToService": "rds.amazonaws.com"}}),
		lookAtScaling(),
		allow("RegisterScaling", []string{"application-autoscaling:RegisterScalableTarget", "application-autoscaling:PutScalingPolicy"}, g.arn("application-autoscaling", "scalable-target/*")).
			when(condition{"StringEquals": {"application-autoscaling:service-namespace": "rds"}}),
		allow("ScalingAlarms", []string{"cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"}, g.alarms("TargetTracking-cluster:*")),
		g.scaleReaders("rds:DescribeDBInstances"),
	}
}

func (g migrateGrants) maintenance() []statement {
	var functions, services, documents, listeners, rules []string
	for _, h := range g.m.Maintenance {
		switch {
		case h.Function != "":
			functions = append(functions, h.Function)
		case h.Service != nil:
			services = append(services, g.arn("ecs", "service/"+h.Service.Cluster+"/"+h.Service.Service))
		case h.Listener != nil:
			listeners = append(listeners, h.Listener.ARN)
			rules = append(rules, strings.Replace(h.Listener.ARN, ":listener/", ":listener-rule/", 1)+"/*")
		default:
			documents = append(documents, g.arn("ssm", "automation-definition/"+h.Automation+":*"))
		}
	}
	var out []statement
	if len(functions) > 0 {
		out = append(out, allow("InvokeHooks", []string{"lambda:InvokeFunction"}, functions...))
	}
	if len(services) > 0 {
		out = append(out, allow("ScaleServices", []string{"ecs:DescribeServices", "ecs:UpdateService"}, services...))
	}
	if len(listeners) > 0 {
		tagged := condition{"StringEquals": {"aws:RequestTag/" + names.TagOwner: names.Prefix}}
		out = append(out, allow("AnswerRequests", []string{"elasticloadbalancing:CreateRule"}, listeners...).when(tagged),
			allow("TagRules", []string{"elasticloadbalancing:AddTags"}, rules...).when(tagged),
			allow("AnswerNoLonger", []string{"elasticloadbalancing:DeleteRule"}, rules...).when(ours()),
			anything("LookAtRules", noResourceType, "elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTags"))
	}
	if len(documents) > 0 {
		out = append(out, allow("StartAutomations", []string{"ssm:StartAutomationExecution"}, documents...),
			allow("WatchAutomations", []string{"ssm:GetAutomationExecution"}, g.arn("ssm", "automation-execution/*")))
	}
	return out
}
