package migrate

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/dbferry/dbferry/internal/dbconn"
)

func (f *facts) id() string     { return aws.ToString(f.cluster.DBClusterIdentifier) }
func (f *facts) engine() string { return aws.ToString(f.cluster.Engine) }

var clusterChecks = []check{
	{Name: "cluster-supported", Proves: "the cluster is provisioned Aurora MySQL or Aurora PostgreSQL", NotPromised: "that AWS supports Blue/Green for this minor version of PostgreSQL", Source: "§1.7, §1.15",
		Ask: func(f *facts) finding {
			if e := f.engine(); e != dbconn.AuroraMySQL && e != dbconn.AuroraPostgres {
				return problem("use another way; Blue/Green of dbferry is for Aurora", "engine %s", e)
			}
			if m := aws.ToString(f.cluster.EngineMode); m != "" && m != "provisioned" {
				return problem("move to Serverless v2 first", "engine mode %s", m)
			}
			return proved("%s %s", f.engine(), aws.ToString(f.cluster.EngineVersion))
		}},
	{Name: "cluster-available", Proves: "the cluster and every member are available now", NotPromised: "that they stay so", Source: "§1.1",
		Ask: func(f *facts) finding {
			if why := unwell(&f.cluster, f.members); why != "" {
				return problem("wait until it is available, or look at it in the RDS console", "%s", why)
			}
			return proved("%d member(s) available", len(f.members))
		}},
	{Name: "no-other-deployment", Proves: "the cluster belongs to no Blue/Green deployment", NotPromised: "that nobody creates one meanwhile", Source: "§1.1",
		Ask: func(f *facts) finding {
			if d := f.deployment; d != nil {
				id := aws.ToString(d.BlueGreenDeploymentIdentifier)
				return problem("finish it, or `aws rds delete-blue-green-deployment --blue-green-deployment-identifier "+id+"`", "deployment %s (%s) has it as its source", id, aws.ToString(d.Status))
			}
			return proved("none")
		}},
	{Name: "no-managed-password", Proves: "the master password is not managed by RDS", NotPromised: "that it is rotated", Source: "§1.7, §1.15",
		Ask: func(f *facts) finding {
			if f.cluster.MasterUserSecret != nil {
				return problem("`aws rds modify-db-cluster --db-cluster-identifier "+f.id()+" --no-manage-master-user-password --master-user-password …`, and put the password into the secret of production.migrate.clusters[]", "RDS manages the master password in %s", aws.ToString(f.cluster.MasterUserSecret.SecretArn))
			}
			return proved("the password is the account's own")
		}},
	{Name: "not-a-replica", Proves: "the cluster is not a read replica of another cluster", NotPromised: "that it is not fed by something that looks like an application", Source: "§1.7",
		Ask: func(f *facts) finding {
			if from := aws.ToString(f.cluster.ReplicationSourceIdentifier); from != "" {
				return problem("promote it first", "it replicates from %s", from)
			}
			return proved("no replication source")
		}},
	{Name: "no-cross-region-replica", Proves: "no read replica cluster follows this one", NotPromised: "that no external replica does", Source: "§1.15",
		Ask: func(f *facts) finding {
			n := slices.DeleteFunc(slices.Clone(f.cluster.ReadReplicaIdentifiers), func(arn string) bool { return f.deployment != nil && arn == aws.ToString(f.deployment.Target) })
			if len(n) > 0 { // the green of another deployment is told by no-other-deployment
				return problem("remove the replicas, and make them anew afterwards", "%s follow(s) it", strings.Join(n, ", "))
			}
			return proved("none")
		}},
	{Name: "not-global", Proves: "the cluster is no member of a global database", NotPromised: "that none is made of it meanwhile", Source: "§1.7, §1.15, §2.2",
		Ask: func(f *facts) finding {
			if g := aws.ToString(f.cluster.GlobalClusterIdentifier); g != "" {
				return problem("AWS can do it, with permissions for the global database and without proxies; dbferry cannot yet. Migrate it by hand, or take the cluster out: `aws rds remove-from-global-cluster --global-cluster-identifier "+g+" --db-cluster-identifier "+aws.ToString(f.cluster.DBClusterArn)+"`", "it is a member of the global database %s", g)
			}
			return proved("none")
		}},
	{Name: "no-activity-stream", Proves: "no database activity stream has to be started again", NotPromised: "that no consumer reads by resource id", Source: "§1.11",
		Ask: func(f *facts) finding {
			if st := f.cluster.ActivityStreamStatus; st != "" && st != "stopped" {
				return warning("start it again on the new production, whose resource id is another one", "a database activity stream is %s", st)
			}
			return proved("stopped")
		}},
	{Name: "deletion-protection", Proves: "what becomes of green when it is removed is known", NotPromised: "that nobody turns protection on", Source: "§1.14",
		Ask: func(f *facts) finding {
			if aws.ToBool(f.cluster.DeletionProtection) {
				return proved("on; green has it too, and dbferry turns it off on green, and on the old cluster, only before it removes them")
			}
			return warning("`aws rds modify-db-cluster --db-cluster-identifier "+f.id()+" --deletion-protection`", "production is not protected against deletion")
		}},
	{Name: "tags", Proves: "blue's tags are known; at the switchover they replace green's", NotPromised: "that tags put on green stay", Source: "§1.11",
		Ask: func(f *facts) finding { return proved("%d tag(s) of blue hold", len(f.cluster.TagList)) }},
}

