package rds

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// instance is one DB instance of a cluster.
type instance struct {
	InstanceSpec
	account    *account
	arn        string
	resourceID string
	status     string
	created    time.Time
	epoch      int
	settled    []string
	loaded     loadedGroups
}

// serving: these are the states in which an instance takes connections.
func (i *instance) serving() bool {
	return slices.Contains([]string{available, modifying, backingUp, monitoring}, i.status)
}

func (i *instance) cluster() *cluster { return i.account.clusters[i.Cluster] }

func (s *Service) instanceEndpoint(i *instance) string {
	return fmt.Sprintf("%s.%s.%s.rds.amazonaws.com", i.ID, s.zone(i.account.id), s.w.Region)
}

// PutInstance adds an available instance to a cluster; the first becomes the
// writer.
func (s *Service) PutInstance(accountID string, spec InstanceSpec) error {
	a := s.account(accountID)
	c := a.clusters[strings.ToLower(spec.Cluster)]
	if c == nil {
		return fmt.Errorf("instance %s in account %s: cluster %q does not exist; put it first", spec.ID, accountID, spec.Cluster)
	}
	if err := s.fillInstance(c, &spec); err != nil {
		return fmt.Errorf("instance %s in account %s: %w", spec.ID, accountID, err)
	}
	s.addInstance(c, spec, available)
	return nil
}

func (s *Service) fillInstance(c *cluster, i *InstanceSpec) error {
	i.ID = strings.ToLower(i.ID)
	i.Cluster = c.ID
	if err := validID("DBInstanceIdentifier", i.ID); err != nil {
		return err
	}
	if c.account.instances[i.ID] != nil {
		return &types.DBInstanceAlreadyExistsFault{Message: aws.String("DB instance already exists: " + i.ID)}
	}
	if !strings.HasPrefix(i.Class, "db.") {
		return invalidValue("Invalid DB Instance class: %s", i.Class)
	}
	if i.Class == "db.serverless" && c.Serverless == (Scaling{}) {
		return clusterState("Set the Serverless v2 scaling configuration on the parent DB cluster %s before creating a Serverless v2 DB instance.", c.ID)
	}
	f := family(c.Engine, c.EngineVersion)
	i.ParameterGroup = cmp.Or(i.ParameterGroup, "default."+f)
	if err := checkParameterGroup(c.account.instanceGroups, i.ParameterGroup, f); err != nil {
		return err
	}
	i.CACertificate = cmp.Or(i.CACertificate, "rds-ca-rsa2048-g1")
	i.MaintenanceWindow = cmp.Or(i.MaintenanceWindow, c.MaintenanceWindow)
	if i.AvailabilityZone == "" {
		i.AvailabilityZone = c.AvailabilityZones[len(c.members)%len(c.AvailabilityZones)]
	}
	return nil
}

func (s *Service) addInstance(c *cluster, spec InstanceSpec, status string) *instance {
	spec.Tags = maps.Clone(spec.Tags)
	i := &instance{
		InstanceSpec: spec, account: c.account, arn: s.w.ARN("rds", c.account.id, "db:"+spec.ID),
		resourceID: s.resourceID("db-"), status: status, created: s.w.Now(),
	}
	c.account.instances[i.ID] = i
	c.members = append(c.members, i.ID)
	if c.writer == "" {
		c.writer = i.ID
	}
	s.boot(i)
	return i
}

// later runs fn after d unless the instance is being deleted.
func (s *Service) laterInstance(i *instance, d time.Duration, fn func()) {
	epoch := i.epoch
	s.w.Kernel.After(d, func() {
		if i.epoch == epoch {
			fn()
		}
	})
}

// becomes available, which may let waiting work on the cluster begin.
func (s *Service) instanceReady(i *instance) {
	i.status = available
	if c := i.cluster(); c != nil && !c.busy {
		s.next(c)
	}
}

// remove takes an instance out of its cluster; when the writer goes, the first
// serving member takes over.
func (s *Service) remove(i *instance) {
	c := i.cluster()
	s.untracked(c, i)
	delete(i.account.instances, i.ID)
	c.members = slices.DeleteFunc(c.members, func(id string) bool { return id == i.ID })
	s.failOver(c)
}

