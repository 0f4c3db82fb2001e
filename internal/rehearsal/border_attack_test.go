package rehearsal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld/events"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

const stranger = "555555555555"

// attempt is something that somebody tries at the border by the API.
type attempt struct {
	name    string
	who     aws.Config
	do      func(context.Context, aws.Config) error
	refused string // part of AWS's answer
	journal bool   // the refusal is by policy, and so stands in the journal
}

// TestPoliciesAtTheBorder: who tries to get a manifest or an event in beside the
// one way is refused by AWS itself, visibly, and no restore is started.
func TestPoliciesAtTheBorder(t *testing.T) {
	play(t, rehearsal.Scenario{}, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		b := atBorder(t, o)
		out, err := o.Refresh("staging", refresh.BackupInput{})
		if out.Verdict != rehearsal.VerdictSucceeded {
			t.Fatalf("%s: %s %v", out.Verdict, out.Cause, err)
		}
		n, before := len(b.restores()), b.World().Journal.Denials()
		tries := attempts(b, out.RefreshID)
		byPolicy := 0
		for _, a := range tries {
			if err := a.do(t.Context(), a.who); err == nil || !strings.Contains(err.Error(), a.refused) {
				t.Errorf("%s: answered %v, want %q", a.name, err, a.refused)
			}
			if a.journal {
				byPolicy++
			}
		}
		if got := len(b.World().Journal.Denials()) - len(before); got != byPolicy {
			t.Errorf("%d denials in the journal of %d refusals by policy", got, byPolicy)
		}
		if more := b.since(n); len(more) > 0 {
			t.Errorf("restores were started: %+v", more)
		}
		return err
	})
}

func attempts(b *border, id string) []attempt {
	as := func(cfg aws.Config, err error) aws.Config { b.must(err); return cfg }
	production := b.Config().Production.Account
	outsider, insider := as(b.AsStranger(stranger)), as(b.AsStranger(production))
	publisher, other, looker := as(b.AsFunction(production, "publish-manifest")), as(b.AsFunction(production, "back-up")), as(b.AsFunction(production, "check-ground"))
	owner := as(b.AsStranger(b.place.Account))
	fresh, old := names.ManifestKey("203001010000-ffffff"), names.ManifestKey(id)
	inbox, bus := b.place.Inbox(), b.place.BusARN(b.place.Bus())
	status := "Step Functions Execution Status Change"
	denied := func(name string, who aws.Config, do func(context.Context, aws.Config) error) attempt {
		return attempt{name, who, do, "AccessDenied", true}
	}
	return []attempt{
		denied("another account puts a manifest", outsider, put(inbox, fresh, true)),
		denied("another account puts an event", outsider, event(bus, "dbferry", status)),
		denied("another role of production puts a manifest", insider, put(inbox, fresh, true)),
		denied("another function of production puts a manifest", other, put(inbox, fresh, true)),
		denied("the function that reads ready.json puts a manifest", looker, put(inbox, fresh, true)),
		denied("the publisher overwrites a manifest", publisher, put(inbox, old, false)),
		denied("the publisher puts without If-None-Match", publisher, put(inbox, fresh, false)),
		denied("the publisher puts ready.json", publisher, put(inbox, names.ReadyKey, true)),
		denied("the publisher deletes a manifest", publisher, remove(inbox, old)),
		denied("the publisher writes staging's ledger", publisher, put(b.place.Ledger(), "claims/x.json", true)),
		denied("the target's administrator overwrites a manifest", owner, put(inbox, old, false)),
		{"the publisher puts a manifest again", publisher, put(inbox, old, true), "PreconditionFailed", false},
		{"the target's administrator puts one again", owner, put(inbox, old, true), "PreconditionFailed", false},
		denied("production puts an event of its own", insider, event(bus, "dbferry", status)),
		denied("production puts an event of another kind", insider, event(bus, "custom", "x")),
		{"production puts an event as Step Functions", insider, event(bus, "aws.states", status), "NotAuthorizedForSource", false},
		denied("another account puts one as Step Functions", outsider, event(bus, "aws.states", status)),
		{"the target's own account puts one as S3", owner, event(b.place.BusARN(events.DefaultBus), "aws.s3", "Object Created"), "NotAuthorizedForSource", false},
	}
}

func put(bucket, key string, once bool) func(context.Context, aws.Config) error {
	return func(ctx context.Context, cfg aws.Config) error {
		in := &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("{}")}
		if once {
			in.IfNoneMatch = aws.String("*")
		}
		_, err := s3.NewFromConfig(cfg).PutObject(ctx, in)
		return err
	}
}

