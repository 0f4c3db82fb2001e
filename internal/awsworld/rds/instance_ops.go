package rds

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

func (s *Service) createInstance(c *awsworld.Call, in *rds.CreateDBInstanceInput) (*rds.CreateDBInstanceOutput, error) {
	if err := service.OnlyFields(c, "DBInstanceIdentifier", "DBClusterIdentifier", "Engine", "EngineVersion", "DBInstanceClass",
		"DBParameterGroupName", "DBSubnetGroupName", "MonitoringInterval", "MonitoringRoleArn", "EnablePerformanceInsights",
		"PerformanceInsightsRetentionPeriod", "PerformanceInsightsKMSKeyId", "PromotionTier", "AvailabilityZone", "PubliclyAccessible",
		"AutoMinorVersionUpgrade", "CopyTagsToSnapshot", "CACertificateIdentifier", "PreferredMaintenanceWindow", "Tags", "MasterUserPassword",
		"MasterUsername", "DeletionProtection", "VpcSecurityGroupIds", "KmsKeyId", "StorageEncrypted", "BackupRetentionPeriod", "DBName"); err != nil {
		return nil, err
	}
	a := s.account(c.Account.ID)
	cl := a.clusters[strings.ToLower(aws.ToString(in.DBClusterIdentifier))]
	if err := s.mayJoin(a, cl, in); err != nil {
		return nil, err
	}
	spec := instanceSpec(in)
	if err := s.fillInstance(cl, &spec); err != nil {
		return nil, err
	}
	if err := checkTags(spec.Tags); err != nil {
		return nil, err
	}
	if spec.PerformanceInsights && cl.Engine == AuroraMySQL && strings.HasPrefix(spec.Class, "db.t") {
		return nil, invalidCombination("Performance Insights is not supported for the DB instance class %s", spec.Class)
	}
	if err := s.checkMonitoring(c, spec); err != nil {
		return nil, err
	}
	if err := s.serviceLinkedRole(c); err != nil {
		return nil, err
	}
	i := s.addInstance(cl, spec, creating)
	s.build(i)
	v := s.instanceView(i)
	return &rds.CreateDBInstanceOutput{DBInstance: &v}, nil
}

// mayJoin: an instance joins an available cluster of the same engine, and
// leaves to the cluster what is the cluster's (RDS API reference,
// CreateDBInstance; docs/aws.md §4.2).
func (s *Service) mayJoin(a *account, cl *cluster, in *rds.CreateDBInstanceInput) error {
	switch {
	case in.DBClusterIdentifier == nil:
		return &awsworld.Unsimulated{Service: "RDS", Operation: "CreateDBInstance outside a cluster"}
	case cl == nil:
		return clusterNotFound(*in.DBClusterIdentifier)
	case aws.ToString(in.Engine) != cl.Engine:
		return invalidCombination("The engine %s does not match the engine %s of cluster %s", aws.ToString(in.Engine), cl.Engine, cl.ID)
	case in.EngineVersion != nil && *in.EngineVersion != cl.EngineVersion:
		return invalidCombination("The engine version %s does not match the version %s of cluster %s", *in.EngineVersion, cl.EngineVersion, cl.ID)
	case in.DBSubnetGroupName != nil && !strings.EqualFold(*in.DBSubnetGroupName, cl.SubnetGroup):
		return invalidCombination("The DB subnet group %s is not that of cluster %s, %s", *in.DBSubnetGroupName, cl.ID, cl.SubnetGroup)
	case in.DeletionProtection != nil:
		return invalidCombination("Deletion Protection can only be applied on the Cluster level, not for individual instances")
	case in.MasterUserPassword != nil || in.MasterUsername != nil || in.VpcSecurityGroupIds != nil || in.KmsKeyId != nil ||
		in.StorageEncrypted != nil || in.BackupRetentionPeriod != nil || in.DBName != nil:
		return invalidCombination("The requested DB Instance will be a member of a DB Cluster. Set master user, security groups, encryption, " +
			"backup retention and database name for the DB Cluster.")
	case cl.status != available:
		return clusterState("DB cluster %s is not available for instance creation: its status is %s", cl.ID, cl.status)
	case a.full(QuotaInstances):
		return &types.InstanceQuotaExceededFault{Message: aws.String(fmt.Sprintf(
			"You have reached the limit of %d DB instances in account %s", a.quotas[QuotaInstances], a.id))}
	}
	return nil
}

