package refresh

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/config"
)

func example(t testing.TB) (config.Config, config.Target) {
	t.Helper()
	c, err := config.Load("../../dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	return c, c.Targets[0]
}

const id = "202611230300-a1b2c3"

func success(t *testing.T, change func(map[string]any)) string {
	t.Helper()
	c, target := example(t)
	out, err := json.Marshal(Published{Status: "DONE", RefreshID: id, Manifest: manifestURL(c.Place(target), id), SHA256: strings.Repeat("a", 64), Items: 2})
	if err != nil {
		t.Fatal(err)
	}
	e := map[string]any{"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "account": c.Production.Account,
		"detail": map[string]any{"status": "SUCCEEDED", "stateMachineArn": c.ProductionPlace().MachineARN("production-backup", target.Name),
			"output": string(out), "outputDetails": map[string]any{"included": true}}}
	change(e)
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestATriggerIsBelievedOnlyInItsOwnForm(t *testing.T) {
	c, target := example(t)
	detail := func(e map[string]any) map[string]any { return e["detail"].(map[string]any) }
	same := func(map[string]any) {}
	s3 := func(account, bucket, key string) string {
		return `{"source":"aws.s3","detail-type":"Object Created","account":"` + account + `","detail":{"bucket":{"name":"` + bucket + `"},"object":{"key":"` + key + `"}}}`
	}
	inbox := c.Place(target).Inbox()
	for name, tc := range map[string]struct {
		input string
		want  Trigger
		bad   string
	}{
		"production's event":     {input: success(t, same), want: Trigger{RefreshID: id, SHA256: strings.Repeat("a", 64)}},
		"another account":        {input: success(t, func(e map[string]any) { e["account"] = "999999999999" }), bad: "999999999999"},
		"another machine":        {input: success(t, func(e map[string]any) { detail(e)["stateMachineArn"] = "arn:x" }), bad: "arn:x"},
		"a failed execution":     {input: success(t, func(e map[string]any) { detail(e)["status"] = "FAILED" }), bad: "FAILED"},
		"output left out by AWS": {input: success(t, func(e map[string]any) { detail(e)["outputDetails"] = map[string]any{"included": false} }), bad: "included=false"},
		"another manifest":       {input: success(t, func(e map[string]any) { detail(e)["output"] = `{"refreshId":"` + id + `","sha256":"x"}` }), bad: "names refresh"},
		"the inbox's event":      {input: s3(target.Account, inbox, "manifests/"+id+".json"), want: Trigger{RefreshID: id}},
		"another bucket":         {input: s3(target.Account, "x", "manifests/"+id+".json"), bad: "not a manifest"},
		"ready.json":             {input: s3(target.Account, inbox, "ready.json"), bad: "not a manifest"},
		"a path in the key":      {input: s3(target.Account, inbox, "manifests/../x.json"), bad: "not a manifest"},
		"by hand":                {input: `{"refreshId":"` + id + `"}`, want: Trigger{RefreshID: id, ByHand: true}},
		"resume":                 {input: `{"resume":"` + id + `"}`, want: Trigger{RefreshID: id, Resume: true, ByHand: true}},
		"both":                   {input: `{"resume":"` + id + `","refreshId":"` + id + `"}`, bad: "give"},
		"nothing":                {input: `{}`, bad: "give"},
		"an unknown field":       {input: `{"refreshID":"x","x":1}`, bad: "unknown field"},
		"another event":          {input: `{"source":"aws.ec2","detail-type":"x"}`, bad: "starts nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseTrigger([]byte(tc.input), c, target)
			if tc.bad != "" {
				if err == nil || !strings.Contains(err.Error(), tc.bad) {
					t.Fatalf("error %v, want one that says %q", err, tc.bad)
				}
				return
			}
			if err != nil || got != tc.want {
				t.Fatalf("got %+v, %v; want %+v", got, err, tc.want)
			}
		})
	}
}

func goodManifest(t testing.TB) Manifest {
	c, target := example(t)
	prod, there := c.ProductionPlace(), c.Place(target)
	cut := CutOff{NotBefore: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC), NotAfter: time.Date(2026, 11, 23, 3, 20, 0, 0, time.UTC)}
	return Manifest{Schema: ManifestSchema, RefreshID: id, Target: target.Name, ProductionAccount: prod.Account, TargetAccount: there.Account,
		Region: c.Region, ConfigHash: c.Hash(), PublishedAt: time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC),
		CutOff:        cut,
		SpreadSeconds: 1200, AgeSeconds: 3600,
		Items: []ManifestItem{
			{Kind: Cluster, ID: "shop-orders", SourceARN: prod.Cluster("shop-orders"), RecoveryPoint: "arn:aws:rds:eu-west-1:222222222222:cluster-snapshot:awsbackup:copyjob-1", CutOff: cut,
				Settings: Settings{Schema: SettingsSchema, Cluster: &ClusterSettings{Engine: "aurora-mysql"}}},
			{Kind: Table, ID: "shop-carts", SourceARN: prod.Table("shop-carts"), RecoveryPoint: "arn:aws:backup:eu-west-1:222222222222:recovery-point:1", CutOff: cut,
				Settings: Settings{Schema: SettingsSchema, Table: &TableSettings{}}},
		}}
}

