package backup_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// TestTroubleInsideAWS injects faults into the calls that AWS Backup makes:
// they cost time, not the job.
func TestTroubleInsideAWS(t *testing.T) {
	for _, op := range []string{"RDS.CreateDBClusterSnapshot", "RDS.DescribeDBClusterSnapshots", "RDS.CopyDBClusterSnapshot", "RDS.ModifyDBClusterSnapshotAttribute"} {
		for _, kind := range []awsworld.FaultKind{awsworld.FaultError, awsworld.FaultThrottle, awsworld.FaultLost, awsworld.FaultCrash} {
			t.Run(op+"/"+string(kind), func(t *testing.T) {
				s := newScene(t)
				s.w.Inject(awsworld.Fault{Site: awsworld.Site{Machine: "production-backup", Item: "cluster", State: "AWS Backup", Operation: op}, Kind: kind, Nth: 1})
				s.run(func() {
					b := s.backUp(orders)
					if b.State != types.BackupJobStateCompleted {
						t.Errorf("backup %s %q", b.State, aws.ToString(b.StatusMessage))
						return
					}
					if c := s.copyOver(*b.RecoveryPointArn); c.State != types.CopyJobStateCompleted {
						t.Errorf("copy %s %q", c.State, aws.ToString(c.StatusMessage))
					}
				})
				if s.w.FaultsHit() != 1 {
					t.Errorf("%d faults hit", s.w.FaultsHit())
				}
			})
		}
	}
}

// TestTheSameRunTwice: the history depends on the seed alone.
func TestTheSameRunTwice(t *testing.T) {
	history := func() []string {
		s := newScene(t)
		var out []string
		got := s.listen()
		s.backup.EventDelayMax = 2 * time.Minute
		s.run(func() {
			c := s.copyOver(*s.backUp(orders).RecoveryPointArn)
			s.restoreNamed(map[string]string{"point": *c.DestinationRecoveryPointArn, "DBClusterIdentifier": "c", "Engine": "aurora-postgresql", "DBSubnetGroupName": "db"})
			s.sleep(10 * time.Minute)
		})
		for _, e := range s.w.Journal.Calls {
			out = append(out, e.At.String()+" "+e.Principal+" "+e.Operation+" "+e.Outcome)
		}
		for _, e := range *got {
			out = append(out, e.at.String()+" "+e.state())
		}
		return out
	}
	if diff := cmp.Diff(history(), history()); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
}
