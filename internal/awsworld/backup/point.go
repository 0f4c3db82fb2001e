package backup

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

// point is a recovery point.
type point struct {
	arn         string
	account     string
	vault       string // name
	source      resource
	status      types.RecoveryPointStatus
	message     string
	created     time.Time // a copy keeps the time of what it was copied from
	completed   time.Time
	retention   retention
	key         string // empty: not encrypted
	customerKey bool
	size        int64
	role        string // made it and deletes it; empty: the service-linked role does
	sourceVault string // ARN; copies only

	tags         map[string]string // of the recovery point
	resourceTags map[string]string // of the resource when it was backed up
	metadata     map[string]string // of the resource when it was backed up
	image        string            // DynamoDB's name of the data
	cutOff       CutOff
	cancelExpiry func()
}

// retention is a lifecycle: days after creation; 0 or less means never.
type retention struct{ deleteAfter, coldAfter int64 }

func retentionOf(l *types.Lifecycle) retention {
	if l == nil {
		return retention{}
	}
	return retention{deleteAfter: aws.ToInt64(l.DeleteAfterDays), coldAfter: aws.ToInt64(l.MoveToColdStorageAfterDays)}
}

func (r retention) lifecycle() *types.Lifecycle {
	l := &types.Lifecycle{}
	if r.deleteAfter > 0 {
		l.DeleteAfterDays = aws.Int64(r.deleteAfter)
	}
	if r.coldAfter > 0 {
		l.MoveToColdStorageAfterDays = aws.Int64(r.coldAfter)
	}
	return l
}

// checkLifecycle is what AWS demands of a lifecycle in a request.
func checkLifecycle(l *types.Lifecycle) error {
	if l == nil {
		return nil
	}
	if l.DeleteAfterEvent != "" {
		return invalid("Invalid lifecycle: DeleteAfterEvent %s is not valid as input", l.DeleteAfterEvent)
	}
	days, cold := aws.ToInt64(l.DeleteAfterDays), aws.ToInt64(l.MoveToColdStorageAfterDays)
	if l.DeleteAfterDays != nil && (days < -1 || days == 0) || days > 36500 {
		return invalid("Invalid lifecycle: DeleteAfterDays %d must be between 1 and 36500, or -1", days)
	}
	if cold > 0 && days > 0 && days < cold+90 {
		return invalid("Invalid lifecycle: DeleteAfterDays must be at least 90 days after MoveToColdStorageAfterDays")
	}
	return nil
}

// deleteAt is when the lifecycle ends; zero: never.
func (p *point) deleteAt() time.Time {
	if p.retention.deleteAfter <= 0 {
		return time.Time{}
	}
	return p.created.AddDate(0, 0, int(p.retention.deleteAfter))
}

func (p *point) calculated() *types.CalculatedLifecycle {
	out := &types.CalculatedLifecycle{DeleteAt: timeOrNil(p.deleteAt())}
	if p.retention.coldAfter > 0 {
		out.MoveToColdStorageAt = aws.Time(p.created.AddDate(0, 0, int(p.retention.coldAfter)))
	}
	return out
}

func (p *point) keyType() types.EncryptionKeyType {
	if p.customerKey {
		return types.EncryptionKeyTypeCustomerManagedKmsKey
	}
	return ""
}

// usable says whether the point can be copied or restored.
func (p *point) usable() bool {
	return p.status == types.RecoveryPointStatusCompleted || p.status == types.RecoveryPointStatusAvailable
}

func (a *account) point(arn string) *point {
	for _, p := range slices.Backward(a.points) {
		if p.arn == arn {
			return p
		}
	}
	return nil
}

func (a *account) drop(p *point) {
	a.points = slices.DeleteFunc(a.points, func(o *point) bool { return o == p })
}

// pointResource is a recovery point as a thing to be authorized on. The policy
// of its vault is its resource policy.
func (s *Service) pointResource(account, arn string) awsworld.Resource {
	r := awsworld.Resource{ARN: arn, Owner: account, Kind: iam.General}
	if p := s.account(account).point(arn); p != nil {
		r.Context = service.TagContext(p.tags)
		if v := s.account(account).vaults[p.vault]; v != nil {
			r.Policy = v.Policy
		}
	}
	return r
}

func ownPoint[In any](s *Service, arn func(*In) *string) func(*awsworld.Call) []awsworld.Resource {
	return func(c *awsworld.Call) []awsworld.Resource {
		return []awsworld.Resource{s.pointResource(c.Account.ID, aws.ToString(arn(awsworld.Input[In](c))))}
	}
}

// pointIn finds a recovery point in a vault of the caller's account.
func (s *Service) pointIn(c *awsworld.Call, vault, arn *string) (*vault, *point, error) {
	v, err := s.vaultOf(c.Account.ID, vault)
	if err != nil {
		return nil, nil, err
	}
	p := s.of(c).point(aws.ToString(arn))
	if p == nil || p.vault != v.Name {
		return nil, nil, notFound("Recovery point %s was not found in backup vault %s", aws.ToString(arn), v.Name)
	}
	return v, p, nil
}

// keep registers a point that has been completed and starts its life.
func (s *Service) keep(p *point) {
	p.status, p.completed = types.RecoveryPointStatusCompleted, s.now()
	at := p.deleteAt()
	if at.IsZero() {
		return
	}
	p.cancelExpiry = s.w.Kernel.At(at.Add(s.w.Between(0, s.Timing.Deletion)), func() {
		p.cancelExpiry = nil
		s.remove(p, awsworld.Site{State: "AWS Backup"})
	})
}

// remove deletes a recovery point with what holds its data. When AWS Backup is
// not allowed to, the point stays as EXPIRED, as it does in AWS.
func (s *Service) remove(p *point, site awsworld.Site) {
	a := s.account(p.account)
	if a.point(p.arn) != p {
		return
	}
	p.status = types.RecoveryPointStatusDeleting
	until := s.w.Now().Add(max(s.Timing.Deletion, time.Hour))
	err := s.persist(context.Background(), func() error { return s.destroy(p, site) },
		func() time.Duration { return s.Timing.Retry }, func() bool { return s.w.Now().Before(until) })
	if err != nil {
		p.status, p.message = types.RecoveryPointStatusExpired, messageOf(err)
		return
	}
	a.drop(p)
}

// destroy deletes the data behind a recovery point. A snapshot that is still
// being made or copied is tried again later.
func (s *Service) destroy(p *point, site awsworld.Site) error {
	caller, err := s.keeper(p, site)
	if err != nil {
		return err
	}
	err = s.engine(p.source.kind).drop(context.Background(), caller, p)
	if service.Code(err) == "InvalidDBClusterSnapshotStateFault" {
		return &types.ServiceUnavailableException{Message: aws.String(messageOf(err))}
	}
	return err
}

// keeper is who deletes the data of a recovery point: the role that made it,
// for a copy the service-linked role.
func (s *Service) keeper(p *point, site awsworld.Site) (awsworld.Caller, error) {
	if p.role == "" {
		return s.linked(p.account, site)
	}
	return s.assume(&job{role: p.role, site: site})
}

// linked is AWS Backup's service-linked role in an account.
func (s *Service) linked(account string, site awsworld.Site) (awsworld.Caller, error) {
	caller, err := s.w.ServiceLinked(account, principal)
	if err != nil {
		return awsworld.Caller{}, denied("The service-linked role AWSServiceRoleForBackup does not exist in account " + account + ".")
	}
	caller.Site = site
	return caller, nil
}
