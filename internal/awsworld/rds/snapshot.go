package rds

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Kinds of snapshot. AWS Backup's carry the prefix in their identifier.
const (
	manual       = "manual"
	byBackup     = "awsbackup"
	backupPrefix = "awsbackup:"
)

// snapshot is one cluster snapshot.
type snapshot struct {
	id, arn, kind string
	account       *account
	cluster       ClusterSpec // the cluster's settings at the cut-off
	clusterID     string      // resource id of the cluster
	clusterMade   time.Time
	origin        string // id of the cluster whose data this is
	status        string
	cutOff        time.Time
	begun, ends   time.Time // for PercentProgress
	encryption    encryption
	sharedWith    []string
	source        string // ARN of the snapshot it was copied from
	image         *image
	tags          map[string]string
	vpc           string
}

// image is a state of a database that one or more snapshots hold.
type image struct {
	name string
	uses int
}

func kindOf(id string) string {
	if strings.HasPrefix(id, backupPrefix) {
		return byBackup
	}
	return manual
}

// newSnapshot adds a snapshot in status creating.
func (s *Service) newSnapshot(cl *cluster, id, kind string, tags map[string]string) *snapshot {
	sn := &snapshot{
		id: id, kind: kind, arn: s.w.ARN("rds", cl.account.id, "cluster-snapshot:"+id), account: cl.account,
		clusterID: cl.resourceID, clusterMade: cl.created, origin: cl.origin, status: creating, begun: s.w.Now(), ends: s.w.Now(),
		encryption: cl.encryption, tags: maps.Clone(tags), vpc: cl.account.subnetGroups[cl.SubnetGroup].VPC,
	}
	sn.encryption.grant = ""
	s.describeCut(sn, cl)
	if sn.tags == nil {
		sn.tags = map[string]string{}
	}
	if cl.CopyTagsToSnapshot {
		own := maps.Clone(cl.Tags)
		maps.Copy(sn.tags, own)
		maps.Copy(sn.tags, tags)
	}
	cl.account.snapshots[id] = sn
	return sn
}

// describeCut keeps the cluster's settings as of now.
func (s *Service) describeCut(sn *snapshot, cl *cluster) {
	sn.cluster = cl.ClusterSpec
	sn.cluster.SecurityGroups = slices.Clone(cl.SecurityGroups)
	sn.cluster.LogExports = slices.Clone(cl.LogExports)
	sn.cluster.AvailabilityZones = slices.Clone(cl.AvailabilityZones)
	sn.cluster.Roles = slices.Clone(cl.Roles)
	sn.cluster.Tags = maps.Clone(cl.Tags)
	sn.cutOff = s.w.Now()
}

// cut takes the data: what was acknowledged before is in, what comes after is
// not.
func (s *Service) cut(sn *snapshot, cl *cluster) {
	s.describeCut(sn, cl)
	if s.Databases == nil {
		return
	}
	name, err := s.Databases.Snapshot(context.Background(), cl.dbKey())
	if err != nil {
		sn.status = failed
		s.broke("snapshot of "+cl.dbKey(), err)
		return
	}
	sn.image = &image{name: name, uses: 1}
}

// complete makes the snapshot available, unless its key is gone.
func (s *Service) complete(sn *snapshot) {
	if sn.status == failed {
		return
	}
	if !s.readable(sn.encryption) {
		sn.status = failed
		return
	}
	sn.status = available
	s.emit(sn.account.id, sn.arn, snapshotAvailable)
}

// discard removes a snapshot and, with the last of them, its image.
func (s *Service) discard(sn *snapshot) {
	delete(sn.account.snapshots, sn.id)
	s.release(sn.encryption)
	if sn.image == nil {
		return
	}
	sn.image.uses--
	if sn.image.uses == 0 && s.Databases != nil {
		if err := s.Databases.DeleteImage(context.Background(), sn.image.name); err != nil {
			s.broke("delete image "+sn.image.name, err)
		}
	}
}

