package rds

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

const reference = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_"

// row completes an operation of the table.
func row[In, Out any](name string, do func(*awsworld.Call, *In) (*Out, error), resources func(*awsworld.Call) []awsworld.Resource, source, differs string) awsworld.Op {
	op := awsworld.On("RDS", name, "rds:"+name, do)
	op.Resources = resources
	op.Source = reference + name + ".html"
	if source != "" {
		op.Source += "; docs/aws.md " + source
	}
	op.Differs = differs
	return op
}

func withTags[In any](op awsworld.Op, tags func(*In) []types.Tag) awsworld.Op {
	op.ConditionKeys = func(c *awsworld.Call) map[string][]string { return requestTags(tags(awsworld.Input[In](c))) }
	return op
}

func (s *Service) ops() []awsworld.Op {
	return slices.Concat(s.clusterOps(), s.snapshotOps(), s.lookOps(), s.proxyOps(), s.blueGreenOps(), s.moveOps())
}

func (s *Service) clusterOps() []awsworld.Op {
	return []awsworld.Op{
		row("ModifyDBCluster", s.modifyCluster, s.modifyResources, "§7.1",
			"durations are modelled; refused in every status but available; upgrades and port changes are refused by name; a managed password can be left, not entered; a new name holds at once and needs ApplyImmediately, DNS follows; a new password waits for an available writer"),
		row("AddRoleToDBCluster", s.addRole, s.roleResources, "§4.2",
			"refused unless the cluster is available; whether RDS can assume the role is not tried; feature names are not checked against the engine version"),
		row("DeleteDBCluster", s.deleteCluster, s.deleteResources, "§8", "a final snapshot is there at once; automated backups are not kept"),
		withTags(row("RestoreDBClusterFromSnapshot", s.restoreCluster, s.restoreResources, "§4.2",
			"the snapshot's tags come along when no others are given; permissions are asked for the parameter, option and subnet group in effect, defaults included"),
			func(in *rds.RestoreDBClusterFromSnapshotInput) []types.Tag { return in.Tags }),
		withTags(row("CreateDBInstance", s.createInstance, s.instanceResources, "§4.2",
			"members of Aurora clusters only; permissions are asked for the parameter, option and subnet group in effect, defaults included"),
			func(in *rds.CreateDBInstanceInput) []types.Tag { return in.Tags }),
		row("ModifyDBInstance", s.modifyInstance,
			s.one("db", func(c *awsworld.Call) *string {
				return awsworld.Input[rds.ModifyDBInstanceInput](c).DBInstanceIdentifier
			}), "",
			"class, parameter group, name, promotion tier, tag copying and minor upgrades only; a class, a group and a name need ApplyImmediately; a parameter group waits for a reboot"),
		row("DeleteDBInstance", s.deleteInstance,
			s.one("db", func(c *awsworld.Call) *string {
				return awsworld.Input[rds.DeleteDBInstanceInput](c).DBInstanceIdentifier
			}), "",
			"when the writer goes, the first member takes over at once"),
	}
}

func (s *Service) snapshotOps() []awsworld.Op {
	return []awsworld.Op{
		withTags(row("CreateDBClusterSnapshot", s.createSnapshot, s.snapshotResources, "§1.4",
			"the cluster reads backing-up until the end; kms:CreateGrant is asked of the caller; the prefix awsbackup: is not reserved to AWS Backup"),
			func(in *rds.CreateDBClusterSnapshotInput) []types.Tag { return in.Tags }),
		withTags(row("CopyDBClusterSnapshot", s.copySnapshot, s.copyResources, "§2.4, §3, §11",
			"one Region; a sixth copy at a time is refused; the source key is asked for DescribeKey, ReEncryptFrom and CreateGrant, the target key for DescribeKey, GenerateDataKeyWithoutPlaintext and CreateGrant"),
			func(in *rds.CopyDBClusterSnapshotInput) []types.Tag { return in.Tags }),
		row("ModifyDBClusterSnapshotAttribute", s.modifyAttribute, s.one("cluster-snapshot", func(c *awsworld.Call) *string {
			return awsworld.Input[rds.ModifyDBClusterSnapshotAttributeInput](c).DBClusterSnapshotIdentifier
		}), "§9.2, §11", "an AWS managed or owned key is refused with AWS Backup's words; the error code is not documented"),
		row("DescribeDBClusterSnapshotAttributes", s.describeAttributes, s.one("cluster-snapshot", func(c *awsworld.Call) *string {
			return awsworld.Input[rds.DescribeDBClusterSnapshotAttributesInput](c).DBClusterSnapshotIdentifier
		}), "§9.2", ""),
		row("DeleteDBClusterSnapshot", s.deleteSnapshot, s.one("cluster-snapshot", func(c *awsworld.Call) *string {
			return awsworld.Input[rds.DeleteDBClusterSnapshotInput](c).DBClusterSnapshotIdentifier
		}), "§1.6", "snapshots of AWS Backup can be deleted by whoever has the permission"),
		row("DescribeDBClusterSnapshots", s.describeSnapshots, s.one("cluster-snapshot", func(c *awsworld.Call) *string {
			return awsworld.Input[rds.DescribeDBClusterSnapshotsInput](c).DBClusterSnapshotIdentifier
		}), "", "automated snapshots do not exist"),
	}
}