func instanceSpec(in *rds.CreateDBInstanceInput) InstanceSpec {
	return InstanceSpec{
		ID: aws.ToString(in.DBInstanceIdentifier), Class: aws.ToString(in.DBInstanceClass),
		ParameterGroup:     strings.ToLower(aws.ToString(in.DBParameterGroupName)),
		MonitoringInterval: aws.ToInt32(in.MonitoringInterval), MonitoringRoleARN: aws.ToString(in.MonitoringRoleArn),
		PerformanceInsights: aws.ToBool(in.EnablePerformanceInsights), InsightsDays: aws.ToInt32(in.PerformanceInsightsRetentionPeriod),
		InsightsKeyARN: aws.ToString(in.PerformanceInsightsKMSKeyId), PromotionTier: aws.ToInt32(in.PromotionTier),
		AvailabilityZone: aws.ToString(in.AvailabilityZone), Public: aws.ToBool(in.PubliclyAccessible),
		NoMinorUpgrades: in.AutoMinorVersionUpgrade != nil && !*in.AutoMinorVersionUpgrade, CopyTagsToSnapshot: aws.ToBool(in.CopyTagsToSnapshot),
		CACertificate: aws.ToString(in.CACertificateIdentifier), MaintenanceWindow: aws.ToString(in.PreferredMaintenanceWindow), Tags: tagMap(in.Tags),
	}
}

// checkMonitoring: enhanced monitoring needs a role of the account that the
// caller may pass.
func (s *Service) checkMonitoring(c *awsworld.Call, spec InstanceSpec) error {
	switch {
	case !slices.Contains([]int32{0, 1, 5, 10, 15, 30, 60}, spec.MonitoringInterval):
		return invalidValue("Invalid monitoring interval %d. It must be one of 0, 1, 5, 10, 15, 30, 60", spec.MonitoringInterval)
	case spec.InsightsDays != 0 && (!spec.PerformanceInsights || !validInsightsDays(spec.InsightsDays)):
		return invalidValue("Invalid Performance Insights retention period: %d", spec.InsightsDays)
	case (spec.MonitoringInterval == 0) != (spec.MonitoringRoleARN == ""):
		return invalidCombination("A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0, and only then.")
	case spec.MonitoringRoleARN == "":
		return nil
	case c.Account.Role(spec.MonitoringRoleARN) == nil:
		return invalidValue("IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING (%s)", spec.MonitoringRoleARN)
	}
	return c.Require(passRole(spec.MonitoringRoleARN, c.Account.ID, "monitoring.rds.amazonaws.com"), nil)
}

// build takes a new instance from creating to available.
func (s *Service) build(i *instance) {
	c := i.cluster()
	wait := i.arn + "/create"
	s.w.Waits.Begin(wait, awsworld.Wait{What: "instance " + i.ID, Item: c.origin, Phase: "instance"})
	done := func() {
		s.instanceReady(i)
		s.w.Waits.Finish(wait)
		i.settled = append(i.settled, wait)
	}
	s.laterInstance(i, s.Timing.CreateInstance.draw(s.w), func() {
		s.emit(i.account.id, i.arn, instanceCreated)
		s.tracked(i)
		if i.MonitoringInterval == 0 {
			done()
			return
		}
		i.status = monitoring
		s.laterInstance(i, s.Timing.ConfigureMonitoring.draw(s.w), done)
	})
}

