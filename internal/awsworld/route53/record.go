package route53

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

func (s *Service) get(c *awsworld.Call, in *sdk.GetHostedZoneInput) (*sdk.GetHostedZoneOutput, error) {
	z, err := s.find(c, in.Id)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetHostedZoneOutput{HostedZone: &types.HostedZone{
		Id: new("/hostedzone/" + z.ID), Name: new(z.Name + "."), CallerReference: new(z.ID), ResourceRecordSetCount: new(int64(len(z.records))),
		Config: &types.HostedZoneConfig{PrivateZone: len(z.VPCs) > 0},
	}}
	for _, vpc := range z.VPCs {
		out.VPCs = append(out.VPCs, types.VPC{VPCId: new(vpc), VPCRegion: types.VPCRegion(s.w.Region)})
	}
	return out, nil
}

func (s *Service) list(c *awsworld.Call, in *sdk.ListResourceRecordSetsInput) (*sdk.ListResourceRecordSetsOutput, error) {
	if err := service.OnlyFields(c, "HostedZoneId", "StartRecordName", "StartRecordType", "MaxItems"); err != nil {
		return nil, err
	}
	z, err := s.find(c, in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	limit := int32(300)
	if in.MaxItems != nil {
		limit = min(*in.MaxItems, 300)
	}
	out := &sdk.ListResourceRecordSetsOutput{MaxItems: &limit, ResourceRecordSets: []types.ResourceRecordSet{}}
	for _, k := range slices.Sorted(maps.Keys(z.records)) {
		if in.StartRecordName != nil && k < key(*in.StartRecordName, string(in.StartRecordType)) {
			continue
		}
		r := z.records[k]
		if len(out.ResourceRecordSets) == int(limit) {
			out.IsTruncated, out.NextRecordName, out.NextRecordType = true, new(normal(r.Name)+"."), types.RRType(r.Type)
			break
		}
		out.ResourceRecordSets = append(out.ResourceRecordSets, r.view())
	}
	return out, nil
}

func (r Record) view() types.ResourceRecordSet {
	v := types.ResourceRecordSet{Name: new(normal(r.Name) + "."), Type: types.RRType(r.Type), TTL: new(r.TTL)}
	for _, value := range r.Values {
		v.ResourceRecords = append(v.ResourceRecords, types.ResourceRecord{Value: new(value)})
	}
	return v
}

// put makes all changes of a batch, or none.
func (s *Service) put(c *awsworld.Call, in *sdk.ChangeResourceRecordSetsInput) (*sdk.ChangeResourceRecordSetsOutput, error) {
	z, err := s.find(c, in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(z.records)
	var wrong []string
	for _, ch := range in.ChangeBatch.Changes {
		r, err := read(ch.ResourceRecordSet)
		if err != nil {
			return nil, err
		}
		if text := z.apply(next, ch.Action, r); text != "" {
			wrong = append(wrong, text)
		}
	}
	if len(wrong) > 0 || len(in.ChangeBatch.Changes) == 0 {
		return nil, &types.InvalidChangeBatch{Message: new("[" + strings.Join(wrong, ", ") + "]"), Messages: wrong}
	}
	z.records = next
	ch := &change{id: "C" + strings.ToUpper(s.w.Hex(20)), account: c.Account.ID, at: s.w.Now(), comment: in.ChangeBatch.Comment}
	s.changes[ch.id] = ch
	s.w.Kernel.After(s.w.Between(s.Timing.SyncLow, s.Timing.SyncHigh), func() {
		ch.insync = true
		s.serve(z, in.ChangeBatch.Changes, next)
	})
	return &sdk.ChangeResourceRecordSetsOutput{ChangeInfo: ch.view()}, nil
}

// serve lets the name servers answer with what a batch has changed.
func (s *Service) serve(z *zone, changes []types.Change, as map[string]Record) {
	for _, ch := range changes {
		k := key(*ch.ResourceRecordSet.Name, string(ch.ResourceRecordSet.Type))
		if r, ok := as[k]; ok {
			z.served[k] = r
		} else {
			delete(z.served, k)
		}
	}
}

func read(in *types.ResourceRecordSet) (Record, error) {
	if in.AliasTarget != nil || in.SetIdentifier != nil || in.Weight != nil || in.Region != "" || in.HealthCheckId != nil {
		return Record{}, &awsworld.Unsimulated{Service: "Route 53", Operation: "ChangeResourceRecordSets with an alias or a routing policy"}
	}
	r := Record{Name: normal(*in.Name), Type: string(in.Type), TTL: -1}
	if in.TTL != nil {
		r.TTL = *in.TTL
	}
	for _, v := range in.ResourceRecords {
		r.Values = append(r.Values, *v.Value)
	}
	return r, nil
}

// permitted says why a record cannot be in the zone.
func (z *zone) permitted(r Record) string {
	name := normal(r.Name)
	switch {
	case name != z.Name && !strings.HasSuffix(name, "."+z.Name):
		return fmt.Sprintf("RRSet with DNS name %s. is not permitted in zone %s.", name, z.Name)
	case r.Type == "CNAME" && name == z.Name:
		return fmt.Sprintf("RRSet of type CNAME with DNS name %s. is not permitted at apex in zone %s.", name, z.Name)
	case r.TTL < 0:
		return fmt.Sprintf("Missing field 'TTL' in Change with [Name=%s., Type=%s]", name, r.Type)
	case len(r.Values) == 0 || r.Type == "CNAME" && len(r.Values) != 1:
		return fmt.Sprintf("RRSet with DNS name %s., type %s has %d values", name, r.Type, len(r.Values))
	}
	return ""
}

// apply makes one change in a copy of the records, or says why not.
func (z *zone) apply(records map[string]Record, action types.ChangeAction, r Record) string {
	if text := z.permitted(r); text != "" {
		return text
	}
	k := key(r.Name, r.Type)
	had, exists := records[k]
	switch {
	case action == types.ChangeActionDelete && !exists:
		return fmt.Sprintf("Tried to delete resource record set [name='%s.', type='%s'] but it was not found", r.Name, r.Type)
	case action == types.ChangeActionDelete && (had.TTL != r.TTL || !slices.Equal(had.Values, r.Values)):
		return fmt.Sprintf("Tried to delete resource record set [name='%s.', type='%s'] but the values provided do not match the current values", r.Name, r.Type)
	case action == types.ChangeActionCreate && exists:
		return fmt.Sprintf("Tried to create resource record set [name='%s.', type='%s'] but it already exists", r.Name, r.Type)
	case action == types.ChangeActionDelete:
		delete(records, k)
		return ""
	}
	for _, other := range records {
		if normal(other.Name) == r.Name && other.Type != r.Type && (r.Type == "CNAME" || other.Type == "CNAME") {
			return fmt.Sprintf("RRSet of type CNAME with DNS name %s. is not permitted as it conflicts with other records with the same DNS name in zone %s.", r.Name, z.Name)
		}
	}
	records[k] = r
	return ""
}

func (ch *change) view() *types.ChangeInfo {
	status := types.ChangeStatusPending
	if ch.insync {
		status = types.ChangeStatusInsync
	}
	return &types.ChangeInfo{Id: new("/change/" + ch.id), Status: status, SubmittedAt: new(ch.at), Comment: ch.comment}
}

func (s *Service) getChange(c *awsworld.Call, in *sdk.GetChangeInput) (*sdk.GetChangeOutput, error) {
	ch := s.changes[shortID(in.Id)]
	if ch == nil || ch.account != c.Account.ID {
		return nil, &types.NoSuchChange{Message: new("Could not find resource with ID: " + shortID(in.Id))}
	}
	return &sdk.GetChangeOutput{ChangeInfo: ch.view()}, nil
}
