package rds

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// DropSubnetGroup removes a DB subnet group, as its owner would. Like the other
// ground methods it asks nobody.
func (s *Service) DropSubnetGroup(account, name string) {
	delete(s.account(account).subnetGroups, strings.ToLower(name))
}

// UpgradeOnRestore makes AWS restore snapshots of a version as another one, as it
// does when the version's support has ended (docs/aws.md §4.2).
func (s *Service) UpgradeOnRestore(from, to string) {
	if s.upgrades == nil {
		s.upgrades = map[string]string{}
	}
	s.upgrades[from] = to
}

// upgraded is the version that a restore of this one gets.
func (s *Service) upgraded(version string) string {
	if to := s.upgrades[version]; to != "" {
		return to
	}
	return version
}

// Shown is what a cluster shows of things that are not simulated: they are
// described and do nothing.
type Shown struct {
	ManagedSecretARN string // RDS manages the master password
	Stream           bool   // a database activity stream runs
	SourceARN        string // the cluster replicates from this one
	ReplicaARN       string // this one replicates from the cluster
	EngineMode       string // "serverless"
	Global           string // the global database that it is a member of
}

// SetShown lets a cluster show such things; the zero value takes them away.
func (s *Service) SetShown(account, id string, x Shown) {
	s.account(account).clusters[id].shown = x
}

// view adds it to a description.
func (x Shown) view(v *types.DBCluster) {
	if x.EngineMode != "" {
		v.EngineMode = aws.String(x.EngineMode)
	}
	if x.Global != "" {
		v.GlobalClusterIdentifier = aws.String(x.Global)
	}
	if x.ManagedSecretARN != "" {
		v.MasterUserSecret = &types.MasterUserSecret{SecretArn: aws.String(x.ManagedSecretARN), SecretStatus: aws.String("active")}
	}
	if x.Stream {
		v.ActivityStreamStatus = types.ActivityStreamStatusStarted
	}
	if x.SourceARN != "" {
		v.ReplicationSourceIdentifier = aws.String(x.SourceARN)
	}
	if x.ReplicaARN != "" {
		v.ReadReplicaIdentifiers = append(v.ReadReplicaIdentifiers, x.ReplicaARN)
	}
}
