package rds

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/iam"
)

// moved completes a row whose facts are in docs/migration.md.
func moved[In, Out any](name string, do func(*awsworld.Call, *In) (*Out, error), resources func(*awsworld.Call) []awsworld.Resource, section, differs string) awsworld.Op {
	op := row(name, do, resources, "", differs)
	if section != "" {
		op.Source += "; docs/migration.md " + section
	}
	return op
}

func (s *Service) blueGreenOps() []awsworld.Op {
	return []awsworld.Op{
		withTags(moved("CreateBlueGreenDeployment", s.createDeployment, s.createDeploymentResources, "§1.1, §1.4, §1.7, §1.15",
			"durations are modelled; a source whose binary or logical replication is off, or whose writer is not in sync, is refused by the call with SourceClusterNotSupportedFault, where AWS's code and moment are unverified; "+
				"a new family without a group gets the default one; a name too long for the suffix is cut; other KMS keys for green are refused by name; tasks are those of Aurora; global databases do not exist; "+
				"a failed task leaves INVALID_CONFIGURATION, which is unverified; rows reach Aurora PostgreSQL's green when somebody connects to it and at the switchover, which loses what was written there"),
			func(in *rds.CreateBlueGreenDeploymentInput) []types.Tag { return in.Tags }),
		moved("DescribeBlueGreenDeployments", s.describeDeployments, s.deploymentRow(func(c *awsworld.Call) *string {
			return awsworld.Input[rds.DescribeBlueGreenDeploymentsInput](c).BlueGreenDeploymentIdentifier
		}), "§1.1, §1.3, §1.4", "no eventual consistency beyond members that become available after their deployment"),
		moved("SwitchoverBlueGreenDeployment", s.switchover, s.switchoverResources, "§1.11, §1.12",
			"durations are modelled; the limit of the lag is a tenth of the timeout and the texts of the reasons are ours, AWS publishes neither; names are changed at once, DNS follows; "+
				"a transaction or DDL statement that is open when the guardrails look counts as long; mysql.rds_topology is not kept; scalable targets of the cluster's name are lost, and whether AWS loses them or leaves them broken is unverified"),
		moved("DeleteBlueGreenDeployment", s.deleteDeployment, s.deleteDeploymentResources, "§1.14",
			"refused while a switchover runs; a green that is still being built always goes with its deployment; the code for DeleteTarget after a switchover, and for a protected green, is unverified"),
		moved("PromoteReadReplicaDBCluster", s.promote, s.one("cluster", func(c *awsworld.Call) *string {
			return awsworld.Input[rds.PromoteReadReplicaDBClusterInput](c).DBClusterIdentifier
		}), "§1.3, §1.14", "takes effect at once"),
	}
}

// deploymentRow is the deployment that the input names, with its tags.
func (s *Service) deploymentRow(id func(*awsworld.Call) *string) func(*awsworld.Call) []awsworld.Resource {
	return func(c *awsworld.Call) []awsworld.Resource {
		return []awsworld.Resource{s.deploymentResource(c, shortID(aws.ToString(id(c))))}
	}
}

func (s *Service) deploymentResource(c *awsworld.Call, id string) awsworld.Resource {
	r := s.at(c, "deployment", id)
	if d := s.account(c.Account.ID).deployments[id]; d != nil {
		r.Context = tagContext("deployment", d.tags)
	}
	return r
}

// unnamed are resources whose names AWS makes up, so that only "*" covers them
// (docs/migration.md §1.6).
func (s *Service) unnamed(c *awsworld.Call, action, kind string) awsworld.Resource {
	return awsworld.Resource{ARN: s.w.ARN("rds", c.Account.ID, kind+":*"), Owner: c.Account.ID, Kind: iam.NoPolicy, Action: action}
}

