package route53_test

import (
	"context"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/dbferry/dbferry/internal/awsworld/route53"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

var ctx = context.Background()

const (
	account = worldtest.Staging
	zoneID  = "Z0123456789ABCDEFGHIJ"
	host    = "orders.staging.internal"
)

func withZone(t *testing.T, test func(s *route53.Service, c *sdk.Client, sleep func(time.Duration)), statements ...string) {
	t.Helper()
	f := worldtest.New(t)
	s := route53.New(f.W)
	err := s.PutZone(account, route53.Zone{ID: zoneID, Name: "staging.internal", VPCs: []string{"vpc-1"}},
		route53.Record{Name: host, Type: "CNAME", TTL: 5, Values: []string{"blue.example.com"}},
		route53.Record{Name: "other.staging.internal", Type: "A", TTL: 60, Values: []string{"10.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(statements) == 0 {
		statements = []string{worldtest.Allow("route53:*", "*")}
	}
	c := sdk.NewFromConfig(f.As(account, "tester", statements...))
	f.Run(func() { test(s, c, func(d time.Duration) { _ = f.W.Kernel.Sleep(ctx, d) }) })
}

func cname(action types.ChangeAction, name, value string) types.Change {
	return types.Change{Action: action, ResourceRecordSet: &types.ResourceRecordSet{
		Name: &name, Type: types.RRTypeCname, TTL: new(int64(5)), ResourceRecords: []types.ResourceRecord{{Value: &value}},
	}}
}

func change(c *sdk.Client, changes ...types.Change) (*sdk.ChangeResourceRecordSetsOutput, error) {
	return c.ChangeResourceRecordSets(ctx, &sdk.ChangeResourceRecordSetsInput{HostedZoneId: new(zoneID), ChangeBatch: &types.ChangeBatch{Changes: changes}})
}

func TestAChangeReachesClientsAfterSyncAndTTL(t *testing.T) {
	withZone(t, func(s *route53.Service, c *sdk.Client, sleep func(time.Duration)) {
		client, outside := s.Resolver("vpc-1"), s.Resolver("vpc-2")
		if got := client.Canonical(host + "."); got != "blue.example.com" {
			t.Errorf("at first %s", got)
		}
		if got := outside.Canonical(host); got != host {
			t.Errorf("another VPC sees %s", got)
		}
		out, err := change(c, cname(types.ChangeActionUpsert, host, "green.example.com"))
		if err != nil || out.ChangeInfo.Status != types.ChangeStatusPending || !s.Syncing(account) {
			t.Fatalf("%+v, %v", out, err)
		}
		list, err := c.ListResourceRecordSets(ctx, &sdk.ListResourceRecordSetsInput{HostedZoneId: new("/hostedzone/" + zoneID), StartRecordName: new(host), MaxItems: new(int32(1))})
		if err != nil || len(list.ResourceRecordSets) != 1 || *list.ResourceRecordSets[0].ResourceRecords[0].Value != "green.example.com" {
			t.Errorf("%+v, %v", list, err)
		}
		if got := client.Canonical(host); got != "blue.example.com" {
			t.Errorf("before it is in sync %s", got)
		}
		var synced time.Duration
		for d := time.Duration(0); d < 2*time.Minute; d += time.Second {
			got, err := c.GetChange(ctx, &sdk.GetChangeInput{Id: out.ChangeInfo.Id})
			if err != nil {
				t.Fatal(err)
			}
			if got.ChangeInfo.Status == types.ChangeStatusInsync && synced == 0 {
				synced = d
			}
			if client.Canonical(host) == "green.example.com" {
				if late := d - synced; synced == 0 || late > 5*time.Second {
					t.Errorf("seen %s after INSYNC", late)
				}
				return
			}
			sleep(time.Second)
		}
		t.Error("the change never arrived")
	})
}

func TestBatchesAreAtomic(t *testing.T) {
	good := cname(types.ChangeActionUpsert, host, "green.example.com")
	for name, c := range map[string]struct {
		bad  types.Change
		want string
	}{
		"exists":            {cname(types.ChangeActionCreate, host, "x.example.com"), "already exists"},
		"not found":         {cname(types.ChangeActionDelete, "none.staging.internal", "x"), "was not found"},
		"other values":      {cname(types.ChangeActionDelete, host, "blue.example.com"), "do not match"},
		"outside the zone":  {cname(types.ChangeActionUpsert, "www.example.com", "x"), "not permitted in zone"},
		"at the apex":       {cname(types.ChangeActionUpsert, "staging.internal", "x"), "at apex"},
		"beside an address": {cname(types.ChangeActionUpsert, "other.staging.internal", "x"), "conflicts with other records"},
	} {
		t.Run(name, func(t *testing.T) {
			withZone(t, func(s *route53.Service, client *sdk.Client, sleep func(time.Duration)) {
				_, err := change(client, good, c.bad)
				if service.Code(err) != "InvalidChangeBatch" || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
				sleep(2 * time.Minute)
				if got := s.Resolver("vpc-1").Canonical(host); got != "blue.example.com" {
					t.Errorf("half a batch was made: %s", got)
				}
			})
		})
	}
}

func TestDeleteAndCreateInOneBatch(t *testing.T) {
	withZone(t, func(s *route53.Service, c *sdk.Client, sleep func(time.Duration)) {
		if _, err := change(c, cname(types.ChangeActionDelete, host, "blue.example.com"), cname(types.ChangeActionCreate, "new.staging.internal", "green.example.com")); err != nil {
			t.Fatal(err)
		}
		sleep(2 * time.Minute)
		r := s.Resolver("vpc-1")
		if r.Canonical(host) != host || r.Canonical("new.staging.internal") != "green.example.com" {
			t.Errorf("%s, %s", r.Canonical(host), r.Canonical("new.staging.internal"))
		}
	})
}

func TestErrorsAndConditions(t *testing.T) {
	narrow := `{"Effect":"Allow","Action":"route53:ChangeResourceRecordSets","Resource":"arn:aws:route53:::hostedzone/` + zoneID + `","Condition":{"ForAllValues:StringEquals":{` +
		`"route53:ChangeResourceRecordSetsNormalizedRecordNames":["` + host + `"],"route53:ChangeResourceRecordSetsRecordTypes":["CNAME"],"route53:ChangeResourceRecordSetsActions":["UPSERT"]}}}`
	withZone(t, func(_ *route53.Service, c *sdk.Client, _ func(time.Duration)) {
		if _, err := change(c, cname(types.ChangeActionUpsert, "Orders.Staging.Internal.", "green.example.com")); err != nil {
			t.Errorf("the one record that may be changed: %v", err)
		}
		if _, err := change(c, cname(types.ChangeActionUpsert, "more.staging.internal", "x")); service.Code(err) != "AccessDenied" {
			t.Errorf("another record: %v", err)
		}
	}, narrow)
	withZone(t, func(_ *route53.Service, c *sdk.Client, _ func(time.Duration)) {
		if _, err := c.GetHostedZone(ctx, &sdk.GetHostedZoneInput{Id: new("Z0")}); service.Code(err) != "NoSuchHostedZone" {
			t.Errorf("%v", err)
		}
		if _, err := c.GetChange(ctx, &sdk.GetChangeInput{Id: new("C0")}); service.Code(err) != "NoSuchChange" {
			t.Errorf("%v", err)
		}
		z, err := c.GetHostedZone(ctx, &sdk.GetHostedZoneInput{Id: new(zoneID)})
		if err != nil || *z.HostedZone.Name != "staging.internal." || !z.HostedZone.Config.PrivateZone {
			t.Errorf("%+v, %v", z, err)
		}
	})
}
