package rds

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// parameter is one that a family's groups have.
type parameter struct {
	name, value, allowed string
	static               bool // applied by a reboot
}

// The parameters that decide about replication and behavior after a move; a
// real family has hundreds (Aurora User Guide, "Aurora MySQL configuration
// parameters", "Amazon Aurora PostgreSQL parameters").
var (
	mysqlClusterParameters = []parameter{
		{"aurora_enhanced_binlog", "0", "0,1", true},
		{"binlog_format", "OFF", "ROW,STATEMENT,MIXED,OFF", true},
		{"enforce_gtid_consistency", "OFF", "OFF,WARN,ON", true},
		{"event_scheduler", "OFF", "ON,OFF", false},
		{"gtid-mode", "OFF_PERMISSIVE", "OFF,OFF_PERMISSIVE,ON_PERMISSIVE,ON", true},
		{"innodb_flush_log_at_trx_commit", "1", "0,1,2", false},
		{"lower_case_table_names", "0", "0,1", true},
		{"read_only", "0", "0,1,{TrueIfClusterReplica}", true},
		{"require_secure_transport", "OFF", "ON,OFF", false},
		{"server_audit_events", "", "CONNECT,QUERY,QUERY_DCL,QUERY_DDL,QUERY_DML,TABLE", false},
		{"server_audit_logging", "0", "0,1", false},
		{"server_audit_logs_upload", "0", "0,1", false},
		{"time_zone", "UTC", "", false},
	}
	mysqlInstanceParameters = []parameter{
		{"innodb_monitor_enable", "", "", false},
		{"long_query_time", "10", "0-31536000", false},
		{"max_connections", "GREATEST({log(DBInstanceClassMemory/805306368)*45},{log(DBInstanceClassMemory/8187281408)*1000})", "1-16000", false},
		{"performance_schema", "0", "0,1", true},
		{"slow_query_log", "0", "0,1", false},
	}
	postgresClusterParameters = []parameter{
		{"max_logical_replication_workers", "4", "0-262143", true},
		{"max_replication_slots", "20", "5-1000", true},
		{"max_wal_senders", "20", "5-1000", true},
		{"max_worker_processes", "GREATEST(${DBInstanceVCPU*2},8)", "0-262143", true},
		{"rds.force_ssl", "1", "0,1", false},
		{"rds.logical_replication", "0", "0,1", true},
		{"shared_preload_libraries", "pg_stat_statements", "", true},
		{"synchronous_commit", "on", "local,on,off", false},
		{"timezone", "UTC", "", false},
	}
	postgresInstanceParameters = []parameter{
		{"log_min_duration_statement", "-1", "-1-2147483647", false},
		{"max_connections", "LEAST({DBInstanceClassMemory/9531392},5000)", "6-262143", true},
	}
)

// parametersOf lists what a group of a family can hold.
func parametersOf(family string, instance bool) []parameter {
	var all []parameter
	switch {
	case strings.HasPrefix(family, AuroraMySQL) && instance:
		all = mysqlInstanceParameters
	case strings.HasPrefix(family, AuroraMySQL):
		all = mysqlClusterParameters
	case instance:
		all = postgresInstanceParameters
	default:
		all = postgresClusterParameters
	}
	all = slices.Clone(all)
	for i := range all {
		if family == AuroraMySQL+"8.4" && all[i].name == "require_secure_transport" {
			all[i].value = "ON"
		}
	}
	return all
}

// values are all parameters of a group with what they are set to.
func (a *account) values(groups map[string]*ParameterGroup, name, family string, instance bool) map[string]string {
	out := map[string]string{}
	for _, p := range parametersOf(family, instance) {
		out[p.name] = p.value
	}
	if g := groups[name]; g != nil {
		maps.Copy(out, g.Parameters)
	}
	return out
}

// loadedGroups are the parameter groups that an instance runs with: those of
// its last start.
type loadedGroups struct {
	cluster, instance             string
	clusterValues, instanceValues map[string]string
}

// boot lets an instance load its groups.
func (s *Service) boot(i *instance) {
	c := i.cluster()
	f := family(c.Engine, c.EngineVersion)
	i.loaded = loadedGroups{
		cluster: c.ParameterGroup, clusterValues: i.account.values(i.account.clusterGroups, c.ParameterGroup, f, false),
		instance: i.ParameterGroup, instanceValues: i.account.values(i.account.instanceGroups, i.ParameterGroup, f, true),
	}
}

// groupStatus compares what an instance runs with and what its group says.
func groupStatus(loaded, now string, loadedValues, values map[string]string, known []parameter) string {
	if loaded != now {
		return "pending-reboot"
	}
	for _, p := range known {
		if p.static && loadedValues[p.name] != values[p.name] {
			return "pending-reboot"
		}
	}
	return "in-sync"
}

