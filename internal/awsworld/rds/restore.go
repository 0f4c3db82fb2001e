package rds

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/iam/awsmanaged"
)

// restoreCluster makes a cluster without instances. What the request does not
// say falls back to AWS's defaults, not to the source's settings; users and
// passwords are the source's (docs/aws.md §4.2).
func (s *Service) restoreCluster(c *awsworld.Call, in *rds.RestoreDBClusterFromSnapshotInput) (*rds.RestoreDBClusterFromSnapshotOutput, error) {
	if err := service.OnlyFields(c, "DBClusterIdentifier", "SnapshotIdentifier", "Engine", "EngineVersion", "EngineMode", "Port", "DatabaseName",
		"DBSubnetGroupName", "VpcSecurityGroupIds", "DBClusterParameterGroupName", "KmsKeyId", "Tags", "BacktrackWindow", "CopyTagsToSnapshot",
		"DeletionProtection", "EnableCloudwatchLogsExports", "EnableIAMDatabaseAuthentication", "ServerlessV2ScalingConfiguration", "StorageType",
		"BackupRetentionPeriod", "PreferredBackupWindow", "AvailabilityZones"); err != nil {
		return nil, err
	}
	a, sn := s.account(c.Account.ID), s.findSnapshot(c.Account.ID, aws.ToString(in.SnapshotIdentifier))
	spec, err := s.restoredSpec(a, sn, in)
	if err != nil {
		return nil, err
	}
	if err := s.serviceLinkedRole(c); err != nil {
		return nil, err
	}
	resourceID := s.resourceID("cluster-")
	e, reading, err := s.restoreKeys(c, sn, aws.ToString(in.KmsKeyId), resourceID)
	if err != nil {
		return nil, err
	}
	cl := s.add(a, spec, e, resourceID, creating)
	cl.origin = sn.origin
	s.load(cl, sn, reading)
	v := s.view(cl)
	return &rds.RestoreDBClusterFromSnapshotOutput{DBCluster: &v}, nil
}

// restoredSpec is what the new cluster will look like.
func (s *Service) restoredSpec(a *account, sn *snapshot, in *rds.RestoreDBClusterFromSnapshotInput) (spec ClusterSpec, err error) {
	if err := s.mayRestore(a, sn, in); err != nil {
		return spec, err
	}
	version, err := s.restoreVersion(sn.cluster.Engine, aws.ToString(in.EngineVersion), sn.cluster.EngineVersion)
	if err != nil {
		return spec, err
	}
	spec = ClusterSpec{
		ID: aws.ToString(in.DBClusterIdentifier), Engine: sn.cluster.Engine, EngineVersion: version,
		Port: cmp.Or(aws.ToInt32(in.Port), sn.cluster.Port), DatabaseName: cmp.Or(aws.ToString(in.DatabaseName), sn.cluster.DatabaseName),
		MasterUser: sn.cluster.MasterUser, SubnetGroup: aws.ToString(in.DBSubnetGroupName), SecurityGroups: slices.Clone(in.VpcSecurityGroupIds),
		ParameterGroup: strings.ToLower(aws.ToString(in.DBClusterParameterGroupName)), LogExports: slices.Clone(in.EnableCloudwatchLogsExports),
		BacktrackSeconds: aws.ToInt64(in.BacktrackWindow), IAMAuthentication: aws.ToBool(in.EnableIAMDatabaseAuthentication),
		DeletionProtection: aws.ToBool(in.DeletionProtection), CopyTagsToSnapshot: aws.ToBool(in.CopyTagsToSnapshot),
		BackupRetentionDays: aws.ToInt32(in.BackupRetentionPeriod), BackupWindow: aws.ToString(in.PreferredBackupWindow),
		StorageType: aws.ToString(in.StorageType), AvailabilityZones: slices.Clone(in.AvailabilityZones),
		VolumeBytes: sn.cluster.VolumeBytes, Tags: tagMap(in.Tags),
	}
	if len(in.Tags) == 0 {
		// Tags that the snapshot carries come along unless others are given.
		spec.Tags = maps.Clone(sn.tags)
		maps.DeleteFunc(spec.Tags, func(k, _ string) bool { return strings.HasPrefix(k, "aws:") })
	}
	if sc := in.ServerlessV2ScalingConfiguration; sc != nil {
		spec.Serverless = mergeScaling(Scaling{}, sc)
		if err := validScaling(spec.Serverless); err != nil {
			return spec, err
		}
	}
	if err := cmp.Or(checkTags(spec.Tags), checkLogs(spec.Engine, spec.EngineVersion, spec.LogExports)); err != nil {
		return spec, err
	}
	return spec, s.fill(a, &spec)
}

