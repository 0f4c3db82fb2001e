package rehearsal_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sdkrds "github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// generations are six that a ledger knows, newest first.
var generations = []string{"202602220300-f6a7b8", "202602150300-e5f6a7", "202602080300-d4e5f6", "202602010300-c3d4e5", "202601250300-b2c3d4", "202601180300-a1b2c3"}

// aged is a scenario whose target serves the newest of six generations.
func aged(t testing.TB) rehearsal.Scenario {
	t.Helper()
	return servingWorld(t, ground.LaneNone, generations[0], generations[1:]...)
}

func ordersOf(id string) string { return names.RestoredCluster("shop-orders", id) }
func cartsOf(id string) string  { return names.RestoredTable("shop-carts", id) }

func (s *switcher) tables() []string {
	s.t.Helper()
	out, err := sdkdynamodb.NewFromConfig(s.AWS("222222222222")).ListTables(s.t.Context(), &sdkdynamodb.ListTablesInput{})
	if err != nil {
		s.t.Fatal(err)
	}
	return out.TableNames
}

// retag changes the tags of a cluster, and of a table, of a generation.
func (s *switcher) retag(cluster, table, key, value string) {
	s.t.Helper()
	ctx, p := s.t.Context(), names.Place{Account: "222222222222", Region: "eu-west-1"}
	if cluster != "" {
		_, err := s.databases().AddTagsToResource(ctx, &sdkrds.AddTagsToResourceInput{ResourceName: aws.String(p.Cluster(cluster)), Tags: []rdstypes.Tag{{Key: &key, Value: &value}}})
		s.must(nil, err)
	}
	if table != "" {
		_, err := sdkdynamodb.NewFromConfig(s.AWS("222222222222")).TagResource(ctx, &sdkdynamodb.TagResourceInput{ResourceArn: aws.String(p.Table(table)), Tags: []dynamodbtypes.Tag{{Key: &key, Value: &value}}})
		s.must(nil, err)
	}
}

