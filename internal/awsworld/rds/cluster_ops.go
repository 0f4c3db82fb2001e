package rds

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

func (s *Service) describeClusters(c *awsworld.Call, in *rds.DescribeDBClustersInput) (*rds.DescribeDBClustersOutput, error) {
	if err := service.OnlyFields(c, "DBClusterIdentifier", "Filters", "Marker", "MaxRecords"); err != nil {
		return nil, err
	}
	f, err := readFilters("DescribeDBClusters", in.Filters, "db-cluster-id", "db-cluster-resource-id", "engine")
	if err != nil {
		return nil, err
	}
	var all []*cluster
	for _, cl := range sorted(s.account(c.Account.ID).clusters) {
		if in.DBClusterIdentifier != nil && cl.ID != shortID(*in.DBClusterIdentifier) {
			continue
		}
		if f.admits("db-cluster-id", cl.ID) && f.admits("db-cluster-resource-id", cl.resourceID) && f.admits("engine", cl.Engine) {
			all = append(all, cl)
		}
	}
	if in.DBClusterIdentifier != nil && len(all) == 0 {
		return nil, clusterNotFound(*in.DBClusterIdentifier)
	}
	rows, next, err := page(all, func(c *cluster) string { return c.ID }, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBClustersOutput{Marker: next}
	for _, cl := range rows {
		out.DBClusters = append(out.DBClusters, s.view(cl))
		s.notice(c, &cl.settled)
	}
	return out, nil
}

func (s *Service) deleteCluster(c *awsworld.Call, in *rds.DeleteDBClusterInput) (*rds.DeleteDBClusterOutput, error) {
	a := s.account(c.Account.ID)
	cl := a.clusters[shortID(aws.ToString(in.DBClusterIdentifier))]
	final := aws.ToString(in.FinalDBSnapshotIdentifier)
	if err := deletable(a, cl, in, final); err != nil {
		return nil, err
	}
	cl.status = deleting
	cl.epoch++
	cl.queue, cl.busy = nil, false
	if final != "" {
		sn := s.newSnapshot(cl, strings.ToLower(final), manual, nil)
		s.cut(sn, cl)
		s.complete(sn)
	}
	s.later(cl, s.Timing.DeleteCluster.draw(s.w), func() { s.drop(cl) })
	v := s.view(cl)
	return &rds.DeleteDBClusterOutput{DBCluster: &v}, nil
}

func deletable(a *account, cl *cluster, in *rds.DeleteDBClusterInput, final string) error {
	switch {
	case cl == nil:
		return clusterNotFound(aws.ToString(in.DBClusterIdentifier))
	case cl.DeletionProtection:
		return invalidCombination("Cannot delete protected Cluster, please disable deletion protection and try again.")
	case cl.deployment != nil:
		return clusterState("Cluster %s belongs to blue/green deployment %s; delete the deployment first.", cl.ID, cl.deployment.id)
	case cl.follows != nil:
		return clusterState("Cluster %s is a replica of %s; promote it before deleting it.", cl.ID, cl.follows.ID)
	case cl.status != available && cl.status != failed:
		return clusterState("Cluster %s is not in a state to be deleted: %s", cl.ID, cl.status)
	case aws.ToBool(in.SkipFinalSnapshot) == (final != ""):
		return invalidCombination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified, and refused with it.")
	}
	for _, id := range cl.members {
		if a.instances[id].status != deleting {
			return clusterState("Cluster cannot be deleted, it still contains DB instances in non-deleting state.")
		}
	}
	if final == "" {
		return nil
	}
	if a.snapshots[strings.ToLower(final)] != nil {
		return &types.DBClusterSnapshotAlreadyExistsFault{Message: aws.String("DB cluster snapshot already exists: " + final)}
	}
	return validSnapshotID("FinalDBSnapshotIdentifier", final)
}

// drop removes a cluster once its last instance is gone.
func (s *Service) drop(cl *cluster) {
	if len(cl.members) > 0 {
		s.later(cl, s.Timing.DeleteCluster.draw(s.w), func() { s.drop(cl) })
		return
	}
	s.clusterGone(cl)
	delete(cl.account.clusters, cl.ID)
	s.release(cl.encryption)
	s.emit(cl.account.id, cl.arn, clusterDeleted)
	if s.Databases == nil || cl.rowless {
		return
	}
	if err := s.Databases.Delete(context.Background(), cl.dbKey()); err != nil {
		s.broke("delete "+cl.dbKey(), err)
	}
}

func (s *Service) describeSubnetGroups(c *awsworld.Call, in *rds.DescribeDBSubnetGroupsInput) (*rds.DescribeDBSubnetGroupsOutput, error) {
	a := s.account(c.Account.ID)
	all := named(sorted(a.subnetGroups), in.DBSubnetGroupName, func(g *SubnetGroup) string { return g.Name })
	if in.DBSubnetGroupName != nil && len(all) == 0 {
		return nil, &types.DBSubnetGroupNotFoundFault{Message: aws.String(fmt.Sprintf("DBSubnetGroup %s not found in account %s.", *in.DBSubnetGroupName, a.id))}
	}
	rows, next, err := page(all, func(g *SubnetGroup) string { return g.Name }, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBSubnetGroupsOutput{Marker: next}
	for _, g := range rows {
		out.DBSubnetGroups = append(out.DBSubnetGroups, *s.subnetGroupView(a, g))
	}
	return out, nil
}

func (s *Service) describeClusterGroups(c *awsworld.Call, in *rds.DescribeDBClusterParameterGroupsInput) (*rds.DescribeDBClusterParameterGroupsOutput, error) {
	a := s.account(c.Account.ID)
	rows, next, err := s.groupPage(a.clusterGroups, in.DBClusterParameterGroupName, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBClusterParameterGroupsOutput{Marker: next}
	for _, g := range rows {
		out.DBClusterParameterGroups = append(out.DBClusterParameterGroups, types.DBClusterParameterGroup{
			DBClusterParameterGroupName: aws.String(g.Name), DBParameterGroupFamily: aws.String(g.Family), Description: aws.String(g.Description),
			DBClusterParameterGroupArn: aws.String(s.w.ARN("rds", a.id, "cluster-pg:"+g.Name)),
		})
	}
	return out, nil
}

func (s *Service) describeInstanceGroups(c *awsworld.Call, in *rds.DescribeDBParameterGroupsInput) (*rds.DescribeDBParameterGroupsOutput, error) {
	a := s.account(c.Account.ID)
	rows, next, err := s.groupPage(a.instanceGroups, in.DBParameterGroupName, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBParameterGroupsOutput{Marker: next}
	for _, g := range rows {
		out.DBParameterGroups = append(out.DBParameterGroups, types.DBParameterGroup{
			DBParameterGroupName: aws.String(g.Name), DBParameterGroupFamily: aws.String(g.Family), Description: aws.String(g.Description),
			DBParameterGroupArn: aws.String(s.w.ARN("rds", a.id, "pg:"+g.Name)),
		})
	}
	return out, nil
}

// groupPage lists parameter groups, the families' defaults among them.
func (s *Service) groupPage(groups map[string]*ParameterGroup, name, marker *string, limit *int32) ([]*ParameterGroup, *string, error) {
	all := sorted(groups)
	for _, v := range s.versions {
		f := family(v.Engine, v.Version)
		if !slices.ContainsFunc(all, func(g *ParameterGroup) bool { return g.Name == "default."+f }) {
			all = append(all, &ParameterGroup{Name: "default." + f, Family: f, Description: "Default parameter group for " + f})
		}
	}
	slices.SortFunc(all, func(a, b *ParameterGroup) int { return cmp.Compare(a.Name, b.Name) })
	all = named(all, name, func(g *ParameterGroup) string { return g.Name })
	if name != nil && len(all) == 0 {
		return nil, nil, &types.DBParameterGroupNotFoundFault{Message: aws.String("DBParameterGroup not found: " + *name)}
	}
	return page(all, func(g *ParameterGroup) string { return g.Name }, marker, limit)
}

// named keeps the one row asked for, or all when none is.
func named[T any](all []T, name *string, of func(T) string) []T {
	if name == nil {
		return all
	}
	return slices.DeleteFunc(all, func(row T) bool { return of(row) != shortID(*name) })
}

func (s *Service) describeVersions(c *awsworld.Call, in *rds.DescribeDBEngineVersionsInput) (*rds.DescribeDBEngineVersionsOutput, error) {
	if err := service.OnlyFields(c, "Engine", "EngineVersion", "DefaultOnly", "IncludeAll"); err != nil {
		return nil, err
	}
	out := &rds.DescribeDBEngineVersionsOutput{}
	for _, v := range s.versions {
		if in.Engine != nil && *in.Engine != v.Engine || in.EngineVersion != nil && *in.EngineVersion != v.Version || aws.ToBool(in.DefaultOnly) && !v.Default {
			continue
		}
		out.DBEngineVersions = append(out.DBEngineVersions, types.DBEngineVersion{
			Engine: aws.String(v.Engine), EngineVersion: aws.String(v.Version), DBParameterGroupFamily: aws.String(family(v.Engine, v.Version)),
			ExportableLogTypes: logTypes(v.Engine), Status: aws.String(available), SupportedEngineModes: []string{"provisioned"},
			ValidUpgradeTarget: s.upgradeTargets(v),
		})
	}
	return out, nil
}
