// Package route53 simulates Amazon Route 53 as far as a switch needs it: hosted
// zones with simple record sets, atomic change batches that take a while to be
// in sync, and resolvers that keep answers for their time to live.
package route53

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/iam"
)

const reference = "https://docs.aws.amazon.com/Route53/latest/APIReference/API_"

// Timing is how long Route 53 takes.
type Timing struct {
	// Sync is the time from a change until all name servers answer with it;
	// AWS says usually within 60 seconds.
	SyncLow, SyncHigh time.Duration
}

// Service is Route 53 in all accounts of one world.
type Service struct {
	Timing Timing

	w       *awsworld.World
	zones   map[string]*zone
	changes map[string]*change
}

// Zone describes a hosted zone.
type Zone struct {
	ID   string   // "Z0123456789ABCDEFGHIJ"
	Name string   // "staging.example.com", without a dot at the end
	VPCs []string // where a private zone is seen; empty for a public one
}

// Record is a simple record set.
type Record struct {
	Name, Type string
	TTL        int64
	Values     []string
}

type zone struct {
	Zone
	account string
	records map[string]Record // as the API shows them
	served  map[string]Record // as the name servers answer
}

type change struct {
	id, account string
	at          time.Time
	insync      bool
	comment     *string
}

func key(name, kind string) string { return normal(name) + " " + kind }

// normal is a record's name as IAM condition keys want it: lower case and no
// dot at the end.
func normal(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// New registers the operations of Route 53.
func New(w *awsworld.World) *Service {
	s := &Service{w: w, Timing: Timing{10 * time.Second, 45 * time.Second}, zones: map[string]*zone{}, changes: map[string]*change{}}
	w.Register(s.ops()...)
	return s
}

// PutZone adds a hosted zone with its records, which are served already.
func (s *Service) PutZone(account string, z Zone, records ...Record) error {
	if s.zones[z.ID] != nil {
		return fmt.Errorf("hosted zone %s exists already", z.ID)
	}
	z.Name, z.VPCs = normal(z.Name), slices.Clone(z.VPCs)
	n := &zone{Zone: z, account: account, records: map[string]Record{}, served: map[string]Record{}}
	for _, r := range records {
		if text := n.permitted(r); text != "" {
			return fmt.Errorf("hosted zone %s: %s", z.ID, text)
		}
		n.records[key(r.Name, r.Type)] = r
	}
	n.served = maps.Clone(n.records)
	s.zones[z.ID] = n
	return nil
}

func (s *Service) ops() []awsworld.Op {
	row := func(op awsworld.Op, differs string) awsworld.Op {
		op.Source, op.Differs = reference+op.Name+".html", differs
		return op
	}
	list := awsworld.On("Route 53", "ListResourceRecordSets", "route53:ListResourceRecordSets", s.list)
	list.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return s.at(c, awsworld.Input[sdk.ListResourceRecordSetsInput](c).HostedZoneId)
	}
	get := awsworld.On("Route 53", "GetHostedZone", "route53:GetHostedZone", s.get)
	get.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return s.at(c, awsworld.Input[sdk.GetHostedZoneInput](c).Id)
	}
	put := awsworld.On("Route 53", "ChangeResourceRecordSets", "route53:ChangeResourceRecordSets", s.put)
	put.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return s.at(c, awsworld.Input[sdk.ChangeResourceRecordSetsInput](c).HostedZoneId)
	}
	put.ConditionKeys = changeKeys
	done := awsworld.On("Route 53", "GetChange", "route53:GetChange", s.getChange)
	done.Resources = func(c *awsworld.Call) []awsworld.Resource {
		return []awsworld.Resource{{ARN: "arn:aws:route53:::change/" + shortID(awsworld.Input[sdk.GetChangeInput](c).Id), Owner: c.Account.ID, Kind: iam.NoPolicy}}
	}
	return []awsworld.Op{
		row(list, "simple record sets only; the zone's own NS and SOA records are left out; sorted by name, not by reversed labels"),
		row(get, "no delegation set"),
		row(put, "simple record sets only, no aliases or routing policies; PriorRequestNotComplete is never answered; the time to INSYNC is modelled, and name servers change all at once then"),
		row(done, ""),
	}
}

func shortID(id *string) string {
	if id == nil {
		return ""
	}
	return (*id)[strings.LastIndex(*id, "/")+1:]
}

func (s *Service) at(c *awsworld.Call, id *string) []awsworld.Resource {
	return []awsworld.Resource{{ARN: "arn:aws:route53:::hostedzone/" + shortID(id), Owner: c.Account.ID, Kind: iam.NoPolicy}}
}

// changeKeys are the condition keys of a change batch.
func changeKeys(c *awsworld.Call) map[string][]string {
	const prefix = "route53:ChangeResourceRecordSets"
	out := map[string][]string{}
	in := awsworld.Input[sdk.ChangeResourceRecordSetsInput](c)
	if in.ChangeBatch == nil {
		return out
	}
	for _, ch := range in.ChangeBatch.Changes {
		if ch.ResourceRecordSet == nil || ch.ResourceRecordSet.Name == nil {
			continue
		}
		add(out, prefix+"NormalizedRecordNames", normal(*ch.ResourceRecordSet.Name))
		add(out, prefix+"RecordTypes", string(ch.ResourceRecordSet.Type))
		add(out, prefix+"Actions", string(ch.Action))
	}
	return out
}

func add(keys map[string][]string, key, value string) {
	if !slices.Contains(keys[key], value) {
		keys[key] = append(keys[key], value)
	}
}

// find is a zone of the caller's account.
func (s *Service) find(c *awsworld.Call, id *string) (*zone, error) {
	z := s.zones[shortID(id)]
	if z == nil || z.account != c.Account.ID {
		return nil, &types.NoSuchHostedZone{Message: new("No hosted zone found with ID: " + shortID(id))}
	}
	return z, nil
}
