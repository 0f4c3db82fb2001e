package rds

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// maxShared is how many accounts a manual snapshot can be shared with
// (docs/aws.md §9.2).
const maxShared = 20

func (s *Service) createSnapshot(c *awsworld.Call, in *rds.CreateDBClusterSnapshotInput) (*rds.CreateDBClusterSnapshotOutput, error) {
	a := s.account(c.Account.ID)
	cl := a.clusters[shortID(aws.ToString(in.DBClusterIdentifier))]
	if cl == nil {
		return nil, clusterNotFound(aws.ToString(in.DBClusterIdentifier))
	}
	if cl.status != available {
		return nil, clusterState("Cluster %s is not available to be snapshotted: its status is %s", cl.ID, cl.status)
	}
	id, tags := strings.ToLower(aws.ToString(in.DBClusterSnapshotIdentifier)), tagMap(in.Tags)
	if err := cmp.Or(s.newSnapshotAllowed(a, "DBClusterSnapshotIdentifier", id), checkTags(tags)); err != nil {
		return nil, err
	}
	grant := ""
	if cl.encryption.key != "" {
		var err error
		if grant, err = s.grantFor(c.Ctx, c.Caller, cl.encryption.key, "aws:rds:dbc-snapshot-id", id); err != nil {
			return nil, keyNotAccessible("", cl.encryption.key)
		}
	}
	sn := s.newSnapshot(cl, id, kindOf(id), tags)
	sn.encryption.grant = grant
	s.take(sn, cl)
	v := s.snapshotView(sn, a.id)
	return &rds.CreateDBClusterSnapshotOutput{DBClusterSnapshot: &v}, nil
}

// take works on the snapshot while the cluster reads backing-up.
func (s *Service) take(sn *snapshot, cl *cluster) {
	total := s.Timing.Snapshot.draw(s.w, cl.VolumeBytes)
	cutAfter := min(s.Timing.CutOff.draw(s.w), total)
	sn.ends = s.w.Now().Add(total)
	s.enqueue(cl, activity{
		status: backingUp, takes: total,
		begin: func() {
			sn.begun, sn.ends = s.w.Now(), s.w.Now().Add(total)
			s.emit(sn.account.id, sn.arn, snapshotCreating)
			s.later(cl, cutAfter, func() { s.cut(sn, cl) })
		},
		end: func() { s.complete(sn) },
	})
}

func (s *Service) newSnapshotAllowed(a *account, parameter, id string) error {
	if err := validSnapshotID(parameter, id); err != nil {
		return err
	}
	if a.snapshots[id] != nil {
		return &types.DBClusterSnapshotAlreadyExistsFault{Message: aws.String("DB cluster snapshot already exists: " + id)}
	}
	if kindOf(id) == manual && a.full(QuotaSnapshots) {
		return &types.SnapshotQuotaExceededFault{Message: aws.String(fmt.Sprintf(
			"You have reached the limit of %d manual cluster snapshots in account %s", a.quotas[QuotaSnapshots], a.id))}
	}
	return nil
}

func (s *Service) deleteSnapshot(c *awsworld.Call, in *rds.DeleteDBClusterSnapshotInput) (*rds.DeleteDBClusterSnapshotOutput, error) {
	sn := s.account(c.Account.ID).snapshots[shortID(aws.ToString(in.DBClusterSnapshotIdentifier))]
	if sn == nil {
		return nil, snapshotNotFound(aws.ToString(in.DBClusterSnapshotIdentifier))
	}
	if sn.status != available && sn.status != failed {
		return nil, snapshotState("Snapshot %s is not in a state to be deleted: %s", sn.id, sn.status)
	}
	s.discard(sn)
	v := s.snapshotView(sn, c.Account.ID)
	v.Status = aws.String("deleted")
	return &rds.DeleteDBClusterSnapshotOutput{DBClusterSnapshot: &v}, nil
}