// sharedTo tells whether an account may see a snapshot of another.
func (sn *snapshot) sharedTo(account string) bool {
	return sn.account.id == account || slices.Contains(sn.sharedWith, account) || slices.Contains(sn.sharedWith, "all")
}

// findSnapshot finds an own snapshot by name or ARN, or one that another
// account shares by its ARN. What is not shared does not exist.
func (s *Service) findSnapshot(account, name string) *snapshot {
	owner := account
	if parts := strings.SplitN(name, ":", 7); len(parts) == 7 && parts[5] == "cluster-snapshot" {
		owner, name = parts[4], parts[6]
	}
	sn := s.account(owner).snapshots[strings.ToLower(name)]
	if sn == nil || !sn.sharedTo(account) {
		return nil
	}
	return sn
}

// SnapshotImage tells which image of Databases a snapshot holds, given by its
// ARN, and the moment it shows. The image is empty without Databases.
func (s *Service) SnapshotImage(arn string) (imageName string, cutOff time.Time, ok bool) {
	parts := strings.SplitN(arn, ":", 7)
	if len(parts) < 7 {
		return "", time.Time{}, false
	}
	sn := s.findSnapshot(parts[4], arn)
	if sn == nil || sn.status == creating {
		return "", time.Time{}, false
	}
	if sn.image != nil {
		imageName = sn.image.name
	}
	return imageName, sn.cutOff, true
}

// progress is PercentProgress.
func (s *Service) progress(sn *snapshot) int32 {
	total := sn.ends.Sub(sn.begun)
	switch {
	case sn.status == available:
		return 100
	case total <= 0:
		return 0
	}
	return int32(min(99, 100*s.w.Now().Sub(sn.begun)/total))
}

// snapshotView is the snapshot as an account sees it, freshly built.
func (s *Service) snapshotView(sn *snapshot, account string) types.DBClusterSnapshot {
	v := types.DBClusterSnapshot{
		DBClusterSnapshotIdentifier: aws.String(sn.id), DBClusterSnapshotArn: aws.String(sn.arn), SnapshotType: aws.String(sn.kind),
		DBClusterIdentifier: aws.String(sn.cluster.ID), DbClusterResourceId: aws.String(sn.clusterID), ClusterCreateTime: aws.Time(sn.clusterMade),
		Status: aws.String(sn.status), PercentProgress: aws.Int32(s.progress(sn)), SnapshotCreateTime: aws.Time(sn.cutOff),
		Engine: aws.String(sn.cluster.Engine), EngineVersion: aws.String(sn.cluster.EngineVersion), EngineMode: aws.String("provisioned"),
		MasterUsername: aws.String(sn.cluster.MasterUser), Port: aws.Int32(sn.cluster.Port), LicenseModel: aws.String(licence(sn.cluster.Engine)),
		AvailabilityZones: slices.Clone(sn.cluster.AvailabilityZones), VpcId: aws.String(sn.vpc), StorageType: aws.String(sn.cluster.StorageType),
		AllocatedStorage: aws.Int32(int32(max(1, sn.cluster.VolumeBytes>>30))), StorageEncrypted: aws.Bool(sn.encryption.encrypted()),
		StorageEncryptionType: sn.encryption.kind(), IAMDatabaseAuthenticationEnabled: aws.Bool(sn.cluster.IAMAuthentication),
		BackupRetentionPeriod: aws.Int32(sn.cluster.BackupRetentionDays), PreferredBackupWindow: aws.String(sn.cluster.BackupWindow),
	}
	if sn.encryption.key != "" {
		v.KmsKeyId = aws.String(sn.encryption.key)
	}
	if sn.source != "" {
		v.SourceDBClusterSnapshotArn = aws.String(sn.source)
	}
	if account == sn.account.id {
		v.TagList = tagList(sn.tags)
		return v
	}
	// Another account names it by its ARN, as a shared one, and sees no tags.
	v.DBClusterSnapshotIdentifier, v.SnapshotType = aws.String(sn.arn), aws.String("shared")
	return v
}

func licence(engine string) string {
	if engine == AuroraPostgreSQL {
		return "postgresql-license"
	}
	return "general-public-license"
}