// TestRetireLeavesLookAlikes: of four old generations one is plainly dbferry's
// and goes. What has lost its tags, is of another environment, says that it is
// production's, was made anew under the same name, has an instance of somebody
// else, or has all tags and stands in no ledger, stays, with the reason on record.
func TestRetireLeavesLookAlikes(t *testing.T) {
	play(t, aged(t), func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		s := &switcher{o, t, generations[0]}
		account, plain := "222222222222", generations[2]
		untagged, other, anew := generations[3], generations[4], generations[5]
		ctx, p := t.Context(), names.Place{Account: account, Region: "eu-west-1"}
		tables := sdkdynamodb.NewFromConfig(o.AWS(account))

		_, err := s.databases().RemoveTagsFromResource(ctx, &sdkrds.RemoveTagsFromResourceInput{ResourceName: aws.String(p.Cluster(ordersOf(untagged))), TagKeys: []string{names.TagOwner}})
		s.must(nil, err)
		_, err = tables.UntagResource(ctx, &sdkdynamodb.UntagResourceInput{ResourceArn: aws.String(p.Table(cartsOf(untagged))), TagKeys: []string{names.TagOwner}})
		s.must(nil, err)
		s.retag(ordersOf(other), "", names.TagTarget, "qa")
		s.retag("", cartsOf(other), names.TagTarget, names.ProductionSide)
		// Under the same name and with the same tags, but another table.
		_, err = tables.DeleteTable(ctx, &sdkdynamodb.DeleteTableInput{TableName: aws.String(cartsOf(anew))})
		s.must(nil, err)
		s.must(nil, o.Sleep(5*time.Minute))
		s.must(nil, o.DynamoDB().PutTable(account, dynamodb.TableSpec{Name: cartsOf(anew), Hash: dynamodb.Attribute{Name: "id", Type: "S"}, Tags: map[string]string{
			names.TagOwner: names.Prefix, names.TagRefresh: anew, names.TagSource: "shop-carts", names.TagTarget: "staging"}}))
		// A reader of somebody else.
		s.must(nil, o.RDS().PutInstance(account, rds.InstanceSpec{ID: "analyst", Cluster: ordersOf(anew), Class: "db.r6g.large"}))
		// All tags, a fitting name, and in no ledger.
		const forged = "202601110300-999999"
		s.must(nil, o.DynamoDB().PutTable(account, dynamodb.TableSpec{Name: cartsOf(forged), Hash: dynamodb.Attribute{Name: "id", Type: "S"}, Tags: map[string]string{
			names.TagOwner: names.Prefix, names.TagRefresh: forged, names.TagSource: "shop-carts", names.TagTarget: "staging"}}))

		s.start(rehearsal.VerdictSucceeded, map[string]bool{"retire": true})
		s.must(nil, o.Sleep(30*time.Minute))
		var wantClusters, wantTables []string
		for _, id := range generations {
			if id != plain {
				wantClusters, wantTables = append(wantClusters, ordersOf(id)), append(wantTables, cartsOf(id))
			}
		}
		wantTables = append(wantTables, cartsOf(forged))
		slices.Sort(wantClusters)
		slices.Sort(wantTables)
		got := s.clusters()
		if slices.Sort(got); !slices.Equal(got, wantClusters) {
			t.Errorf("clusters %v, want %v", got, wantClusters)
		}
		got = s.tables()
		if slices.Sort(got); !slices.Equal(got, wantTables) {
			t.Errorf("tables %v, want %v", got, wantTables)
		}
		for kind, kept := range map[string]string{"cluster/" + ordersOf(untagged): "its tags are gone", "cluster/" + ordersOf(other): "its tags are gone", "cluster/" + ordersOf(anew): "somebody else's",
			"table/" + cartsOf(untagged): "its tags are gone", "table/" + cartsOf(other): "its tags are gone", "table/" + cartsOf(anew): "another one has its name"} {
			raw, _ := o.Objects().Object(s.ledger(), "retired/"+kind+".json")
			if !strings.Contains(string(raw), kept) {
				t.Errorf("%s: the record says %s", kind, raw)
			}
		}
		s.table(generations[0])
		return nil
	})
}

// TestRetireGoesOn: stopped while it deletes, or refused, it says so without
// changing the verdict, and the next one finishes.
func TestRetireGoesOn(t *testing.T) {
	play(t, aged(t), func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		s := &switcher{o, t, generations[0]}
		o.World().Inject(awsworld.Fault{Site: awsworld.Site{Machine: "staging-switch", Item: "*", State: "*", Operation: "RDS.DeleteDBInstance"}, Kind: awsworld.FaultDeny})
		s.start(rehearsal.VerdictSucceeded, map[string]string{"refreshId": generations[1]})
		s.must(nil, o.Settle())
		if n := len(s.clusters()); n != len(generations) {
			t.Errorf("%d clusters", n)
		}
		o.Heal()
		arn := ""
		o.OnEnter(func(x states.Step) bool {
			arn = x.Root
			return x.Machine == "staging-switch" && strings.HasPrefix(x.Event.Name, "Wait") && x.Event.Name != "Wait: probe"
		}, func() { s.must(nil, o.Stop(arn, "stopped while it deletes")) })
		if r := await(t, o, s.SwitchMachine("staging"), map[string]bool{"retire": true}); r.Status == asl.Succeeded {
			t.Errorf("it was not stopped: %v", r.Path)
		}
		s.must(nil, o.Sleep(20*time.Minute))
		s.start(rehearsal.VerdictSucceeded, map[string]bool{"retire": true})
		s.must(nil, o.Sleep(30*time.Minute))
		if got := s.clusters(); len(got) != 2 || !slices.Contains(got, ordersOf(generations[0])) || !slices.Contains(got, ordersOf(generations[1])) {
			t.Errorf("clusters %v", got)
		}
		if got := s.tables(); len(got) != 2 {
			t.Errorf("tables %v", got)
		}
		return nil
	})
}
