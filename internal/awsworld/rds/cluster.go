package rds

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Statuses of clusters, instances and snapshots (docs/aws.md §7.1).
const (
	available  = "available"
	creating   = "creating"
	deleting   = "deleting"
	modifying  = "modifying"
	backingUp  = "backing-up"
	resetting  = "resetting-master-credentials"
	failed     = "failed"
	monitoring = "configuring-enhanced-monitoring"
	copying    = "copying"
)

// cluster is one Aurora cluster. The spec holds the settings as Describe shows
// them; what is still on its way stands in the pending fields.
type cluster struct {
	shown Shown
	ClusterSpec
	account    *account
	arn        string
	resourceID string
	origin     string // id of the cluster whose data this is; itself unless restored
	status     string
	created    time.Time
	encryption encryption
	members    []string // instance ids in order of joining
	writer     string

	activeGroups     []string // security groups whose rules hold now
	audit            []AuditRecord
	pendingLogs      []string // log exports being turned on or off
	pendingAuth      *bool    // IAM authentication waiting for the maintenance window
	pendingPasswords int
	standing

	queue   []activity // asynchronous work not begun
	busy    bool
	epoch   int      // raised by deletion, so that earlier work stops
	settled []string // waits that are over and that nobody has seen
}

// activity is asynchronous work on a cluster. One runs at a time.
type activity struct {
	status      string        // shown while it runs
	delay       time.Duration // during which the cluster still reads available
	takes       time.Duration
	needsWriter bool   // waits until there is an available writer
	wait        string // key of the wait it belongs to
	begin, end  func()
}

func (s *Service) clusterARN(account, id string) string {
	return s.w.ARN("rds", account, "cluster:"+id)
}

// dbKey is the cluster's name towards Databases.
func (c *cluster) dbKey() string { return c.account.id + "/" + c.ID }

// enqueue starts the activity, or lets it wait for those before it.
func (s *Service) enqueue(c *cluster, a activity) {
	c.queue = append(c.queue, a)
	if !c.busy {
		s.next(c)
	}
}

// next starts the first activity that can run.
func (s *Service) next(c *cluster) {
	i := slices.IndexFunc(c.queue, func(a activity) bool { return !a.needsWriter || s.writerOf(c) != nil })
	if i < 0 || c.status == deleting || c.status == creating {
		c.busy = false
		return
	}
	a := c.queue[i]
	c.queue = slices.Delete(c.queue, i, i+1)
	c.busy = true
	s.later(c, a.delay, func() {
		c.status = a.status
		if a.begin != nil {
			a.begin()
		}
		s.later(c, a.takes, func() { s.finish(c, a) })
	})
}

func (s *Service) finish(c *cluster, a activity) {
	c.status = available
	if a.end != nil {
		a.end()
	}
	s.settle(c, a.wait)
	s.next(c)
}

// later runs fn after d unless the cluster has been deleted meanwhile.
func (s *Service) later(c *cluster, d time.Duration, fn func()) {
	if d <= 0 {
		fn()
		return
	}
	epoch := c.epoch
	s.w.Kernel.After(d, func() {
		if c.epoch == epoch {
			fn()
		}
	})
}

// settle ends a wait and keeps it until a Describe shows the end.
func (s *Service) settle(c *cluster, wait string) {
	if wait == "" {
		return
	}
	s.w.Waits.Finish(wait)
	c.settled = append(c.settled, wait)
}

// writerOf is the available writer, or nil.
func (s *Service) writerOf(c *cluster) *instance {
	if i := c.account.instances[c.writer]; i != nil && i.serving() {
		return i
	}
	return nil
}

// endpoint is the cluster's writer endpoint, readerEndpoint the other.
func (s *Service) endpoint(c *cluster) string {
	return fmt.Sprintf("%s.cluster-%s.%s.rds.amazonaws.com", c.ID, s.zone(c.account.id), s.w.Region)
}

func (s *Service) readerEndpoint(c *cluster) string {
	return fmt.Sprintf("%s.cluster-ro-%s.%s.rds.amazonaws.com", c.ID, s.zone(c.account.id), s.w.Region)
}

