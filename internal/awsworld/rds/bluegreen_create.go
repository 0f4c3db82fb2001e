package rds

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

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
	case blue.rowless || blue.Foreign:
		return unsupported("Blue/green deployments don't support DB cluster %s of engine %s.", blue.ID, blue.Engine)
	case blue.deployment != nil:
		return unsupported("DB cluster %s already belongs to blue/green deployment %s.", blue.ID, blue.deployment.id)
	case blue.ManagedSecretARN != "":
		return unsupported("Blue/green deployments don't support DB cluster %s, whose master password is managed in Secrets Manager.", blue.ID)
	case s.ProxiesBlock && len(s.proxiesOf(blue)) > 0:
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
