package report

import (
	"bytes"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/golden"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/stagingapp"
)

func good() *rehearsal.Result {
	return &rehearsal.Result{
		Target: "staging", Verdict: "Succeeded", RefreshID: "202611230300-a1b2c3",
		Executions: []rehearsal.Execution{
			{Machine: "production-backup", Account: "production", Status: "SUCCEEDED", Events: 60, Transitions: 200, Duration: 70 * time.Minute, Path: []string{"Check the ground", "Done"}},
			{Machine: "staging-restore", Account: "staging", Status: "SUCCEEDED", Events: 50, Transitions: 150, Duration: 40 * time.Minute, Path: []string{"Verify the manifest", "Done"}},
		},
		Items:   []rehearsal.Item{{Source: "shop-orders/shop.orders", Kind: "cluster", Target: "shop-orders-x/shop.orders", RowsSource: 3, RowsTarget: 3, ChecksumSource: "a", ChecksumTarget: "a"}},
		Carried: []rehearsal.Carried{{Item: "shop-carts", Settings: []string{"time to live", "auto scaling of read capacity"}}},
		Differences: []rehearsal.Difference{
			{Item: "shop-orders", Setting: "backup retention", Production: "7 days", Here: "1 day", Why: "configured: clusters[].backupRetentionDays"},
			{Item: "shop-carts", Setting: "resource policy", Production: "present", Here: "none", Why: "it names production's principals"},
		},
		Waits: []rehearsal.Wait{
			{What: "backup of shop-orders", Phase: "backup", Began: time.Minute, Finished: 11 * time.Minute, Noticed: 11*time.Minute + 8*time.Second},
			{What: "restore of shop-orders", Phase: "restore", Began: 80 * time.Minute, Finished: 100 * time.Minute},
		},
		Border: []rehearsal.Crossing{{At: 71 * time.Minute, What: "SUCCEEDED event to bus dbferry-staging"}},
		CutOffs: []rehearsal.CutOff{{Item: "shop-orders", Kind: "cluster",
			NotBefore: time.Date(2026, 11, 23, 3, 1, 0, 0, time.UTC), NotAfter: time.Date(2026, 11, 23, 3, 11, 0, 0, time.UTC)}},
		Inherited: []rehearsal.Inherited{
			{Kind: "table", Source: "shop-carts", Name: "shop-carts-202611220300-0a1b2c", RefreshID: "202611220300-0a1b2c", DataAge: 25 * time.Hour},
			{Kind: "table", Source: "shop-new"},
		},
		CriticalPath: 100 * time.Minute, Duration: 110 * time.Minute, DataAge: 109 * time.Minute, CutOffSpread: 10 * time.Minute,
		Permissions: rehearsal.Permissions{Granted: 10, Used: 9, Unused: []string{"dbferry-notify sns:Publish"}},
	}
}

func refused() *rehearsal.Result {
	r := good()
	r.Verdict, r.Items, r.Cause = "Failed", nil, "the copy was denied"
	r.Denials = []rehearsal.Denial{{Account: "222222222222", Who: "arn:aws:iam::111111111111:role/dbferry-backup", Action: "backup:CopyIntoBackupVault",
		Resource: "arn:aws:backup:eu-west-1:222222222222:backup-vault:dbferry-staging", Why: "the vault policy has no statement that allows it",
		Missing: `{"Effect":"Allow"}`, Fix: "npx cdk deploy dbferry-staging"}}
	r.Left = []string{"recovery point of shop-orders, expires in 7 days"}
	return r
}

// moving is a refresh that went on to the switch.
func moving() *rehearsal.Result {
	r := good()
	r.Executions = append(r.Executions, rehearsal.Execution{Machine: "staging-switch", Account: "staging", Status: "SUCCEEDED", Events: 100, Transitions: 30, Duration: 6 * time.Minute, Path: []string{"Plan the switch", "Done"}})
	r.Waits = append(r.Waits, rehearsal.Wait{What: "deployment of service shop", Phase: "rollout", Began: 113 * time.Minute, Finished: 115 * time.Minute, Noticed: 115*time.Minute + time.Second})
	r.Switch = &rehearsal.Switched{RefreshID: r.RefreshID, Previous: "202611160300-0a1b2c", Verdict: "Succeeded", Duration: 345 * time.Second, AWS: 342 * time.Second,
		Moves: []string{"parameter /staging/shop-carts/table: shop-carts-202611160300-0a1b2c → shop-carts-202611230300-a1b2c3", "service staging/shop"}}
	r.App = &stagingapp.Report{Probes: 31432}
	return r
}

// wentBack is a switch alone that failed and left everything as it was.
func wentBack() *rehearsal.Result {
	return &rehearsal.Result{
		Target: "staging", Verdict: "RolledBack", RefreshID: "202611160300-0a1b2c", Cause: "parameter /staging/shop-carts/table: ssm:PutParameter was denied", Duration: 90 * time.Second,
		Executions: []rehearsal.Execution{{Machine: "staging-switch", Account: "staging", Status: "FAILED", Error: "RolledBack", Events: 100, Transitions: 30, Duration: 90 * time.Second, Path: []string{"Plan the switch", "RolledBack"}}},
		Waits:      []rehearsal.Wait{{What: "deployment of service shop", Phase: "rollout", Began: time.Second, Finished: time.Minute, Noticed: 61 * time.Second}},
		Switch:     &rehearsal.Switched{RefreshID: "202611160300-0a1b2c", Previous: "202611230300-a1b2c3", Verdict: "RolledBack", Cause: "parameter /staging/shop-carts/table: ssm:PutParameter was denied", Duration: 90 * time.Second, AWS: time.Minute, Moves: []string{"service staging/shop: back"}},
		App:        &stagingapp.Report{Probes: 900, Failed: 3, LongestOutage: 61.25, AWSModelled: 60, Ours: 1.25},
	}
}

func TestScreen(t *testing.T) {
	for name, r := range map[string]*rehearsal.Result{"succeeded": good(), "failed": refused(), "switched": moving(), "rolled-back": wentBack()} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			Screen(&b, r, name == "succeeded")
			golden.Equal(t, "testdata/"+name+".screen.golden", b.Bytes())
			raw, err := JSON([]*rehearsal.Result{r})
			if err != nil {
				t.Fatal(err)
			}
			golden.Equal(t, "testdata/"+name+".json.golden", raw)
		})
	}
}
