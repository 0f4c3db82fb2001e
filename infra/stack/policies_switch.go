package stack

import (
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

// switchSteps is the table of the functions that move applications; none where
// the configuration does not ask for it. What they may change is limited to the
// pointers that the configuration names, and to deleting what carries dbferry's
// tag.
func switchSteps(c config.Config, t config.Target) []step {
	if t.Switch == nil {
		return nil
	}
	g := switchGrants{grants{c.Place(t)}, t}
	holders := []statement{g.holders(names.Machine(stagingRestore, t.Name), names.Machine(stagingSwitch, t.Name))}
	return []step{
		{name: "plan-switch", description: "Takes the locks, reads every pointer, writes down what is to move", timeout: long, ledger: readWriteUnlock,
			policy: slices.Concat(g.lookAtDatabases(), g.lookAtProxies(), g.readValues(), g.lookAtSecrets(), holders)},
		{name: "probe-candidate", description: "Logs in to the candidate as the application does", timeout: long, inNetwork: true, ledger: readWrite,
			policy: slices.Concat(g.lookAtDatabases(), g.lookAtProxies(), g.pointProxies(config.LanePair), g.prove())},
		{name: "point-proxy", description: "Replaces the target of every serving proxy", timeout: long, ledger: readWrite, policy: slices.Concat(g.lookAtProxies(), g.pointProxies(config.LaneSingle))},
		{name: "write-parameters", description: "Writes parameters and records", timeout: long, ledger: readWrite, policy: slices.Concat(g.readValues(), g.writeValues())},
		{name: "roll-services", description: "Starts new tasks and runs the hooks", timeout: 900, ledger: readWrite, policy: slices.Concat(g.lookAtServices(), g.roll())},
		{name: "verify-serving", description: "Proves that every pointer leads where it shall", timeout: long, inNetwork: true, ledger: readWrite,
			policy: slices.Concat(g.lookAtDatabases(), g.lookAtPointers(), g.prove())},
		{name: "roll-back", description: "Puts every pointer back and proves it", timeout: 900, inNetwork: true, ledger: readWrite,
			policy: slices.Concat(g.lookAtDatabases(), g.lookAtPointers(), g.pointProxies(config.LanePair, config.LaneSingle), g.writeValues(), g.roll(), g.prove())},
		{name: "retire-items", description: "Deletes generations that are no longer kept", timeout: long, ledger: readWriteUnlock,
			policy: slices.Concat(g.lookAtDatabases(), g.lookAtProxies(), g.readValues(), g.retire(), holders)},
	}
}

// switchGrants writes statements for the pointers of one target.
type switchGrants struct {
	grants
	t config.Target
}

// lookAtDatabases is reading what pointers may lead to.
func (g switchGrants) lookAtDatabases() []statement {
	return []statement{
		g.lookAtClusters(), g.lookAtInstances(),
		allow("LookAtTables", []string{"dynamodb:DescribeTable", "dynamodb:ListTagsOfResource"}, g.tables()),
	}
}

// checkPointers is what the preflight asks of them.
func (g switchGrants) checkPointers() []statement {
	out := g.lookAtPointers()
	if g.proxied() {
		out = append(out, allow("LookAtTargetGroups", []string{"rds:DescribeDBProxyTargetGroups"}, g.arn("rds", "db-proxy:*"), g.arn("rds", "target-group:*")))
	}
	return out
}

// lookAtPointers is reading what a switch moves, for the preflight as well.
func (g switchGrants) lookAtPointers() []statement {
	return slices.Concat(g.lookAtProxies(), g.readValues(), g.lookAtServices())
}

func (g switchGrants) lookAtProxies() []statement {
	if !g.proxied() {
		return nil
	}
	return []statement{allow("LookAtProxies", []string{"rds:DescribeDBProxies", "rds:DescribeDBProxyTargets"}, g.arn("rds", "db-proxy:*"), g.arn("rds", "target-group:*"))}
}

// proxied says whether a cluster is reached through an RDS proxy.
func (g switchGrants) proxied() bool {
	return slices.ContainsFunc(g.t.Switch.Clusters, func(c config.ClusterPointer) bool { return len(c.Proxies) > 0 })
}

func (g switchGrants) readValues() []statement {
	var out []statement
	if p := g.parameters(); len(p) > 0 {
		out = append(out, allow("ReadParameters", []string{"ssm:GetParameter"}, p...))
	}
	if z := g.zones(); len(z) > 0 {
		out = append(out, allow("ReadRecords", []string{"route53:ListResourceRecordSets"}, z...))
	}
	return out
}

func (g switchGrants) lookAtServices() []statement {
	if v := g.services(); len(v) > 0 {
		return []statement{allow("LookAtServices", []string{"ecs:DescribeServices"}, v...)}
	}
	return nil
}

// pointProxies is for the proxies of some lanes. It is limited to dbferry's
// clusters where AWS names the cluster; proxies are the user's, and their ARNs do
// not hold their names.
func (g switchGrants) pointProxies(lanes ...string) []statement {
	if !slices.ContainsFunc(g.t.Switch.Clusters, func(c config.ClusterPointer) bool { return slices.Contains(lanes, c.Lane) }) {
		return nil
	}
	var out []statement
	if g.t.Rotation() {
		out = append(out, allow("GiveProxiesSecrets", []string{"rds:ModifyDBProxy"}, g.arn("rds", "db-proxy:*")))
	}
	return append(out, allow("PointProxies", []string{"rds:RegisterDBProxyTargets", "rds:DeregisterDBProxyTargets"},
		g.clusters(), g.instances(), g.arn("rds", "db-proxy:*"), g.arn("rds", "target-group:*")))
}

// lookAtSecrets is finding out the ARN of a login's secret for a proxy that has
// one of a generation's.
func (g switchGrants) lookAtSecrets() []statement {
	if s := g.secrets(g.logins()); len(s) > 0 && g.t.Rotation() && g.proxied() {
		return []statement{allow("LookAtLogins", []string{"secretsmanager:DescribeSecret"}, s...)}
	}
	return nil
}

// logins are the names of the logins' secrets.
func (g switchGrants) logins() []string {
	var names []string
	for _, set := range g.t.Clusters {
		for _, l := range set.Logins {
			names = append(names, l.Secret)
		}
	}
	return names
}

func (g switchGrants) writeValues() []statement {
	var out []statement
	if p := g.parameters(); len(p) > 0 {
		out = append(out, allow("WriteParameters", []string{"ssm:PutParameter", "ssm:AddTagsToResource"}, p...),
			allow("RemoveOwnParameters", []string{"ssm:DeleteParameter"}, p...).when(ours()))
	}
	if z := g.zones(); len(z) > 0 {
		var records []string
		for _, r := range g.t.Switch.Records {
			records = append(records, strings.TrimSuffix(r.Name, "."))
		}
		slices.Sort(records)
		out = append(out,
			allow("WriteRecords", []string{"route53:ChangeResourceRecordSets"}, z...).when(condition{
				"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": "CNAME", "route53:ChangeResourceRecordSetsNormalizedRecordNames": list(slices.Compact(records))},
			}),
			allow("WatchRecords", []string{"route53:GetChange"}, "arn:aws:route53:::change/*"))
	}
	return out
}

