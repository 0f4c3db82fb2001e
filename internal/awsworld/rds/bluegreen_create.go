package rds

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

var deploymentName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*$`)

// createDeployment answers at once; green is built over the hours that follow
// (docs/migration.md §1.1, §1.4, §1.7).
func (s *Service) createDeployment(c *awsworld.Call, in *rds.CreateBlueGreenDeploymentInput) (*rds.CreateBlueGreenDeploymentOutput, error) {
	if in.TargetDBInstanceClass != nil || in.TargetAllocatedStorage != nil || in.TargetIops != nil || in.TargetStorageThroughput != nil ||
		in.TargetStorageType != nil || in.UpgradeTargetStorageConfig != nil {
		return nil, invalidCombination("The target's instance class and storage can be given for RDS instances only, not for Aurora DB clusters.")
	}
	if err := service.OnlyFields(c, "BlueGreenDeploymentName", "Source", "TargetEngineVersion", "TargetDBClusterParameterGroupName",
		"TargetDBParameterGroupName", "Tags"); err != nil {
		return nil, err
	}
	a := s.account(c.Account.ID)
	blue, err := s.deployable(a, in)
	if err != nil {
		return nil, err
	}
	ask, err := s.wish(blue, in)
	if err != nil {
		return nil, err
	}
	d := s.newDeployment(blue, aws.ToString(in.BlueGreenDeploymentName), ask, tagMap(in.Tags))
	v := s.deploymentView(d)
	s.w.Kernel.Go(func() { s.provision(d) })
	return &rds.CreateBlueGreenDeploymentOutput{BlueGreenDeployment: &v}, nil
}

// deployable is the cluster to be blue, if it can be.
func (s *Service) deployable(a *account, in *rds.CreateBlueGreenDeploymentInput) (*cluster, error) {
	name, source := aws.ToString(in.BlueGreenDeploymentName), aws.ToString(in.Source)
	if len(name) > 60 || !deploymentName.MatchString(name) {
		return nil, invalidValue("The parameter BlueGreenDeploymentName is not valid: %q. It has 1 to 60 letters, digits and single hyphens and begins with a letter.", name)
	}
	for _, d := range a.deploymentsOf() {
		if d.name == name {
			return nil, &types.BlueGreenDeploymentAlreadyExistsFault{Message: aws.String("A blue/green deployment with the name " + name + " already exists.")}
		}
	}
	parts := strings.SplitN(source, ":", 7)
	switch {
	case len(parts) < 7 || parts[2] != "rds" || parts[4] != a.id:
		return nil, invalidValue("Invalid Source: %q. Give the ARN of a DB cluster of this account.", source)
	case parts[5] == "db":
		return nil, &awsworld.Unsimulated{Service: "RDS", Operation: "CreateBlueGreenDeployment of a DB instance"}
	}
	blue := a.clusters[strings.ToLower(parts[6])]
	if blue == nil {
		return nil, clusterNotFound(parts[6])
	}
	if err := cmp.Or(checkTags(tagMap(in.Tags)), s.blueState(blue), s.blueSupported(blue)); err != nil {
		return nil, err
	}
	return blue, s.room(a, blue)
}

func (s *Service) blueState(blue *cluster) error {
	if blue.status != available {
		return clusterState("DB cluster %s is not in available state: its status is %s", blue.ID, blue.status)
	}
	for _, id := range blue.members {
		if i := blue.account.instances[id]; i.status != available {
			return instanceState("DB instance %s is not in available state: its status is %s", id, i.status)
		}
	}
	if s.writerOf(blue) == nil {
		return clusterState("DB cluster %s has no available writer.", blue.ID)
	}
	return nil
}

func unsupported(format string, args ...any) error {
	return &types.SourceClusterNotSupportedFault{Message: aws.String(fmt.Sprintf(format, args...))}
}

// blueSupported is docs/migration.md §1.7 and §1.15.
func (s *Service) blueSupported(blue *cluster) error {
	switch {
	case blue.deployment != nil:
		return unsupported("DB cluster %s already belongs to blue/green deployment %s.", blue.ID, blue.deployment.id)
	case blue.ManagedSecretARN != "":
		return unsupported("Blue/green deployments don't support DB cluster %s, whose master password is managed in Secrets Manager.", blue.ID)
	case !s.ProxiesNative() && len(s.proxiesOf(blue)) > 0:
		return unsupported("Blue/green deployments don't support DB cluster %s, which is the target of RDS Proxy %s.", blue.ID, strings.Join(s.proxiesOf(blue), ", "))
	case s.clusterGroupStatus(blue, s.writerOf(blue)) != "in-sync":
		return unsupported("The writer of DB cluster %s is not in sync with its DB cluster parameter group. Reboot it first.", blue.ID)
	}
	parameter, off, what := "binlog_format", "OFF", "binary logging"
	if blue.Engine == AuroraPostgreSQL {
		parameter, off, what = "rds.logical_replication", "0", "logical replication"
	}
	if v, _ := s.clusterParameter(blue, parameter); v == off {
		return unsupported("Blue/Green Deployments require a DB cluster with %s enabled. Associate DB cluster %s with a custom DB cluster parameter group that sets %s, and reboot it.", what, blue.ID, parameter)
	}
	return nil
}

// room: green needs as many clusters and instances as blue.
func (s *Service) room(a *account, blue *cluster) error {
	switch {
	case a.full(QuotaClusters):
		return &types.DBClusterQuotaExceededFault{Message: aws.String(fmt.Sprintf("You have reached the limit of %d DB clusters in account %s", a.quotas[QuotaClusters], a.id))}
	case a.used(QuotaInstances)+int64(len(blue.members)) > a.quotas[QuotaInstances]:
		return &types.InstanceQuotaExceededFault{Message: aws.String(fmt.Sprintf("You have reached the limit of %d DB instances in account %s", a.quotas[QuotaInstances], a.id))}
	}
	return nil
}

// wish checks what green shall be. Without parameter groups it has blue's; a
// new family without a group has the default one.
func (s *Service) wish(blue *cluster, in *rds.CreateBlueGreenDeploymentInput) (request, error) {
	ask := request{version: aws.ToString(in.TargetEngineVersion), clusterGroup: strings.ToLower(aws.ToString(in.TargetDBClusterParameterGroupName)),
		instanceGroup: strings.ToLower(aws.ToString(in.TargetDBParameterGroupName))}
	version := cmp.Or(ask.version, blue.EngineVersion)
	if version != blue.EngineVersion && !s.canUpgrade(blue.Engine, blue.EngineVersion, version) {
		return ask, invalidCombination("Cannot find upgrade target from %s with requested version %s.", blue.EngineVersion, version)
	}
	f := family(blue.Engine, version)
	if ask.clusterGroup == "" {
		ask.clusterGroup = keepGroup(blue.ParameterGroup, f, family(blue.Engine, blue.EngineVersion))
	}
	a := blue.account
	if ask.clusterGroup != "default."+f && a.clusterGroups[ask.clusterGroup] == nil {
		return ask, &types.DBClusterParameterGroupNotFoundFault{Message: aws.String("DBClusterParameterGroup not found: " + ask.clusterGroup)}
	}
	if err := checkParameterGroup(a.clusterGroups, ask.clusterGroup, f); err != nil {
		return ask, err
	}
	if ask.instanceGroup != "" {
		return ask, checkParameterGroup(a.instanceGroups, ask.instanceGroup, f)
	}
	return ask, nil
}

// keepGroup is a parameter group, or the default of another family.
func keepGroup(group, wanted, had string) string {
	if wanted == had {
		return group
	}
	return "default." + wanted
}

func (s *Service) newDeployment(blue *cluster, name string, ask request, tags map[string]string) *deployment {
	id := "bgd-" + s.letters(16)
	d := &deployment{
		id: id, name: name, arn: s.w.ARN("rds", blue.account.id, "deployment:"+id), account: blue.account, status: provisioning, created: s.w.Now(),
		tags: tags, blue: blue, ask: ask, proxies: s.proxiesOf(blue),
	}
	d.members = append(d.members, s.clusterMember(d))
	for _, id := range blue.members {
		d.members = append(d.members, s.instanceMember(d, blue.account.instances[id]))
	}
	for _, e := range blue.account.endpointsOf(blue) {
		d.members = append(d.members, s.endpointMember(d, e))
	}
	add := func(name string, do func() string) { d.tasks = append(d.tasks, &task{name, taskPending, do}) }
	add("CREATING_READ_REPLICA_OF_SOURCE", func() string { return s.cloneBlue(d) })
	if ask.version != "" {
		add("DB_ENGINE_VERSION_UPGRADE", func() string { return s.upgradeGreen(d) })
	}
	add("CREATE_DB_INSTANCES_FOR_CLUSTER", func() string { return s.buildGreenInstances(d) })
	if len(blue.account.endpointsOf(blue)) > 0 {
		add("CREATE_CUSTOM_ENDPOINTS", func() string { return s.buildGreenEndpoints(d) })
	}
	if blue.account.deployments == nil {
		blue.account.deployments = map[string]*deployment{}
	}
	blue.account.deployments[id] = d
	blue.deployment = d
	return d
}

// interrupted is what a task answers when the deployment ended meanwhile.
const interrupted = "\x00"

// provision works the tasks off, one at a time.
func (s *Service) provision(d *deployment) {
	epoch := d.epoch
	s.w.Waits.Begin(d.arn, awsworld.Wait{What: "green of " + d.blue.ID, Item: d.blue.origin, Phase: "green"})
	if !s.nap(d, epoch, s.Timing.GreenBegin.draw(s.w)) {
		return
	}
	for _, t := range d.tasks {
		t.status = taskInProgress
		problem := t.do()
		if problem == interrupted || d.epoch != epoch {
			return
		}
		if problem != "" {
			t.status, d.details = taskFailed, problem
			s.turn(d, invalidDeployment)
			s.emit(d.account.id, d.arn, event{"RDS-EVENT-0245", "failure", "Creation of blue/green deployment failed because " + problem + "."})
			s.w.Waits.Finish(d.arn)
			return
		}
		t.status = taskCompleted
	}
	s.turn(d, deploymentReady)
	d.mark(deploymentReady)
	for _, m := range d.members {
		m.shown = true
	}
	s.w.Waits.Finish(d.arn)
	s.emit(d.account.id, d.arn, event{"RDS-EVENT-0244", "creation",
		"Blue/green deployment tasks completed. You can make more modifications to the green environment databases or switch over the deployment."})
	s.lateMember(d)
	s.beginTrouble(d)
}

// cloneBlue makes green from a clone of blue's volume, which then follows
// blue. Open transactions hold it up.
func (s *Service) cloneBlue(d *deployment) string {
	epoch, blue := d.epoch, d.blue
	if blue.trouble.CreateFails != "" {
		return blue.trouble.CreateFails
	}
	for told := false; s.work(blue).Writing > 0; told = true {
		if !told {
			s.emit(d.account.id, blue.arn, event{"RDS-EVENT-0426", "notification", fmt.Sprintf("RDS can't configure the DB cluster %s as a replication source "+
				"because of idle or long-running transactions. Commit or end them to let the blue/green deployment continue.", blue.ID)})
		}
		if !s.nap(d, epoch, 30*time.Second) {
			return interrupted
		}
	}
	spec := s.greenSpec(d)
	resourceID := s.resourceID("cluster-")
	e := encryption{owned: blue.encryption.owned}
	if key := blue.encryption.key; key != "" {
		// RDS's own grant on the key lets it make further ones.
		grant, err := s.grantFor(context.Background(), s.w.GroundCaller(d.account.id), key, "aws:rds:dbc-id", resourceID)
		if err != nil {
			return fmt.Sprintf("the KMS key %s of DB cluster %s can't be used", key, blue.ID)
		}
		e = encryption{key: key, grant: grant}
	}
	green := s.add(d.account, spec, e, resourceID, creating)
	green.origin, green.deployment, d.green = blue.origin, d, green
	s.emit(d.account.id, green.arn, clusterCreated)
	image := s.imageOf(blue)
	green.follows, green.lags = blue, []lag{{at: s.w.Now(), held: true}}
	if !s.nap(d, epoch, s.Timing.GreenClone.draw(s.w, blue.VolumeBytes)) {
		s.dropImage(image)
		return interrupted
	}
	s.startGreen(d, image)
	return ""
}

// greenSpec is blue without what a Blue/Green deployment does not carry over:
// IAM roles and backtracking. It starts with blue's version.
func (s *Service) greenSpec(d *deployment) ClusterSpec {
	spec := d.blue.ClusterSpec
	spec.ID = s.greenName(d.blue.ID)
	spec.ParameterGroup = d.ask.clusterGroup
	spec.Roles, spec.BacktrackSeconds = nil, 0
	spec.SecurityGroups, spec.LogExports = slices.Clone(spec.SecurityGroups), slices.Clone(spec.LogExports)
	spec.AvailabilityZones = slices.Clone(spec.AvailabilityZones)
	return spec
}

func (s *Service) imageOf(c *cluster) (name string) {
	if s.Databases == nil {
		return ""
	}
	name, err := s.Databases.Snapshot(context.Background(), c.dbKey())
	if err != nil {
		s.broke("clone of "+c.dbKey(), err)
	}
	return name
}

func (s *Service) dropImage(name string) {
	if s.Databases == nil || name == "" {
		return
	}
	if err := s.Databases.DeleteImage(context.Background(), name); err != nil {
		s.broke("delete image "+name, err)
	}
}

// startGreen gives green its rows and lets it follow.
func (s *Service) startGreen(d *deployment, image string) {
	green := d.green
	green.status = available
	if s.Databases == nil {
		return
	}
	if err := s.Databases.Restore(context.Background(), image, green.dbKey(), green.Engine); err != nil {
		s.broke("rows of "+green.dbKey(), err)
		return
	}
	s.dropImage(image)
	s.rows("replication into "+green.ID, func(r Replicas) error {
		if err := r.Replicate(context.Background(), d.blue.dbKey(), green.dbKey()); err != nil {
			return err
		}
		return r.Apply(context.Background(), green.dbKey(), false) // nothing is applied before green has a writer
	})
	s.applyAccess(green)
}

func (s *Service) upgradeGreen(d *deployment) string {
	d.green.status = "upgrading"
	if !s.nap(d, d.epoch, s.Timing.GreenUpgrade.draw(s.w)) {
		return interrupted
	}
	d.green.EngineVersion, d.green.status = d.ask.version, available
	return ""
}

// buildGreenInstances copies blue's instances, the writer first; green begins
// to catch up when it has one.
func (s *Service) buildGreenInstances(d *deployment) string {
	epoch := d.epoch
	for _, m := range d.writerFirst() {
		spec := m.blue.InstanceSpec
		spec.ID, spec.Cluster, spec.Tags = s.greenName(m.blue.ID), d.green.ID, maps.Clone(m.blue.Tags)
		spec.ParameterGroup = cmp.Or(d.ask.instanceGroup, keepGroup(m.blue.ParameterGroup, family(d.green.Engine, d.green.EngineVersion), family(d.blue.Engine, d.blue.EngineVersion)))
		m.green = s.addInstance(d.green, spec, creating)
		if !s.nap(d, epoch, s.Timing.CreateInstance.draw(s.w)) {
			return interrupted
		}
		s.emit(d.account.id, m.green.arn, instanceCreated)
		if d.blue.trouble.PendingReboot {
			m.green.loaded.cluster, m.green.loaded.instance = d.blue.ParameterGroup, m.blue.ParameterGroup
		}
		s.instanceReady(m.green)
		s.hold(d.green, false)
	}
	s.applyAccess(d.green)
	return ""
}

// writerFirst lists the instance members with blue's writer at the head.
func (d *deployment) writerFirst() []*member {
	var out []*member
	for _, m := range d.members {
		if m.kind == "db" && m.blue.ID == d.blue.writer {
			out = slices.Insert(out, 0, m)
		} else if m.kind == "db" {
			out = append(out, m)
		}
	}
	return out
}

func (s *Service) buildGreenEndpoints(d *deployment) string {
	for _, m := range d.members {
		if m.kind != "cluster-endpoint" {
			continue
		}
		var members []string
		for _, i := range d.members {
			if i.kind == "db" && slices.Contains(m.blueE.members, i.blue.ID) {
				members = append(members, i.green.ID)
			}
		}
		m.greenE = s.addEndpoint(d.green, s.greenName(m.blueE.id), m.blueE.kind, members, available)
	}
	if !s.nap(d, d.epoch, s.Timing.GreenEndpoints.draw(s.w)) {
		return interrupted
	}
	return ""
}

// lateMember: a deployment reads AVAILABLE a little before its last instance
// does (docs/migration.md §1.8).
func (s *Service) lateMember(d *deployment) {
	wait := d.blue.trouble.LateMember
	if wait == 0 {
		wait = s.Timing.MemberLate.draw(s.w)
	}
	list := d.writerFirst()
	late := list[len(list)-1].green
	if wait <= 0 || late.status != available {
		return
	}
	late.status = modifying
	s.laterInstance(late, wait, func() { s.instanceReady(late) })
}