// view is the cluster as Describe shows it, freshly built.
func (s *Service) view(c *cluster) types.DBCluster {
	v := types.DBCluster{
		DBClusterIdentifier: aws.String(c.ID), DBClusterArn: aws.String(c.arn), DbClusterResourceId: aws.String(c.resourceID),
		Status: aws.String(c.status), ClusterCreateTime: aws.Time(c.created),
		Engine: aws.String(c.Engine), EngineVersion: aws.String(c.EngineVersion), EngineMode: aws.String("provisioned"),
		Endpoint: aws.String(s.endpoint(c)), ReaderEndpoint: aws.String(s.readerEndpoint(c)), Port: aws.Int32(c.Port),
		HostedZoneId: aws.String("Z29XKXDKYMONMX"), NetworkType: aws.String("IPV4"), MasterUsername: aws.String(c.MasterUser),
		DBSubnetGroup: aws.String(c.SubnetGroup), DBClusterParameterGroup: aws.String(c.ParameterGroup),
		AvailabilityZones: slices.Clone(c.AvailabilityZones), MultiAZ: aws.Bool(s.multiAZ(c)),
		StorageEncrypted: aws.Bool(c.encryption.encrypted()), StorageEncryptionType: c.encryption.kind(),
		AllocatedStorage: aws.Int32(1), StorageType: aws.String(c.StorageType),
		BackupRetentionPeriod: aws.Int32(c.BackupRetentionDays), PreferredBackupWindow: aws.String(c.BackupWindow),
		PreferredMaintenanceWindow: aws.String(c.MaintenanceWindow),
		EarliestRestorableTime:     aws.Time(c.created), LatestRestorableTime: aws.Time(s.w.Now()),
		DeletionProtection: aws.Bool(c.DeletionProtection), CopyTagsToSnapshot: aws.Bool(c.CopyTagsToSnapshot),
		IAMDatabaseAuthenticationEnabled: aws.Bool(c.IAMAuthentication), HttpEndpointEnabled: aws.Bool(c.HTTPEndpoint),
		EnabledCloudwatchLogsExports: slices.Clone(c.LogExports), ActivityStreamStatus: types.ActivityStreamStatusStopped,
		AutoMinorVersionUpgrade: aws.Bool(false), CrossAccountClone: aws.Bool(false), TagList: tagList(c.Tags),
		DatabaseInsightsMode: types.DatabaseInsightsModeStandard,
	}
	s.viewOptional(c, &v)
	return v
}

// viewOptional adds what AWS leaves out when it is not there.
func (s *Service) viewOptional(c *cluster, v *types.DBCluster) {
	if c.DatabaseName != "" {
		v.DatabaseName = aws.String(c.DatabaseName)
	}
	if c.encryption.key != "" {
		v.KmsKeyId = aws.String(c.encryption.key)
	}
	if c.Engine == AuroraMySQL {
		v.BacktrackWindow = aws.Int64(c.BacktrackSeconds)
	}
	if c.Serverless != (Scaling{}) {
		v.ServerlessV2ScalingConfiguration = &types.ServerlessV2ScalingConfigurationInfo{
			MinCapacity: aws.Float64(c.Serverless.Min), MaxCapacity: aws.Float64(c.Serverless.Max),
		}
		if c.Serverless.AutoPause > 0 {
			v.ServerlessV2ScalingConfiguration.SecondsUntilAutoPause = aws.Int32(c.Serverless.AutoPause)
		}
	}
	if c.AdvancedInsights {
		v.DatabaseInsightsMode = types.DatabaseInsightsModeAdvanced
	}
	for _, r := range c.Roles {
		v.AssociatedRoles = append(v.AssociatedRoles, r.view())
	}
	for _, g := range c.SecurityGroups {
		status := "active"
		if !slices.Contains(c.activeGroups, g) {
			status = "adding"
		}
		v.VpcSecurityGroups = append(v.VpcSecurityGroups, types.VpcSecurityGroupMembership{VpcSecurityGroupId: aws.String(g), Status: aws.String(status)})
	}
	for _, id := range c.members {
		v.DBClusterMembers = append(v.DBClusterMembers, types.DBClusterMember{
			DBInstanceIdentifier: aws.String(id), IsClusterWriter: aws.Bool(id == c.writer),
			DBClusterParameterGroupStatus: aws.String(s.clusterGroupStatus(c, c.account.instances[id])), PromotionTier: aws.Int32(c.account.instances[id].PromotionTier),
		})
	}
	s.viewStanding(c, v)
	v.PendingModifiedValues = c.pendingView()
}

