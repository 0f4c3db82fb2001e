package ecs

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	awsservice "github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

const reference = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_"

func row[In, Out any](name string, do func(*awsworld.Call, *In) (*Out, error), resources func(*awsworld.Call) []awsworld.Resource, cluster func(*In) *string, differs string) awsworld.Op {
	op := awsworld.On("ECS", name, "ecs:"+name, do)
	op.Resources, op.Source, op.Differs = resources, reference+name+".html; docs/aws.md §7.4", differs
	op.ConditionKeys = func(c *awsworld.Call) map[string][]string {
		return map[string][]string{"ecs:cluster": {clusterARN(c, cluster(awsworld.Input[In](c)))}}
	}
	return op
}

func clusterARN(c *awsworld.Call, name *string) string {
	n := lastPart(aws.ToString(name))
	if n == "" {
		n = "default"
	}
	return c.World.ARN("ecs", c.Account.ID, "cluster/"+n)
}

func (s *Service) ops() []awsworld.Op {
	return []awsworld.Op{
		row("DescribeServices", s.describe, func(c *awsworld.Call) []awsworld.Resource {
			in := awsworld.Input[sdk.DescribeServicesInput](c)
			out := []awsworld.Resource{}
			for _, name := range in.Services {
				out = append(out, s.resource(c, in.Cluster, name))
			}
			return out
		}, func(in *sdk.DescribeServicesInput) *string { return in.Cluster },
			"rolling deployments of replica services only; no load balancers, task sets or service revisions; times are modelled"),
		row("UpdateService", s.update, func(c *awsworld.Call) []awsworld.Resource {
			in := awsworld.Input[sdk.UpdateServiceInput](c)
			return []awsworld.Resource{s.resource(c, in.Cluster, aws.ToString(in.Service))}
		}, func(in *sdk.UpdateServiceInput) *string { return in.Cluster },
			"desired count, task definition and forceNewDeployment; always 100 % healthy at least and 200 % at most; a rollback of the circuit breaker starts new tasks under a new deployment id "+
				"(reports disagree whether the old id comes back); iam:PassRole for a new task definition is not asked"),
		row("ListTasks", s.list, nil, func(in *sdk.ListTasksInput) *string { return in.Cluster }, "running tasks of one service"),
		row("DescribeTasks", s.describeTasks, func(c *awsworld.Call) []awsworld.Resource {
			in := awsworld.Input[sdk.DescribeTasksInput](c)
			out := []awsworld.Resource{}
			for _, id := range in.Tasks {
				out = append(out, awsworld.Resource{ARN: c.World.ARN("ecs", c.Account.ID, "task/"+lastPart(clusterARN(c, in.Cluster))+"/"+lastPart(id)), Owner: c.Account.ID, Kind: iam.NoPolicy})
			}
			return out
		}, func(in *sdk.DescribeTasksInput) *string { return in.Cluster }, "no containers or attachments; stopped tasks are forgotten at once"),
	}
}

func (s *Service) resource(c *awsworld.Call, cluster *string, name string) awsworld.Resource {
	r := awsworld.Resource{
		ARN: c.World.ARN("ecs", c.Account.ID, "service/"+lastPart(clusterARN(c, cluster))+"/"+lastPart(name)), Owner: c.Account.ID, Kind: iam.NoPolicy,
	}
	if _, sv := s.find(c.Account.ID, aws.ToString(cluster), name); sv != nil {
		r.Context = sv.context()
	}
	return r
}

func clusterNotFound() error {
	return &types.ClusterNotFoundException{Message: aws.String("Cluster not found.")}
}

func (s *Service) describe(c *awsworld.Call, in *sdk.DescribeServicesInput) (*sdk.DescribeServicesOutput, error) {
	if err := awsservice.OnlyFields(c, "Cluster", "Services"); err != nil {
		return nil, err
	}
	if len(in.Services) > 10 {
		return nil, awsworld.Errorf("InvalidParameterException", "Services cannot be more than 10.")
	}
	cl, _ := s.find(c.Account.ID, aws.ToString(in.Cluster), "")
	if cl == nil {
		return nil, clusterNotFound()
	}
	out := &sdk.DescribeServicesOutput{Services: []types.Service{}, Failures: []types.Failure{}}
	for _, name := range in.Services {
		sv := cl.services[lastPart(name)]
		if sv == nil {
			arn := s.resource(c, in.Cluster, name).ARN
			out.Failures = append(out.Failures, types.Failure{Arn: aws.String(arn), Reason: aws.String("MISSING")})
			continue
		}
		out.Services = append(out.Services, s.view(sv))
		if c.Caller.Ground {
			continue
		}
		for _, wait := range sv.settled {
			s.w.Waits.Notice(c.Caller, wait)
		}
		sv.settled = nil
	}
	return out, nil
}

func (s *Service) view(sv *service) types.Service {
	v := types.Service{
		ServiceArn: aws.String(sv.arn), ServiceName: aws.String(sv.Name), ClusterArn: aws.String(s.w.ARN("ecs", sv.cluster.account, "cluster/"+sv.Cluster)),
		Status: aws.String("ACTIVE"), DesiredCount: int32(sv.Desired), TaskDefinition: aws.String(s.definitionARN(sv, sv.primary().definition)),
		CreatedAt: aws.Time(sv.created), SchedulingStrategy: types.SchedulingStrategyReplica,
		DeploymentController: &types.DeploymentController{Type: types.DeploymentControllerTypeEcs},
		DeploymentConfiguration: &types.DeploymentConfiguration{
			MinimumHealthyPercent: aws.Int32(100), MaximumPercent: aws.Int32(200),
			DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: sv.CircuitBreaker, Rollback: sv.Rollback},
		},
	}
	for i, d := range sv.deployments {
		v.Deployments = append(v.Deployments, s.deploymentView(sv, d, i == 0))
	}
	for _, d := range v.Deployments {
		v.RunningCount += d.RunningCount
		v.PendingCount += d.PendingCount
	}
	for _, e := range sv.events {
		v.Events = append(v.Events, types.ServiceEvent{Id: aws.String(e.id), Message: aws.String(e.text), CreatedAt: aws.Time(e.at)})
	}
	return v
}

