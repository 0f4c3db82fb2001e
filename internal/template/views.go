package template

import (
	"encoding/json"
	"strings"
)

// Views are the resources of a deployment as typed values, each list in the
// order of creation. What other resources add (a policy attached to a role, a
// bucket's policy, a function's permissions) is merged into the value it
// belongs to, and also stands alone as the View of its own Resource, for whom
// creates resources one by one.
//
// Policies and patterns stay JSON text: compact, with sorted keys.
type Views struct {
	Roles              []*Role
	Policies           []*Policy
	ManagedPolicies    []*ManagedPolicy
	ServiceLinkedRoles []*ServiceLinkedRole
	Functions          []*Function
	Permissions        []*Permission
	InvokeConfigs      []*InvokeConfig
	FunctionURLs       []*FunctionURL
	LogGroups          []*LogGroup
	Vaults             []*Vault
	Keys               []*Key
	Aliases            []*Alias
	Buckets            []*Bucket
	BucketPolicies     []*ResourcePolicy
	Buses              []*Bus
	DefaultBus         *Bus // which every account has; only BusPolicies may change it
	BusPolicies        []*BusPolicy
	Rules              []*Rule
	Schedules          []*Schedule
	Queues             []*Queue
	QueuePolicies      []*ResourcePolicy
	Topics             []*Topic
	TopicPolicies      []*ResourcePolicy
	Subscriptions      []*Subscription
	Machines           []*Machine
	Alarms             []*Alarm
	Dashboards         []*Dashboard
	MetricFilters      []*MetricFilter
	SecurityGroups     []*SecurityGroup
	IngressRules       []*GroupRule // of AWS::EC2::SecurityGroupIngress
	EgressRules        []*GroupRule // of AWS::EC2::SecurityGroupEgress
	Parameters         []*Parameter
}

// ResourcePolicy is a policy that stands in a resource of its own. On names
// what it is put on: bucket names, queue URLs or topic ARNs.
type ResourcePolicy struct {
	LogicalID string
	On        []string
	Document  json.RawMessage
}

// fillViews reads every resource strictly and joins what belongs together.
func (d *Deployment) fillViews(s *Stack) problems {
	var p problems
	for _, res := range d.Resources {
		f := newFields(res, &p, s.Tags)
		res.View = kinds[res.Type].view(f, res)
		f.done()
		d.file(res)
	}
	d.DefaultBus = &Bus{Name: defaultBus, ARN: "arn:" + d.Partition + ":events:" + d.Region + ":" + d.Account + ":event-bus/" + defaultBus}
	for _, v := range d.Parameters {
		v.ARN = "arn:" + d.Partition + ":ssm:" + d.Region + ":" + d.Account + ":parameter/" + strings.TrimPrefix(v.Name, "/")
	}
	d.joinIAM(&p)
	d.joinLambda(s, &p)
	d.joinPolicies(&p)
	d.joinBuses(&p)
	d.joinGroups()
	return p
}

// file puts a view into its list.
func (d *Deployment) file(res *Resource) {
	switch v := res.View.(type) {
	case *Role:
		d.Roles = append(d.Roles, v)
	case *Policy:
		d.Policies = append(d.Policies, v)
	case *ManagedPolicy:
		d.ManagedPolicies = append(d.ManagedPolicies, v)
	case *ServiceLinkedRole:
		d.ServiceLinkedRoles = append(d.ServiceLinkedRoles, v)
	case *Function:
		d.Functions = append(d.Functions, v)
	case *Permission:
		d.Permissions = append(d.Permissions, v)
	case *InvokeConfig:
		d.InvokeConfigs = append(d.InvokeConfigs, v)
	case *FunctionURL:
		d.FunctionURLs = append(d.FunctionURLs, v)
	case *LogGroup:
		d.LogGroups = append(d.LogGroups, v)
	case *Vault:
		d.Vaults = append(d.Vaults, v)
	case *Key:
		d.Keys = append(d.Keys, v)
	case *Alias:
		d.Aliases = append(d.Aliases, v)
	case *Bucket:
		d.Buckets = append(d.Buckets, v)
	case *Bus:
		d.Buses = append(d.Buses, v)
	case *BusPolicy:
		d.BusPolicies = append(d.BusPolicies, v)
	case *Rule:
		d.Rules = append(d.Rules, v)
	case *Schedule:
		d.Schedules = append(d.Schedules, v)
	default:
		d.fileRest(res)
	}
}

func (d *Deployment) fileRest(res *Resource) {
	switch v := res.View.(type) {
	case *Queue:
		d.Queues = append(d.Queues, v)
	case *Topic:
		d.Topics = append(d.Topics, v)
	case *Subscription:
		d.Subscriptions = append(d.Subscriptions, v)
	case *Machine:
		d.Machines = append(d.Machines, v)
	case *Alarm:
		d.Alarms = append(d.Alarms, v)
	case *MetricFilter:
		d.MetricFilters = append(d.MetricFilters, v)
	case *Dashboard:
		d.Dashboards = append(d.Dashboards, v)
	case *SecurityGroup:
		d.SecurityGroups = append(d.SecurityGroups, v)
	case *Parameter:
		d.Parameters = append(d.Parameters, v)
	case *GroupRule:
		if v.Egress {
			d.EgressRules = append(d.EgressRules, v)
		} else {
			d.IngressRules = append(d.IngressRules, v)
		}
	case *ResourcePolicy:
		d.fileResourcePolicy(res.Type, v)
	}
}

func (d *Deployment) fileResourcePolicy(kind string, v *ResourcePolicy) {
	switch kind {
	case "AWS::S3::BucketPolicy":
		d.BucketPolicies = append(d.BucketPolicies, v)
	case "AWS::SQS::QueuePolicy":
		d.QueuePolicies = append(d.QueuePolicies, v)
	case "AWS::SNS::TopicPolicy":
		d.TopicPolicies = append(d.TopicPolicies, v)
	}
}