func (s *Service) modifyInstance(c *awsworld.Call, in *rds.ModifyDBInstanceInput) (*rds.ModifyDBInstanceOutput, error) {
	if err := service.OnlyFields(c, "DBInstanceIdentifier", "ApplyImmediately", "PromotionTier", "CopyTagsToSnapshot", "AutoMinorVersionUpgrade",
		"DBInstanceClass", "DBParameterGroupName", "NewDBInstanceIdentifier"); err != nil {
		return nil, err
	}
	i := s.account(c.Account.ID).instances[strings.ToLower(aws.ToString(in.DBInstanceIdentifier))]
	switch {
	case i == nil:
		return nil, instanceNotFound(aws.ToString(in.DBInstanceIdentifier))
	case i.status != available:
		return nil, instanceState("Instance %s is not in available state but %s", i.ID, i.status)
	}
	if err := cmp.Or(inSwitchover(i.cluster()), s.moveInstance(i, in)); err != nil {
		return nil, err
	}
	if in.PromotionTier != nil {
		i.PromotionTier = *in.PromotionTier
	}
	if in.CopyTagsToSnapshot != nil {
		i.CopyTagsToSnapshot = *in.CopyTagsToSnapshot
	}
	if in.AutoMinorVersionUpgrade != nil {
		i.NoMinorUpgrades = !*in.AutoMinorVersionUpgrade
	}
	v := s.instanceView(i)
	return &rds.ModifyDBInstanceOutput{DBInstance: &v}, nil
}

func (s *Service) deleteInstance(c *awsworld.Call, in *rds.DeleteDBInstanceInput) (*rds.DeleteDBInstanceOutput, error) {
	i := s.account(c.Account.ID).instances[strings.ToLower(aws.ToString(in.DBInstanceIdentifier))]
	switch {
	case i == nil:
		return nil, instanceNotFound(aws.ToString(in.DBInstanceIdentifier))
	case in.FinalDBSnapshotIdentifier != nil:
		return nil, invalidCombination("FinalDBSnapshotIdentifier can not be specified for an instance of an Aurora cluster; snapshot the cluster instead.")
	case i.status == deleting:
		return nil, instanceState("Instance %s is already being deleted.", i.ID)
	}
	i.status = deleting
	i.epoch++
	s.failOver(i.cluster())
	s.laterInstance(i, s.Timing.DeleteInstance.draw(s.w), func() {
		s.remove(i)
		s.emit(i.account.id, i.arn, instanceDeleted)
	})
	v := s.instanceView(i)
	return &rds.DeleteDBInstanceOutput{DBInstance: &v}, nil
}

func (s *Service) describeInstances(c *awsworld.Call, in *rds.DescribeDBInstancesInput) (*rds.DescribeDBInstancesOutput, error) {
	f, err := readFilters("DescribeDBInstances", in.Filters, "db-cluster-id", "db-instance-id", "engine")
	if err != nil {
		return nil, err
	}
	a := s.account(c.Account.ID)
	var all []*instance
	for _, i := range sorted(a.instances) {
		if in.DBInstanceIdentifier != nil && i.ID != shortID(*in.DBInstanceIdentifier) {
			continue
		}
		if f.admits("db-cluster-id", i.Cluster) && f.admits("db-instance-id", i.ID) && f.admits("engine", i.cluster().Engine) {
			all = append(all, i)
		}
	}
	if in.DBInstanceIdentifier != nil && len(all) == 0 {
		return nil, instanceNotFound(*in.DBInstanceIdentifier)
	}
	rows, next, err := page(all, func(i *instance) string { return i.ID }, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBInstancesOutput{Marker: next}
	for _, i := range rows {
		out.DBInstances = append(out.DBInstances, s.instanceView(i))
		s.notice(c, &i.settled)
	}
	return out, nil
}

// notice tells the waits that a caller has now seen their end.
func (s *Service) notice(c *awsworld.Call, settled *[]string) {
	if c.Caller.Ground {
		return
	}
	for _, wait := range *settled {
		s.w.Waits.Notice(c.Caller, wait)
	}
	*settled = nil
}

// shortID is the identifier in what may be an ARN, in lower case.
func shortID(name string) string {
	if parts := strings.SplitN(name, ":", 7); len(parts) == 7 {
		name = parts[6]
	}
	return strings.ToLower(name)
}
