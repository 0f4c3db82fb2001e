// Package backup is AWS Backup in the simulated AWS: vaults, recovery points,
// and the three kinds of jobs that make, copy and restore them, across accounts.
//
// AWS Backup owns no data. It drives Aurora and DynamoDB through the same pipe
// as everybody else, with the session of the role it was given (backup, copy,
// restore) or of its own service-linked role (the copying itself), so that a
// missing permission on either side shows where it would in AWS.
//
// Every job is a process on the world's clock (run.go). A Describe call only
// looks; it never moves a job on.
package backup

import (
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/sim"
)

// ServiceID is the SDK's name of the service.
const ServiceID = "Backup"

// principal is AWS Backup as a service principal.
const principal = "backup.amazonaws.com"

// Service is AWS Backup of every account of a world.
type Service struct {
	// Timing is how long things take; set it before the run.
	Timing Timing

	// EventLoss and EventDup are the chances, 0 to 1, that a job event is
	// dropped or sent twice; EventDelayMax is how late an event may come after
	// its five-minute batch. AWS Backup's events are best effort (docs/aws.md
	// §5.1, §5.2).
	EventLoss, EventDup float64
	EventDelayMax       time.Duration

	// Emit hands an event to the account's default event bus; nil: no events.
	Emit func(account, source, detailType string, resources []string, detail map[string]any)

	w        *awsworld.World
	keys     *kms.Service
	rds      *rds.Service
	dynamodb *dynamodb.Service
	accounts map[string]*account
	global   *globalSettings
	busy     map[string]*queue // one place for each source resource, by its ARN
	copying  map[copyLane]*queue
	copyHold time.Duration
	spoils   []spoiled
	batch    []event
	flushing bool
}

// Timing is how long AWS Backup's own part of the work takes. What Aurora does
// (snapshot, snapshot copy, restore) takes the time that the RDS simulation
// says. Unless another source is named, the defaults are modeled.
type Timing struct {
	// Created is the longest time that a backup stays in CREATED before it
	// runs. AWS says both "immediately" and "within an hour" (docs/aws.md §1.3).
	Created time.Duration
	// CopyCreated is the same for copies.
	CopyCreated time.Duration
	// Pending is the longest time in PENDING: backups and restores.
	Pending time.Duration
	// Look is how often AWS Backup looks at the service that works for it.
	Look time.Duration
	// Retry is how often a retriable error is tried again (docs/aws.md §1.3:
	// at least every 10 minutes).
	Retry time.Duration
	// CopyRetry is how long a copy retries by itself before people take over
	// (docs/aws.md §1.3: 2 hours).
	CopyRetry time.Duration
	// CopyByHand is how often people retry after that.
	CopyByHand time.Duration
	// TableBase plus the table's size at TableRate bytes a second is how long
	// a DynamoDB backup or copy runs.
	TableBase time.Duration
	TableRate int64
	// EventBatch is how often events are sent (docs/aws.md §5.1: 5 minutes).
	EventBatch time.Duration
	// Deletion is the longest time between a recovery point's expiry and its
	// deletion (docs/aws.md §1.3: 8 hours).
	Deletion time.Duration
}

// DefaultTiming is AWS Backup on an ordinary day.
func DefaultTiming() Timing {
	return Timing{
		Created: 5 * time.Minute, CopyCreated: 3 * time.Minute, Pending: 20 * time.Second,
		Look: 30 * time.Second, Retry: 10 * time.Minute,
		CopyRetry: 2 * time.Hour, CopyByHand: 4 * time.Hour,
		TableBase: 4 * time.Minute, TableRate: 100 << 20,
		EventBatch: 5 * time.Minute, Deletion: 8 * time.Hour,
	}
}

// New adds AWS Backup to a world that has the services it works with.
func New(w *awsworld.World, keys *kms.Service, aurora *rds.Service, tables *dynamodb.Service) *Service {
	s := &Service{
		Timing: DefaultTiming(), w: w, keys: keys, rds: aurora, dynamodb: tables,
		accounts: map[string]*account{}, busy: map[string]*queue{}, copying: map[copyLane]*queue{},
	}
	w.Register(s.backupOps()...)
	w.Register(s.copyOps()...)
	w.Register(s.restoreOps()...)
	w.Register(s.pointOps()...)
	w.Register(s.vaultOps()...)
	w.Register(s.tagOps()...)
	w.Register(s.settingsOps()...)
	return s
}

// account is what AWS Backup keeps for one account.
type account struct {
	id       string
	vaults   map[string]*vault // by name
	points   []*point          // in the order in which they were made
	backups  []*backupJob
	copies   []*copyJob
	restores []*restoreJob
	tokens   map[string]string // operation/token → job id
	optIn    map[string]bool
	managed  map[string]bool
}

// account finds or opens the account's state. A new account is opted in to
// both resource types, with DynamoDB's advanced features on, as AWS does for
// accounts younger than November 2021 (docs/aws.md §2.1).
func (s *Service) account(id string) *account {
	a := s.accounts[id]
	if a == nil {
		a = &account{
			id: id, vaults: map[string]*vault{}, tokens: map[string]string{},
			optIn:   map[string]bool{typeAurora: true, typeDynamoDB: true},
			managed: map[string]bool{typeDynamoDB: true},
		}
		s.accounts[id] = a
	}
	return a
}

// of is the state of the account that a call lands in.
func (s *Service) of(c *awsworld.Call) *account { return s.account(c.Account.ID) }

// sleepUpTo sleeps a random part of d.
func (s *Service) sleepUpTo(j *job, d time.Duration) error {
	return s.w.Kernel.Sleep(j.scope, s.w.Between(0, d))
}

// queueFor is the line before one source resource: AWS Backup runs one backup
// or copy job of a resource at a time (docs/aws.md §3).
func (s *Service) queueFor(resource string) *queue {
	q := s.busy[resource]
	if q == nil {
		q = newQueue(s.w.Kernel, 1)
		s.busy[resource] = q
	}
	return q
}

func newQueue(k *sim.Kernel, places int) *queue { return &queue{k: k, places: places} }
