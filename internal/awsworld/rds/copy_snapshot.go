package rds

import (
	"cmp"
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// copySnapshot copies a snapshot of this account, or one that another account
// shares with it. It is always a full copy, under the key that is given, and
// lasts as the size demands (docs/aws.md §2.4, §3, §11).
func (s *Service) copySnapshot(c *awsworld.Call, in *rds.CopyDBClusterSnapshotInput) (*rds.CopyDBClusterSnapshotOutput, error) {
	if err := service.OnlyFields(c, "SourceDBClusterSnapshotIdentifier", "TargetDBClusterSnapshotIdentifier", "CopyTags", "KmsKeyId", "Tags", "SourceRegion"); err != nil {
		return nil, err
	}
	a, source := s.account(c.Account.ID), s.findSnapshot(c.Account.ID, aws.ToString(in.SourceDBClusterSnapshotIdentifier))
	id, tags := strings.ToLower(aws.ToString(in.TargetDBClusterSnapshotIdentifier)), tagMap(in.Tags)
	if source == nil {
		return nil, snapshotNotFound(aws.ToString(in.SourceDBClusterSnapshotIdentifier))
	}
	if err := cmp.Or(s.mayCopy(a, source, in), s.newSnapshotAllowed(a, "TargetDBClusterSnapshotIdentifier", id), checkTags(tags)); err != nil {
		return nil, err
	}
	e, reading, err := s.copyKeys(c, source, aws.ToString(in.KmsKeyId))
	if err != nil {
		return nil, err
	}
	if aws.ToBool(in.CopyTags) && source.account == a {
		all := maps.Clone(source.tags)
		maps.Copy(all, tags)
		tags = all
	}
	sn := s.addCopy(a, id, source, e, tags)
	s.carry(sn, source, reading)
	v := s.snapshotView(sn, a.id)
	return &rds.CopyDBClusterSnapshotOutput{DBClusterSnapshot: &v}, nil
}

func (s *Service) mayCopy(a *account, source *snapshot, in *rds.CopyDBClusterSnapshotInput) error {
	foreign, key := source.account != a, aws.ToString(in.KmsKeyId)
	switch {
	case source.status != available:
		return snapshotState("Source snapshot %s is not available: its status is %s", source.arn, source.status)
	case !source.encryption.encrypted() && key != "":
		return invalidCombination("KmsKeyId can't be specified for the copy of an unencrypted DB cluster snapshot")
	case foreign && source.encryption.encrypted() && key == "":
		return invalidCombination("KmsKeyId must be specified to copy an encrypted DB cluster snapshot that is shared from another account")
	case a.copying >= maxCopies:
		return &types.SnapshotQuotaExceededFault{Message: aws.String(fmt.Sprintf(
			"You have reached the limit of %d snapshot copies in progress into account %s", maxCopies, a.id))}
	}
	if foreign {
		if why := s.unshareable(source.encryption); why != "" {
			return snapshotState("%s", why)
		}
	}
	return nil
}

// copyKeys checks and takes the keys of a copy: the source's for reading, the
// destination's for good.
func (s *Service) copyKeys(c *awsworld.Call, source *snapshot, key string) (e, reading encryption, err error) {
	if source.encryption.key == "" && key == "" {
		return encryption{owned: source.encryption.owned}, encryption{}, nil
	}
	resource := s.resourceID("cluster-snapshot-")
	if source.encryption.key != "" {
		grant, err := s.readUnder(c.Ctx, c.Caller, source.encryption.key, resource)
		if err != nil {
			return e, reading, keyNotAccessible("source snapshot ", source.encryption.key)
		}
		reading = encryption{key: source.encryption.key, grant: grant}
	}
	if key == "" {
		key = source.encryption.key
	}
	grant, err := s.writeUnder(c.Ctx, c.Caller, key, resource)
	if err != nil {
		s.release(reading)
		return e, reading, keyNotAccessible("target ", key)
	}
	arn, _ := s.kms.KeyARN(c.Account.ID, key)
	return encryption{key: arn, grant: grant}, reading, nil
}

func (s *Service) addCopy(a *account, id string, source *snapshot, e encryption, tags map[string]string) *snapshot {
	sn := *source
	sn.id, sn.kind, sn.account, sn.source, sn.encryption = id, kindOf(id), a, source.arn, e
	sn.arn = s.w.ARN("rds", a.id, "cluster-snapshot:"+id)
	sn.status, sn.sharedWith, sn.tags, sn.image = copying, nil, maps.Clone(tags), nil
	sn.begun = s.w.Now()
	a.snapshots[id] = &sn
	return &sn
}

// carry moves the data. It fails when the source goes away, is no longer shared,
// or when one of the keys can no longer be used before the end.
func (s *Service) carry(sn, source *snapshot, reading encryption) {
	a := sn.account
	a.copying++
	d := s.Timing.Copy.draw(s.w, source.cluster.VolumeBytes)
	sn.ends = s.w.Now().Add(d)
	s.w.Kernel.After(d, func() {
		a.copying--
		ok := source.account.snapshots[source.id] == source && source.sharedTo(a.id) && s.readable(reading) && s.readable(sn.encryption)
		s.release(reading)
		if !ok {
			sn.status = failed
			return
		}
		if source.image != nil {
			source.image.uses++
			sn.image = source.image
		}
		sn.status = available
	})
}
