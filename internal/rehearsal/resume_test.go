package rehearsal_test

import (
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/rehearsal"
)

// TestResume: a refresh that failed is continued in a new execution; it ends
// well, and nothing is backed up, copied or restored twice.
func TestResume(t *testing.T) {
	for _, site := range []string{
		"production-backup/cluster/Back up/Backup.StartBackupJob=deny",
		"production-backup/table/Back up/Backup.DescribeBackupJob=deny",
		"production-backup/-/Check the backups/S3.GetObject=deny",
		"production-backup/cluster/Copy the recovery point (cluster)/Backup.DescribeCopyJob=deny",
		"production-backup/-/Publish the manifest/S3.PutObject=deny",
		"staging-restore/cluster/Restore the cluster (cluster)/Backup.DescribeRestoreJob=deny",
		"staging-restore/cluster/Add the instances (cluster)/RDS.DescribeDBInstances=deny",
		"staging-restore/cluster/Reset the credentials (cluster)/Secrets Manager.GetSecretValue=deny",
		"staging-restore/table/Finish the table (table)/DynamoDB.TagResource=deny",
		"staging-restore/-/Record the candidate/RDS.ModifyDBCluster=deny",
	} {
		t.Run(site, func(t *testing.T) {
			r := run(t, rehearsal.Scenario{Faults: fault(t, site), Resume: true})
			if r.Verdict != rehearsal.VerdictSucceeded {
				t.Fatalf("%s: %s", r.Verdict, r.Cause)
			}
			began := map[string]int{}
			for _, w := range r.Waits {
				if w.Phase == "backup" || w.Phase == "copy" || w.Phase == "restore" {
					began[w.What]++
				}
			}
			for what, n := range began {
				if n != 1 {
					t.Errorf("%s: %d times", what, n)
				}
			}
			if len(began) != 6 {
				t.Errorf("jobs %v, want a backup, a copy and a restore of two items", began)
			}
			failed := 0
			for _, e := range r.Executions {
				if strings.Contains(e.Error, "Failed") {
					failed++
				}
			}
			if failed != 1 {
				t.Errorf("%d executions failed before the resumed one, want 1", failed)
			}
		})
	}
}