func (s *Service) createDeploymentResources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[rds.CreateBlueGreenDeploymentInput](c)
	out := []awsworld.Resource{s.deploymentResource(c, ""), s.at(c, "cluster", shortID(aws.ToString(in.Source)))}
	if in.TargetDBClusterParameterGroupName != nil {
		out = append(out, s.at(c, "cluster-pg", shortID(*in.TargetDBClusterParameterGroupName)))
	}
	if in.TargetDBParameterGroupName != nil {
		out = append(out, s.at(c, "pg", shortID(*in.TargetDBParameterGroupName)))
	}
	return append(out, s.unnamed(c, "rds:AddTagsToResource", "deployment"), s.unnamed(c, "rds:CreateDBCluster", "cluster"),
		s.unnamed(c, "rds:CreateDBInstance", "db"), s.unnamed(c, "rds:CreateDBClusterEndpoint", "cluster-endpoint"))
}

func (s *Service) switchoverResources(c *awsworld.Call) []awsworld.Resource {
	id := shortID(aws.ToString(awsworld.Input[rds.SwitchoverBlueGreenDeploymentInput](c).BlueGreenDeploymentIdentifier))
	out := []awsworld.Resource{s.deploymentResource(c, id)}
	d := s.account(c.Account.ID).deployments[id]
	if d == nil || d.green == nil {
		return out
	}
	for _, cl := range []*cluster{d.blue, d.green} {
		r := s.at(c, "cluster", cl.ID)
		r.Action = "rds:ModifyDBCluster"
		out = append(out, r)
	}
	promoted := s.at(c, "cluster", d.green.ID)
	promoted.Action = "rds:PromoteReadReplicaDBCluster"
	return append(out, promoted)
}

func (s *Service) deleteDeploymentResources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[rds.DeleteBlueGreenDeploymentInput](c)
	id := shortID(aws.ToString(in.BlueGreenDeploymentIdentifier))
	out := []awsworld.Resource{s.deploymentResource(c, id)}
	d := s.account(c.Account.ID).deployments[id]
	if d == nil || d.green == nil || !aws.ToBool(in.DeleteTarget) {
		return out
	}
	add := func(action, kind, id string) {
		r := s.at(c, kind, id)
		r.Action = action
		out = append(out, r)
	}
	add("rds:DeleteDBCluster", "cluster", d.green.ID)
	for _, m := range d.members {
		if m.green != nil {
			add("rds:DeleteDBInstance", "db", m.green.ID)
		}
		if m.greenE != nil {
			add("rds:DeleteDBClusterEndpoint", "cluster-endpoint", m.greenE.id)
		}
	}
	return out
}

func (s *Service) moveOps() []awsworld.Op {
	return []awsworld.Op{
		moved("RebootDBInstance", s.rebootInstance, s.one("db", func(c *awsworld.Call) *string {
			return awsworld.Input[rds.RebootDBInstanceInput](c).DBInstanceIdentifier
		}), "§1.9", "members of Aurora clusters only; the writer stays the writer; forced failover is refused by name"),
		moved("DescribeDBClusterEndpoints", s.describeEndpoints, s.one("cluster", func(c *awsworld.Call) *string {
			return awsworld.Input[rds.DescribeDBClusterEndpointsInput](c).DBClusterIdentifier
		}), "§1.4", "custom endpoints lead to the writer's rows whatever their members are"),
		moved("DescribeDBClusterParameters", s.describeClusterParameters, s.one("cluster-pg", func(c *awsworld.Call) *string {
			return awsworld.Input[rds.DescribeDBClusterParametersInput](c).DBClusterParameterGroupName
		}), "§1.7, §1.9", "the parameters that decide about replication and moves, not the hundreds of a real family; defaults of the newest versions; data types are not told"),
		moved("DescribeDBParameters", s.describeParameters, s.one("pg", func(c *awsworld.Call) *string {
			return awsworld.Input[rds.DescribeDBParametersInput](c).DBParameterGroupName
		}), "§1.9", "a few parameters"),
		moved("DescribeEvents", s.describeEvents, nil, "§1.5", "events of the simulated operations only"),
		moved("DescribePendingMaintenanceActions", s.describeMaintenance, nil, "", "what the ground puts; nothing is ever applied"),
	}
}