func (c *cluster) pendingView() *types.ClusterPendingModifiedValues {
	if c.pendingPasswords == 0 && c.pendingAuth == nil && c.pendingLogs == nil {
		return nil
	}
	p := &types.ClusterPendingModifiedValues{IAMDatabaseAuthenticationEnabled: c.pendingAuth}
	if c.pendingAuth != nil {
		p.IAMDatabaseAuthenticationEnabled = aws.Bool(*c.pendingAuth)
	}
	if c.pendingPasswords > 0 {
		p.MasterUserPassword = aws.String("****")
	}
	if c.pendingLogs != nil {
		p.PendingCloudwatchLogsExports = &types.PendingCloudwatchLogsExports{
			LogTypesToEnable: without(c.pendingLogs, c.LogExports), LogTypesToDisable: without(c.LogExports, c.pendingLogs),
		}
	}
	return p
}

func without(list, minus []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(v string) bool { return slices.Contains(minus, v) })
}

func (s *Service) multiAZ(c *cluster) bool {
	zones := map[string]bool{}
	for _, id := range c.members {
		zones[c.account.instances[id].AvailabilityZone] = true
	}
	return len(zones) > 1
}

// fill gives a spec AWS's defaults, checks it against the account, and returns
// the VPC it lives in.
func (s *Service) fill(a *account, c *ClusterSpec) error {
	c.ID = strings.ToLower(c.ID)
	if err := validID("DBClusterIdentifier", c.ID); err != nil {
		return err
	}
	if err := checkEngine(c.Engine); err != nil && !c.Foreign {
		return err
	}
	c.EngineVersion = cmp.Or(c.EngineVersion, s.defaultVersion(c.Engine))
	c.Port = cmp.Or(c.Port, defaultPort(c.Engine))
	c.MasterUser = cmp.Or(c.MasterUser, map[string]string{AuroraMySQL: "admin", AuroraPostgreSQL: "postgres"}[c.Engine])
	c.BackupRetentionDays = cmp.Or(c.BackupRetentionDays, 1)
	c.BackupWindow = cmp.Or(c.BackupWindow, "02:00-02:30")
	c.MaintenanceWindow = cmp.Or(c.MaintenanceWindow, "sun:05:00-sun:05:30")
	c.StorageType = cmp.Or(c.StorageType, "aurora")
	if err := s.fillNetwork(a, c); err != nil {
		return err
	}
	return s.fillParameterGroup(a, c)
}

func (s *Service) fillNetwork(a *account, c *ClusterSpec) error {
	c.SubnetGroup = strings.ToLower(cmp.Or(c.SubnetGroup, "default"))
	group := a.subnetGroups[c.SubnetGroup]
	if group == nil {
		return &types.DBSubnetGroupNotFoundFault{Message: aws.String(fmt.Sprintf("DB subnet group '%s' does not exist in account %s.", c.SubnetGroup, a.id))}
	}
	zones := a.zones(group)
	if len(zones) < 2 {
		return &types.DBSubnetGroupDoesNotCoverEnoughAZs{Message: aws.String(fmt.Sprintf(
			"The DB subnet group %s doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: %s. Add subnets to cover at least 2 AZs.", group.Name, strings.Join(zones, ", ")))}
	}
	if len(c.AvailabilityZones) == 0 {
		c.AvailabilityZones = zones
	}
	if len(c.SecurityGroups) == 0 {
		c.SecurityGroups = []string{s.defaultGroup(a, group.VPC)}
	}
	return a.checkGroups(c.SecurityGroups, group.VPC)
}

func (s *Service) fillParameterGroup(a *account, c *ClusterSpec) error {
	f := family(c.Engine, c.EngineVersion)
	c.ParameterGroup = cmp.Or(c.ParameterGroup, "default."+f)
	return checkParameterGroup(a.clusterGroups, c.ParameterGroup, f)
}

