package switchover

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/refresh"
)

// endTable deletes a table and waits until it is gone.
func (s *retireItems) endTable(ctx context.Context, o old, made refresh.Restored) (gone bool, left string, err error) {
	out, err := s.ddb.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &o.name})
	if fault.IsNotFound(err) {
		return true, "", nil
	}
	if err != nil {
		return false, "", deleting(o, err)
	}
	d := out.Table
	if d.TableStatus == "DELETING" {
		return false, "", nil
	}
	tags, err := refresh.TableTags(ctx, s.ddb, aws.ToString(d.TableArn))
	if err != nil {
		return false, "", err
	}
	if aws.ToString(d.TableId) != made.ResourceID || !ours(tags, o.refreshID, o.source, s.t.Name) {
		return false, stranger, nil
	}
	if aws.ToBool(d.DeletionProtectionEnabled) {
		_, err = s.ddb.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &o.name, DeletionProtectionEnabled: aws.Bool(false)})
	} else {
		_, err = s.ddb.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &o.name})
	}
	if fault.IsNotFound(err) || fault.HasCode(err, "ResourceInUseException", "LimitExceededException") {
		return false, "", nil // the next look decides
	}
	return false, "", deleting(o, err)
}

// endCluster deletes a cluster's instances, then the cluster, and waits until it
// is gone. No final snapshot: what it held came from a recovery point, and what
// staging wrote into it since is staging's.
func (s *retireItems) endCluster(ctx context.Context, o old, made refresh.Restored) (gone bool, left string, err error) {
	c, err := s.cluster(ctx, o.name)
	if err != nil || c == nil {
		return c == nil && err == nil, "", err
	}
	if aws.ToString(c.DbClusterResourceId) != made.ResourceID || !ours(refresh.RDSTags(c.TagList), o.refreshID, o.source, s.t.Name) {
		return false, stranger, nil
	}
	switch {
	case aws.ToString(c.Status) == "deleting":
		return false, "", nil
	case aws.ToBool(c.DeletionProtection):
		_, err = s.rds.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: &o.name, DeletionProtection: aws.Bool(false), ApplyImmediately: aws.Bool(true)})
		return false, "", passing(o, err)
	}
	left, err = s.endInstances(ctx, o, c)
	if err != nil || left != "" {
		return false, left, err
	}
	_, err = s.rds.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: &o.name, SkipFinalSnapshot: aws.Bool(true)})
	return false, "", passing(o, err)
}

// endInstances deletes the cluster's instances, of which each must be dbferry's:
// a reader that somebody added keeps the cluster alive.
func (s *retireItems) endInstances(ctx context.Context, o old, c *rdstypes.DBCluster) (left string, err error) {
	for _, m := range c.DBClusterMembers {
		out, err := s.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: m.DBInstanceIdentifier})
		if fault.IsNotFound(err) {
			continue
		}
		if err != nil {
			return "", deleting(o, err)
		}
		i := out.DBInstances[0]
		if aws.ToString(i.DBInstanceStatus) == "deleting" {
			continue
		}
		if !ours(refresh.RDSTags(i.TagList), o.refreshID, o.source, s.t.Name) {
			return "its instance " + aws.ToString(i.DBInstanceIdentifier) + " is somebody else's", nil
		}
		_, err = s.rds.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: i.DBInstanceIdentifier, SkipFinalSnapshot: aws.Bool(true)})
		if err := passing(o, err); err != nil {
			return "", err
		}
	}
	return "", nil
}

// passing lets an error pass that only says "not now".
func passing(o old, err error) error {
	if fault.IsNotFound(err) || fault.HasCode(err, "InvalidDBClusterStateFault", "InvalidDBInstanceState") {
		return nil
	}
	return deleting(o, err)
}
