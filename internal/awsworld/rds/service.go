// Package rds simulates Amazon RDS as far as Aurora clusters need it: clusters,
// instances, cluster snapshots, the groups around them, their keys and their
// network. Facts and timings follow docs/aws.md §4, §7 and §11.
//
// Everything asynchronous moves with the simulated clock: a status changes when
// its time has come, however often somebody looks. The rows of a cluster live
// behind the Databases seam; without it the world has clusters but no data.
package rds

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
)

// Databases holds the rows: one database server per cluster, known by the key
// "account/cluster id". All calls take no simulated time.
type Databases interface {
	// Create makes an empty database with its master user.
	Create(ctx context.Context, key, engine, masterUser, masterPassword string) error
	// Snapshot keeps the present state under a name of its own choosing.
	Snapshot(ctx context.Context, key string) (image string, err error)
	// Restore makes a database from an image; users and passwords come along.
	Restore(ctx context.Context, image, newKey, engine string) error
	// SetPassword changes the password of a user.
	SetPassword(ctx context.Context, key, user, password string) error
	// Delete removes a database, DeleteImage an image.
	Delete(ctx context.Context, key string) error
	DeleteImage(ctx context.Context, image string) error
	// Addr is where the database listens, as host:port.
	Addr(ctx context.Context, key string) (hostport string, err error)
	Replicas
}

// Service is RDS in all accounts of one world.
type Service struct {
	// Timing says how long things take; change it before the run.
	Timing Timing
	// Databases holds the rows; nil for a world without any.
	Databases Databases
	// Emit sends an event to an account's default bus; nil sends none.
	Emit func(account, source, detailType string, resources []string, detail map[string]any)
	// Names follows aliases (CNAME records) of a host as a VPC sees them; nil
	// leaves every name as it is.
	Names func(vpc, host string) string
	// Broken is told when Databases fails; nil panics, because a rehearsal whose
	// databases fail proves nothing.
	Broken func(error)
	// Proxies is RDS Proxy as far as Blue/Green deployments ask it: the simulated
	// proxies, unless somebody else is put here; nil for none.
	Proxies Proxies
	// ProxiesBlock says that a proxy keeps Blue/Green deployments from being
	// created and switched over, as before April 2026 and with global databases.
	ProxiesBlock bool
	// Turned is told when a Blue/Green deployment changes its status, with the
	// present name of its blue cluster; nil tells nobody.
	Turned func(account, blue, status string)

	w        *awsworld.World
	kms      *kms.Service
	accounts map[string]*account
	versions []EngineVersion
	// withdrawn are instance classes that are offered no more.
	withdrawn []string
	upgrades  map[string]string // of versions whose support has ended, on restore
	stale     []staleName
	outages   []Outage
}

// New registers the operations of RDS.
func New(w *awsworld.World, keys *kms.Service) *Service {
	s := &Service{w: w, kms: keys, Timing: DefaultTiming(), accounts: map[string]*account{}, versions: knownVersions()}
	s.Proxies = ownProxies{s}
	w.Register(s.ops()...)
	return s
}

// account is RDS's state in one account.
type account struct {
	id             string
	clusters       map[string]*cluster
	instances      map[string]*instance
	snapshots      map[string]*snapshot
	subnetGroups   map[string]*SubnetGroup
	clusterGroups  map[string]*ParameterGroup
	instanceGroups map[string]*ParameterGroup
	securityGroups map[string]*SecurityGroup
	subnets        map[string]Subnet
	quotas         map[string]int64
	proxies        map[string]*proxy
	copying        int
	migration
}

func (s *Service) account(id string) *account {
	a := s.accounts[id]
	if a == nil {
		a = &account{
			id: id, clusters: map[string]*cluster{}, instances: map[string]*instance{}, snapshots: map[string]*snapshot{},
			subnetGroups: map[string]*SubnetGroup{}, clusterGroups: map[string]*ParameterGroup{}, instanceGroups: map[string]*ParameterGroup{},
			securityGroups: map[string]*SecurityGroup{}, subnets: map[string]Subnet{}, quotas: defaultQuotas(),
			proxies: map[string]*proxy{},
		}
		s.accounts[id] = a
	}
	return a
}

// sorted lists a map's values by key, so that no answer depends on map order.
func sorted[V any](m map[string]V) []V {
	out := make([]V, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

// sortedAccounts lists the accounts by id.
func (s *Service) sortedAccounts() []*account { return sorted(s.accounts) }

// broke reports a failure of the databases behind the world.
func (s *Service) broke(what string, err error) {
	err = fmt.Errorf("databases of the rehearsal: %s: %w", what, err)
	if s.Broken == nil {
		panic(err)
	}
	s.Broken(err)
}

// resourceID makes an identifier such as cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ.
func (s *Service) resourceID(prefix string) string {
	sum := sha256.Sum256([]byte(prefix + s.w.Hex(32)))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:26]
}

// zone is the part of endpoint names that belongs to an account and a Region.
func (s *Service) zone(account string) string {
	sum := sha256.Sum256([]byte(account + s.w.Region))
	return "c" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:11]
}