func (s *Service) lookOps() []awsworld.Op {
	add := withTags(row("AddTagsToResource", s.addTags,
		s.tagged(func(c *awsworld.Call) *string { return awsworld.Input[rds.AddTagsToResourceInput](c).ResourceName }), "", "clusters, instances and cluster snapshots only"),
		func(in *rds.AddTagsToResourceInput) []types.Tag { return in.Tags })
	remove := row("RemoveTagsFromResource", s.removeTags,
		s.tagged(func(c *awsworld.Call) *string { return awsworld.Input[rds.RemoveTagsFromResourceInput](c).ResourceName }), "", "clusters, instances and cluster snapshots only")
	remove.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		return map[string][]string{"aws:TagKeys": awsworld.Input[rds.RemoveTagsFromResourceInput](c).TagKeys}
	}
	return []awsworld.Op{
		add, remove,
		row("ListTagsForResource", s.listTags,
			s.tagged(func(c *awsworld.Call) *string { return awsworld.Input[rds.ListTagsForResourceInput](c).ResourceName }), "", "clusters, instances and cluster snapshots only"),
		row("DescribeDBClusters", s.describeClusters,
			s.one("cluster", func(c *awsworld.Call) *string {
				return awsworld.Input[rds.DescribeDBClustersInput](c).DBClusterIdentifier
			}), "§7.1", "Aurora clusters only"),
		row("DescribeDBInstances", s.describeInstances,
			s.one("db", func(c *awsworld.Call) *string {
				return awsworld.Input[rds.DescribeDBInstancesInput](c).DBInstanceIdentifier
			}), "§7.1", "members of Aurora clusters only"),
		row("DescribeDBSubnetGroups", s.describeSubnetGroups,
			s.one("subgrp", func(c *awsworld.Call) *string {
				return awsworld.Input[rds.DescribeDBSubnetGroupsInput](c).DBSubnetGroupName
			}), "", ""),
		row("DescribeDBClusterParameterGroups", s.describeClusterGroups, s.one("cluster-pg", func(c *awsworld.Call) *string {
			return awsworld.Input[rds.DescribeDBClusterParameterGroupsInput](c).DBClusterParameterGroupName
		}), "", "no parameters inside"),
		row("DescribeDBParameterGroups", s.describeInstanceGroups, s.one("pg", func(c *awsworld.Call) *string {
			return awsworld.Input[rds.DescribeDBParameterGroupsInput](c).DBParameterGroupName
		}), "", "no parameters inside"),
		row("DescribeDBEngineVersions", s.describeVersions, nil, "",
			"a few versions of the two Aurora engines; ValidUpgradeTarget holds every later known version of the same or the next major"),
		row("DescribeOrderableDBInstanceOptions", s.describeOrderable, nil, "",
			"Aurora's engines; every class of a known family for every version, so that a size that does not exist is offered too; zones, storage and capacities are left out"),
		row("DescribeAccountAttributes", s.describeAccountAttributes, nil, "§3", "the quotas that matter to clusters"),
	}
}
