package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/dbferry/dbferry/internal/awsworld/ecs"
	"github.com/dbferry/dbferry/internal/awsworld/secretsmanager"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/ssm"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

var ctx = context.Background()

const account = worldtest.Staging

type fixture struct {
	*worldtest.Fixture
	t      *testing.T
	ecs    *ecs.Service
	ssm    *ssm.Service
	client *sdk.Client
	events []string
}

// withService runs a test in a world with a service of two tasks.
func withService(t *testing.T, change func(*ecs.ServiceSpec), test func(f *fixture)) {
	t.Helper()
	w := worldtest.New(t)
	f := &fixture{Fixture: w, t: t, ecs: ecs.New(w.W), ssm: ssm.New(w.W)}
	secrets := secretsmanager.New(w.W)
	secret, err := secrets.PutSecret(account, secretsmanager.SecretSpec{Name: "shop", Value: `{"username":"app","password":"the-password"}`})
	if err != nil {
		t.Fatal(err)
	}
	f.ecs.Emit = func(_, _, _ string, _ []string, detail map[string]any) {
		f.events = append(f.events, fmt.Sprint(detail["eventName"]))
	}
	f.client = sdk.NewFromConfig(w.As(account, "tester", worldtest.Allow("ecs:*", "*")))
	role := w.Role(account, "execution", "ecs-tasks.amazonaws.com", worldtest.Allow("ssm:GetParameters", "arn:aws:ssm:eu-west-1:222222222222:parameter/shop/*"), worldtest.Allow("secretsmanager:GetSecretValue", "*"))
	f.put("carts-1")
	spec := ecs.ServiceSpec{
		Cluster: "staging", Name: "shop", TaskDefinition: "shop:1", Desired: 2, ExecutionRole: role, CircuitBreaker: true, Rollback: true,
		Parameters: map[string]string{"TABLE": "/shop/table"}, Secrets: map[string]string{"DATABASE": secret},
	}
	if change != nil {
		change(&spec)
	}
	w.Run(func() {
		if err := f.ecs.PutService(account, spec); err != nil {
			t.Fatal(err)
		}
		test(f)
	})
}