var versionChecks = []check{
	{Name: "version-reachable", Proves: "RDS offers the target version and the way to it", NotPromised: "that the upgrade's own prechecks pass", Source: "§3.5",
		Ask: func(f *facts) finding {
			from := aws.ToString(f.cluster.EngineVersion)
			if f.wanted() == from {
				return proved("stays %s", from)
			}
			if f.target == nil {
				return problem("`aws rds describe-db-engine-versions --engine "+f.engine()+"` lists what there is", "RDS offers no version %s", f.wanted())
			}
			if f.version != nil {
				for _, t := range f.version.ValidUpgradeTarget {
					if aws.ToString(t.EngineVersion) == f.wanted() {
						return proved("%s → %s", from, f.wanted())
					}
				}
			}
			return problem("go in two steps: `aws rds describe-db-engine-versions --engine "+f.engine()+" --engine-version "+from+"` lists the targets", "%s cannot be upgraded to %s directly", from, f.wanted())
		}},
	{Name: "something-changes", Proves: "the migration has a purpose", NotPromised: "that it is a good one", Source: "§1.1",
		Ask: func(f *facts) finding {
			if f.in.TargetEngineVersion == "" && f.in.ClusterParameterGroup == "" && f.in.InstanceParameterGroup == "" {
				return warning("name targetEngineVersion, clusterParameterGroup or instanceParameterGroup", "nothing is to be changed: green will be the same as blue")
			}
			return proved("asked for")
		}},
	{Name: "cluster-parameter-group", Proves: "the group for green exists and is of the target's family", NotPromised: "that its values are wise", Source: "§1.7",
		Ask: func(f *facts) finding {
			name := f.in.ClusterParameterGroup
			if name == "" {
				return proved("blue's group, or the default of a new family")
			}
			if f.group == nil {
				return problem("create it, or name another", "there is no DB cluster parameter group %s", name)
			}
			return f.family("DB cluster parameter group "+name, aws.ToString(f.group.DBParameterGroupFamily))
		}},
	{Name: "instance-parameter-group", Proves: "the instance group for green exists and is of the target's family", NotPromised: "that its values are wise", Source: "§1.7",
		Ask: func(f *facts) finding {
			name := f.in.InstanceParameterGroup
			if name == "" {
				return proved("blue's group, or the default of a new family")
			}
			if f.instGroup == nil {
				return problem("create it, or name another", "there is no DB parameter group %s", name)
			}
			return f.family("DB parameter group "+name, aws.ToString(f.instGroup.DBParameterGroupFamily))
		}},
	{Name: "new-family-named", Proves: "a new major version does not silently lose the parameters of its group", NotPromised: "that both groups say the same", Source: "§1.1, §3.1",
		Ask: func(f *facts) finding {
			if f.version == nil || f.target == nil || aws.ToString(f.version.DBParameterGroupFamily) == aws.ToString(f.target.DBParameterGroupFamily) || f.in.ClusterParameterGroup != "" {
				return proved("the family stays, or a group is named")
			}
			return warning("name clusterParameterGroup", "the family becomes %s and no group is named: green gets the default one", aws.ToString(f.target.DBParameterGroupFamily))
		}},
}

// family compares a group's family with the target version's.
func (f *facts) family(what, family string) finding {
	if f.target != nil && aws.ToString(f.target.DBParameterGroupFamily) != family {
		return problem("name a group of family "+aws.ToString(f.target.DBParameterGroupFamily), "%s is of family %s", what, family)
	}
	return proved("%s is of family %s", what, family)
}