func remove(bucket, key string) func(context.Context, aws.Config) error {
	return func(ctx context.Context, cfg aws.Config) error {
		_, err := s3.NewFromConfig(cfg).DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
		return err
	}
}

// event puts one event; EventBridge refuses single entries in its answer.
func event(bus, source, detailType string) func(context.Context, aws.Config) error {
	return func(ctx context.Context, cfg aws.Config) error {
		out, err := eventbridge.NewFromConfig(cfg).PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{
			{EventBusName: &bus, Source: &source, DetailType: &detailType, Detail: aws.String("{}")},
		}})
		if err == nil && out.FailedEntryCount > 0 {
			err = fmt.Errorf("%s: %s", aws.ToString(out.Entries[0].ErrorCode), aws.ToString(out.Entries[0].ErrorMessage))
		}
		return err
	}
}

// TestForgedAndReplayedTriggers: events that pass every policy, as if EventBridge
// itself had been fooled. Rules drop what is not from production's machine;
// verify-manifest refuses or recognizes the rest; the refresh stays as it was.
func TestForgedAndReplayedTriggers(t *testing.T) {
	play(t, rehearsal.Scenario{}, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		b := atBorder(t, o)
		b.Record()
		out, err := o.Refresh("staging", refresh.BackupInput{})
		if out.Verdict != rehearsal.VerdictSucceeded {
			t.Fatalf("%s: %s %v", out.Verdict, out.Cause, err)
		}
		owner, ends := b.claimant(out.RefreshID), b.records("runs/"+out.RefreshID+"/ends/")
		success, arrived := b.from("aws.states"), b.from("aws.s3")
		b.likeSample("production-succeeded/match-first-run", success)
		b.likeSample("manifest-arrived/match-manifest", arrived)
		b.mishaps(out.RefreshID, owner, success, arrived)
		b.must(o.Sleep(10 * 24 * time.Hour)) // the recovery points have expired
		b.handled("yesterday's triggers, long after", owner, append(b.deliver(success), b.deliver(arrived)...), 2)
		if b.claimant(out.RefreshID) != owner || b.jobs("") != 2 || !endedOnce(ends, b.records("runs/"+out.RefreshID+"/ends/")) {
			t.Errorf("claimed by %s, %d restores, ends %v", b.claimant(out.RefreshID), b.jobs(""), b.records("runs/"+out.RefreshID+"/ends/"))
		}
		b.quiet()
		return err
	})
}

// endedOnce says that the ends of a refresh are those that it had, and one
// more: of the execution that was refused for the wrong hash.
func endedOnce(before, after []string) bool {
	return len(after) == len(before)+1 && !slices.ContainsFunc(before, func(k string) bool { return !slices.Contains(after, k) })
}

// likeSample says that what the simulated services emit has the fields of AWS's
// own sample, on which patterns and parsers are tested.
func (b *border) likeSample(name string, e events.Event) {
	b.t.Helper()
	raw, err := os.ReadFile(root + "/events/testdata/" + name + ".json")
	b.must(err)
	var sample, got map[string]any
	b.must(json.Unmarshal(raw, &sample))
	b.must(json.Unmarshal(e.JSON(), &got))
	if d := cmp.Diff(fields("", sample), fields("", got)); d != "" {
		b.t.Errorf("%s (-sample +simulated):\n%s", name, d)
	}
}

func fields(prefix string, v map[string]any) []string {
	var out []string
	for k, e := range v {
		out = append(out, prefix+k)
		if m, ok := e.(map[string]any); ok {
			out = append(out, fields(prefix+k+".", m)...)
		}
	}
	slices.Sort(out)
	return out
}