func (s *Service) definitionARN(sv *service, name string) string {
	return s.w.ARN("ecs", sv.cluster.account, "task-definition/"+name)
}

func (s *Service) deploymentView(sv *service, d *deployment, primary bool) types.Deployment {
	v := types.Deployment{
		Id: aws.String(d.id), Status: aws.String("ACTIVE"), TaskDefinition: aws.String(s.definitionARN(sv, d.definition)),
		RolloutState: d.state, RolloutStateReason: aws.String(d.reason), CreatedAt: aws.Time(d.created), UpdatedAt: aws.Time(d.updated), FailedTasks: int32(d.failures),
	}
	if primary {
		v.Status, v.DesiredCount = aws.String("PRIMARY"), int32(sv.Desired)
	}
	for _, t := range sv.tasks {
		switch {
		case t.deployment != d:
		case t.status == running:
			v.RunningCount++
		case t.status == pending:
			v.PendingCount++
		}
	}
	return v
}

func (s *Service) update(c *awsworld.Call, in *sdk.UpdateServiceInput) (*sdk.UpdateServiceOutput, error) {
	if err := awsservice.OnlyFields(c, "Cluster", "Service", "ForceNewDeployment", "DesiredCount", "TaskDefinition"); err != nil {
		return nil, err
	}
	cl, sv := s.find(c.Account.ID, aws.ToString(in.Cluster), aws.ToString(in.Service))
	switch {
	case cl == nil:
		return nil, clusterNotFound()
	case sv == nil:
		return nil, &types.ServiceNotFoundException{Message: aws.String("Service not found.")}
	case in.DesiredCount != nil && *in.DesiredCount < 0:
		return nil, awsworld.Errorf("InvalidParameterException", "desiredCount must not be negative.")
	}
	if in.DesiredCount != nil {
		sv.Desired = int(*in.DesiredCount)
	}
	definition := sv.primary().definition
	if in.TaskDefinition != nil {
		definition = lastPart(*in.TaskDefinition)
	}
	if in.ForceNewDeployment || definition != sv.primary().definition {
		s.roll(sv, definition)
	} else {
		s.reconcile(sv)
	}
	v := s.view(sv)
	return &sdk.UpdateServiceOutput{Service: &v}, nil
}

func (s *Service) list(c *awsworld.Call, in *sdk.ListTasksInput) (*sdk.ListTasksOutput, error) {
	if err := awsservice.OnlyFields(c, "Cluster", "ServiceName"); err != nil {
		return nil, err
	}
	cl, sv := s.find(c.Account.ID, aws.ToString(in.Cluster), aws.ToString(in.ServiceName))
	switch {
	case cl == nil:
		return nil, clusterNotFound()
	case sv == nil:
		return nil, &types.ServiceNotFoundException{Message: aws.String("Service not found.")}
	}
	out := &sdk.ListTasksOutput{TaskArns: []string{}}
	for _, t := range sv.tasks {
		if !t.draining {
			out.TaskArns = append(out.TaskArns, t.arn)
		}
	}
	return out, nil
}

func (s *Service) describeTasks(c *awsworld.Call, in *sdk.DescribeTasksInput) (*sdk.DescribeTasksOutput, error) {
	if err := awsservice.OnlyFields(c, "Cluster", "Tasks"); err != nil {
		return nil, err
	}
	cl, _ := s.find(c.Account.ID, aws.ToString(in.Cluster), "")
	if cl == nil {
		return nil, clusterNotFound()
	}
	out := &sdk.DescribeTasksOutput{Tasks: []types.Task{}, Failures: []types.Failure{}}
	for _, id := range in.Tasks {
		if t := s.taskView(cl, lastPart(id)); t != nil {
			out.Tasks = append(out.Tasks, *t)
			continue
		}
		out.Failures = append(out.Failures, types.Failure{Arn: aws.String(s.w.ARN("ecs", cl.account, "task/"+cl.name+"/"+lastPart(id))), Reason: aws.String("MISSING")})
	}
	return out, nil
}

func (s *Service) taskView(cl *cluster, id string) *types.Task {
	for _, name := range sortedKeys(cl.services) {
		sv := cl.services[name]
		i := slices.IndexFunc(sv.tasks, func(t *task) bool { return t.id == id })
		if i < 0 {
			continue
		}
		t := sv.tasks[i]
		v := &types.Task{
			TaskArn: aws.String(t.arn), ClusterArn: aws.String(s.w.ARN("ecs", cl.account, "cluster/"+cl.name)), Group: aws.String("service:" + sv.Name),
			LastStatus: aws.String(t.status), DesiredStatus: aws.String(running), StartedBy: aws.String(t.deployment.id), CreatedAt: aws.Time(t.created),
			TaskDefinitionArn: aws.String(s.definitionARN(sv, t.deployment.definition)), HealthStatus: types.HealthStatusUnknown,
		}
		if t.draining {
			v.DesiredStatus = aws.String(stopped)
		}
		if t.status == running {
			v.StartedAt = aws.Time(t.started)
		}
		if t.healthy {
			v.HealthStatus = types.HealthStatusHealthy
		}
		return v
	}
	return nil
}
