package stack

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/keypolicy"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

// TestWhatHoldsDataSurvives a deletion of its stack, and does not block the
// deployment after a failed first one.
func TestWhatHoldsDataSurvives(t *testing.T) {
	holding := []string{"AWS::Backup::BackupVault", "AWS::KMS::Key", "AWS::S3::Bucket"}
	bothStacks(t, func(t *testing.T, tpl template) {
		for id, r := range tpl.Resources {
			if slices.Contains(holding, r.Type) {
				if r.DeletionPolicy != "RetainExceptOnCreate" || r.UpdateReplacePolicy != "Retain" {
					t.Errorf("%s: deletion %s, replacement %s", id, r.DeletionPolicy, r.UpdateReplacePolicy)
				}
			} else if strings.HasPrefix(r.DeletionPolicy, "Retain") {
				t.Errorf("%s (%s) would stay and block a second deployment", id, r.Type)
			}
		}
	})
}

func TestBucketsArePrivate(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		policies := map[any]bool{}
		for _, id := range tpl.ofType("AWS::S3::BucketPolicy") {
			deny := tpl.statement(t, id, "DenyPlainHttp")
			deny.wants(t, "Bool", "aws:SecureTransport", "false")
			policies[tpl.Resources[id].Properties["Bucket"].(map[string]any)["Ref"]] = true
		}
		for _, id := range tpl.ofType("AWS::S3::Bucket") {
			p := tpl.Resources[id].Properties
			all := map[string]any{"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true}
			if d := cmp.Diff(any(all), p["PublicAccessBlockConfiguration"]); d != "" {
				t.Errorf("%s: %s", id, d)
			}
			for _, property := range []string{"BucketEncryption", "OwnershipControls", "VersioningConfiguration", "LifecycleConfiguration"} {
				if p[property] == nil {
					t.Errorf("%s has no %s", id, property)
				}
			}
			if !policies[id] {
				t.Errorf("%s has no policy", id)
			}
		}
	})
}

func TestEveryLogGroupForgets(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		for _, id := range tpl.ofType("AWS::Logs::LogGroup") {
			if got := tpl.Resources[id].Properties["RetentionInDays"]; got != 30.0 {
				t.Errorf("%s keeps its logs for %v days, want 30", id, got)
			}
		}
	})
}

func TestFunctions(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		for _, id := range tpl.ofType("AWS::Lambda::Function") {
			p := tpl.Resources[id].Properties
			folder := strings.TrimPrefix(p["FunctionName"].(string), "dbferry-")
			if keypolicy.Pascal(folder) != id {
				t.Errorf("the function of %s is called %s", folder, id)
			}
			if p["Runtime"] != "provided.al2023" || p["Handler"] != "bootstrap" || !slices.Equal(asList(p["Architectures"]), []any{"arm64"}) {
				t.Errorf("%s: %v %v %v", id, p["Runtime"], p["Handler"], p["Architectures"])
			}
			logging := p["LoggingConfig"].(map[string]any)
			if logging["LogFormat"] != "JSON" || logging["LogGroup"] == nil {
				t.Errorf("%s logs as %v", id, logging)
			}
			env := p["Environment"].(map[string]any)["Variables"].(map[string]any)
			for _, name := range []string{lambdafn.EnvConfig, lambdafn.EnvSide, lambdafn.EnvLedger, lambdafn.EnvFunction} {
				if env[name] == nil || env[name] == "" {
					t.Errorf("%s has no %s", id, name)
				}
			}
			if env[lambdafn.EnvFunction] != folder {
				t.Errorf("%s believes to be %v", id, env[lambdafn.EnvFunction])
			}
		}
	})
}

func TestQuarantine(t *testing.T) {
	tpl := load(t, "dbferry-staging")
	for _, id := range []string{"RestoreCluster", "RecordCandidate"} {
		env := tpl.Resources[id].Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
		if env[lambdafn.EnvQuarantine] == nil {
			t.Errorf("%s does not know the quarantine group", id)
		}
	}
	group := tpl.Resources["QuarantineSecurityGroup"].Properties
	if group["SecurityGroupIngress"] != nil || len(asList(group["SecurityGroupEgress"])) != 1 {
		t.Errorf("quarantine has rules of its own: %v", group)
	}
	var ports []any
	for _, id := range tpl.ofType("AWS::EC2::SecurityGroupIngress") {
		p := tpl.Resources[id].Properties
		ports = append(ports, p["FromPort"], p["ToPort"])
		if from, _ := p["SourceSecurityGroupId"].(map[string]any); from == nil || p["CidrIp"] != nil {
			t.Errorf("%s admits more than the functions: %v", id, p)
		}
	}
	if d := cmp.Diff([]any{3306.0, 3306.0, 5432.0, 5432.0}, ports); d != "" {
		t.Error(d)
	}
}

