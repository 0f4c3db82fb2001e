package rds

import (
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// Range is a duration drawn anew each time from [Low, High].
type Range struct{ Low, High time.Duration }

// Transfer is a duration that grows with the data: Base, then Rate bytes a
// second.
type Transfer struct {
	Base Range
	Rate int64
}

// Timing is how long RDS takes. AWS publishes none of these; they are modelled
// on what operators report (docs/aws.md §4.2, §7.1, §11).
type Timing struct {
	Snapshot Transfer // CreateDBClusterSnapshot until available
	CutOff   Range    // from the request to the moment whose data the snapshot holds
	Copy     Transfer // CopyDBClusterSnapshot; every Aurora copy is a full one (docs/aws.md §3)
	Restore  Transfer // RestoreDBClusterFromSnapshot until the cluster is available

	CreateInstance      Range // until available, or until monitoring is configured
	ConfigureMonitoring Range // configuring-enhanced-monitoring, when it is on
	DeleteInstance      Range
	DeleteCluster       Range

	ModifyDelay   Range // the cluster still reads available after ModifyDBCluster
	Modify        Range // modifying
	PasswordDelay Range // the cluster still reads available after a new password
	PasswordReset Range // resetting-master-credentials; the old password is valid until its end
	DialTimeout   time.Duration
	AuditUpload   Range // from a record of the audit log until CloudWatch Logs has it

	Proxy  ProxyTiming
	Reboot Range

	// Blue/Green deployments (docs/migration.md §1.8, §1.12).
	GreenBegin       Range    // until the first task begins
	GreenClone       Transfer // the clone of the volume; it shares blue's pages
	GreenUpgrade     Range
	GreenEndpoints   Range
	MemberLate       Range   // the last instance becomes available after its deployment
	CatchUpRate      float64 // seconds of lag that a replica gains in one second
	SwitchGuard      Range   // guardrails, before anything is refused
	SwitchPrepare    Range
	SwitchDrop       Range // writes are refused, connections still taken
	SwitchRename     Range
	SwitchDNS        Range // the names still lead to the old cluster
	SwitchGreenDNS   Range // the green names still lead to the new production
	SwitchFinish     Range // after DNS has followed, until the deployment is complete
	DeploymentDelete Range
}

// DefaultTiming makes 100 GB take about 10 minutes to back up, 45 to copy and
// 25 to restore.
func DefaultTiming() Timing {
	return Timing{
		Snapshot: Transfer{Range{3 * time.Minute, 5 * time.Minute}, 300e6},
		CutOff:   Range{15 * time.Second, 45 * time.Second},
		Copy:     Transfer{Range{6 * time.Minute, 9 * time.Minute}, 45e6},
		Restore:  Transfer{Range{10 * time.Minute, 13 * time.Minute}, 130e6},

		CreateInstance:      Range{6 * time.Minute, 9 * time.Minute},
		ConfigureMonitoring: Range{time.Minute, 2 * time.Minute},
		DeleteInstance:      Range{3 * time.Minute, 5 * time.Minute},
		DeleteCluster:       Range{time.Minute, 2 * time.Minute},

		ModifyDelay:   Range{3 * time.Second, 15 * time.Second},
		Modify:        Range{20 * time.Second, time.Minute},
		PasswordDelay: Range{5 * time.Second, 30 * time.Second},
		PasswordReset: Range{30 * time.Second, 90 * time.Second},
		DialTimeout:   5 * time.Second,
		AuditUpload:   Range{20 * time.Second, 2 * time.Minute},

		Proxy:  defaultProxyTiming(),
		Reboot: Range{25 * time.Second, 60 * time.Second},

		GreenBegin:       Range{20 * time.Second, 40 * time.Second},
		GreenClone:       Transfer{Range{9 * time.Minute, 14 * time.Minute}, 2e9},
		GreenUpgrade:     Range{18 * time.Minute, 30 * time.Minute},
		GreenEndpoints:   Range{time.Minute, 2 * time.Minute},
		MemberLate:       Range{15 * time.Second, 45 * time.Second},
		CatchUpRate:      20,
		SwitchGuard:      Range{9 * time.Second, 12 * time.Second},
		SwitchPrepare:    Range{500 * time.Millisecond, time.Second},
		SwitchDrop:       Range{200 * time.Millisecond, 400 * time.Millisecond},
		SwitchRename:     Range{1500 * time.Millisecond, 2500 * time.Millisecond},
		SwitchDNS:        Range{30 * time.Second, 34 * time.Second},
		SwitchGreenDNS:   Range{60 * time.Second, 63 * time.Second},
		SwitchFinish:     Range{1500 * time.Millisecond, 3 * time.Second},
		DeploymentDelete: Range{time.Minute, 2 * time.Minute},
	}
}

func (r Range) draw(w *awsworld.World) time.Duration { return w.Between(r.Low, r.High) }

func (t Transfer) draw(w *awsworld.World, bytes int64) time.Duration {
	d := t.Base.draw(w)
	if t.Rate > 0 {
		d += time.Duration(float64(bytes) / float64(t.Rate) * float64(time.Second))
	}
	return d
}