func (s *Service) describeSnapshots(c *awsworld.Call, in *rds.DescribeDBClusterSnapshotsInput) (*rds.DescribeDBClusterSnapshotsOutput, error) {
	if err := service.OnlyFields(c, "DBClusterIdentifier", "DBClusterSnapshotIdentifier", "DbClusterResourceId", "Filters",
		"IncludeShared", "Marker", "MaxRecords", "SnapshotType"); err != nil {
		return nil, err
	}
	f, err := readFilters("DescribeDBClusterSnapshots", in.Filters, "db-cluster-id", "db-cluster-snapshot-id", "snapshot-type", "engine")
	if err != nil {
		return nil, err
	}
	var all []*snapshot
	for _, sn := range s.visibleSnapshots(c.Account.ID, in) {
		if f.admits("db-cluster-id", sn.cluster.ID) && f.admits("db-cluster-snapshot-id", sn.id[strings.LastIndex(sn.id, ":")+1:]) &&
			f.admits("snapshot-type", sn.kind) && f.admits("engine", sn.cluster.Engine) {
			all = append(all, sn)
		}
	}
	if in.DBClusterSnapshotIdentifier != nil && len(all) == 0 {
		return nil, snapshotNotFound(*in.DBClusterSnapshotIdentifier)
	}
	rows, next, err := page(all, func(sn *snapshot) string { return sn.arn }, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBClusterSnapshotsOutput{Marker: next}
	for _, sn := range rows {
		out.DBClusterSnapshots = append(out.DBClusterSnapshots, s.snapshotView(sn, c.Account.ID))
	}
	return out, nil
}

// visibleSnapshots: without a type the account's own manual ones, with
// IncludeShared those of others too; AWS Backup's are named by type or by
// identifier (RDS API reference, DescribeDBClusterSnapshots).
func (s *Service) visibleSnapshots(account string, in *rds.DescribeDBClusterSnapshotsInput) []*snapshot {
	id, kind := aws.ToString(in.DBClusterSnapshotIdentifier), aws.ToString(in.SnapshotType)
	var out []*snapshot
	for _, a := range s.sortedAccounts() {
		own := a.id == account
		if !own && kind != "shared" && !aws.ToBool(in.IncludeShared) {
			continue
		}
		for _, sn := range sorted(a.snapshots) {
			byID := id != "" && s.findSnapshot(account, id) == sn
			byKind := kind == sn.kind || kind == "" && (sn.kind == manual || id != "") || !own && kind == "shared"
			byCluster := in.DBClusterIdentifier == nil || sn.cluster.ID == shortID(*in.DBClusterIdentifier)
			byResource := in.DbClusterResourceId == nil || sn.clusterID == *in.DbClusterResourceId
			if sn.sharedTo(account) && (id == "" || byID) && byKind && byCluster && byResource {
				out = append(out, sn)
			}
		}
	}
	slices.SortFunc(out, func(a, b *snapshot) int { return cmp.Compare(a.arn, b.arn) })
	return out
}

func (s *Service) modifyAttribute(c *awsworld.Call, in *rds.ModifyDBClusterSnapshotAttributeInput) (*rds.ModifyDBClusterSnapshotAttributeOutput, error) {
	sn := s.account(c.Account.ID).snapshots[shortID(aws.ToString(in.DBClusterSnapshotIdentifier))]
	switch {
	case sn == nil:
		return nil, snapshotNotFound(aws.ToString(in.DBClusterSnapshotIdentifier))
	case aws.ToString(in.AttributeName) != "restore":
		return nil, invalidValue("Invalid snapshot attribute: %s", aws.ToString(in.AttributeName))
	case sn.status != available:
		return nil, snapshotState("Snapshot %s is not available: its status is %s", sn.id, sn.status)
	}
	shared := append(without(sn.sharedWith, slices.Concat(in.ValuesToRemove, in.ValuesToAdd)), in.ValuesToAdd...)
	slices.Sort(shared)
	shared = slices.Compact(shared)
	if len(in.ValuesToAdd) > 0 {
		if err := s.mayShare(sn, in.ValuesToAdd, shared); err != nil {
			return nil, err
		}
	}
	sn.sharedWith = shared
	return &rds.ModifyDBClusterSnapshotAttributeOutput{DBClusterSnapshotAttributesResult: attributes(sn)}, nil
}

// mayShare: an encrypted snapshot is shared with accounts, not with everybody,
// and only under a customer managed key (docs/aws.md §2.3, §9.2).
func (s *Service) mayShare(sn *snapshot, add, all []string) error {
	for _, account := range add {
		if account == "all" && sn.encryption.encrypted() {
			return snapshotState("Encrypted snapshot %s can't be shared publicly", sn.id)
		}
		if account != "all" && s.w.Account(account) == nil {
			return invalidValue("Invalid account: %s", account)
		}
	}
	if why := s.unshareable(sn.encryption); why != "" {
		return snapshotState("%s", why)
	}
	if len(all) > maxShared {
		return &types.SharedSnapshotQuotaExceededFault{Message: aws.String(fmt.Sprintf("A snapshot can be shared with at most %d accounts.", maxShared))}
	}
	return nil
}

func attributes(sn *snapshot) *types.DBClusterSnapshotAttributesResult {
	return &types.DBClusterSnapshotAttributesResult{
		DBClusterSnapshotIdentifier: aws.String(sn.id),
		DBClusterSnapshotAttributes: []types.DBClusterSnapshotAttribute{
			{AttributeName: aws.String("restore"), AttributeValues: slices.Clone(sn.sharedWith)},
		},
	}
}

func (s *Service) describeAttributes(c *awsworld.Call, in *rds.DescribeDBClusterSnapshotAttributesInput) (*rds.DescribeDBClusterSnapshotAttributesOutput, error) {
	sn := s.account(c.Account.ID).snapshots[shortID(aws.ToString(in.DBClusterSnapshotIdentifier))]
	if sn == nil {
		return nil, snapshotNotFound(aws.ToString(in.DBClusterSnapshotIdentifier))
	}
	return &rds.DescribeDBClusterSnapshotAttributesOutput{DBClusterSnapshotAttributesResult: attributes(sn)}, nil
}