func (g switchGrants) roll() []statement {
	var out []statement
	if v := g.services(); len(v) > 0 {
		out = append(out, allow("RollServices", []string{"ecs:UpdateService"}, v...))
	}
	return append(out, g.hooks()...)
}

func (g switchGrants) hooks() []statement {
	var functions, documents, commands, windows []string
	for _, h := range g.t.Switch.Hooks {
		switch {
		case h.Function != "":
			functions = append(functions, h.Function)
		case h.Automation != "":
			documents = append(documents, g.arn("ssm", "automation-definition/"+h.Automation+":*"))
		case h.Command != nil:
			commands = append(commands, g.arn("ssm", "document/"+h.Command.Document), "arn:aws:ssm:"+g.Region+"::document/"+h.Command.Document)
		default:
			windows = append(windows, g.arn("ssm", "maintenancewindow/"+h.MaintenanceWindow))
		}
	}
	var out []statement
	if len(functions) > 0 {
		out = append(out, allow("InvokeHooks", []string{"lambda:InvokeFunction"}, functions...))
	}
	if len(documents) > 0 {
		out = append(out, allow("StartAutomations", []string{"ssm:StartAutomationExecution"}, documents...),
			allow("WatchAutomations", []string{"ssm:GetAutomationExecution", "ssm:StopAutomationExecution"}, g.arn("ssm", "automation-execution/*")))
	}
	if len(commands) > 0 {
		out = append(out, allow("SendCommands", []string{"ssm:SendCommand"}, commands...),
			allow("SendToTaggedInstances", []string{"ssm:SendCommand"}, g.arn("ec2", "instance/*"), g.arn("ssm", "managed-instance/*")).when(g.commandTags()),
			anything("WatchCommands", noResourceType, "ssm:ListCommands", "ssm:CancelCommand"))
	}
	if len(windows) > 0 {
		out = append(out, allow("WatchWindows", []string{"ssm:DescribeMaintenanceWindowExecutions"}, windows...))
	}
	return out
}

