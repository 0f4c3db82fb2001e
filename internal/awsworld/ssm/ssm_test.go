package ssm_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/dbferry/dbferry/internal/awsworld/kms"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/ssm"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

var ctx = context.Background()

const account = worldtest.Staging

// inWorld runs a test as a client with these statements, or all of ssm:*.
func inWorld(t *testing.T, test func(s *ssm.Service, c *sdk.Client, sleep func(time.Duration)), statements ...string) *worldtest.Fixture {
	t.Helper()
	f := worldtest.New(t)
	s := ssm.New(f.W)
	if len(statements) == 0 {
		statements = []string{worldtest.Allow("ssm:*", "*")}
	}
	c := sdk.NewFromConfig(f.As(account, "tester", statements...))
	f.Run(func() { test(s, c, func(d time.Duration) { _ = f.W.Kernel.Sleep(ctx, d) }) })
	return f
}

func put(name, value string) *sdk.PutParameterInput {
	return &sdk.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString}
}

func over(name, value string) *sdk.PutParameterInput {
	return &sdk.PutParameterInput{Name: &name, Value: &value, Overwrite: new(true)}
}

func TestPutParameterRefuses(t *testing.T) {
	const table = "/shop/table"
	with := func(in *sdk.PutParameterInput, change func(*sdk.PutParameterInput)) *sdk.PutParameterInput {
		change(in)
		return in
	}
	for name, c := range map[string]struct {
		in   *sdk.PutParameterInput
		want string
	}{
		"new":                     {put("/shop/new", "x"), ""},
		"overwrite":               {over(table, "x"), ""},
		"4 KB":                    {over(table, strings.Repeat("x", 4096)), ""},
		"8 KB advanced":           {with(over(table, strings.Repeat("x", 8192)), func(in *sdk.PutParameterInput) { in.Tier = types.ParameterTierAdvanced }), ""},
		"intelligent":             {with(over(table, strings.Repeat("x", 4097)), func(in *sdk.PutParameterInput) { in.Tier = types.ParameterTierIntelligentTiering }), ""},
		"exists":                  {put(table, "x"), "ParameterAlreadyExists"},
		"more than 4 KB":          {over(table, strings.Repeat("x", 4097)), "ValidationException"},
		"more than 8 KB":          {with(over(table, strings.Repeat("x", 8193)), func(in *sdk.PutParameterInput) { in.Tier = types.ParameterTierAdvanced }), "ValidationException"},
		"nested":                  {over(table, "{{resolve:x}}"), "ValidationException"},
		"new without a type":      {over("/shop/none", "x"), "ValidationException"},
		"another type":            {with(over(table, "x"), func(in *sdk.PutParameterInput) { in.Type = types.ParameterTypeSecureString }), "HierarchyTypeMismatchException"},
		"tags with overwrite":     {with(over(table, "x"), func(in *sdk.PutParameterInput) { in.Tags = []types.Tag{{Key: new("a"), Value: new("b")}} }), "ValidationException"},
		"name of AWS":             {put("/aws/x", "x"), "ValidationException"},
		"name without its root":   {put("shop/x", "x"), "ValidationException"},
		"name with odd letters":   {put("/shop/ä", "x"), "ValidationException"},
		"against its pattern":     {with(put("/shop/p", "x"), func(in *sdk.PutParameterInput) { in.AllowedPattern = new("[0-9]+") }), "ParameterPatternMismatchException"},
		"within its pattern":      {with(put("/shop/p", "12"), func(in *sdk.PutParameterInput) { in.AllowedPattern = new("[0-9]+") }), ""},
		"pattern that is none":    {with(put("/shop/p", "12"), func(in *sdk.PutParameterInput) { in.AllowedPattern = new("[") }), "InvalidAllowedPatternException"},
		"a hierarchy too deep":    {put(strings.Repeat("/x", 16), "x"), "HierarchyLevelLimitExceededException"},
		"down to the lower tier":  {with(over("/shop/big", "x"), func(in *sdk.PutParameterInput) { in.Tier = types.ParameterTierStandard }), "ValidationException"},
		"the higher tier remains": {over("/shop/big", strings.Repeat("x", 5000)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(s *ssm.Service, client *sdk.Client, _ func(time.Duration)) {
				if err := s.PutParameter(account, ssm.ParameterSpec{Name: table, Value: "carts-1"}); err != nil {
					t.Fatal(err)
				}
				big := put("/shop/big", strings.Repeat("x", 5000))
				big.Tier = types.ParameterTierAdvanced
				if _, err := client.PutParameter(ctx, big); err != nil {
					t.Fatal(err)
				}
				if _, err := client.PutParameter(ctx, c.in); service.Code(err) != c.want {
					t.Errorf("got %v, want %q", err, c.want)
				}
			})
		})
	}
}

