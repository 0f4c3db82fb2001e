package switchover

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/refresh"
)

// endTable deletes a table and waits until it is gone.
func (s *retireItems) endTable(ctx context.Context, o old, made refresh.Restored, rec *Retirement) (gone bool, left string, err error) {
	out, err := s.ddb.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &o.name})
	if fault.IsNotFound(err) {
		err = s.orphaned(ctx, o, rec)
		return err == nil, "", err
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
	indexes := []string{}
	for _, i := range d.GlobalSecondaryIndexes {
		indexes = append(indexes, aws.ToString(i.IndexName))
	}
	a, err := s.scalableTargets(ctx, o, indexes)
	if err != nil || a.foreign != "" {
		return false, a.left(), err
	}
	if err := s.detach(ctx, o, a, rec); err != nil {
		return false, "", err
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
func (s *retireItems) endCluster(ctx context.Context, o old, made refresh.Restored, rec *Retirement) (gone bool, left string, err error) {
	c, err := s.cluster(ctx, o.name)
	if err != nil {
		return false, "", err
	}
	if c == nil {
		err = s.orphaned(ctx, o, rec)
		return err == nil, "", err
	}
	if aws.ToString(c.DbClusterResourceId) != made.ResourceID || !ours(refresh.RDSTags(c.TagList), o.refreshID, o.source, s.t.Name) {
		return false, stranger, nil
	}
	if aws.ToString(c.Status) == "deleting" {
		return false, "", nil
	}
	members, err := s.members(ctx, o, c)
	if err != nil {
		return false, "", err
	}
	a, err := s.scalableTargets(ctx, o, nil)
	if err != nil || a.foreign != "" {
		return false, a.left(), err
	}
	if left = s.foreign(members, o, rec.Scaled || len(a.own) > 0); left != "" {
		return false, left, nil
	}
	if err := s.detach(ctx, o, a, rec); err != nil {
		return false, "", err
	}
	if aws.ToBool(c.DeletionProtection) {
		_, err = s.rds.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: &o.name, DeletionProtection: aws.Bool(false), ApplyImmediately: aws.Bool(true)})
		return false, "", passing(o, err)
	}
	for _, m := range members {
		if aws.ToString(m.DBInstanceStatus) == "deleting" {
			continue
		}
		_, err = s.rds.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: m.DBInstanceIdentifier, SkipFinalSnapshot: aws.Bool(true)})
		if err := passing(o, err); err != nil {
			return false, "", err
		}
	}
	_, err = s.rds.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: &o.name, SkipFinalSnapshot: aws.Bool(true)})
	return false, "", passing(o, err)
}

// members are the cluster's instances.
func (s *retireItems) members(ctx context.Context, o old, c *rdstypes.DBCluster) ([]rdstypes.DBInstance, error) {
	var all []rdstypes.DBInstance
	for _, m := range c.DBClusterMembers {
		out, err := s.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: m.DBInstanceIdentifier})
		if fault.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, deleting(o, err)
		}
		all = append(all, out.DBInstances...)
	}
	return all, nil
}

// foreign says which instance is not dbferry's: a reader that somebody added
// keeps the whole cluster alive. scaled: readers that Application Auto Scaling
// has added, which carry no tags of dbferry's, are not foreign.
func (s *retireItems) foreign(members []rdstypes.DBInstance, o old, scaled bool) (left string) {
	for _, m := range members {
		id := aws.ToString(m.DBInstanceIdentifier)
		if !ours(refresh.RDSTags(m.TagList), o.refreshID, o.source, s.t.Name) && !(scaled && strings.HasPrefix(id, scaledReader)) {
			return "its instance " + id + " is somebody else's"
		}
	}
	return ""
}

// passing lets an error pass that only says "not now".
func passing(o old, err error) error {
	if fault.IsNotFound(err) || fault.HasCode(err, "InvalidDBClusterStateFault", "InvalidDBInstanceState") {
		return nil
	}
	return deleting(o, err)
}
