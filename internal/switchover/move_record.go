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

// record reads a CNAME; found is false when there is none. What is no plain
// CNAME with one value is refused: dbferry could not put it back.
func (s *step) record(ctx context.Context, zone, name string) (value string, ttl int64, found bool, err error) {
	out, err := s.dns.ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{
		HostedZoneId: &zone, StartRecordName: &name, StartRecordType: dnstypes.RRTypeCname, MaxItems: aws.Int32(1),
	})
	if err != nil {
		return "", 0, false, fault.AWS("read the record", zone+"/"+name, err)
	}
	for _, set := range out.ResourceRecordSets {
		if !sameName(aws.ToString(set.Name), name) || set.Type != dnstypes.RRTypeCname {
			continue
		}
		if set.SetIdentifier != nil || set.AliasTarget != nil || len(set.ResourceRecords) != 1 {
			return "", 0, true, fault.New(fault.BadRequest, "read the record", zone+"/"+name, "use a plain CNAME with one value", "it is weighted, an alias, or has several values")
		}
		return strings.TrimSuffix(aws.ToString(set.ResourceRecords[0].Value), "."), aws.ToInt64(set.TTL), true, nil
	}
	return "", 0, false, nil
}

func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

// moveRecord converges a CNAME on a value and waits until Route 53 has it on
// all its servers.
func (s *step) moveRecord(ctx context.Context, p *Plan, m Move, d Direction) (bool, error) {
	from, to := m.ends(d)
	zone, name, _ := strings.Cut(m.Name, "/")
	value, ttl, found, err := s.record(ctx, zone, name)
	if err != nil {
		return false, err
	}
	remove := d == Backward && m.Absent
	switch {
	case remove && !found, found && value == to && !remove:
		return s.inSync(ctx, startedKey(p, m, d))
	case remove && value == from:
		return false, s.change(ctx, p, m, d, dnstypes.ChangeActionDelete, value, ttl)
	case !found && d == Forward && m.Absent, found && value == from && !m.Absent:
		return false, s.change(ctx, p, m, d, dnstypes.ChangeActionUpsert, to, s.ttl(m, d))
	}
	return false, foreign("record "+m.Name, value, from, to)
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

func (s *step) change(ctx context.Context, p *Plan, m Move, d Direction, action dnstypes.ChangeAction, value string, ttl int64) error {
	zone, name, _ := strings.Cut(m.Name, "/")
	out, err := s.dns.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: &zone,
		ChangeBatch: &dnstypes.ChangeBatch{Comment: aws.String("dbferry " + p.RefreshID), Changes: []dnstypes.Change{{
			Action: action, ResourceRecordSet: &dnstypes.ResourceRecordSet{
				Name: &name, Type: dnstypes.RRTypeCname, TTL: &ttl, ResourceRecords: []dnstypes.ResourceRecord{{Value: &value}},
			},
		}}},
	})
	if fault.HasCode(err, "PriorRequestNotComplete") {
		return nil // the next look tries again
	}
	if err != nil {
		return fault.AWS("change the record", m.Name, err)
	}
	return s.ledger.Put(ctx, startedKey(p, m, d), begun{At: s.Now().UTC(), ID: aws.ToString(out.ChangeInfo.Id)})
}

// inSync asks for the change that led here. One whose id was lost with its
// reply is given the minute that Route 53 promises.
func (s *step) inSync(ctx context.Context, key string) (bool, error) {
	var b begun
	_, found, err := s.ledger.Get(ctx, key, &b)
	if err != nil {
		return false, err
	}
	if !found {
		_, err := s.ledger.Create(ctx, key, begun{At: s.Now().UTC()})
		return false, err
	}
	if b.ID == "" {
		return s.Now().Sub(b.At) >= time.Minute, nil
	}
	out, err := s.dns.GetChange(ctx, &route53.GetChangeInput{Id: &b.ID})
	if err != nil {
		return false, fault.AWS("look at the change of the record", b.ID, err)
	}
	return out.ChangeInfo.Status == dnstypes.ChangeStatusInsync, nil
}