func (f *fixture) put(table string) {
	if err := f.ssm.PutParameter(account, ssm.ParameterSpec{Name: "/shop/table", Value: table}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) sleep(d time.Duration) { _ = f.W.Kernel.Sleep(ctx, d) }

func (f *fixture) roll() string {
	f.t.Helper()
	out, err := f.client.UpdateService(ctx, &sdk.UpdateServiceInput{Cluster: aws.String("staging"), Service: aws.String("shop"), ForceNewDeployment: true})
	if err != nil {
		f.t.Fatal(err)
	}
	return *out.Service.Deployments[0].Id
}

func (f *fixture) look() types.Service {
	f.t.Helper()
	out, err := f.client.DescribeServices(ctx, &sdk.DescribeServicesInput{Cluster: aws.String("staging"), Services: []string{"shop"}})
	if err != nil {
		f.t.Fatal(err)
	}
	return out.Services[0]
}

// tables are what the serving tasks have read.
func (f *fixture) tables() string {
	var out []string
	for _, t := range f.ecs.Serving(account, "staging", "shop") {
		out = append(out, t.Env["TABLE"])
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " ")
}

func TestRollingReplacesTasksAndWhatTheyRead(t *testing.T) {
	withService(t, nil, func(f *fixture) {
		if got := f.look(); len(got.Deployments) != 1 || got.Deployments[0].RolloutState != types.DeploymentRolloutStateCompleted || got.RunningCount != 2 {
			t.Fatalf("before: %+v", got)
		}
		f.put("carts-2")
		f.sleep(10 * time.Minute)
		if got := f.tables(); got != "carts-1" {
			t.Errorf("tasks changed their environment while they ran: %s", got)
		}
		id := f.roll()
		least, seen := 99, []string{}
		for range 40 {
			least = min(least, len(f.ecs.Serving(account, "staging", "shop")))
			if got := f.tables(); len(seen) == 0 || seen[len(seen)-1] != got {
				seen = append(seen, got)
			}
			f.sleep(10 * time.Second)
		}
		got := f.look()
		if d := got.Deployments[0]; len(got.Deployments) != 1 || *d.Id != id || *d.Status != "PRIMARY" || d.RolloutState != types.DeploymentRolloutStateCompleted {
			t.Errorf("after: %+v", got.Deployments)
		}
		if least < 2 || seen[0] != "carts-1" || seen[len(seen)-1] != "carts-2" {
			t.Errorf("at least %d tasks served; tables %v", least, seen)
		}
		if f.ecs.Rolling(account, "staging", "shop") || strings.Join(f.events, " ") != "SERVICE_DEPLOYMENT_COMPLETED SERVICE_DEPLOYMENT_IN_PROGRESS SERVICE_DEPLOYMENT_COMPLETED" {
			t.Errorf("events %v", f.events)
		}
		w := f.W.Waits.All()
		if len(w) != 1 || w[0].Phase != "rollout" || w[0].Noticed.IsZero() {
			t.Errorf("waits %+v", w)
		}
	})
}

func TestTheCircuitBreakerRollsBackUnderAnotherID(t *testing.T) {
	withService(t, nil, func(f *fixture) {
		before := *f.look().Deployments[0].Id
		f.ecs.SetHealthy(account, "staging", "shop", func(env map[string]string) error {
			if env["TABLE"] == "carts-broken" {
				return errors.New("no such table")
			}
			return nil
		})
		f.put("carts-broken")
		id := f.roll()
		var reasons []string
		for range 60 {
			sv := f.look()
			for _, d := range sv.Deployments {
				if r := fmt.Sprint(*d.Status, " ", d.RolloutState); *d.Id == id && (len(reasons) == 0 || reasons[len(reasons)-1] != r) {
					reasons = append(reasons, r)
				}
			}
			if sv.Deployments[0].FailedTasks == 0 && *sv.Deployments[0].Id != id {
				f.put("carts-1") // somebody put the pointer back
			}
			f.sleep(10 * time.Second)
		}
		if got := strings.Join(reasons, ", "); got != "PRIMARY IN_PROGRESS, ACTIVE FAILED" {
			t.Errorf("the failed deployment was %s", got)
		}
		sv := f.look()
		if d := sv.Deployments[0]; len(sv.Deployments) != 1 || d.RolloutState != types.DeploymentRolloutStateCompleted || *d.Id == id || *d.Id == before || sv.RunningCount != 2 {
			t.Errorf("after the rollback: %+v", sv.Deployments)
		}
		text := ""
		for _, e := range sv.Events {
			text += *e.Message + "\n"
		}
		if !strings.Contains(text, "rolling back to deployment "+before) || !strings.Contains(text, "deployment failed: tasks failed to start") {
			t.Errorf("events:\n%s", text)
		}
	})
}

func TestWithoutACircuitBreakerADeploymentNeverEnds(t *testing.T) {
	withService(t, func(s *ecs.ServiceSpec) { s.CircuitBreaker = false }, func(f *fixture) {
		f.ecs.SetHealthy(account, "staging", "shop", func(map[string]string) error { return errors.New("down") })
		f.roll()
		f.sleep(30 * time.Minute)
		sv := f.look()
		if d := sv.Deployments[0]; d.RolloutState != types.DeploymentRolloutStateInProgress || d.FailedTasks < 10 || len(sv.Deployments) != 2 || f.tables() != "carts-1" {
			t.Errorf("%+v", sv.Deployments)
		}
		f.ecs.SetHealthy(account, "staging", "shop", nil)
		f.sleep(10 * time.Minute)
		if sv := f.look(); len(sv.Deployments) != 1 || sv.Deployments[0].RolloutState != types.DeploymentRolloutStateCompleted {
			t.Errorf("after the cause was gone: %+v", sv.Deployments)
		}
	})
}

func TestATaskWhoseRoleMayNotReadFails(t *testing.T) {
	withService(t, nil, func(f *fixture) {
		f.W.Account(account).DeleteRole("arn:aws:iam::222222222222:role/execution")
		f.roll()
		f.sleep(30 * time.Minute)
		sv := f.look()
		if sv.Deployments[0].RolloutState != types.DeploymentRolloutStateFailed || f.tables() != "carts-1" || sv.RunningCount != 2 {
			t.Errorf("%+v", sv.Deployments)
		}
	})
}

func TestDesiredCountScalesWithoutADeployment(t *testing.T) {
	withService(t, nil, func(f *fixture) {
		before := *f.look().Deployments[0].Id
		for _, n := range []int32{4, 1, 0} {
			if _, err := f.client.UpdateService(ctx, &sdk.UpdateServiceInput{Cluster: aws.String("staging"), Service: aws.String("shop"), DesiredCount: &n}); err != nil {
				t.Fatal(err)
			}
			f.sleep(10 * time.Minute)
			list, err := f.client.ListTasks(ctx, &sdk.ListTasksInput{Cluster: aws.String("staging"), ServiceName: aws.String("shop")})
			if err != nil || len(list.TaskArns) != int(n) || f.look().RunningCount != n || *f.look().Deployments[0].Id != before {
				t.Errorf("want %d tasks: %v, %v", n, list, err)
			}
			if n == 0 {
				continue
			}
			tasks, err := f.client.DescribeTasks(ctx, &sdk.DescribeTasksInput{Cluster: aws.String("staging"), Tasks: append(list.TaskArns, "none")})
			if err != nil || len(tasks.Tasks) != int(n) || len(tasks.Failures) != 1 || *tasks.Tasks[0].StartedBy != before || *tasks.Tasks[0].LastStatus != "RUNNING" {
				t.Errorf("%+v, %v", tasks, err)
			}
		}
	})
}

func TestASecondUpdateTakesOver(t *testing.T) {
	withService(t, nil, func(f *fixture) {
		first := f.roll()
		f.sleep(time.Minute)
		second := f.roll()
		f.sleep(15 * time.Minute)
		if sv := f.look(); len(sv.Deployments) != 1 || *sv.Deployments[0].Id != second || first == second || sv.RunningCount != 2 {
			t.Errorf("%+v", sv.Deployments)
		}
	})
}

func TestErrorsAndPermissions(t *testing.T) {
	withService(t, nil, func(f *fixture) {
		update := func(c *sdk.Client, cluster, name string) error {
			_, err := c.UpdateService(ctx, &sdk.UpdateServiceInput{Cluster: &cluster, Service: &name, ForceNewDeployment: true})
			return err
		}
		if got := service.Code(update(f.client, "none", "shop")); got != "ClusterNotFoundException" {
			t.Error(got)
		}
		if got := service.Code(update(f.client, "staging", "none")); got != "ServiceNotFoundException" {
			t.Error(got)
		}
		out, err := f.client.DescribeServices(ctx, &sdk.DescribeServicesInput{Cluster: aws.String("staging"), Services: []string{"none"}})
		if err != nil || len(out.Failures) != 1 || *out.Failures[0].Reason != "MISSING" {
			t.Errorf("%+v, %v", out, err)
		}
		only := sdk.NewFromConfig(f.As(account, "roller", `{"Effect":"Allow","Action":"ecs:UpdateService","Resource":"arn:aws:ecs:eu-west-1:222222222222:service/staging/shop","Condition":{"ArnEquals":{"ecs:cluster":"arn:aws:ecs:eu-west-1:222222222222:cluster/staging"}}}`))
		if err := update(only, "staging", "shop"); err != nil {
			t.Error(err)
		}
		if got := service.Code(update(only, "staging", "other")); got != "AccessDeniedException" {
			t.Error(got)
		}
	})
}
