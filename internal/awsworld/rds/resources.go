package rds

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

// What each operation touches follows the Service Authorization Reference for
// RDS. An operation without an identifier touches "cluster:*" and the like.

// at is a resource of the caller's account.
func (s *Service) at(c *awsworld.Call, kind, id string) awsworld.Resource {
	if id == "" {
		id = "*"
	}
	r := awsworld.Resource{ARN: s.w.ARN("rds", c.Account.ID, kind+":"+id), Owner: c.Account.ID, Kind: iam.NoPolicy}
	if tags, _, err := s.tagsOf(c.Account.ID, r.ARN); err == nil {
		r.Context = tagContext(kind, tags)
	}
	return r
}

// tagContext gives the tag keys of a resource, AWS's and RDS's own.
func tagContext(kind string, tags map[string]string) map[string][]string {
	out := service.TagContext(tags)
	for k, v := range tags {
		out["rds:"+kind+"-tag/"+k] = []string{v}
	}
	return out
}

// one is the resource that an identifier of the input names.
func (s *Service) one(kind string, id func(*awsworld.Call) *string) func(*awsworld.Call) []awsworld.Resource {
	return func(c *awsworld.Call) []awsworld.Resource {
		return []awsworld.Resource{s.at(c, kind, shortID(aws.ToString(id(c))))}
	}
}

// source is the snapshot an operation reads; one that another account shares
// is settled by the sharing.
func (s *Service) source(c *awsworld.Call, name *string) awsworld.Resource {
	if sn := s.findSnapshot(c.Account.ID, aws.ToString(name)); sn != nil && sn.account.id != c.Account.ID {
		return awsworld.Resource{ARN: sn.arn, Owner: sn.account.id, Kind: iam.Shared}
	}
	return s.at(c, "cluster-snapshot", shortID(aws.ToString(name)))
}

// tagging is the dependent permission of an operation that gives tags.
func tagging(r awsworld.Resource, tags []types.Tag) []awsworld.Resource {
	if len(tags) == 0 {
		return nil
	}
	r.Action = "rds:AddTagsToResource"
	return []awsworld.Resource{r}
}

func passRole(role, account, to string) awsworld.Resource {
	return awsworld.Resource{
		ARN: role, Owner: account, Kind: iam.NoPolicy, Action: "iam:PassRole",
		Context: map[string][]string{"iam:PassedToService": {to}},
	}
}

// requestTags are the condition keys of the tags in a request.
func requestTags(tags []types.Tag) map[string][]string {
	if len(tags) == 0 {
		return nil
	}
	out, all := map[string][]string{}, tagMap(tags)
	out["aws:TagKeys"] = slices.Sorted(maps.Keys(all))
	for k, v := range all {
		out["aws:RequestTag/"+k] = []string{v}
		out["rds:req-tag/"+k] = []string{v}
	}
	return out
}

func (s *Service) modifyResources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[rds.ModifyDBClusterInput](c)
	out := []awsworld.Resource{s.at(c, "cluster", shortID(aws.ToString(in.DBClusterIdentifier)))}
	if in.DBClusterParameterGroupName != nil {
		out = append(out, s.at(c, "cluster-pg", strings.ToLower(*in.DBClusterParameterGroupName)))
	}
	return out
}

func (s *Service) snapshotResources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[rds.CreateDBClusterSnapshotInput](c)
	made := s.at(c, "cluster-snapshot", shortID(aws.ToString(in.DBClusterSnapshotIdentifier)))
	return append([]awsworld.Resource{s.at(c, "cluster", shortID(aws.ToString(in.DBClusterIdentifier))), made}, tagging(made, in.Tags)...)
}

func (s *Service) copyResources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[rds.CopyDBClusterSnapshotInput](c)
	made := s.at(c, "cluster-snapshot", shortID(aws.ToString(in.TargetDBClusterSnapshotIdentifier)))
	return append([]awsworld.Resource{s.source(c, in.SourceDBClusterSnapshotIdentifier), made}, tagging(made, in.Tags)...)
}

func (s *Service) restoreResources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[rds.RestoreDBClusterFromSnapshotInput](c)
	made := s.at(c, "cluster", shortID(aws.ToString(in.DBClusterIdentifier)))
	out := []awsworld.Resource{made, s.source(c, in.SnapshotIdentifier), s.at(c, "subgrp", groupName(in.DBSubnetGroupName, "default"))}
	if sn := s.findSnapshot(c.Account.ID, aws.ToString(in.SnapshotIdentifier)); sn != nil {
		version := aws.ToString(in.EngineVersion)
		if version == "" {
			version = s.defaultVersion(sn.cluster.Engine)
		}
		out = append(out, s.at(c, "cluster-pg", groupName(in.DBClusterParameterGroupName, "default."+family(sn.cluster.Engine, version))),
			s.at(c, "og", defaultOptionGroup(sn.cluster.Engine, version)))
	}
	return append(out, tagging(made, in.Tags)...)
}

func (s *Service) instanceResources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[rds.CreateDBInstanceInput](c)
	made := s.at(c, "db", shortID(aws.ToString(in.DBInstanceIdentifier)))
	made.Context = map[string][]string{"rds:DatabaseClass": {aws.ToString(in.DBInstanceClass)}, "rds:DatabaseEngine": {aws.ToString(in.Engine)}}
	cl := s.account(c.Account.ID).clusters[shortID(aws.ToString(in.DBClusterIdentifier))]
	out := []awsworld.Resource{made}
	if cl != nil {
		out = append(out, s.at(c, "cluster", cl.ID), s.at(c, "subgrp", cl.SubnetGroup),
			s.at(c, "pg", groupName(in.DBParameterGroupName, "default."+family(cl.Engine, cl.EngineVersion))),
			s.at(c, "og", defaultOptionGroup(cl.Engine, cl.EngineVersion)))
	}
	return append(out, tagging(made, in.Tags)...)
}

func groupName(given *string, otherwise string) string {
	if given == nil {
		return otherwise
	}
	return strings.ToLower(*given)
}

func (s *Service) deleteResources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[rds.DeleteDBClusterInput](c)
	out := []awsworld.Resource{s.at(c, "cluster", shortID(aws.ToString(in.DBClusterIdentifier)))}
	if in.FinalDBSnapshotIdentifier != nil {
		out = append(out, s.at(c, "cluster-snapshot", strings.ToLower(*in.FinalDBSnapshotIdentifier)))
	}
	return out
}

// tagged is the resource whose tags an operation reads or writes.
func (s *Service) tagged(arn func(*awsworld.Call) *string) func(*awsworld.Call) []awsworld.Resource {
	return func(c *awsworld.Call) []awsworld.Resource {
		name := aws.ToString(arn(c))
		parts := strings.SplitN(name, ":", 7)
		if len(parts) < 7 {
			return []awsworld.Resource{} // refused by the operation
		}
		r := s.at(c, parts[5], parts[6])
		r.ARN, r.Owner = name, parts[4]
		return []awsworld.Resource{r}
	}
}
