// Package autoscaling simulates Application Auto Scaling as far as a refresh
// needs it: scalable targets and target-tracking policies of DynamoDB tables,
// their global secondary indexes and Aurora clusters, with the alarms and the
// service-linked roles that come with them. Nothing scales here.
package autoscaling

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/cloudwatch"
	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
)

const serviceID = "Application Auto Scaling"

// Service is Application Auto Scaling in all accounts of one world.
type Service struct {
	w       *awsworld.World
	alarms  *cloudwatch.Service
	tables  *dynamodb.Service
	rds     *rds.Service
	targets map[string]map[string]*target // by account and key
}

// Target is a scalable target with its policies, as the ground puts it.
type Target struct {
	Resource  string // "table/shop-carts", "table/shop-carts/index/by-date", "cluster:shop-orders"
	Dimension string // "dynamodb:table:ReadCapacityUnits"
	Min, Max  int32
	Suspended bool
	Tags      map[string]string
	Policies  []Policy
}

// Policy is a target-tracking policy on one of AWS's own metrics.
type Policy struct {
	Name       string
	Metric     string // "DynamoDBReadCapacityUtilization"
	Value      float64
	In, Out    int32 // cooldowns in seconds; 0 for AWS's default
	NoScaleIn  bool
	Customized bool // on a metric of the user's own, which this package only shows
}

type target struct {
	Target
	account string
	arn     string
	created time.Time
}

// New registers the operations of Application Auto Scaling.
func New(w *awsworld.World, alarms *cloudwatch.Service, tables *dynamodb.Service, databases *rds.Service) *Service {
	s := &Service{w: w, alarms: alarms, tables: tables, rds: databases, targets: map[string]map[string]*target{}}
	w.Register(s.ops()...)
	return s
}

func key(resource, dimension string) string { return resource + " " + dimension }

// PutTarget adds a scalable target; the scene before dbferry. Its policies get
// their alarms.
func (s *Service) PutTarget(account string, t Target) error {
	if err := check(t); err != nil {
		return fmt.Errorf("scalable target %s in account %s: %w", t.Resource, account, err)
	}
	if !s.exists(account, t.Resource) {
		return fmt.Errorf("scalable target %s in account %s: there is no such resource", t.Resource, account)
	}
	policies := t.Policies
	t.Policies = nil
	made := s.add(account, t)
	for _, p := range policies {
		made.Policies = append(made.Policies, p)
		for _, a := range s.alarmsOf(made, p) {
			s.alarms.PutAlarmAsIs(account, a)
		}
	}
	return nil
}

func (s *Service) add(account string, t Target) *target {
	if s.targets[account] == nil {
		s.targets[account] = map[string]*target{}
	}
	t.Tags = maps.Clone(t.Tags)
	made := &target{Target: t, account: account, arn: s.w.ARN("application-autoscaling", account, "scalable-target/"+s.w.Hex(36)), created: s.w.Now()}
	s.targets[account][key(t.Resource, t.Dimension)] = made
	return made
}

// Forget takes the scalable targets of a resource away with their policies, as a
// Blue/Green switchover does (docs/migration.md §1.11). Alarms stay.
func (s *Service) Forget(account, resource string) {
	maps.DeleteFunc(s.targets[account], func(_ string, t *target) bool { return t.Resource == resource })
}

// Targets lists an account's scalable targets in one order.
func (s *Service) Targets(account string) []Target {
	var out []Target
	for _, t := range s.sorted(account) {
		one := t.Target
		one.Policies = slices.Clone(t.Policies)
		out = append(out, one)
	}
	return out
}

func (s *Service) sorted(account string) []*target {
	var out []*target
	for _, k := range slices.Sorted(maps.Keys(s.targets[account])) {
		out = append(out, s.targets[account][k])
	}
	return out
}

// service is the namespace of a dimension: "dynamodb" or "rds".
func namespace(dimension string) string {
	name, _, _ := strings.Cut(dimension, ":")
	return name
}

// parts are the table and the index, or the cluster, that a resource id names.
func parts(resource string) (table, index, cluster string) {
	if id, ok := strings.CutPrefix(resource, "cluster:"); ok {
		return "", "", id
	}
	table, _ = strings.CutPrefix(resource, "table/")
	table, index, _ = strings.Cut(table, "/index/")
	return table, index, ""
}

// dimensions are those that are simulated, with the predefined metric that
// suits each and the form of its resources.
var dimensions = map[string]struct {
	metrics []string
	form    string
	least   int32
}{
	"dynamodb:table:ReadCapacityUnits":  {[]string{"DynamoDBReadCapacityUtilization"}, "table/", 1},
	"dynamodb:table:WriteCapacityUnits": {[]string{"DynamoDBWriteCapacityUtilization"}, "table/", 1},
	"dynamodb:index:ReadCapacityUnits":  {[]string{"DynamoDBReadCapacityUtilization"}, "table/", 1},
	"dynamodb:index:WriteCapacityUnits": {[]string{"DynamoDBWriteCapacityUtilization"}, "table/", 1},
	"rds:cluster:ReadReplicaCount":      {[]string{"RDSReaderAverageCPUUtilization", "RDSReaderAverageDatabaseConnections"}, "cluster:", 0},
}

func check(t Target) error {
	d, ok := dimensions[t.Dimension]
	_, index, _ := parts(t.Resource)
	switch {
	case !ok:
		return &awsworld.Unsimulated{Service: serviceID, Operation: "the dimension " + t.Dimension}
	case !strings.HasPrefix(t.Resource, d.form) || (index != "") != strings.HasPrefix(t.Dimension, "dynamodb:index:"):
		return invalid("Unsupported service namespace, resource type or scalable dimension: %s, %s", t.Resource, t.Dimension)
	case t.Min < d.least || t.Max < t.Min:
		return invalid("Maximum capacity cannot be less than minimum capacity, and minimum capacity not less than %d", d.least)
	}
	for _, p := range t.Policies {
		if err := checkPolicy(t.Dimension, p); err != nil {
			return err
		}
	}
	return nil
}

func checkPolicy(dimension string, p Policy) error {
	switch {
	case p.Name == "" || len(p.Name) > 256:
		return invalid("Value at 'policyName' failed to satisfy constraint: Member must have length between 1 and 256")
	case p.Customized:
		return nil
	case !slices.Contains(dimensions[dimension].metrics, p.Metric):
		return invalid("Predefined metric type %s is not supported for %s", p.Metric, dimension)
	case p.Value <= 0 || strings.HasPrefix(p.Metric, "DynamoDB") && (p.Value < 20 || p.Value > 90):
		return invalid("Target value %g is not valid for %s", p.Value, p.Metric)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return awsworld.Errorf("ValidationException", format, args...)
}

// exists says whether a resource is there and can be scaled.
func (s *Service) exists(account, resource string) bool {
	if table, index, cluster := parts(resource); cluster == "" {
		_, _, ok := s.tables.Capacity(account, table, index)
		return ok
	} else {
		return s.rds.HasCluster(account, cluster)
	}
}