func (s *Service) failOver(c *cluster) {
	if w := c.account.instances[c.writer]; w != nil && w.status != deleting {
		return
	}
	c.writer = ""
	for _, id := range c.members {
		if m := c.account.instances[id]; m.status != deleting {
			c.writer = id
			return
		}
	}
}

func (s *Service) instanceView(i *instance) types.DBInstance {
	c := i.cluster()
	v := types.DBInstance{
		DBInstanceIdentifier: aws.String(i.ID), DBInstanceArn: aws.String(i.arn), DbiResourceId: aws.String(i.resourceID),
		DBClusterIdentifier: aws.String(i.Cluster), DBInstanceClass: aws.String(i.Class), DBInstanceStatus: aws.String(i.status),
		InstanceCreateTime: aws.Time(i.created), Engine: aws.String(c.Engine), EngineVersion: aws.String(c.EngineVersion),
		AvailabilityZone: aws.String(i.AvailabilityZone), PubliclyAccessible: aws.Bool(i.Public), PromotionTier: aws.Int32(i.PromotionTier),
		AutoMinorVersionUpgrade: aws.Bool(!i.NoMinorUpgrades), CopyTagsToSnapshot: aws.Bool(i.CopyTagsToSnapshot),
		MonitoringInterval: aws.Int32(i.MonitoringInterval), PerformanceInsightsEnabled: aws.Bool(i.PerformanceInsights),
		CACertificateIdentifier: aws.String(i.CACertificate), PreferredMaintenanceWindow: aws.String(i.MaintenanceWindow),
		MasterUsername: aws.String(c.MasterUser), MultiAZ: aws.Bool(false), StorageType: aws.String(c.StorageType),
		StorageEncrypted: aws.Bool(c.encryption.encrypted()), StorageEncryptionType: c.encryption.kind(),
		IAMDatabaseAuthenticationEnabled: aws.Bool(c.IAMAuthentication), DeletionProtection: aws.Bool(false),
		BackupRetentionPeriod: aws.Int32(c.BackupRetentionDays), TagList: tagList(i.Tags),
		DBParameterGroups: []types.DBParameterGroupStatus{{DBParameterGroupName: aws.String(i.ParameterGroup), ParameterApplyStatus: aws.String(s.instanceGroupStatus(i))}},
		DBSubnetGroup:     s.subnetGroupView(i.account, i.account.subnetGroups[c.SubnetGroup]),
		VpcSecurityGroups: s.view(c).VpcSecurityGroups,
	}
	if i.status != creating {
		v.Endpoint = &types.Endpoint{Address: aws.String(s.instanceEndpoint(i)), Port: aws.Int32(c.Port), HostedZoneId: aws.String("Z29XKXDKYMONMX")}
	}
	if c.encryption.key != "" {
		v.KmsKeyId = aws.String(c.encryption.key)
	}
	if i.MonitoringInterval > 0 {
		v.MonitoringRoleArn = aws.String(i.MonitoringRoleARN)
	}
	if i.PerformanceInsights {
		v.PerformanceInsightsRetentionPeriod = aws.Int32(cmp.Or(i.InsightsDays, 7))
		v.PerformanceInsightsKMSKeyId = aws.String(i.InsightsKeyARN)
	}
	return v
}

func (s *Service) subnetGroupView(a *account, g *SubnetGroup) *types.DBSubnetGroup {
	v := &types.DBSubnetGroup{
		DBSubnetGroupName: aws.String(g.Name), DBSubnetGroupArn: aws.String(s.w.ARN("rds", a.id, "subgrp:"+g.Name)),
		DBSubnetGroupDescription: aws.String(g.Description), VpcId: aws.String(g.VPC), SubnetGroupStatus: aws.String("Complete"),
		SupportedNetworkTypes: []string{"IPV4"},
	}
	for _, id := range g.Subnets {
		v.Subnets = append(v.Subnets, types.Subnet{
			SubnetIdentifier: aws.String(id), SubnetStatus: aws.String("Active"),
			SubnetAvailabilityZone: &types.AvailabilityZone{Name: aws.String(a.subnets[id].AZ)},
		})
	}
	return v
}