// TestUndeliveredEventsAreKept: every rule and schedule retries and has the
// queue, and the queue admits exactly those rules.
func TestUndeliveredEventsAreKept(t *testing.T) {
	bothStacks(t, func(t *testing.T, tpl template) {
		queue := tpl.ofType("AWS::SQS::Queue")[0]
		for _, id := range tpl.ofType("AWS::Events::Rule") {
			for _, target := range asList(tpl.Resources[id].Properties["Targets"]) {
				keeps(t, id, target.(map[string]any), queue)
			}
		}
		for _, id := range tpl.ofType("AWS::Scheduler::Schedule") {
			keeps(t, id, tpl.Resources[id].Properties["Target"].(map[string]any), queue)
		}
		send := tpl.statement(t, "UndeliveredPolicy", "RulesSend")
		if got, want := len(asList(send.Condition["ArnEquals"]["aws:SourceArn"])), len(tpl.ofType("AWS::Events::Rule")); got != want {
			t.Errorf("the queue admits %d rules of %d", got, want)
		}
	})
}

func keeps(t *testing.T, id string, target map[string]any, queue string) {
	t.Helper()
	dead, _ := target["DeadLetterConfig"].(map[string]any)
	if functionRef(dead["Arn"]) != queue || target["RetryPolicy"] == nil {
		t.Errorf("%s: dead letters to %v, retries %v", id, dead, target["RetryPolicy"])
	}
}

func TestAlarms(t *testing.T) {
	want := map[string][]string{
		"dbferry-production": {
			"dbferry-production-backup-staging-aborted", "dbferry-production-backup-staging-failed", "dbferry-production-backup-staging-timed-out",
			"dbferry-production-close-run-errors", "dbferry-production-copies-stuck",
			"dbferry-production-migrate-aborted", "dbferry-production-migrate-failed", "dbferry-production-migrate-timed-out", "dbferry-production-needs-operator", "dbferry-production-undelivered",
		},
		"dbferry-staging": {
			"dbferry-staging-close-run-errors", "dbferry-staging-needs-operator",
			"dbferry-staging-restore-staging-aborted", "dbferry-staging-restore-staging-failed", "dbferry-staging-restore-staging-timed-out",
			"dbferry-staging-switch-staging-aborted", "dbferry-staging-switch-staging-failed", "dbferry-staging-switch-staging-timed-out",
			"dbferry-staging-undelivered",
		},
	}
	for stack, names := range want {
		tpl := load(t, stack)
		var got []string
		for _, id := range tpl.ofType("AWS::CloudWatch::Alarm") {
			p := tpl.Resources[id].Properties
			got = append(got, p["AlarmName"].(string))
			if len(asList(p["AlarmActions"])) != 1 || !strings.Contains(p["AlarmDescription"].(string), "docs/operations.md#") {
				t.Errorf("%s tells %v and says %v", id, p["AlarmActions"], p["AlarmDescription"])
			}
		}
		slices.Sort(got)
		if d := cmp.Diff(names, got); d != "" {
			t.Errorf("%s: %s", stack, d)
		}
	}
}

// TestAlarmsLeadToTheirPage: each alarm's text names an anchor that is there.
func TestAlarmsLeadToTheirPage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	bothStacks(t, func(t *testing.T, tpl template) {
		for _, id := range tpl.ofType("AWS::CloudWatch::Alarm") {
			_, anchor, _ := strings.Cut(tpl.Resources[id].Properties["AlarmDescription"].(string), "docs/operations.md#")
			if anchor == "" || !strings.Contains(string(raw), `<a id="`+anchor+`"></a>`) {
				t.Errorf("%s leads to #%s, which docs/operations.md does not have", id, anchor)
			}
		}
	})
}

// TestScheduleIsOffByDefault: nobody's production is backed up by surprise.
func TestScheduleIsOffByDefault(t *testing.T) {
	if s := load(t, "dbferry-production").the(t, "AWS::Scheduler::Schedule", "", nil); s.Properties["State"] != "DISABLED" {
		t.Errorf("the schedule is %v", s.Properties["State"])
	}
	if s := load(t, "dbferry-staging").the(t, "AWS::Scheduler::Schedule", "", nil); s.Properties["State"] != "ENABLED" {
		t.Errorf("staging-ready's schedule is %v", s.Properties["State"])
	}
}