func (b *border) mishaps(id, owner string, success, arrived events.Event) {
	t := b.t
	t.Helper()
	output := func(change func(*refresh.Published)) events.Event {
		return b.changed(success, func(d map[string]any) {
			var p refresh.Published
			b.must(json.Unmarshal([]byte(d["output"].(string)), &p))
			change(&p)
			raw, err := json.Marshal(p)
			b.must(err)
			d["output"] = string(raw)
		})
	}
	for name, e := range map[string]events.Event{
		"another account":     func(e events.Event) events.Event { e.Account = stranger; return e }(success),
		"the target itself":   func(e events.Event) events.Event { e.Account = b.place.Account; return e }(success),
		"another machine":     b.changed(success, func(d map[string]any) { d["stateMachineArn"] = b.BackupMachine("qa") }),
		"a child of a Map":    b.changed(success, func(d map[string]any) { d["stateMachineArn"] = b.BackupMachine("staging") + "/BackUpItems" }),
		"still running":       b.changed(success, func(d map[string]any) { d["status"] = "RUNNING" }),
		"another bucket":      b.changed(arrived, func(d map[string]any) { d["bucket"] = map[string]any{"name": b.place.Ledger()} }),
		"ready.json":          b.changed(arrived, func(d map[string]any) { d["object"] = map[string]any{"key": names.ReadyKey} }),
		"deleted, not made":   func(e events.Event) events.Event { e.DetailType = "Object Deleted"; return e }(arrived),
		"S3 of production":    func(e events.Event) events.Event { e.Account = b.Config().Production.Account; return e }(arrived),
		"another event of it": func(e events.Event) events.Event { e.DetailType = "Map Run Status Change"; return e }(success),
	} {
		if started := b.deliver(e); len(started) > 0 {
			t.Errorf("%s: a restore was started: %+v", name, started)
		}
	}
	if started := b.deliverTo(events.DefaultBus, success); len(started) > 0 {
		t.Errorf("the default bus: a restore was started")
	}
	refused := func(name string, e events.Event, phrases ...string) {
		t.Helper()
		started := b.deliver(e)
		if len(started) != 1 {
			t.Errorf("%s: %d executions", name, len(started))
		}
		for _, r := range started {
			says(t, r, rehearsal.VerdictRefused, phrases...)
		}
	}
	refused("a wrong hash", output(func(p *refresh.Published) { p.SHA256 = strings.Repeat("0", 64) }),
		"its hash is not the one in production's event", "do not use what "+owner+" restores", "CloudTrail")
	refused("a refresh that never was", output(func(p *refresh.Published) {
		p.RefreshID = "203001010000-ffffff"
		p.Manifest = "s3://" + b.place.Inbox() + "/" + names.ManifestKey(p.RefreshID)
	}), "there is no such manifest in the inbox")
	refused("a manifest elsewhere", output(func(p *refresh.Published) { p.Manifest = "s3://elsewhere/x.json" }), `manifest "s3://elsewhere/x.json"`)
	refused("no output", b.changed(success, func(d map[string]any) { d["output"], d["outputDetails"] = nil, map[string]any{"included": false} }),
		"included=false; the inbox's event starts the restore without it")
	refused("an output that is not ours", b.changed(success, func(d map[string]any) { d["output"] = `{"refreshId":"` + id + `","extra":1}` }), "unknown field")
	refused("put by somebody in the target's account", b.changed(arrived, func(d map[string]any) { d["requester"] = b.place.Account }), `put into`, "not by production's account", "CloudTrail")
	refused("a key that is no refresh", b.changed(arrived, func(d map[string]any) { d["object"] = map[string]any{"key": "manifests/../x.json"} }), "is not a manifest")
	b.handled("both triggers again, in the wrong order", owner, append(b.deliver(success), b.deliver(arrived)...), 2)
	redriven := b.changed(success, func(d map[string]any) { d["redriveCount"] = 1; d["replay-name"] = "archive" })
	b.handled("replayed from an archive, redriven", owner, b.deliver(redriven), 1)
}

// handled says that executions ended at "Already handled", naming the owner.
func (b *border) handled(name, owner string, all []states.Report, want int) {
	b.t.Helper()
	if len(all) != want {
		b.t.Errorf("%s: %d executions, want %d", name, len(all), want)
	}
	for _, r := range all {
		if by, is := duplicate(r); !is || by != owner {
			b.t.Errorf("%s: %s %s %s, want handled by %s", name, r.Status, r.Cause, r.Output, owner)
		}
	}
}

// TestCraftedManifests: a manifest that lies about anything is refused before it
// is claimed, and the real one is restored as if nothing had been.
func TestCraftedManifests(t *testing.T) {
	g := groundOf(t, func(g *ground.Ground) { g.Clusters = g.Clusters[:1] })
	play(t, rehearsal.Scenario{Assembly: prefixed(t), Ground: g}, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		b := atBorder(t, o)
		b.Hold()
		id, m := b.published()
		real := b.from("aws.s3")
		for name, c := range crafted(m) {
			b.crafted(name, m, c)
		}
		if b.jobs("") != 0 || len(b.records("claims/")) != 0 || len(b.records("candidates/")) != 0 {
			t.Errorf("%d restores, claims %v", b.jobs(""), b.records("claims/"))
		}
		b.quiet()
		for _, r := range b.deliver(real) {
			if r.Status != asl.Succeeded {
				t.Errorf("the real one: %s %s", r.Error, r.Cause)
			}
		}
		if b.jobs("") != 3 || b.claimant(id) == "" {
			t.Errorf("%d restores of three items", b.jobs(""))
		}
		return nil
	})
}

type craft struct {
	change func(*refresh.Manifest)
	raw    func([]byte) []byte
	says   string
}

