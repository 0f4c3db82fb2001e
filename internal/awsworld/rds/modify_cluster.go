package rds

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// modifyCluster: the master password, protection and the network change at
// once whatever ApplyImmediately says; IAM authentication waits for the
// maintenance window without it (docs/aws.md §7.1). The status follows later.
func (s *Service) modifyCluster(c *awsworld.Call, in *rds.ModifyDBClusterInput) (*rds.ModifyDBClusterOutput, error) {
	if err := service.OnlyFields(c, "DBClusterIdentifier", "ApplyImmediately", "MasterUserPassword", "VpcSecurityGroupIds",
		"ServerlessV2ScalingConfiguration", "BackupRetentionPeriod", "DeletionProtection", "CloudwatchLogsExportConfiguration",
		"CopyTagsToSnapshot", "EnableIAMDatabaseAuthentication", "PreferredBackupWindow", "PreferredMaintenanceWindow",
		"DBClusterParameterGroupName", "BacktrackWindow", "StorageType", "DatabaseInsightsMode", "EnablePerformanceInsights",
		"PerformanceInsightsRetentionPeriod", "NewDBClusterIdentifier", "ManageMasterUserPassword"); err != nil {
		return nil, err
	}
	cl := s.account(c.Account.ID).clusters[shortID(aws.ToString(in.DBClusterIdentifier))]
	switch {
	case cl == nil:
		return nil, clusterNotFound(aws.ToString(in.DBClusterIdentifier))
	case cl.status != available:
		return nil, clusterState("DB Cluster %s is not in available state: its status is %s", cl.ID, cl.status)
	}
	if err := cmp.Or(inSwitchover(cl), s.checkModify(cl, in), s.checkMove(cl, in)); err != nil {
		return nil, err
	}
	if s.applySettings(cl, in) {
		s.modifyLater(cl, in)
	}
	if in.MasterUserPassword != nil {
		s.resetPassword(cl, *in.MasterUserPassword)
	}
	s.applyMove(cl, in)
	v := s.view(cl)
	return &rds.ModifyDBClusterOutput{DBCluster: &v}, nil
}

func (s *Service) checkModify(cl *cluster, in *rds.ModifyDBClusterInput) error {
	if in.MasterUserPassword != nil {
		if err := validPassword(*in.MasterUserPassword); err != nil {
			return err
		}
	}
	if sc := in.ServerlessV2ScalingConfiguration; sc != nil {
		if err := validScaling(mergeScaling(cl.Serverless, sc)); err != nil {
			return err
		}
	}
	if d := in.BackupRetentionPeriod; d != nil && (*d < 1 || *d > 35) {
		return invalidValue("Invalid backup retention period: %d. Retention period must be between 1 and 35", *d)
	}
	if l := in.CloudwatchLogsExportConfiguration; l != nil {
		if err := checkLogs(cl.Engine, cl.EngineVersion, slices.Concat(l.EnableLogTypes, l.DisableLogTypes)); err != nil {
			return err
		}
	}
	if in.DBClusterParameterGroupName != nil {
		if err := checkParameterGroup(cl.account.clusterGroups, *in.DBClusterParameterGroupName, family(cl.Engine, cl.EngineVersion)); err != nil {
			return err
		}
	}
	if b := in.BacktrackWindow; b != nil && (cl.Engine != AuroraMySQL || *b < 0 || *b > 259200) {
		return invalidValue("BacktrackWindow %d is not valid for %s; Aurora MySQL takes 0 to 259200 seconds", *b, cl.Engine)
	}
	if b := in.BacktrackWindow; b != nil && *b > 0 && cl.BacktrackSeconds == 0 {
		return invalidCombination("Backtrack is not enabled for DB cluster %s; it can be enabled only when a cluster is created or restored", cl.ID)
	}
	if err := s.checkInsights(cl, in); err != nil {
		return err
	}
	if st := in.StorageType; st != nil && *st != "aurora" && *st != "aurora-iopt1" {
		return invalidValue("Invalid storage type %s for %s", *st, cl.Engine)
	}
	return cl.account.checkGroups(in.VpcSecurityGroupIds, cl.account.subnetGroups[cl.SubnetGroup].VPC)
}

func mergeScaling(s Scaling, in *types.ServerlessV2ScalingConfiguration) Scaling {
	if in.MinCapacity != nil {
		s.Min = *in.MinCapacity
	}
	if in.MaxCapacity != nil {
		s.Max = *in.MaxCapacity
	}
	if in.SecondsUntilAutoPause != nil {
		s.AutoPause = *in.SecondsUntilAutoPause
	}
	if s.Min != 0 && in.SecondsUntilAutoPause == nil {
		s.AutoPause = 0
	}
	return s
}

