package rehearsal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

const (
	productionAccount = "111111111111"
	stagingAccount    = "222222222222"
	productionFile    = "dbferry-production.template.json"
	stagingFile       = "dbferry-staging.template.json"
)

// trouble is a rehearsal in which one check must complain: a ground, a template
// or a configuration in which what it asks for is missing.
type trouble struct {
	ground   func(*ground.Ground)
	config   func(*config.Config)                         // of the functions, both sides
	template func(t *testing.T, resources map[string]any) // of file
	file     string
	ready    func(*check.Ready) // what becomes of ready.json before production reads it
	assembly func(t *testing.T) string
	faults   string
	asked    bool // by `dbferry check` only
}

func onCluster(edit func(*ground.Cluster)) trouble {
	return trouble{ground: func(g *ground.Ground) { edit(&g.Clusters[0]) }}
}

func onTable(edit func(*ground.Table)) trouble {
	return trouble{ground: func(g *ground.Ground) { edit(&g.Tables[0]) }}
}

func inAccount(id string, edit func(*ground.Account)) trouble {
	return trouble{ground: func(g *ground.Ground) { edit(g.Account(id)) }}
}

func onResource(file, typ string, edit func(properties map[string]any)) trouble {
	return trouble{file: file, template: func(t *testing.T, resources map[string]any) {
		found := 0
		for _, r := range resources {
			res := r.(map[string]any)
			if res["Type"] == typ {
				edit(res["Properties"].(map[string]any))
				found++
			}
		}
		if found == 0 {
			t.Fatalf("%s has no %s", file, typ)
		}
	}}
}

// onRole edits the role of a name.
func onRole(file, name string, edit func(properties map[string]any)) trouble {
	return onResource(file, "AWS::IAM::Role", func(p map[string]any) {
		if p["RoleName"] == name {
			edit(p)
		}
	})
}

// withoutStatement removes the statement of a Sid from a template.
func withoutStatement(file, sid string) trouble {
	return trouble{assembly: func(t *testing.T) string { return without(t, file, sid) }}
}

func manyTags(n int) map[string]string {
	out := map[string]string{}
	for i := range n {
		out[fmt.Sprintf("tag-%02d", i)] = "x"
	}
	return out
}

// serving is a cluster of staging's own, with one instance.
var serving = ground.ServingCluster{ID: "theirs", Engine: "aurora-mysql", SubnetGroup: "staging-databases", SecurityGroups: []string{"sg-0a1b2c3d4e5f60003"}, Class: "db.r6g.large"}

func fullQuota(name string) trouble {
	return inAccount(stagingAccount, func(a *ground.Account) {
		a.Clusters, a.Quotas = []ground.ServingCluster{serving}, map[string]int64{name: 1}
	})
}

func noTrust(p map[string]any) {
	raw, _ := json.Marshal(p["AssumeRolePolicyDocument"])
	var doc any
	_ = json.Unmarshal([]byte(strings.ReplaceAll(string(raw), "backup.amazonaws.com", "ec2.amazonaws.com")), &doc)
	p["AssumeRolePolicyDocument"] = doc
}

func disabledKey(p map[string]any) { p["Enabled"] = false }

func renamedVault(p map[string]any) { p["BackupVaultName"] = "another" }

func lockedVault(p map[string]any) { p["LockConfiguration"] = map[string]any{"MinRetentionDays": 30} }

