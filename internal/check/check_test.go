package check

import (
	"slices"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/config"
)

// sound is a ground on which every check passes.
func sound(t *testing.T) Facts {
	t.Helper()
	c, err := config.Load("../../dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	on := map[string]bool{"Aurora": true, "DynamoDB": true}
	target := c.Targets[0]
	return Facts{
		Config: c, Target: target, Now: now, OptIn: on, Management: map[string]bool{"DynamoDB": true},
		Clusters: []ClusterFacts{{ID: "shop-orders", ARN: "arn:aws:rds:eu-west-1:111111111111:cluster:shop-orders", Status: "available", Engine: "aurora-mysql",
			KeyARN: "arn:aws:kms:eu-west-1:111111111111:key/1", Encrypted: true, KeyManager: "CUSTOMER", KeyEnabled: true}},
		Tables: []TableFacts{{Name: "shop-carts", Status: "ACTIVE"}},
		Vault: &VaultFacts{ARN: "arn:vault", KeyARN: "arn:key", KeyManager: "CUSTOMER", KeyEnabled: true,
			Policy: `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"backup:CopyIntoBackupVault","Resource":"*"}]}`},
		Ready: &Ready{Schema: ReadySchema, Target: target.Name, ConfigHash: c.Hash(), CheckedAt: now.Add(-time.Hour)},
		Roles: map[string]bool{BackupService: true, RDSService: true}, Subnets: &SubnetGroupFacts{Name: "staging-databases", VPC: target.Network.VPC, Zones: 2},
		ParameterGroups: map[string]bool{"staging-aurora-mysql8": true}, ClusterLimit: 40, ClusterCount: 3,
		Secrets: map[string]string{"staging/shop/master": ""}, Endpoints: map[string]string{"rds": ""},
	}
}

func TestASoundGroundPasses(t *testing.T) {
	for _, side := range []Side{Production, Target} {
		if p := Run(side, sound(t)); len(p) > 0 {
			t.Errorf("%s: %v", side, p)
		}
	}
}

// broken is, for every check, what makes it complain.
var broken = map[string]func(*Facts){
	"cluster-exists":       func(f *Facts) { f.Clusters[0].Missing = true },
	"cluster-available":    func(f *Facts) { f.Clusters[0].Status = "upgrading" },
	"cluster-encrypted":    func(f *Facts) { f.Clusters[0].Encrypted = false },
	"cluster-key-customer": func(f *Facts) { f.Clusters[0].KeyManager = "AWS" },
	"cluster-engine":       func(f *Facts) { f.Clusters[0].Engine = "neptune" },
	"cluster-name-fits":    func(f *Facts) { f.Clusters = append(f.Clusters, f.Clusters[0]) },
	"cluster-settings":     func(f *Facts) { f.Target.Clusters = nil },
	"aurora-opt-in":        func(f *Facts) { f.OptIn = nil },
	"table-exists":         func(f *Facts) { f.Tables[0].Missing = true },
	"table-active":         func(f *Facts) { f.Tables[0].Status = "DELETING" },
	"dynamodb-opt-in":      func(f *Facts) { f.OptIn = map[string]bool{"Aurora": true} },
	"dynamodb-advanced":    func(f *Facts) { f.Management = nil },
	"production-vault":     func(f *Facts) { f.Vault = nil },
	"ready-present":        func(f *Facts) { f.Ready, f.ReadyError = nil, "AccessDenied" },
	"ready-fresh":          func(f *Facts) { f.Ready.CheckedAt = f.Now.Add(-25 * time.Hour) },
	"ready-agrees":         func(f *Facts) { f.Ready.ConfigHash = "other" },
	"ready-clean":          func(f *Facts) { f.Ready.Problems = Problems{{Check: "x", What: "y"}} },
	"service-linked-roles": func(f *Facts) { f.Roles[BackupService] = false },
	"target-opt-in":        func(f *Facts) { f.OptIn = map[string]bool{"DynamoDB": true} },
	"target-advanced":      func(f *Facts) { f.Management = nil },
	"target-vault":         func(f *Facts) { f.Vault = nil },
	"target-vault-key":     func(f *Facts) { f.Vault.KeyManager = "AWS" },
	"target-vault-policy":  func(f *Facts) { f.Vault.Policy = `{"Statement":[]}` },
	"subnet-group":         func(f *Facts) { f.Subnets.VPC = "vpc-00000000" },
	"parameter-groups":     func(f *Facts) { f.ParameterGroups["staging-aurora-mysql8"] = false },
	"cluster-quota":        func(f *Facts) { f.ClusterCount = 40 },
	"secrets-exist":        func(f *Facts) { f.Secrets["staging/shop/master"] = "there is none" },
	"endpoints-reachable":  func(f *Facts) { f.Endpoints["rds"] = "time-out" },
}

func TestEveryCheckComplainsWithAFix(t *testing.T) {
	for _, c := range All() {
		t.Run(c.Name, func(t *testing.T) {
			breakIt := broken[c.Name]
			if breakIt == nil {
				t.Fatal("no case for this check")
			}
			f := sound(t)
			breakIt(&f)
			problems := Run(c.Side, f)
			i := slices.IndexFunc(problems, func(p Problem) bool { return p.Check == c.Name })
			if i < 0 {
				t.Fatalf("it did not complain; others: %v", problems)
			}
			if p := problems[i]; p.Fix == "" || p.What == "" || p.Resource == "" {
				t.Errorf("incomplete: %+v", p)
			}
			if c.Proves == "" || c.NotPromised == "" {
				t.Error("a check says what it proves and what a pass does not promise")
			}
		})
	}
}
