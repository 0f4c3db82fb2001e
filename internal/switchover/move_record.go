package switchover

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	dnstypes "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
)

// recordName is a record in a Move: zone and name.
func recordName(r config.Record) string { return r.Zone + "/" + r.Name }

// cname is a record as Route 53 has it.
type cname struct {
	raw string
	ttl int64
}

// value is where it leads to, without a dot at the end.
func (c cname) value() string { return strings.TrimSuffix(c.raw, ".") }

// record reads a CNAME; found is false when there is none. What is no plain
// CNAME with one value is refused: dbferry could not put it back.
func (s *step) record(ctx context.Context, zone, name string) (c cname, found bool, err error) {
	out, err := s.dns.ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{
		HostedZoneId: &zone, StartRecordName: &name, StartRecordType: dnstypes.RRTypeCname, MaxItems: aws.Int32(1),
	})
	if err != nil {
		return c, false, fault.AWS("read the record", zone+"/"+name, err)
	}
	for _, set := range out.ResourceRecordSets {
		if !sameName(aws.ToString(set.Name), name) || set.Type != dnstypes.RRTypeCname {
			continue
		}
		if set.SetIdentifier != nil || set.AliasTarget != nil || len(set.ResourceRecords) != 1 {
			return c, true, fault.New(fault.BadRequest, "read the record", zone+"/"+name, "use a plain CNAME with one value", "it is weighted, an alias, or has several values")
		}
		return cname{aws.ToString(set.ResourceRecords[0].Value), aws.ToInt64(set.TTL)}, true, nil
	}
	return c, false, nil
}

func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

// moveRecord converges a CNAME on a value and waits until Route 53 has it on
// all its servers.
func (s *step) moveRecord(ctx context.Context, p *Plan, m Move, d Direction) (bool, error) {
	from, to := m.ends(d)
	zone, name, _ := strings.Cut(m.Name, "/")
	now, found, err := s.record(ctx, zone, name)
	if err != nil {
		return false, err
	}
	value, remove := now.value(), d == Backward && m.Absent
	switch {
	case remove && !found, found && value == to && !remove:
		return s.inSync(ctx, p, m, d)
	case remove && value == from:
		return false, s.change(ctx, p, m, d, []dnstypes.Change{change(dnstypes.ChangeActionDelete, name, now)})
	case !found && d == Forward && m.Absent:
		return false, s.change(ctx, p, m, d, []dnstypes.Change{change(dnstypes.ChangeActionCreate, name, cname{to, s.ttl(m, d)})})
	case found && value == from && !m.Absent:
		// Route 53 makes both or none, and the first only of the record just read:
		// what somebody else writes in between is not overwritten.
		return false, s.change(ctx, p, m, d, []dnstypes.Change{
			change(dnstypes.ChangeActionDelete, name, now), change(dnstypes.ChangeActionCreate, name, cname{to, s.ttl(m, d)}),
		})
	}
	return false, foreign("record "+m.Name, value, from, to)
}

func change(action dnstypes.ChangeAction, name string, c cname) dnstypes.Change {
	return dnstypes.Change{Action: action, ResourceRecordSet: &dnstypes.ResourceRecordSet{
		Name: &name, Type: dnstypes.RRTypeCname, TTL: &c.ttl, ResourceRecords: []dnstypes.ResourceRecord{{Value: &c.raw}},
	}}
}

// ttl is what the record lives on the way there, and what it lived before.
func (s *step) ttl(m Move, d Direction) int64 {
	if d == Backward {
		return m.TTL
	}
	for _, r := range s.t.Switch.Records {
		if recordName(r) == m.Name {
			return int64(r.Seconds())
		}
	}
	return m.TTL
}

func (s *step) change(ctx context.Context, p *Plan, m Move, d Direction, changes []dnstypes.Change) error {
	zone, name, _ := strings.Cut(m.Name, "/")
	out, err := s.dns.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: &zone, ChangeBatch: &dnstypes.ChangeBatch{Comment: aws.String("dbferry " + p.RefreshID), Changes: changes},
	})
	if fault.HasCode(err, "PriorRequestNotComplete") {
		return nil // the next look tries again
	}
	if fault.HasCode(err, "InvalidChangeBatch") {
		if moved, lookErr := s.movedSince(ctx, zone, name, changes[0]); lookErr != nil || moved {
			return lookErr // the next look sees where it is now
		}
	}
	if err != nil {
		return fault.AWS("change the record", m.Name, err)
	}
	return s.ledger.Put(ctx, startedKey(p, m, d), begun{At: s.Now().UTC(), By: p.Execution, Clock: s.Now().UTC(), ID: aws.ToString(out.ChangeInfo.Id)})
}

// movedSince says whether a record is no longer what a change expects.
func (s *step) movedSince(ctx context.Context, zone, name string, c dnstypes.Change) (bool, error) {
	now, found, err := s.record(ctx, zone, name)
	if c.Action == dnstypes.ChangeActionCreate {
		return found, err
	}
	return !found || now.raw != aws.ToString(c.ResourceRecordSet.ResourceRecords[0].Value) || now.ttl != aws.ToInt64(c.ResourceRecordSet.TTL), err
}

// inSync asks for the change that led here. One whose id was lost with its
// reply is given the minute that Route 53 promises; what was never moved needs
// no way back.
func (s *step) inSync(ctx context.Context, p *Plan, m Move, d Direction) (bool, error) {
	if d == Backward {
		_, _, moved, err := s.ledger.Bytes(ctx, startedKey(p, m, Forward))
		if err == nil && !moved {
			_, _, moved, err = s.ledger.Bytes(ctx, startedKey(p, m, Backward))
		}
		if err != nil || !moved {
			return err == nil, err
		}
	}
	b, err := s.intend(ctx, p, startedKey(p, m, d), "")
	if err != nil {
		return false, err
	}
	if b.ID == "" {
		return s.late(b, time.Minute), nil
	}
	out, err := s.dns.GetChange(ctx, &route53.GetChangeInput{Id: &b.ID})
	if err != nil {
		return false, fault.AWS("look at the change of the record", b.ID, err)
	}
	return out.ChangeInfo.Status == dnstypes.ChangeStatusInsync, nil
}
