package check

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/keypolicy"
)

const (
	clusterKey = "arn:aws:kms:eu-west-1:111111111111:key/1"
	vaultKey   = "arn:aws:kms:eu-west-1:111111111111:key/2"
	trust      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"backup.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	version    = "8.0.mysql_aurora.3.08.0"
	family     = "aurora-mysql8.0"
)

func keyPolicy(statements []keypolicy.Statement) string {
	return `{"Version":"2012-10-17","Statement":[` + keypolicy.JSON(statements) + `]}`
}

// sound is a ground on which every check passes.
func sound(t testing.TB) Facts {
	t.Helper()
	c, err := config.Load("../../dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	c.DataSet.Tables = append(c.DataSet.Tables, config.Selector{Prefix: "shop-"})
	c.Targets[0].Switch.Records = []config.Record{{Zone: "Z0123456789", Name: "orders.staging.internal", Value: "${reader:shop-orders}"}}
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	target := c.Targets[0]
	key := func(arn string, policy []keypolicy.Statement) KeyFacts {
		return KeyFacts{ARN: arn, Manager: "CUSTOMER", State: "Enabled", Policy: keyPolicy(policy)}
	}
	proxy := ProxyFacts{Endpoint: "x.proxy.internal", Status: "available", Family: "MYSQL", VPC: target.Network.VPC, Groups: target.Switch.ProxySecurityGroups,
		Secrets: []string{"arn:aws:secretsmanager:eu-west-1:222222222222:secret:" + target.Clusters[0].Logins[0].Secret + "-Ab12Cd"}, TargetGroups: []string{"default"}, ReachedFromInside: true}
	receives := Receives{
		Families: map[string]string{"staging-aurora-mysql8": family}, Versions: map[string]string{"aurora-mysql " + version: family},
		Classes: map[string][]string{"aurora-mysql db.r6g.large": {version}}, Clusters: Quota{3, 40}, Instances: Quota{3, 40},
	}
	ready := Ready{Schema: ReadySchema, Target: target.Name, ConfigHash: c.Hash(), CheckedAt: now.Add(-time.Hour), Receives: receives}
	return Facts{
		Config: c, Target: target, Now: now, Deployed: true, Unread: map[Source]string{},
		OptIn: map[string]bool{"Aurora": true, "DynamoDB": true}, Management: map[string]bool{"DynamoDB": true}, OrganizationID: c.OrganizationID, CrossAccount: "true",
		Selectors: []SelectorFacts{{"dataSet.tables[1]", "prefix shop-", 1}},
		Clusters: []ClusterFacts{{ID: "shop-orders", ARN: "arn:aws:rds:eu-west-1:111111111111:cluster:shop-orders", Status: "available", Engine: "aurora-mysql",
			EngineVersion: version, KeyARN: clusterKey, Encrypted: true}},
		Tables: []TableFacts{{Name: "shop-carts", ARN: "arn:aws:dynamodb:eu-west-1:111111111111:table/shop-carts", Status: "ACTIVE", KeyARN: clusterKey}},
		Keys:   map[string]KeyFacts{clusterKey: key(clusterKey, keypolicy.ClusterKeyStatements(c)), vaultKey: key(vaultKey, keypolicy.VaultKeyStatements(c))},
		Vault: &VaultFacts{Name: "vault", ARN: "arn:aws:backup:eu-west-1:222222222222:backup-vault:dbferry-staging", KeyARN: vaultKey,
			Policy: `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"backup:CopyIntoBackupVault","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-exampleorg"}}}]}`},
		BackupRole: &RoleFacts{"arn:aws:iam::111111111111:role/dbferry-backup", trust}, RestoreRole: &RoleFacts{"arn:aws:iam::222222222222:role/dbferry-restore", trust},
		Ready: &ready, Receives: &receives,
		Roles: map[string]bool{BackupService: true, RDSService: true}, Subnets: &SubnetGroupFacts{Name: "staging-databases", VPC: target.Network.VPC, Zones: []string{"eu-west-1a", "eu-west-1b"}},
		Groups: map[string]GroupFacts{"staging-aurora-mysql8": {Family: family}}, Secrets: map[string]SecretFacts{"staging/shop/master": {}}, Endpoints: map[string]string{"RDS": ""},
		Proxies:    map[string]ProxyFacts{"shop-orders-a": proxy, "shop-orders-b": proxy},
		Parameters: map[string]ParameterFacts{"/staging/shop-orders/host": {Type: "String"}}, Records: map[string]RecordFacts{"Z0123456789/orders.staging.internal": {Types: []string{"CNAME"}, Plain: true}},
		Services: map[string]ServiceFacts{"staging/shop": {Status: "ACTIVE", Controller: "ECS", Breaker: true}},
	}
}

var sides = []Side{Production, Both, Target, Organization}

func TestEveryCheckProvesASoundGround(t *testing.T) {
	report := Run(sound(t), sides...)
	for _, c := range All() {
		found := 0
		for _, f := range report {
			if f.Check != c.Name {
				continue
			}
			found++
			if f.Outcome != Proved || f.What == "" || f.Resource == "" || f.Fix != "" {
				t.Errorf("%s: not a proof: %+v", c.Name, f)
			}
		}
		if found == 0 {
			t.Errorf("%s said nothing", c.Name)
		}
	}
}

// edit makes a function that changes one key's policy.
func edit(arn, old, new string) func(*Facts) {
	return func(f *Facts) {
		k := f.Keys[arn]
		k.Policy = strings.ReplaceAll(k.Policy, old, new)
		f.Keys[arn] = k
	}
}

func state(arn, state string) func(*Facts) {
	return func(f *Facts) {
		k := f.Keys[arn]
		k.State = state
		f.Keys[arn] = k
	}
}

func manager(arn string) func(*Facts) {
	return func(f *Facts) {
		k := f.Keys[arn]
		k.Manager = "AWS"
		f.Keys[arn] = k
	}
}

const matching = `{"source":["aws.states"],"detail-type":["Step Functions Execution Status Change"]}`

// broken is, for every check, what makes it complain.
var broken = map[string][]func(*Facts){
	"aurora-opt-in":     {func(f *Facts) { f.OptIn = nil }},
	"backup-role":       {func(f *Facts) { f.BackupRole = nil }, func(f *Facts) { f.BackupRole.Trust = strings.Replace(trust, "backup", "lambda", 1) }},
	"bus-rules":         {func(f *Facts) { f.Target.Bus, f.Rules = "default", []RuleFacts{{Name: "theirs", Pattern: matching}} }},
	"cluster-available": {func(f *Facts) { f.Clusters[0].Status = "upgrading" }},
	"cluster-encrypted": {func(f *Facts) { f.Clusters[0].Encrypted = false }},
	"cluster-engine":    {func(f *Facts) { f.Clusters[0].Engine = "neptune" }},
	"cluster-exists":    {func(f *Facts) { f.Clusters[0].Missing = true }},
	"cluster-idle": {func(f *Facts) { f.Jobs = []JobFacts{{"backup", "1", f.Clusters[0].ARN, "RUNNING", "daily", false}} },
		func(f *Facts) { f.Jobs = []JobFacts{{"copy", "1", f.Clusters[0].ARN, "CREATED", "", false}} }},
	"cluster-key-admits-backup": {edit(clusterKey, "role/dbferry-backup", "role/other")},
	"cluster-key-admits-target": {edit(clusterKey, `"kms:CreateGrant",`, ""), edit(clusterKey, "222222222222", "333333333333"), edit(clusterKey, "rds.eu-west-1", "backup.eu-west-1"),
		edit(clusterKey, `"Statement":[`, `"Statement":[{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"111111111111"}}},`)},
	"cluster-key-customer":           {manager(clusterKey), func(f *Facts) { delete(f.Keys, clusterKey) }},
	"cluster-key-enabled":            {state(clusterKey, "Disabled"), state(clusterKey, "PendingDeletion")},
	"cluster-key-not-aws-owned":      {func(f *Facts) { f.Clusters[0].KeyARN = "" }},
	"cluster-quota":                  {func(f *Facts) { f.Receives.Clusters.Used = 40 }},
	"cluster-settings":               {func(f *Facts) { f.Target.Clusters = nil }},
	"cluster-tags":                   {func(f *Facts) { f.Clusters[0].Tags = 47 }},
	"configuration-filled-in":        {func(f *Facts) { f.Config.Targets[0].Network.VPC = config.PlaceholderVPC }, func(f *Facts) { f.Config.Targets[0].Clusters[0].MasterSecret = "FILL-IN/shop-orders" }},
	"cross-account-backup":           {func(f *Facts) { f.CrossAccount = "" }},
	"dynamodb-advanced":              {func(f *Facts) { f.Management = nil }},
	"dynamodb-opt-in":                {func(f *Facts) { f.OptIn = map[string]bool{"Aurora": true} }},
	"endpoints-reachable":            {func(f *Facts) { f.Endpoints["RDS"] = "time-out" }},
	"engine-version-offered":         {func(f *Facts) { f.Receives.Versions = nil }},
	"instance-class-offered":         {func(f *Facts) { f.Receives.Classes["aurora-mysql db.r6g.large"] = []string{"other"} }},
	"instance-quota":                 {func(f *Facts) { f.Receives.Instances = Quota{40, 40} }},
	"parameter-group-family":         {func(f *Facts) { f.Receives.Families["staging-aurora-mysql8"] = "aurora-mysql5.7" }},
	"parameter-groups":               {func(f *Facts) { f.Groups["staging-aurora-mysql8"] = GroupFacts{Missing: true} }},
	"production-organization":        {func(f *Facts) { f.OrganizationID = "o-otherorg00" }, func(f *Facts) { f.OrganizationID = "" }},
	"production-vault":               {func(f *Facts) { f.Vault = nil }},
	"production-vault-admits-target": {edit(vaultKey, `"kms:CreateGrant",`, "")},
	"production-vault-key":           {manager(vaultKey), state(vaultKey, "Disabled"), func(f *Facts) { delete(f.Keys, vaultKey) }},
	"production-vault-lock":          {func(f *Facts) { f.Vault.MinDays = 30 }, func(f *Facts) { f.Vault.MaxDays = 5 }},
	"ready-agrees":                   {func(f *Facts) { f.Ready.ConfigHash = "other" }, func(f *Facts) { f.Ready.Target = "other" }},
	"ready-clean":                    {func(f *Facts) { f.Ready.Problems = Problems{{Check: "x", What: "y"}} }},
	"ready-fresh":                    {func(f *Facts) { f.Ready.CheckedAt = f.Now.Add(-25 * time.Hour) }, func(f *Facts) { f.Ready.Schema = 1 }},
	"ready-present":                  {func(f *Facts) { f.Ready, f.ReadyError = nil, "AccessDenied" }},
	"proxy-exists": {onProxy(func(p *ProxyFacts) { p.Missing = true }), onProxy(func(p *ProxyFacts) { p.Status = "modifying" }),
		onProxy(func(p *ProxyFacts) { p.TargetGroups = nil }), onProxy(func(p *ProxyFacts) { p.Instances = []string{"one"} })},
	"proxy-fits-lane":   {onProxy(func(p *ProxyFacts) { p.VPC = "vpc-11111111" }), onProxy(func(p *ProxyFacts) { p.Family = "POSTGRESQL" })},
	"proxy-login":       {onProxy(func(p *ProxyFacts) { p.Secrets = nil }), onProxy(func(p *ProxyFacts) { p.Secrets[0] += "-other" })},
	"proxy-reachable":   {onProxy(func(p *ProxyFacts) { p.Groups = nil }), onProxy(func(p *ProxyFacts) { p.NotReached = "time-out" })},
	"restore-role":      {func(f *Facts) { f.RestoreRole = nil }},
	"switch-parameters": {func(f *Facts) { f.Parameters["/staging/shop-orders/host"] = ParameterFacts{Type: "SecureString"} }},
	"switch-records": {onRecord(RecordFacts{NoZone: true}), onRecord(RecordFacts{Types: []string{"A"}, Plain: true}), onRecord(RecordFacts{Types: []string{"CNAME"}}),
		onRecord(RecordFacts{Types: []string{"CNAME", "TXT"}, Plain: true})},
	"switch-services":      {onService(ServiceFacts{}), onService(ServiceFacts{Status: "INACTIVE"}), onService(ServiceFacts{Status: "ACTIVE", Controller: "CODE_DEPLOY"})},
	"secrets-exist":        {func(f *Facts) { f.Secrets["staging/shop/master"] = SecretFacts{Missing: true} }},
	"secrets-kept":         {func(f *Facts) { f.Secrets["staging/shop/master"] = SecretFacts{DeletesAt: f.Now} }},
	"selectors-match":      {func(f *Facts) { f.Selectors[0].Found = 0 }},
	"service-linked-roles": {func(f *Facts) { f.Roles[BackupService] = false }, func(f *Facts) { f.Roles[RDSService] = false }},
	"subnet-group":         {func(f *Facts) { f.Subnets.VPC = "vpc-11111111" }, func(f *Facts) { f.Subnets = nil }, func(f *Facts) { f.Subnets.Zones = nil }},
	"table-active":         {func(f *Facts) { f.Tables[0].Status = "DELETING" }},
	"table-exists":         {func(f *Facts) { f.Tables[0].Missing = true }},
	"table-idle":           {func(f *Facts) { f.Jobs = []JobFacts{{"backup", "1", f.Tables[0].ARN, "RUNNING", "daily", false}} }},
	"table-key":            {func(f *Facts) { f.Tables[0].KeyLostAt = f.Now }, state(clusterKey, "Disabled"), func(f *Facts) { delete(f.Keys, clusterKey) }},
	"table-tags":           {func(f *Facts) { f.Tables[0].Tags = 50 }},
	"target-advanced":      {func(f *Facts) { f.Management = nil }},
	"target-opt-in":        {func(f *Facts) { f.OptIn = map[string]bool{"DynamoDB": true} }, func(f *Facts) { f.OptIn = map[string]bool{"Aurora": true} }},
	"target-organization":  {func(f *Facts) { f.OrganizationID = "" }},
	"target-vault":         {func(f *Facts) { f.Vault = nil }},
	"target-vault-key":     {manager(vaultKey), state(vaultKey, "Disabled")},
	"target-vault-lock":    {func(f *Facts) { f.Vault.MinDays = 30 }},
	"target-vault-policy": {func(f *Facts) { f.Vault.Policy = "" }, func(f *Facts) { f.Vault.Policy = strings.Replace(f.Vault.Policy, "o-exampleorg", "o-otherorg", 1) },
		func(f *Facts) { f.Vault.Policy = strings.Replace(f.Vault.Policy, "111111111111", "333333333333", 1) }},
}

func TestEveryCheckComplainsWithAFix(t *testing.T) {
	for _, c := range All() {
		t.Run(c.Name, func(t *testing.T) {
			if len(broken[c.Name]) == 0 {
				t.Fatal("no case for this check")
			}
			for i, breakIt := range broken[c.Name] {
				f := sound(t)
				breakIt(&f)
				report := Run(f, sides...)
				problems := append(report.Problems(), report.Hindrances()...)
				at := slices.IndexFunc(problems, func(p Problem) bool { return p.Check == c.Name })
				if at < 0 {
					t.Fatalf("case %d: it did not complain; others: %v", i, problems)
				}
				if p := problems[at]; p.Fix == "" || p.What == "" || p.Resource == "" {
					t.Errorf("case %d: incomplete: %+v", i, p)
				}
			}
		})
	}
}

// unknowable is, for checks that can lack an answer, what takes it away.
var unknowable = map[string]func(*Facts){
	"proxy-exists":      func(f *Facts) { f.Unread[FromProxies] = "denied: x" },
	"proxy-reachable":   func(f *Facts) { f.Unread[FromDoors] = "only from inside" },
	"switch-parameters": func(f *Facts) { f.Parameters["/staging/shop-orders/host"] = ParameterFacts{Missing: true} },
	"switch-records":    onRecord(RecordFacts{}),
	"cluster-key-admits-target": func(f *Facts) {
		f.Keys[clusterKey] = KeyFacts{ARN: clusterKey, Manager: "CUSTOMER", State: "Enabled", PolicyError: "denied: x"}
	},
	"cluster-key-admits-backup": edit(clusterKey, `"Effect":"Allow"`, `"Effect":"Perhaps"`),
	"cluster-key-enabled":       func(f *Facts) { f.Keys[clusterKey] = KeyFacts{ARN: clusterKey, Unread: "denied: x"} },
	"cluster-key-customer":      func(f *Facts) { f.Keys[clusterKey] = KeyFacts{ARN: clusterKey, Unread: "denied: x"} },
	"target-vault-policy":       func(f *Facts) { f.Vault.Policy = "{" },
	"restore-role":              func(f *Facts) { f.RestoreRole.Trust = "[]" },
	"bus-rules": func(f *Facts) {
		f.Target.Bus, f.Rules = "default", []RuleFacts{{Name: "theirs", Pattern: `{"source":[{"sounds-like":"x"}]}`}}
	},
	"instance-class-offered":  func(f *Facts) { f.Target.Clusters[0].InstanceClass = "" },
	"cluster-quota":           func(f *Facts) { f.Receives.Clusters = Quota{} },
	"table-tags":              func(f *Facts) { f.Tables[0].Tags = -1 },
	"production-organization": func(f *Facts) { f.Unread[FromOrganization] = "denied: x" },
	"parameter-group-family":  func(f *Facts) { f.Unread[FromReceives] = "the target has not said" },
}

// What is not known is neither a proof nor a problem.
func TestUnknownIsNotProved(t *testing.T) {
	for name, take := range unknowable {
		t.Run(name, func(t *testing.T) {
			f := sound(t)
			take(&f)
			seen := false
			for _, found := range Run(f, sides...) {
				if found.Check != name {
					continue
				}
				seen = true
				if found.Outcome != NotProved || found.What == "" {
					t.Errorf("%+v", found)
				}
			}
			if !seen {
				t.Error("it said nothing")
			}
		})
	}
}

// Rules that cannot fire on production's events are no problem.
func TestHarmlessRules(t *testing.T) {
	for name, r := range map[string]RuleFacts{
		"names the account": {Pattern: `{"account":["222222222222"],"source":["aws.states"]}`},
		"other source":      {Pattern: `{"source":["aws.ec2"]}`},
		"disabled":          {Pattern: matching, Disabled: true},
		"schedule":          {},
		"another status":    {Pattern: `{"source":["aws.states"],"detail":{"status":["FAILED"]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			f := sound(t)
			f.Target.Bus, f.Rules = "default", []RuleFacts{r}
			if found := busRules.Run(f); len(found) != 1 || found[0].Outcome != Proved {
				t.Errorf("%+v", found)
			}
		})
	}
}

// A key policy that leaves permissions to the account lets the backup role in,
// and nobody of another account.
func TestKeyPolicyOfTheAccount(t *testing.T) {
	f := sound(t)
	k := f.Keys[clusterKey]
	k.Policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"kms:*","Resource":"*"}]}`
	f.Keys[clusterKey] = k
	if found := clusterKeyAdmitsBackup.Run(f); found[0].Outcome != Proved {
		t.Errorf("backup role: %+v", found)
	}
	found := clusterKeyAdmitsTarget.Run(f)
	for _, want := range []string{"DbferryToStagingGrant", "kms:GrantIsForAWSResource", "aws kms put-key-policy", "account 111111111111"} {
		if !strings.Contains(found[0].Fix, want) {
			t.Errorf("the fix does not name %s: %s", want, found[0].Fix)
		}
	}
}

func TestNotDeployedYet(t *testing.T) {
	f := sound(t)
	f.Deployed, f.Vault, f.Ready, f.BackupRole, f.RestoreRole = false, nil, nil, nil, nil
	report := Run(f, sides...)
	if p := report.Problems(); len(p) > 0 {
		t.Errorf("problems before deployment: %v", p)
	}
	for _, c := range All() {
		for _, found := range report {
			if found.Check == c.Name && (found.Outcome == NotAsked) != (c.Scope == Deployed) {
				t.Errorf("%s (%s): %+v", c.Name, c.Scope, found)
			}
		}
	}
}

func TestEveryCheckIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range All() {
		if c.Proves == "" || c.NotPromised == "" || c.Run == nil {
			t.Errorf("%s: a check says what it proves and what a pass does not promise", c.Name)
		}
		if !slices.Contains(sides, c.Side) || c.Scope != Ground && c.Scope != Deployed {
			t.Errorf("%s: side %q, scope %q", c.Name, c.Side, c.Scope)
		}
		if seen[c.Name] {
			t.Errorf("%s twice", c.Name)
		}
		seen[c.Name] = true
	}
	if len(seen) < 25 {
		t.Errorf("%d checks", len(seen))
	}
}

// TestOneFileACheck: every check stands in the file that has its name, alone,
// and is in All.
func TestOneFileACheck(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		names := checksIn(t, file.Name())
		if len(names) == 0 {
			continue
		}
		if want := strings.ReplaceAll(names[0], "-", "_") + ".go"; len(names) != 1 || want != file.Name() {
			t.Errorf("%s holds %v", file.Name(), names)
		}
		found = append(found, names...)
	}
	var all []string
	for _, c := range All() {
		all = append(all, c.Name)
	}
	slices.Sort(found)
	if !slices.Equal(found, all) {
		t.Errorf("in files: %v\nin All:   %v", found, all)
	}
}

// checksIn lists the names of the Check literals of a file.
func checksIn(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		if id, ok := lit.Type.(*ast.Ident); !ok || id.Name != "Check" {
			return true
		}
		for _, e := range lit.Elts {
			kv, ok := e.(*ast.KeyValueExpr)
			if !ok || kv.Key.(*ast.Ident).Name != "Name" {
				continue
			}
			name, err := strconv.Unquote(kv.Value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, name)
		}
		return true
	})
	return out
}

func onProxy(edit func(*ProxyFacts)) func(*Facts) {
	return func(f *Facts) {
		p := f.Proxies["shop-orders-b"]
		p.Secrets = slices.Clone(p.Secrets)
		edit(&p)
		f.Proxies["shop-orders-b"] = p
	}
}

func onRecord(r RecordFacts) func(*Facts) {
	return func(f *Facts) { f.Records["Z0123456789/orders.staging.internal"] = r }
}

func onService(s ServiceFacts) func(*Facts) {
	return func(f *Facts) { f.Services["staging/shop"] = s }
}

// What only a switch needs stops no refresh.
func TestHindrancesStopNoRefresh(t *testing.T) {
	f := sound(t)
	onProxy(func(p *ProxyFacts) { p.Missing = true })(&f)
	f.Endpoints[ParameterAPI] = "time-out"
	report := Run(f, sides...)
	if len(report.Problems()) > 0 || len(report.Hindrances()) != 2 {
		t.Errorf("problems %v, hindrances %v", report.Problems(), report.Hindrances())
	}
}