func (s *Service) clusterGroupStatus(c *cluster, i *instance) string {
	f := family(c.Engine, c.EngineVersion)
	status := groupStatus(i.loaded.cluster, c.ParameterGroup, i.loaded.clusterValues,
		i.account.values(i.account.clusterGroups, c.ParameterGroup, f, false), parametersOf(f, false))
	if status != "in-sync" && c.status == modifying {
		return "applying"
	}
	return status
}

func (s *Service) instanceGroupStatus(i *instance) string {
	f := family(i.cluster().Engine, i.cluster().EngineVersion)
	return groupStatus(i.loaded.instance, i.ParameterGroup, i.loaded.instanceValues,
		i.account.values(i.account.instanceGroups, i.ParameterGroup, f, true), parametersOf(f, true))
}

// clusterParameter is a cluster parameter as the writer runs with it, and
// whether its group sets it.
func (s *Service) clusterParameter(c *cluster, name string) (value string, set bool) {
	i := c.account.instances[c.writer]
	if i == nil {
		return "", false
	}
	if g := c.account.clusterGroups[i.loaded.cluster]; g != nil {
		_, set = g.Parameters[name]
	}
	f := family(c.Engine, c.EngineVersion)
	for _, p := range parametersOf(f, false) {
		if p.name == name && !p.static && i.loaded.cluster == c.ParameterGroup {
			return c.account.values(c.account.clusterGroups, c.ParameterGroup, f, false)[name], set
		}
	}
	return i.loaded.clusterValues[name], set
}

// SetParameter changes a parameter of a cluster or instance parameter group,
// as its owner would.
func (s *Service) SetParameter(account, group, name, value string) error {
	a := s.account(account)
	g, instance := a.clusterGroups[strings.ToLower(group)], false
	if g == nil {
		g, instance = a.instanceGroups[strings.ToLower(group)], true
	}
	if g == nil {
		return fmt.Errorf("parameter group %s does not exist in account %s; put it first", group, account)
	}
	if !slices.ContainsFunc(parametersOf(g.Family, instance), func(p parameter) bool { return p.name == name }) {
		return fmt.Errorf("parameter group %s of family %s has no parameter %q in this rehearsal", group, g.Family, name)
	}
	g.Parameters = maps.Clone(g.Parameters)
	if g.Parameters == nil {
		g.Parameters = map[string]string{}
	}
	g.Parameters[name] = value
	return nil
}

func (s *Service) describeClusterParameters(c *awsworld.Call, in *rds.DescribeDBClusterParametersInput) (*rds.DescribeDBClusterParametersOutput, error) {
	if err := service.OnlyFields(c, "DBClusterParameterGroupName", "Source", "Marker", "MaxRecords"); err != nil {
		return nil, err
	}
	rows, next, err := s.parameterPage(s.account(c.Account.ID).clusterGroups, false, in.DBClusterParameterGroupName, in.Source, in.Marker, in.MaxRecords)
	return &rds.DescribeDBClusterParametersOutput{Parameters: rows, Marker: next}, err
}

func (s *Service) describeParameters(c *awsworld.Call, in *rds.DescribeDBParametersInput) (*rds.DescribeDBParametersOutput, error) {
	if err := service.OnlyFields(c, "DBParameterGroupName", "Source", "Marker", "MaxRecords"); err != nil {
		return nil, err
	}
	rows, next, err := s.parameterPage(s.account(c.Account.ID).instanceGroups, true, in.DBParameterGroupName, in.Source, in.Marker, in.MaxRecords)
	return &rds.DescribeDBParametersOutput{Parameters: rows, Marker: next}, err
}

func (s *Service) parameterPage(groups map[string]*ParameterGroup, instance bool, name, source, marker *string, limit *int32) ([]types.Parameter, *string, error) {
	found, _, err := s.groupPage(groups, name, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	if len(found) != 1 {
		return nil, nil, invalidValue("The name of a parameter group is required.")
	}
	var all []types.Parameter
	for _, p := range parametersOf(found[0].Family, instance) {
		v := parameterView(p, found[0])
		if source == nil || *source == *v.Source {
			all = append(all, v)
		}
	}
	return page(all, func(p types.Parameter) string { return *p.ParameterName }, marker, limit)
}

func parameterView(p parameter, g *ParameterGroup) types.Parameter {
	v := types.Parameter{
		ParameterName: aws.String(p.name), Source: aws.String("engine-default"), ApplyType: aws.String("dynamic"), ApplyMethod: types.ApplyMethodImmediate,
		IsModifiable: aws.Bool(true), DataType: aws.String("string"),
	}
	value := p.value
	if set, ok := g.Parameters[p.name]; ok {
		value, v.Source = set, aws.String("user")
	}
	if value != "" {
		v.ParameterValue = aws.String(value)
	}
	if p.allowed != "" {
		v.AllowedValues = aws.String(p.allowed)
	}
	if p.static {
		v.ApplyType, v.ApplyMethod = aws.String("static"), types.ApplyMethodPendingReboot
	}
	return v
}
