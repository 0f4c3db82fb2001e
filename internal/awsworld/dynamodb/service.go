// Package dynamodb simulates Amazon DynamoDB as far as refreshing tables needs
// it: tables with typed items, their settings, and the two calls by which AWS
// Backup saves and restores them. Facts follow docs/aws.md §4.3 and §8.
//
// Statuses move with the simulated clock, however often somebody looks.
package dynamodb

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
)

// Service is DynamoDB in all accounts of one world.
type Service struct {
	// Timing says how long things take; change it before the run.
	Timing Timing

	w        *awsworld.World
	kms      *kms.Service
	accounts map[string]*account
	images   map[string]*image
}

// Range is a duration drawn anew each time from [Low, High].
type Range struct{ Low, High time.Duration }

// Timing is how long DynamoDB takes. AWS publishes little of it; what is here
// is modelled (docs/aws.md §8).
type Timing struct {
	Restore     Range         // CREATING, besides the time for the data
	RestoreRate int64         // bytes of data restored in a second
	Update      Range         // UPDATING
	Delete      Range         // DELETING
	TTL         Range         // ENABLING and DISABLING
	TTLLock     time.Duration // no second change of the time to live within it
	Backups     Range         // from ACTIVE until continuous backups can be switched
	CountsAge   time.Duration // how old ItemCount and TableSizeBytes may be
}

// DefaultTiming is the timing of a new Service.
func DefaultTiming() Timing {
	return Timing{
		Restore: Range{4 * time.Minute, 8 * time.Minute}, RestoreRate: 50e6,
		Update: Range{5 * time.Second, 30 * time.Second}, Delete: Range{20 * time.Second, time.Minute},
		TTL: Range{time.Minute, 3 * time.Minute}, TTLLock: time.Hour,
		Backups: Range{10 * time.Second, 40 * time.Second}, CountsAge: 6 * time.Hour,
	}
}

// Limits of an account and Region (docs/aws.md §8).
const (
	maxRestores     = 50
	maxRestoreBytes = 25 << 40
	defaultTables   = 2500
)

type account struct {
	id           string
	tables       map[string]*table
	quota        int
	restores     int
	restoreBytes int64
}

// New registers the operations of DynamoDB.
func New(w *awsworld.World, keys *kms.Service) *Service {
	s := &Service{w: w, kms: keys, Timing: DefaultTiming(), accounts: map[string]*account{}, images: map[string]*image{}}
	w.Register(s.ops()...)
	return s
}

func (s *Service) account(id string) *account {
	a := s.accounts[id]
	if a == nil {
		a = &account{id: id, tables: map[string]*table{}, quota: defaultTables}
		s.accounts[id] = a
	}
	return a
}

// SetTableQuota changes how many tables an account may have.
func (s *Service) SetTableQuota(account string, tables int) { s.account(account).quota = tables }

func (a *account) names() []string { return slices.Sorted(maps.Keys(a.tables)) }

// SetStatus makes a table show a status, as if somebody else were at work on it.
func (s *Service) SetStatus(account, name string, status types.TableStatus) {
	if t := s.account(account).tables[name]; t != nil {
		t.status = status
	}
}

func (s *Service) tableARN(account, name string) string {
	return s.w.ARN("dynamodb", account, "table/"+name)
}

// find finds a table of an account by name or ARN.
func (s *Service) find(account, name string) (*table, error) {
	short := name
	if arn := s.tableARN(account, ""); strings.HasPrefix(name, arn) {
		short = strings.TrimPrefix(name, arn)
	}
	if t := s.account(account).tables[short]; t != nil {
		return t, nil
	}
	return nil, &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf("Requested resource not found: Table: %s not found in account %s", name, account))}
}

// after runs fn d later unless the table has been deleted meanwhile.
func (s *Service) after(t *table, d time.Duration, fn func()) {
	epoch := t.epoch
	s.w.Kernel.After(d, func() {
		if t.epoch == epoch {
			fn()
		}
	})
}

func (s *Service) draw(r Range) time.Duration { return s.w.Between(r.Low, r.High) }

func invalid(format string, args ...any) error {
	return awsworld.Errorf("ValidationException", format, args...)
}

func inUse(t *table) error {
	return &types.ResourceInUseException{Message: aws.String(fmt.Sprintf("Attempt to change a resource which is still in use: Table %s is %s", t.Name, t.status))}
}
