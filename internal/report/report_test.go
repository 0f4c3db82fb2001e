package report

import (
	"bytes"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/golden"
	"github.com/dbferry/dbferry/internal/rehearsal"
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

func TestScreen(t *testing.T) {
	for name, r := range map[string]*rehearsal.Result{"succeeded": good(), "failed": refused()} {
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