// troubles has one for every check; TestEveryCheckIsRehearsed misses none.
func troubles() map[string]trouble {
	return map[string]trouble{
		"aurora-opt-in":     inAccount(productionAccount, func(a *ground.Account) { a.BackupOptIn["Aurora"] = false }),
		"backup-role":       onRole(productionFile, names.BackupRole, noTrust),
		"bus-rules":         theirRule(),
		"cluster-available": onCluster(func(c *ground.Cluster) { c.Status = "upgrading" }),
		"cluster-encrypted": onCluster(func(c *ground.Cluster) { c.Key.Owner = "none" }),
		"cluster-engine":    onCluster(func(c *ground.Cluster) { c.Engine, c.EngineVersion, c.LogExports = "neptune", "1.4.5.0", nil }),
		"cluster-exists":    {ground: func(g *ground.Ground) { g.Clusters = nil }},
		"cluster-idle":      onCluster(func(c *ground.Cluster) { c.BackedUp = true }),
		"cluster-key-admits-backup": onCluster(func(c *ground.Cluster) {
			c.Key.Policy = json.RawMessage(`{"Version":"2012-10-17","Statement":[
				{"Sid":"Administers","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"kms:*","Resource":"*"},
				{"Sid":"NotForBackup","Effect":"Deny","Principal":"*","Action":"kms:CreateGrant","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/dbferry-backup"}}}]}`)
		}),
		"cluster-key-admits-target": onCluster(func(c *ground.Cluster) {
			c.Key.Policy = json.RawMessage(`{"Version":"2012-10-17","Statement":[{"Sid":"Own","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"kms:*","Resource":"*"}]}`)
		}),
		"cluster-key-customer":      onCluster(func(c *ground.Cluster) { c.Key.Owner = "aws" }),
		"cluster-key-enabled":       onCluster(func(c *ground.Cluster) { c.Key.State = "Disabled" }),
		"cluster-key-not-aws-owned": onCluster(func(c *ground.Cluster) { c.Key.Owner = "aws-owned" }),
		"cluster-quota":             fullQuota("DBClusters"),
		"cluster-settings":          {config: func(c *config.Config) { c.Targets[0].Clusters[0].Match = "other-*" }},
		"cluster-tags":              onCluster(func(c *ground.Cluster) { c.Tags = manyTags(47) }),
		"configuration-filled-in": {config: func(c *config.Config) {
			c.Targets[0].Clusters[0].MasterSecret = config.PlaceholderName + "/shop-orders/master"
		}},
		"cross-account-backup":           {ground: func(g *ground.Ground) { g.Organization.CrossAccountBackup = false }, asked: true},
		"dynamodb-advanced":              inAccount(productionAccount, func(a *ground.Account) { a.BackupAdvanced["DynamoDB"] = false }),
		"dynamodb-opt-in":                inAccount(productionAccount, func(a *ground.Account) { a.BackupOptIn["DynamoDB"] = false }),
		"endpoints-reachable":            {faults: "*/*/*/RDS.DescribeDBSubnetGroups=slow"},
		"engine-version-offered":         {ground: func(g *ground.Ground) { g.Withdrawn = []string{"aurora-mysql " + g.Clusters[0].EngineVersion} }},
		"instance-class-offered":         {ground: func(g *ground.Ground) { g.Withdrawn = []string{"db.r6g.large"} }},
		"instance-quota":                 fullQuota("DBInstances"),
		"parameter-group-family":         inAccount(stagingAccount, func(a *ground.Account) { a.ParameterGroups[0].Family = "aurora-mysql5.7" }),
		"parameter-groups":               inAccount(stagingAccount, func(a *ground.Account) { a.ParameterGroups = nil }),
		"production-organization":        inAccount(productionAccount, func(a *ground.Account) { a.Organization = "o-otherorg12" }),
		"production-vault":               onResource(productionFile, "AWS::Backup::BackupVault", renamedVault),
		"production-vault-admits-target": withoutStatement(productionFile, "ToStagingGrant"),
		"production-vault-key":           onResource(productionFile, "AWS::KMS::Key", disabledKey),
		"production-vault-lock":          onResource(productionFile, "AWS::Backup::BackupVault", lockedVault),
		"ready-agrees":                   {ready: func(r *check.Ready) { r.ConfigHash = "of another dbferry.json" }},
		"ready-clean":                    inAccount(stagingAccount, func(a *ground.Account) { a.BackupOptIn["Aurora"] = false }),
		"ready-fresh":                    {ready: func(r *check.Ready) { r.CheckedAt = r.CheckedAt.Add(-25 * time.Hour) }},
		"ready-present":                  withoutStatement(stagingFile, "ProductionReadsReady"),
		"restore-role":                   onRole(stagingFile, names.RestoreRole, noTrust),
		"secrets-exist":                  inAccount(stagingAccount, func(a *ground.Account) { a.Secrets = a.Secrets[1:] }),
		"secrets-kept":                   inAccount(stagingAccount, func(a *ground.Account) { a.Secrets[0].Deleted = true }),
		"selectors-match": {config: func(c *config.Config) {
			c.DataSet.Tables = append(c.DataSet.Tables, config.Selector{Prefix: "misspelt-"})
		}},
		"service-linked-roles": inAccount(stagingAccount, func(a *ground.Account) { a.ServiceLinkedRoles = []string{"rds.amazonaws.com"} }),
		"subnet-group":         inAccount(stagingAccount, func(a *ground.Account) { a.SubnetGroups[0].Name = "another" }),
		"table-active":         onTable(func(t *ground.Table) { t.Status = "DELETING" }),
		"table-exists":         {ground: func(g *ground.Ground) { g.Tables = nil }},
		"table-idle":           onTable(func(t *ground.Table) { t.BackedUp = true }),
		"table-key":            onTable(func(t *ground.Table) { t.KeyLost = true }),
		"table-tags":           onTable(func(t *ground.Table) { t.Tags = manyTags(50) }),
		"target-advanced":      inAccount(stagingAccount, func(a *ground.Account) { a.BackupAdvanced["DynamoDB"] = false }),
		"target-opt-in":        inAccount(stagingAccount, func(a *ground.Account) { a.BackupOptIn["DynamoDB"] = false }),
		"target-organization":  {ground: func(g *ground.Ground) { g.Account(stagingAccount).Organization = "o-otherorg12" }, asked: true},
		"target-vault":         onResource(stagingFile, "AWS::Backup::BackupVault", renamedVault),
		"target-vault-key":     onResource(stagingFile, "AWS::KMS::Key", disabledKey),
		"target-vault-lock":    onResource(stagingFile, "AWS::Backup::BackupVault", lockedVault),
		"target-vault-policy":  withoutStatement(stagingFile, "ProductionCopiesIn"),
	}
}