func TestVersionsAndSelectors(t *testing.T) {
	inWorld(t, func(s *ssm.Service, c *sdk.Client, _ func(time.Duration)) {
		if _, err := c.PutParameter(ctx, put("/shop/table", "v1")); err != nil {
			t.Fatal(err)
		}
		s.Label(account, "/shop/table", "first")
		for i := 2; i <= 100; i++ {
			out, err := c.PutParameter(ctx, over("/shop/table", fmt.Sprintf("v%d", i)))
			if err != nil || out.Version != int64(i) {
				t.Fatalf("version %d: %v, %v", i, out, err)
			}
		}
		if _, err := c.PutParameter(ctx, over("/shop/table", "v101")); service.Code(err) != "ParameterMaxVersionLimitExceeded" {
			t.Errorf("the 101st version with a label on the first: %v", err)
		}
		for selector, want := range map[string]string{"": "v100", ":7": "v7", ":first": "v1"} {
			out, err := c.GetParameter(ctx, &sdk.GetParameterInput{Name: new("/shop/table" + selector)})
			if err != nil || *out.Parameter.Value != want {
				t.Errorf("%q: %v, %v", selector, out, err)
			}
		}
		if _, err := c.GetParameter(ctx, &sdk.GetParameterInput{Name: new("/shop/table:500")}); service.Code(err) != "ParameterVersionNotFound" {
			t.Errorf("no such version: %v", err)
		}
		n, in := 0, &sdk.GetParameterHistoryInput{Name: new("/shop/table"), MaxResults: new(int32(30))}
		for {
			out, err := c.GetParameterHistory(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			if n += len(out.Parameters); out.NextToken == nil {
				break
			}
			in.NextToken = out.NextToken
		}
		if n != 100 {
			t.Errorf("history of %d versions", n)
		}
	})
	inWorld(t, func(s *ssm.Service, c *sdk.Client, _ func(time.Duration)) {
		for i := range 101 {
			if err := s.PutParameter(account, ssm.ParameterSpec{Name: "x", Value: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.GetParameter(ctx, &sdk.GetParameterInput{Name: new("x:1")}); service.Code(err) != "ParameterVersionNotFound" {
			t.Errorf("the first version outlived the 101st: %v", err)
		}
	})
}

func TestReadsAndTags(t *testing.T) {
	inWorld(t, func(s *ssm.Service, c *sdk.Client, _ func(time.Duration)) {
		for _, name := range []string{"/shop/a", "/shop/b", "/shop/deep/c", "/other/d"} {
			if err := s.PutParameter(account, ssm.ParameterSpec{Name: name, Value: "value of " + name, Tags: map[string]string{"team": "shop"}}); err != nil {
				t.Fatal(err)
			}
		}
		many, err := c.GetParameters(ctx, &sdk.GetParametersInput{Names: []string{"/shop/b", "/none", "/shop/a"}})
		if err != nil || len(many.Parameters) != 2 || *many.Parameters[0].Name != "/shop/a" || fmt.Sprint(many.InvalidParameters) != "[/none]" {
			t.Errorf("%+v, %v", many, err)
		}
		for recursive, want := range map[bool]int{false: 2, true: 3} {
			out, err := c.GetParametersByPath(ctx, &sdk.GetParametersByPathInput{Path: new("/shop/"), Recursive: &recursive})
			if err != nil || len(out.Parameters) != want {
				t.Errorf("recursive %t: %d, %v", recursive, len(out.Parameters), err)
			}
		}
		in := &sdk.AddTagsToResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: new("/shop/a"), Tags: []types.Tag{{Key: new("dbferry"), Value: new("x")}}}
		if _, err := c.AddTagsToResource(ctx, in); err != nil {
			t.Fatal(err)
		}
		list, err := c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: new("/shop/a")})
		if err != nil || len(list.TagList) != 2 || *list.TagList[0].Key != "dbferry" {
			t.Errorf("%+v, %v", list, err)
		}
		if _, err := c.DeleteParameter(ctx, &sdk.DeleteParameterInput{Name: new("/shop/a")}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.GetParameter(ctx, &sdk.GetParameterInput{Name: new("/shop/a")}); service.Code(err) != "ParameterNotFound" {
			t.Errorf("after deleting: %v", err)
		}
	})
}

func TestOverwriteAndTagsAreConditions(t *testing.T) {
	create := `{"Effect":"Allow","Action":"ssm:PutParameter","Resource":"arn:aws:ssm:eu-west-1:222222222222:parameter/shop/*","Condition":{"StringEquals":{"ssm:Overwrite":"false"}}}`
	inWorld(t, func(s *ssm.Service, c *sdk.Client, _ func(time.Duration)) {
		if _, err := c.PutParameter(ctx, put("/shop/a", "x")); err != nil {
			t.Error(err)
		}
		for name, in := range map[string]*sdk.PutParameterInput{"overwriting": over("/shop/a", "y"), "another path": put("/other/a", "x")} {
			if _, err := c.PutParameter(ctx, in); service.Code(err) != "AccessDeniedException" {
				t.Errorf("%s: %v", name, err)
			}
		}
		tagged := put("/shop/b", "x")
		tagged.Tags = []types.Tag{{Key: new("a"), Value: new("b")}}
		if _, err := c.PutParameter(ctx, tagged); service.Code(err) != "AccessDeniedException" {
			t.Errorf("tags without ssm:AddTagsToResource: %v", err)
		}
	}, create)
}

func TestSecureStringGoesThroughKMS(t *testing.T) {
	for name, c := range map[string]struct {
		key             string // statement on KMS
		canPut, canRead bool
	}{
		"both":      {worldtest.Allow("kms:*", "*"), true, true},
		"neither":   {worldtest.Allow("kms:ListAliases", "*"), false, false},
		"only read": {worldtest.Allow("kms:Decrypt", "*"), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := worldtest.New(t)
			s, keys := ssm.New(f.W), kms.New(f.W)
			s.Keys = keys
			arn, err := keys.PutKey(account, kms.KeySpec{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.PutParameter(account, ssm.ParameterSpec{Name: "/shop/old", Value: "old-secret-value", Secure: true, KeyARN: arn}); err != nil {
				t.Fatal(err)
			}
			client := sdk.NewFromConfig(f.As(account, "tester", worldtest.Allow("ssm:*", "*"), c.key))
			f.Run(func() {
				in := put("/shop/new", "new-secret-value")
				in.Type, in.KeyId = types.ParameterTypeSecureString, &arn
				if _, err := client.PutParameter(ctx, in); (err == nil) != c.canPut {
					t.Errorf("put: %v", err)
				}
				out, err := client.GetParameter(ctx, &sdk.GetParameterInput{Name: new("/shop/old"), WithDecryption: new(true)})
				if (err == nil) != c.canRead || err == nil && *out.Parameter.Value != "old-secret-value" {
					t.Errorf("read: %v", err)
				}
				if out, err := client.GetParameter(ctx, &sdk.GetParameterInput{Name: new("/shop/old")}); err != nil || strings.Contains(*out.Parameter.Value, "secret") {
					t.Errorf("without decryption: %v", err)
				}
			})
			f.W.Secrets.Search("test", "old-secret-value")
			if len(f.W.Secrets.Leaks()) != 1 {
				t.Error("the value of a SecureString is not known as a secret")
			}
		})
	}
}

func TestCommandsTakeTimeAndEndAsTheGroundSays(t *testing.T) {
	for fails, want := range map[string]types.CommandInvocationStatus{"": types.CommandInvocationStatusSuccess, "no such service": types.CommandInvocationStatusFailed} {
		inWorld(t, func(s *ssm.Service, c *sdk.Client, sleep func(time.Duration)) {
			did := ""
			s.PutDocument(account, ssm.DocumentSpec{Name: "AWS-RunShellScript", Takes: time.Minute, Fails: fails, Do: func(p map[string][]string) error { did = p["commands"][0]; return nil }})
			s.PutInstance(account, "i-1", map[string]string{"app": "shop"})
			sent, err := c.SendCommand(ctx, &sdk.SendCommandInput{
				DocumentName: new("AWS-RunShellScript"), Targets: []types.Target{{Key: new("tag:app"), Values: []string{"shop"}}},
				Parameters: map[string][]string{"commands": {"systemctl restart shop"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			look := func() (types.CommandInvocationStatus, error) {
				out, err := c.GetCommandInvocation(ctx, &sdk.GetCommandInvocationInput{CommandId: sent.Command.CommandId, InstanceId: new("i-1")})
				if err != nil {
					return "", err
				}
				return out.Status, nil
			}
			if _, err := look(); service.Code(err) != "InvocationDoesNotExist" {
				t.Errorf("at once: %v", err)
			}
			sleep(10 * time.Second)
			if got, err := look(); got != types.CommandInvocationStatusInProgress {
				t.Errorf("after 10 s: %s, %v", got, err)
			}
			sleep(time.Minute)
			if got, err := look(); got != want || (did == "systemctl restart shop") != (fails == "") {
				t.Errorf("at the end: %s, %v; it did %q", got, err, did)
			}
			if _, err := c.SendCommand(ctx, &sdk.SendCommandInput{DocumentName: new("none"), InstanceIds: []string{"i-1"}}); service.Code(err) != "InvalidDocument" {
				t.Errorf("no such document: %v", err)
			}
			if _, err := c.SendCommand(ctx, &sdk.SendCommandInput{DocumentName: new("AWS-RunShellScript"), InstanceIds: []string{"i-2"}}); service.Code(err) != "InvalidInstanceId" {
				t.Errorf("no such instance: %v", err)
			}
		})
	}
}

func TestAutomationsAreIdempotentByTheirToken(t *testing.T) {
	inWorld(t, func(s *ssm.Service, c *sdk.Client, sleep func(time.Duration)) {
		runs := 0
		s.PutDocument(account, ssm.DocumentSpec{Name: "restart-shop", Automator: true, Takes: time.Minute, Do: func(map[string][]string) error { runs++; return nil }})
		token := "00000000-0000-4000-a000-000000000001"
		var ids []string
		for range 2 {
			out, err := c.StartAutomationExecution(ctx, &sdk.StartAutomationExecutionInput{DocumentName: new("restart-shop"), ClientToken: &token})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, *out.AutomationExecutionId)
		}
		sleep(2 * time.Minute)
		out, err := c.GetAutomationExecution(ctx, &sdk.GetAutomationExecutionInput{AutomationExecutionId: &ids[1]})
		if err != nil || ids[0] != ids[1] || runs != 1 || out.AutomationExecution.AutomationExecutionStatus != types.AutomationExecutionStatusSuccess {
			t.Errorf("%v, %d runs, %+v, %v", ids, runs, out, err)
		}
		if _, err := c.StartAutomationExecution(ctx, &sdk.StartAutomationExecutionInput{DocumentName: new("none")}); service.Code(err) != "AutomationDefinitionNotFoundException" {
			t.Errorf("no such runbook: %v", err)
		}
	})
}

func TestWindowsOpenOnTheClock(t *testing.T) {
	inWorld(t, func(s *ssm.Service, c *sdk.Client, sleep func(time.Duration)) {
		first := worldtest.Start.Add(time.Hour)
		s.PutWindow(account, ssm.WindowSpec{ID: "mw-0123456789abcdef0", Name: "nightly", First: first, Every: 24 * time.Hour, Hours: 2, Takes: 10 * time.Minute})
		status := func() string {
			out, err := c.DescribeMaintenanceWindowExecutions(ctx, &sdk.DescribeMaintenanceWindowExecutionsInput{WindowId: new("mw-0123456789abcdef0")})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range out.WindowExecutions {
				got = append(got, string(e.Status))
			}
			return strings.Join(got, " ")
		}
		w, err := c.GetMaintenanceWindow(ctx, &sdk.GetMaintenanceWindowInput{WindowId: new("mw-0123456789abcdef0")})
		if err != nil || *w.NextExecutionTime != first.Format("2006-01-02T15:04Z") || status() != "" {
			t.Errorf("%+v, %v, %q", w, err, status())
		}
		sleep(time.Hour)
		if got := status(); got != "IN_PROGRESS" {
			t.Errorf("when it opens: %q", got)
		}
		sleep(25 * time.Hour)
		if got := status(); got != "SUCCESS SUCCESS" {
			t.Errorf("a day later: %q", got)
		}
		if _, err := c.GetMaintenanceWindow(ctx, &sdk.GetMaintenanceWindowInput{WindowId: new("mw-0123456789abcdef1")}); service.Code(err) != "DoesNotExistException" {
			t.Errorf("no such window: %v", err)
		}
	})
}
