package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/fault"
)

// cluster reads one cluster; nil when there is none of the name.
func (s *step) cluster(ctx context.Context, id string) (*types.DBCluster, error) {
	out, err := s.rds.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &id})
	if fault.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.AWS("look at the cluster", id, err)
	}
	return &out.DBClusters[0], nil
}

// mustCluster is a cluster that has to be there.
func (s *step) mustCluster(ctx context.Context, id string) (*types.DBCluster, error) {
	c, err := s.cluster(ctx, id)
	if err == nil && c == nil {
		err = fault.New(fault.VerifyFailed, "look at the cluster", id, "look at the cluster in the RDS console", "it is not there")
	}
	return c, err
}

// members reads the instances of a cluster, writer first.
func (s *step) members(ctx context.Context, c *types.DBCluster) ([]types.DBInstance, error) {
	var out []types.DBInstance
	for _, id := range memberIDs(c) {
		one, err := s.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		if err != nil {
			return nil, fault.AWS("look at the instance", id, err)
		}
		out = append(out, one.DBInstances[0])
	}
	return out, nil
}

func memberIDs(c *types.DBCluster) []string {
	var writer, rest []string
	for _, m := range c.DBClusterMembers {
		if aws.ToBool(m.IsClusterWriter) {
			writer = append(writer, aws.ToString(m.DBInstanceIdentifier))
		} else {
			rest = append(rest, aws.ToString(m.DBInstanceIdentifier))
		}
	}
	slices.Sort(rest)
	return append(writer, rest...)
}

func sideOf(c *types.DBCluster) Side {
	all := memberIDs(c)
	side := Side{
		Cluster: aws.ToString(c.DBClusterIdentifier), ARN: aws.ToString(c.DBClusterArn), ResourceID: aws.ToString(c.DbClusterResourceId),
		Version: aws.ToString(c.EngineVersion), Endpoint: aws.ToString(c.Endpoint), Port: int(aws.ToInt32(c.Port)), Members: all,
	}
	if len(all) > 0 {
		side.Writer = all[0]
	}
	return side
}

// unwell names the first member, or the cluster, that is not available; empty
// when all are. AVAILABLE of a deployment does not imply it
// (docs/migration.md §1.8).
func unwell(c *types.DBCluster, members []types.DBInstance) string {
	if st := aws.ToString(c.Status); st != "available" {
		return fmt.Sprintf("cluster %s is %s", aws.ToString(c.DBClusterIdentifier), st)
	}
	if len(members) == 0 {
		return fmt.Sprintf("cluster %s has no instance", aws.ToString(c.DBClusterIdentifier))
	}
	for _, m := range members {
		if st := aws.ToString(m.DBInstanceStatus); st != "available" {
			return fmt.Sprintf("instance %s is %s", aws.ToString(m.DBInstanceIdentifier), st)
		}
	}
	return ""
}

// deployment finds the Blue/Green deployment of the migration by its name; nil
// when there is none.
func (s *step) deployment(ctx context.Context, m *Migration) (*types.BlueGreenDeployment, error) {
	in := &rds.DescribeBlueGreenDeploymentsInput{Filters: []types.Filter{{Name: aws.String("blue-green-deployment-name"), Values: []string{m.Plan.Name}}}}
	if m.Deployment != "" {
		in = &rds.DescribeBlueGreenDeploymentsInput{BlueGreenDeploymentIdentifier: &m.Deployment}
	}
	out, err := s.rds.DescribeBlueGreenDeployments(ctx, in)
	if fault.IsNotFound(err) || err == nil && len(out.BlueGreenDeployments) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fault.AWS("look at the Blue/Green deployment", m.Plan.Name, err)
	}
	return &out.BlueGreenDeployments[0], nil
}

// idOf is the identifier at the end of an RDS ARN.
func idOf(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }

// group is an instance's DB parameter group with its status.
func group(i types.DBInstance) (name, status string) {
	if len(i.DBParameterGroups) == 0 {
		return "", ""
	}
	return aws.ToString(i.DBParameterGroups[0].DBParameterGroupName), aws.ToString(i.DBParameterGroups[0].ParameterApplyStatus)
}