func TestEveryClaimOfAManifestIsChecked(t *testing.T) {
	c, target := example(t)
	if err := goodManifest(t).Verify(c, target, id); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for name, change := range map[string]func(*Manifest){
		"schema":             func(m *Manifest) { m.Schema++ },
		"refresh":            func(m *Manifest) { m.RefreshID = "202611230300-ffffff" },
		"target":             func(m *Manifest) { m.Target = "qa" },
		"target account":     func(m *Manifest) { m.TargetAccount = "333333333333" },
		"production account": func(m *Manifest) { m.ProductionAccount = "333333333333" },
		"region":             func(m *Manifest) { m.Region = "us-east-1" },
		"configuration":      func(m *Manifest) { m.ConfigHash = "" },
		"the spread":         func(m *Manifest) { m.SpreadSeconds = 1 },
		"the age":            func(m *Manifest) { m.AgeSeconds = 1 },
		"a cut-off backward": func(m *Manifest) { m.CutOff.NotAfter = m.CutOff.NotBefore.Add(-time.Minute); m.SpreadSeconds = -60 },
		"an item's cut-off":  func(m *Manifest) { m.Items[1].CutOff.NotAfter = m.CutOff.NotAfter.Add(time.Second) },
		"no cut-off":         func(m *Manifest) { m.Items[0].CutOff = CutOff{} },
		"a cut-off to come":  func(m *Manifest) { m.PublishedAt = m.CutOff.NotBefore; m.AgeSeconds = 0 },
		"no items":           func(m *Manifest) { m.Items = nil },
		"an item twice":      func(m *Manifest) { m.Items = append(m.Items, m.Items[0]) },
		"an item's name":     func(m *Manifest) { m.Items[0].ID = "../locks" },
		"an item's kind":     func(m *Manifest) { m.Items[0].Kind = "bucket" },
		"an item's source":   func(m *Manifest) { m.Items[0].SourceARN = "arn:aws:rds:eu-west-1:222222222222:cluster:shop-orders" },
		"a foreign point": func(m *Manifest) {
			m.Items[0].RecoveryPoint = "arn:aws:rds:eu-west-1:333333333333:cluster-snapshot:awsbackup:x"
		},
		"settings of a stranger": func(m *Manifest) { m.Items[0].Settings.Schema = 9 },
		"no settings":            func(m *Manifest) { m.Items[1].Settings.Table = nil },
	} {
		t.Run(name, func(t *testing.T) {
			m := goodManifest(t)
			change(&m)
			if m.Verify(c, target, id) == nil {
				t.Fatal("believed")
			}
		})
	}
}