// theirRule puts a rule without account on a default bus that production uses.
func theirRule() trouble {
	return trouble{
		assembly: func(t *testing.T) string { return variant(t, func(c *config.Config) { c.Targets[0].Bus = "default" }) },
		ground: func(g *ground.Ground) {
			g.Account(stagingAccount).Rules = []ground.BusRule{{Name: "their-runs", Pattern: json.RawMessage(`{"source":["aws.states"],"detail":{"status":["SUCCEEDED"]}}`)}}
		},
	}
}

// scenario builds the world of a trouble.
func (tr trouble) scenario(t *testing.T) rehearsal.Scenario {
	t.Helper()
	g := shipped(t)
	if tr.ground != nil {
		tr.ground(&g)
	}
	sc := rehearsal.Scenario{Ground: &g, Assembly: assembly}
	switch {
	case tr.assembly != nil:
		sc.Assembly = tr.assembly(t)
	case tr.template != nil:
		sc.Assembly = edited(t, tr.file, func(doc any) int {
			tr.template(t, doc.(map[string]any)["Resources"].(map[string]any))
			return 1
		})
	case tr.config != nil:
		sc.Assembly = configured(t, tr.config)
	}
	if tr.faults != "" {
		sc.Faults = fault(t, tr.faults)
	}
	return sc
}

// configured copies the assembly and changes the configuration of all its
// functions: what a deployment from another dbferry.json would run.
func configured(t *testing.T, change func(*config.Config)) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cdk.out")
	if err := os.CopyFS(dir, os.DirFS(assembly)); err != nil {
		t.Fatal(err)
	}
	changed := 0
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() != "dbferry.json" {
			return err
		}
		c, err := config.Load(file)
		if err != nil {
			return err
		}
		change(&c)
		raw, err := json.Marshal(c)
		if err != nil {
			return err
		}
		changed++
		return os.WriteFile(file, raw, 0o644)
	})
	if err != nil || changed == 0 {
		t.Fatalf("%d configurations changed: %v", changed, err)
	}
	return dir
}

// replaceReady is what a stranger, or time, makes of ready.json.
func replaceReady(o *rehearsal.Operator, edit func(*check.Ready)) error {
	c := o.Config()
	inbox := c.Place(c.Targets[0]).Inbox()
	raw, ok := o.Objects().Object(inbox, names.ReadyKey)
	if !ok {
		return fmt.Errorf("there is no ready.json")
	}
	var r check.Ready
	if err := json.Unmarshal(raw, &r); err != nil {
		return err
	}
	edit(&r)
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	key := names.ReadyKey
	_, err = s3.NewFromConfig(o.AWS(stagingAccount)).PutObject(o.Context(), &s3.PutObjectInput{Bucket: &inbox, Key: &key, Body: strings.NewReader(string(raw))})
	return err
}

