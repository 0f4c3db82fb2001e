package rehearsal_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/golden"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// fault is one fault, as --fault takes it.
func fault(t *testing.T, text string) []awsworld.Fault {
	t.Helper()
	f, err := awsworld.ParseFault(text)
	if err != nil {
		t.Fatal(err)
	}
	return []awsworld.Fault{f}
}

// TestFaultsHeal: a lost reply, a crash or a throttled call anywhere costs time,
// never the refresh. Run fails when a fault is not reached.
func TestFaultsHeal(t *testing.T) {
	for _, site := range []string{
		"production-backup/-/Check the ground/S3.PutObject=crash#3",
		"production-backup/cluster/Back up/Backup.StartBackupJob=crash",
		"production-backup/cluster/Back up/Backup.StartBackupJob=lost",
		"production-backup/table/Copy the recovery point (table)/Backup.StartCopyJob=lost",
		"production-backup/-/Publish the manifest/S3.PutObject=lost",
		"staging-restore/-/Verify the manifest/S3.PutObject=crash#2",
		"staging-restore/cluster/Restore the cluster (cluster)/Backup.StartRestoreJob=lost",
		"staging-restore/cluster/Restore the cluster (cluster)/Backup.StartRestoreJob=crash",
		"staging-restore/cluster/Add the instances (cluster)/RDS.CreateDBInstance=lost",
		"staging-restore/cluster/Reset the credentials (cluster)/RDS.ModifyDBCluster=lost",
		"staging-restore/table/Restore the table (table)/Backup.StartRestoreJob=throttle",
		"staging-restore/table/Finish the table (table)/DynamoDB.UpdateTimeToLive=lost",
		"staging-restore/-/Record the candidate/RDS.ModifyDBCluster=lost",
		"staging-restore/-/Tell about the successful end/SNS.Publish=deny",
	} {
		t.Run(site, func(t *testing.T) {
			r := run(t, rehearsal.Scenario{Faults: fault(t, site)})
			if r.Verdict != rehearsal.VerdictSucceeded {
				t.Fatalf("%s: %s", r.Verdict, r.Cause)
			}
			for _, i := range r.Items {
				if !i.Same() {
					t.Errorf("not the same as at the cut-off: %+v", i)
				}
			}
		})
	}
}

// TestPaths keeps the way of each end through the machines as a story.
func TestPaths(t *testing.T) {
	for name, faults := range map[string][]awsworld.Fault{
		"succeeded":       nil,
		"refused":         fault(t, "production-backup/-/Check the ground/Backup.DescribeRegionSettings=deny"),
		"backup-failed":   fault(t, "production-backup/cluster/Back up/Backup.StartBackupJob=deny"),
		"restore-failed":  fault(t, "staging-restore/table/Restore the table (table)/Backup.StartRestoreJob=deny"),
		"restore-refused": fault(t, "staging-restore/-/Verify the manifest/Backup.DescribeRecoveryPoint=deny"),
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, rehearsal.Scenario{Faults: faults})
			var b bytes.Buffer
			fmt.Fprintf(&b, "verdict %s\n", r.Verdict)
			for _, e := range r.Executions {
				fmt.Fprintf(&b, "\n%s: %s %s\n  %s\n", e.Machine, e.Status, e.Error, strings.Join(e.Path, "\n  "))
			}
			// How often a loop was gone round depends on modelled durations.
			story := regexp.MustCompile(`×\d+`).ReplaceAll(b.Bytes(), []byte("×n"))
			golden.Equal(t, "../../statemachines/testdata/paths/"+name+".golden", story)
		})
	}
}

func TestFidelityIsUpToDate(t *testing.T) {
	got, err := rehearsal.Fidelity()
	if err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "../../FIDELITY.md", got)
}