// applySettings sets what Describe shows at once, and tells whether anything
// has to be worked on.
func (s *Service) applySettings(cl *cluster, in *rds.ModifyDBClusterInput) (work bool) {
	if in.DeletionProtection != nil {
		cl.DeletionProtection = *in.DeletionProtection
	}
	if in.CopyTagsToSnapshot != nil {
		cl.CopyTagsToSnapshot = *in.CopyTagsToSnapshot
	}
	work = change(&cl.BackupRetentionDays, in.BackupRetentionPeriod)
	work = change(&cl.BackupWindow, in.PreferredBackupWindow) || work
	work = change(&cl.MaintenanceWindow, in.PreferredMaintenanceWindow) || work
	work = change(&cl.BacktrackSeconds, in.BacktrackWindow) || work
	work = change(&cl.StorageType, in.StorageType) || work
	work = s.applyInsights(cl, in) || work
	if in.DBClusterParameterGroupName != nil {
		name := strings.ToLower(*in.DBClusterParameterGroupName)
		work = change(&cl.ParameterGroup, &name) || work
	}
	if sc := in.ServerlessV2ScalingConfiguration; sc != nil {
		merged := mergeScaling(cl.Serverless, sc)
		work = change(&cl.Serverless, &merged) || work
	}
	if in.VpcSecurityGroupIds != nil && !slices.Equal(in.VpcSecurityGroupIds, cl.SecurityGroups) {
		cl.SecurityGroups, work = slices.Clone(in.VpcSecurityGroupIds), true
	}
	if l := in.CloudwatchLogsExportConfiguration; l != nil {
		coming := cl.LogExports
		if cl.pendingLogs != nil {
			coming = cl.pendingLogs
		}
		logs := without(coming, l.DisableLogTypes)
		logs = append(logs, without(l.EnableLogTypes, logs)...)
		slices.Sort(logs)
		if !slices.Equal(logs, coming) {
			cl.pendingLogs, work = append([]string{}, logs...), true
		}
	}
	if auth := in.EnableIAMDatabaseAuthentication; auth != nil && *auth != cl.IAMAuthentication {
		cl.pendingAuth = aws.Bool(*auth)
		work = aws.ToBool(in.ApplyImmediately) || work
	}
	return work
}

func change[T comparable](field *T, to *T) bool {
	if to == nil || *field == *to {
		return false
	}
	*field = *to
	return true
}

// modifyLater works the settings in.
func (s *Service) modifyLater(cl *cluster, in *rds.ModifyDBClusterInput) {
	groups, logs, now := slices.Clone(cl.SecurityGroups), cl.pendingLogs, aws.ToBool(in.ApplyImmediately)
	wait := s.beginWait(cl, "settings", "settings of "+cl.ID)
	s.enqueue(cl, activity{
		status: modifying, delay: s.Timing.ModifyDelay.draw(s.w), takes: s.Timing.Modify.draw(s.w), wait: wait,
		end: func() {
			cl.activeGroups = groups
			if logs != nil {
				cl.LogExports, cl.pendingLogs = logs, nil
			}
			if cl.pendingAuth != nil && now {
				cl.IAMAuthentication, cl.pendingAuth = *cl.pendingAuth, nil
			}
		},
	})
}

// resetPassword: the old password is valid until the reset ends. Without an
// available writer there is nobody to set it, so the reset waits for one.
func (s *Service) resetPassword(cl *cluster, password string) {
	wait := s.beginWait(cl, "password", "master password of "+cl.ID)
	cl.pendingPasswords++
	s.enqueue(cl, activity{
		status: resetting, delay: s.Timing.PasswordDelay.draw(s.w), takes: s.Timing.PasswordReset.draw(s.w), needsWriter: true, wait: wait,
		end: func() {
			cl.pendingPasswords--
			if s.Databases != nil {
				if err := s.Databases.SetPassword(context.Background(), cl.dbKey(), cl.MasterUser, password); err != nil {
					s.broke("new password for "+cl.dbKey(), err)
				}
			}
			s.emit(cl.account.id, cl.arn, passwordReset)
		},
	})
}

// beginWait notes that AWS began to work on a cluster.
func (s *Service) beginWait(cl *cluster, phase, what string) string {
	key := fmt.Sprintf("%s/%s/%s", cl.arn, phase, s.w.Hex(8))
	s.w.Waits.Begin(key, awsworld.Wait{What: what, Item: cl.origin, Phase: phase})
	return key
}