// add puts a filled cluster into the account.
func (s *Service) add(a *account, spec ClusterSpec, e encryption, resourceID, status string) *cluster {
	spec.MasterPassword = ""
	spec.KeyARN, spec.OwnedKey = e.key, e.owned
	spec.Tags = maps.Clone(spec.Tags)
	c := &cluster{
		ClusterSpec: spec, account: a, arn: s.clusterARN(a.id, spec.ID), resourceID: resourceID, origin: spec.ID,
		status: status, created: s.w.Now(), encryption: e, activeGroups: slices.Clone(spec.SecurityGroups),
	}
	a.clusters[c.ID] = c
	return c
}

// PutServing adds a cluster that has a place in the network and no data: one of
// an account's own, which nobody logs in to.
func (s *Service) PutServing(accountID string, spec ClusterSpec) error {
	a := s.account(accountID)
	if err := s.fill(a, &spec); err != nil {
		return fmt.Errorf("cluster %s in account %s: %w", spec.ID, accountID, err)
	}
	if a.clusters[spec.ID] != nil {
		return fmt.Errorf("cluster %s in account %s exists already", spec.ID, accountID)
	}
	s.add(a, spec, encryption{owned: true}, s.resourceID("cluster-"), available).rowless = true
	return nil
}

// PutCluster adds an available cluster without instances to an account; the
// scene before dbferry. Its database is created behind Databases.
func (s *Service) PutCluster(accountID string, spec ClusterSpec) error {
	a := s.account(accountID)
	if spec.EngineVersion != "" && !s.knows(spec.Engine, spec.EngineVersion) {
		s.PutEngineVersion(EngineVersion{Engine: spec.Engine, Version: spec.EngineVersion})
	}
	if err := s.fill(a, &spec); err != nil {
		return fmt.Errorf("cluster %s in account %s: %w", spec.ID, accountID, err)
	}
	if a.clusters[spec.ID] != nil {
		return fmt.Errorf("cluster %s in account %s exists already", spec.ID, accountID)
	}
	e := encryption{owned: spec.OwnedKey}
	resourceID := s.resourceID("cluster-")
	if spec.KeyARN != "" {
		arn, ok := s.kms.KeyARN(accountID, spec.KeyARN)
		if !ok {
			return fmt.Errorf("cluster %s in account %s: key %s does not exist; put it first", spec.ID, accountID, spec.KeyARN)
		}
		grant, err := s.grantFor(context.Background(), s.w.GroundCaller(accountID), arn, "aws:rds:dbc-id", resourceID)
		if err != nil {
			return fmt.Errorf("cluster %s in account %s: %w", spec.ID, accountID, err)
		}
		e = encryption{key: arn, grant: grant}
	}
	if len(spec.MasterPassword) >= 6 {
		s.w.Secrets.Add(spec.MasterPassword, "master password of cluster "+spec.ID+" in "+accountID)
	}
	c := s.add(a, spec, e, resourceID, available)
	if s.Databases == nil {
		return nil
	}
	return s.Databases.Create(context.Background(), c.dbKey(), spec.Engine, spec.MasterUser, spec.MasterPassword)
}

// HasCluster says whether an account has a cluster.
func (s *Service) HasCluster(account, id string) bool {
	return s.account(account).clusters[strings.ToLower(id)] != nil
}

// VolumeBytes is the size of a cluster's data, the metric VolumeBytesUsed.
func (s *Service) VolumeBytes(account, id string) (bytes int64, ok bool) {
	c := s.account(account).clusters[strings.ToLower(id)]
	if c == nil {
		return 0, false
	}
	return c.VolumeBytes, true
}

// SetVolumeBytes changes the size of a cluster's data.
func (s *Service) SetVolumeBytes(account, id string, bytes int64) {
	if c := s.account(account).clusters[strings.ToLower(id)]; c != nil {
		c.VolumeBytes = bytes
	}
}

// Busy shows a cluster in a status for a while, as if somebody else were at
// work on it.
func (s *Service) Busy(account, id, status string, d time.Duration) {
	if c := s.account(account).clusters[strings.ToLower(id)]; c != nil {
		s.enqueue(c, activity{status: status, takes: d})
	}
}