// TestEveryCheckIsRehearsed: every check has a trouble, and no trouble is about
// nothing.
func TestEveryCheckIsRehearsed(t *testing.T) {
	all := troubles()
	for name := range switchTroubles() {
		all[name] = trouble{}
	}
	for _, c := range check.All() {
		if _, ok := all[c.Name]; !ok {
			t.Errorf("%s is not rehearsed", c.Name)
		}
		delete(all, c.Name)
	}
	for name := range all {
		t.Errorf("there is no check %s", name)
	}
}

// TestPreflightProves: on a clean ground every check that the deployed
// functions ask has its proof in the ledger or in ready.json.
func TestPreflightProves(t *testing.T) {
	for name, sc := range map[string]rehearsal.Scenario{
		"a bus of its own": {},
		"the default bus":  {Assembly: variant(t, func(c *config.Config) { c.Targets[0].Bus = "default" })},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, sc)
			if r.Verdict != rehearsal.VerdictSucceeded {
				t.Fatalf("verdict %s: %s", r.Verdict, r.Cause)
			}
			for _, c := range check.All() {
				found := slices.DeleteFunc(slices.Clone(r.Preflight), func(f check.Finding) bool { return f.Check != c.Name })
				outcome, why := check.Proved, ""
				switch _, ofSwitch := switchTroubles()[c.Name]; {
				case ofSwitch:
					continue // TestPreflightOfASwitch
				case troubles()[c.Name].asked && c.Side == check.Organization:
					if len(found) > 0 {
						t.Errorf("%s: a function asked it", c.Name)
					}
					continue
				case troubles()[c.Name].asked:
					outcome = check.NotProved
				case c.Name == "selectors-match":
					outcome, why = check.NotAsked, "the shipped configuration names everything by id"
				}
				for _, f := range found {
					if f.Outcome != outcome || f.What == "" {
						t.Errorf("%s: want %s %s: %+v", c.Name, outcome, why, f)
					}
				}
				if len(found) == 0 {
					t.Errorf("%s left nothing behind", c.Name)
				}
			}
		})
	}
}

// TestPreflightRefuses: each trouble ends production-backup as Refused, the
// cause names the check, and nothing was begun in either account.
func TestPreflightRefuses(t *testing.T) {
	for name, tr := range troubles() {
		if tr.asked {
			continue // TestCheckCommandRefuses
		}
		t.Run(name, func(t *testing.T) {
			playIn(t, rehearsal.OpenEmpty, tr.scenario(t), func(o *rehearsal.Operator) error { return refused(t, name, tr, o) })
		})
	}
}

// playIn plays a script in a world that open makes.
func playIn(t *testing.T, open func(context.Context, rehearsal.Scenario) (*rehearsal.Rehearsal, error), sc rehearsal.Scenario, script func(*rehearsal.Operator) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	sc.RefreshOnly = true
	r, err := open(ctx, sc)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := r.Play(ctx, script); err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, name string, tr trouble, o *rehearsal.Operator) error {
	if _, err := o.Ready("staging"); err != nil {
		return err
	}
	if tr.ready != nil {
		if err := replaceReady(o, tr.ready); err != nil {
			return err
		}
	}
	arn, err := o.Start(o.BackupMachine("staging"), refresh.BackupInput{})
	if err != nil {
		return err
	}
	r, err := o.Await(arn)
	if err != nil {
		return err
	}
	if r.Error != rehearsal.VerdictRefused || !strings.Contains(r.Cause, "["+name+"]") || !strings.Contains(r.Cause, "Fix: ") {
		t.Errorf("%s, want Refused by %s with its fix: %s", r.Error, name, r.Cause)
	}
	if err := o.Settle(); err != nil {
		return err
	}
	if n := len(o.States().Executions(stagingAccount)); n > 0 {
		t.Errorf("%d executions in staging", n)
	}
	for _, op := range o.Began() {
		t.Errorf("begun: %s", op)
	}
	return nil
}