func crafted(m refresh.Manifest) map[string]craft {
	tables := slices.DeleteFunc(slices.Clone(m.Items), func(it refresh.ManifestItem) bool { return it.Kind != refresh.Table })
	first := func(m *refresh.Manifest, kind refresh.Kind) *refresh.ManifestItem {
		return &m.Items[slices.IndexFunc(m.Items, func(it refresh.ManifestItem) bool { return it.Kind == kind })]
	}
	return map[string]craft{
		"of another account":       {change: func(m *refresh.Manifest) { m.ProductionAccount = stranger }, says: `from account "` + stranger},
		"for another account":      {change: func(m *refresh.Manifest) { m.TargetAccount = stranger }, says: "in account \"" + stranger},
		"for another target":       {change: func(m *refresh.Manifest) { m.Target = "qa" }, says: `for target "qa"`},
		"of another Region":        {change: func(m *refresh.Manifest) { m.Region = "us-east-1" }, says: `Region "us-east-1"`},
		"of another configuration": {change: func(m *refresh.Manifest) { m.ConfigHash = "0" }, says: "another dbferry.json"},
		"of an unknown schema":     {change: func(m *refresh.Manifest) { m.Schema = 99 }, says: "schema 99"},
		"about another refresh":    {change: func(m *refresh.Manifest) { m.RefreshID = "203001010000-000000" }, says: "about refresh"},
		"of tomorrow": {change: func(m *refresh.Manifest) {
			m.PublishedAt = m.PublishedAt.Add(24 * time.Hour)
			m.AgeSeconds += 24 * 3600
		}, says: "has not come yet"},
		"without items":      {change: func(m *refresh.Manifest) { m.Items = nil }, says: "no items"},
		"with an item twice": {change: func(m *refresh.Manifest) { m.Items = append(m.Items, m.Items[0]) }, says: "twice"},
		"with a source of another": {change: func(m *refresh.Manifest) {
			m.Items[0].SourceARN = "arn:aws:rds:eu-west-1:" + stranger + ":cluster:shop-orders"
		}, says: "names the source"},
		"with a foreign point": {change: func(m *refresh.Manifest) {
			m.Items[0].RecoveryPoint = "arn:aws:backup:eu-west-1:" + stranger + ":recovery-point:x"
		}, says: "not of account"},
		"with a point that is not there": {change: func(m *refresh.Manifest) {
			first(m, refresh.Table).RecoveryPoint = "arn:aws:backup:eu-west-1:" + m.TargetAccount + ":recovery-point:x"
		}, says: "not in the vault"},
		"with the point of another table": {change: func(m *refresh.Manifest) { first(m, refresh.Table).RecoveryPoint = tables[1].RecoveryPoint }, says: "it is a backup of"},
		"with a path as a name":           {change: func(m *refresh.Manifest) { m.Items[0].ID = "../../locks/x" }, says: "is not possible"},
		"with an unknown field":           {raw: func(raw []byte) []byte { return []byte(strings.Replace(string(raw), "{", `{"also":1,`, 1)) }, says: "unknown field"},
		"with text after it":              {raw: func(raw []byte) []byte { return append(raw, '{') }, says: "after the closing brace"},
		"cut short":                       {raw: func(raw []byte) []byte { return raw[:len(raw)/2] }, says: "not valid"},
		"empty":                           {raw: func([]byte) []byte { return nil }, says: "not valid"},
	}
}

// crafted puts one under an id of its own, lets the inbox's event tell of it, and
// reads how it ended.
func (b *border) crafted(name string, m refresh.Manifest, c craft) {
	b.t.Helper()
	id := "202603020300-ffffff"
	m.RefreshID, m.Items = id, slices.Clone(m.Items)
	if c.change != nil {
		c.change(&m)
	}
	raw, err := json.Marshal(m)
	b.must(err)
	if c.raw != nil {
		raw = c.raw(raw)
	}
	b.must(b.Objects().PutObject(b.place.Inbox(), names.ManifestKey(id), raw))
	e := b.changed(b.from("aws.s3"), func(d map[string]any) { d["object"] = map[string]any{"key": names.ManifestKey(id)} })
	ended := b.deliver(e)
	if len(ended) != 1 {
		b.t.Errorf("%s: %d executions", name, len(ended))
	}
	for _, r := range ended {
		if r.Error != rehearsal.VerdictRefused || !strings.Contains(r.Cause, c.says) || !strings.Contains(r.Cause, "Next: ") {
			b.t.Errorf("%s: %s %s, want Refused with %q", name, r.Error, r.Cause, c.says)
		}
	}
}