func (s *Service) mayRestore(a *account, sn *snapshot, in *rds.RestoreDBClusterFromSnapshotInput) error {
	id := strings.ToLower(aws.ToString(in.DBClusterIdentifier))
	switch {
	case sn == nil:
		return snapshotNotFound(aws.ToString(in.SnapshotIdentifier))
	case sn.status != available:
		return snapshotState("Snapshot %s is not available: its status is %s", sn.id, sn.status)
	case sn.account != a && sn.kind == byBackup:
		return snapshotState("Snapshot %s of AWS Backup is shared; copy it to this account before restoring it", sn.arn)
	case a.clusters[id] != nil:
		return &types.DBClusterAlreadyExistsFault{Message: aws.String("DB Cluster already exists: " + id)}
	case a.full(QuotaClusters):
		return &types.DBClusterQuotaExceededFault{Message: aws.String(fmt.Sprintf(
			"You have reached the limit of %d DB clusters in account %s", a.quotas[QuotaClusters], a.id))}
	case aws.ToString(in.Engine) != sn.cluster.Engine:
		return invalidCombination("The engine %s does not match the engine %s of snapshot %s", aws.ToString(in.Engine), sn.cluster.Engine, sn.id)
	case in.EngineMode != nil && *in.EngineMode != "provisioned":
		return invalidCombination("The engine mode %s is not supported", *in.EngineMode)
	}
	return nil
}

// restoreKeys: without a key the snapshot's is used; an unencrypted snapshot
// stays unencrypted (docs/aws.md §2.3).
func (s *Service) restoreKeys(c *awsworld.Call, sn *snapshot, key, resourceID string) (e, reading encryption, err error) {
	from := sn.encryption.key
	if key == "" && from == "" {
		return encryption{owned: sn.encryption.owned}, encryption{}, nil
	}
	if from != "" {
		grant, err := s.readUnder(c.Ctx, c.Caller, from, resourceID)
		if err != nil {
			return e, reading, keyNotAccessible("source snapshot ", from)
		}
		reading = encryption{key: from, grant: grant}
	}
	key = cmp.Or(key, from)
	grant, err := s.writeUnder(c.Ctx, c.Caller, key, resourceID)
	if err != nil {
		s.release(reading)
		return e, reading, keyNotAccessible("", key)
	}
	arn, _ := s.kms.KeyARN(c.Account.ID, key)
	return encryption{key: arn, grant: grant}, reading, nil
}

// load fills the cluster; when it is done the cluster is available, without an
// instance to connect to.
func (s *Service) load(cl *cluster, sn *snapshot, reading encryption) {
	held := sn.image
	if held != nil {
		held.uses++
	}
	s.w.Kernel.Go(func() { s.emit(cl.account.id, cl.arn, clusterCreated) })
	s.later(cl, s.Timing.Restore.draw(s.w, sn.cluster.VolumeBytes), func() {
		ok := s.readable(reading) && s.readable(cl.encryption)
		s.release(reading)
		cl.status = available
		if !ok {
			cl.status = "inaccessible-encryption-credentials"
		}
		if held != nil {
			s.restoreRows(cl, held)
		}
		s.next(cl)
	})
}

func (s *Service) restoreRows(cl *cluster, held *image) {
	if cl.status == available {
		if err := s.Databases.Restore(context.Background(), held.name, cl.dbKey(), cl.Engine); err != nil {
			cl.status = failed
			s.broke("restore of "+cl.dbKey(), err)
		}
	}
	held.uses--
	if held.uses == 0 {
		if err := s.Databases.DeleteImage(context.Background(), held.name); err != nil {
			s.broke("delete image "+held.name, err)
		}
	}
}

const (
	serviceRolePath   = "aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS"
	serviceRolePolicy = "arn:aws:iam::aws:policy/aws-service-role/AmazonRDSServiceRolePolicy"
)

// serviceLinkedRole: the first cluster or instance of an account makes RDS's
// service-linked role, for which the caller needs permission. AWS Backup has
// none, so that restores into a virgin account fail (docs/aws.md §1.6).
func (s *Service) serviceLinkedRole(c *awsworld.Call) error {
	if _, err := s.w.ServiceLinked(c.Account.ID, "rds.amazonaws.com"); err == nil {
		return nil
	}
	arn := fmt.Sprintf("arn:aws:iam::%s:role/%s", c.Account.ID, serviceRolePath)
	err := c.Require(awsworld.Resource{
		ARN: arn, Owner: c.Account.ID, Kind: iam.NoPolicy, Action: "iam:CreateServiceLinkedRole",
		Context: map[string][]string{"iam:AWSServiceName": {"rds.amazonaws.com"}},
	}, nil)
	if err != nil {
		return invalidValue("Unable to create the resource. Verify that you have permission to create service linked role. Otherwise wait and try again later")
	}
	doc, _, _ := awsmanaged.Policy(serviceRolePolicy)
	trust, err := iam.ParseDocument([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"rds.amazonaws.com"},"Action":"sts:AssumeRole"}]}`))
	if err != nil {
		return err
	}
	c.Account.PutRole(&awsworld.Role{
		ARN: arn, Name: "AWSServiceRoleForRDS", Account: c.Account.ID, Service: "rds.amazonaws.com",
		Trust:    iam.Policy{Name: "trust of AWSServiceRoleForRDS", Account: c.Account.ID, Doc: trust},
		Policies: []iam.Policy{{Name: "AmazonRDSServiceRolePolicy", Account: c.Account.ID, Doc: doc}},
	})
	return nil
}