// commandTags limit Run Command to the instances that carry a hook's tag.
func (g switchGrants) commandTags() condition {
	keys := map[string][]string{}
	for _, h := range g.t.Switch.Hooks {
		if h.Command != nil {
			keys["ssm:resourceTag/"+h.Command.Tag.Key] = append(keys["ssm:resourceTag/"+h.Command.Tag.Key], h.Command.Tag.Value)
		}
	}
	out := condition{"StringEquals": {}}
	for key, values := range keys {
		out["StringEquals"][key] = list(values)
	}
	return out
}

// prove is logging in as the application does.
func (g switchGrants) prove() []statement {
	if s := g.secrets(g.logins()); len(s) > 0 {
		if g.t.Rotation() {
			s = append(s, g.loginSecrets())
		}
		return []statement{allow("ReadLogins", []string{"secretsmanager:GetSecretValue"}, s...)}
	}
	return nil
}

func (g switchGrants) retire() []statement {
	targets := g.arn("application-autoscaling", "scalable-target/*")
	var out []statement
	if g.t.Rotation() {
		out = append(out, allow("LookAtLoginSecrets", []string{"secretsmanager:DescribeSecret"}, g.loginSecrets()),
			allow("DeleteLoginSecrets", []string{"secretsmanager:DeleteSecret"}, g.loginSecrets()).when(ours()))
	}
	return append(out,
		allow("DeleteOwnDatabases", []string{"rds:DeleteDBCluster", "rds:DeleteDBInstance", "rds:ModifyDBCluster"}, g.clusters(), g.instances()).when(ours()),
		// Application Auto Scaling names the readers that it adds, and dbferry's tag is not on them.
		allow("DeleteScaledReaders", []string{"rds:DeleteDBInstance"}, g.arn("rds", "db:application-autoscaling-*")),
		anything("ListScaling", noResourceType, "application-autoscaling:DescribeScalableTargets"),
		allow("ReadScalingTags", []string{"application-autoscaling:ListTagsForResource"}, targets),
		allow("EndOwnScaling", []string{"application-autoscaling:DeregisterScalableTarget"}, targets).when(ours()),
		allow("EndScalingAlarms", []string{"cloudwatch:DeleteAlarms"}, g.alarms("TargetTracking-table/*"), g.alarms("TargetTracking-cluster:*")),
		allow("ListAlarms", []string{"cloudwatch:DescribeAlarms"}, g.alarms("*")),
		allow("DeleteOwnAlarms", []string{"cloudwatch:DeleteAlarms"}, g.alarms(names.RestoredAlarms+"*")),
		allow("DeleteOwnTables", []string{"dynamodb:DeleteTable", "dynamodb:UpdateTable"}, g.tables()).when(ours()),
	)
}

func (g switchGrants) parameters() []string {
	var out []string
	for _, p := range g.t.Switch.Parameters {
		out = append(out, g.arn("ssm", "parameter/"+strings.TrimPrefix(p.Name, "/")))
	}
	return out
}

func (g switchGrants) zones() []string {
	var out []string
	for _, r := range g.t.Switch.Records {
		out = append(out, "arn:aws:route53:::hostedzone/"+r.Zone)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (g switchGrants) services() []string {
	var out []string
	for _, v := range g.t.Switch.Services {
		out = append(out, g.arn("ecs", "service/"+v.Cluster+"/"+v.Service))
	}
	return out
}
