package ssm

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/iam"
)

// DocumentSpec describes an SSM document and what comes of running it.
type DocumentSpec struct {
	Name      string // "AWS-RunShellScript" and other AWS-… belong to AWS
	Automator bool   // an automation runbook, not a command document
	Takes     time.Duration
	Fails     string // why it fails; empty for success
	Output    string
	// Do is what it does when its time has passed, unless it fails or was
	// stopped; nil does nothing. Its error fails the run.
	Do func(parameters map[string][]string) error
}

// PutDocument adds or replaces a document.
func (s *Service) PutDocument(account string, d DocumentSpec) {
	s.account(account).documents[d.Name] = &d
}

// PutInstance adds a managed instance that runs commands.
func (s *Service) PutInstance(account, id string, tags map[string]string) {
	s.account(account).instances[id] = tags
}

func (s *Service) documentOps() []awsworld.Op {
	send := row("SendCommand", s.send, s.sendResources, "the outcome is the ground's; one result for all instances; no output buckets, notifications or rate control")
	invocation := row("GetCommandInvocation", s.invocation, nil, "as SendCommand; InvocationDoesNotExist for Timing.Register after sending (length unverified)")
	list := row("ListCommands", s.listCommands, nil, "by command, document and InvokedAfter only; a command is not listed for Timing.Register after sending (length unverified); "+
		"one without instances ends as Success with the details NoInstancesInTag")
	cancel := row("CancelCommand", s.cancelCommand, nil, "all instances; at once")
	execution := func(id func(*awsworld.Call) *string) func(*awsworld.Call) []awsworld.Resource {
		return func(c *awsworld.Call) []awsworld.Resource {
			return []awsworld.Resource{{ARN: s.w.ARN("ssm", c.Account.ID, "automation-execution/"+aws.ToString(id(c))), Owner: c.Account.ID, Kind: iam.NoPolicy}}
		}
	}
	start := row("StartAutomationExecution", s.startAutomation, s.automationResources, "the outcome is the ground's; no targets or rate control; "+
		"iam:PassRole is asked for the parameter AutomationAssumeRole")
	get := row("GetAutomationExecution", s.getAutomation, execution(func(c *awsworld.Call) *string {
		return awsworld.Input[sdk.GetAutomationExecutionInput](c).AutomationExecutionId
	}), "no steps")
	stop := row("StopAutomationExecution", s.stopAutomation, execution(func(c *awsworld.Call) *string {
		return awsworld.Input[sdk.StopAutomationExecutionInput](c).AutomationExecutionId
	}), "at once")
	return []awsworld.Op{send, invocation, list, cancel, start, get, stop}
}

func (s *Service) documentARN(account, kind, name string) string {
	if strings.HasPrefix(name, "AWS-") {
		account = ""
	}
	return s.w.ARN("ssm", account, kind+"/"+name)
}

// sendResources: the document and every instance.
func (s *Service) sendResources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[sdk.SendCommandInput](c)
	out := []awsworld.Resource{{ARN: s.documentARN(c.Account.ID, "document", aws.ToString(in.DocumentName)), Owner: c.Account.ID, Kind: iam.NoPolicy}}
	for _, id := range s.targets(c.Account.ID, in) {
		out = append(out, awsworld.Resource{
			ARN: s.w.ARN("ec2", c.Account.ID, "instance/"+id), Owner: c.Account.ID, Kind: iam.NoPolicy, Context: tagContext(s.account(c.Account.ID).instances[id]),
		})
	}
	return out
}

func (s *Service) automationResources(c *awsworld.Call) []awsworld.Resource {
	in := awsworld.Input[sdk.StartAutomationExecutionInput](c)
	arn := s.documentARN(c.Account.ID, "automation-definition", aws.ToString(in.DocumentName)) + ":$DEFAULT"
	out := []awsworld.Resource{{ARN: arn, Owner: c.Account.ID, Kind: iam.NoPolicy}}
	for _, role := range in.Parameters["AutomationAssumeRole"] {
		out = append(out, awsworld.Resource{ARN: role, Owner: c.Account.ID, Kind: iam.NoPolicy, Action: "iam:PassRole", Context: map[string][]string{"iam:PassedToService": {"ssm.amazonaws.com"}}})
	}
	return out
}

// targets are the instances that a command goes to: named, or found by a tag.
func (s *Service) targets(account string, in *sdk.SendCommandInput) []string {
	out := slices.Clone(in.InstanceIds)
	for _, t := range in.Targets {
		tag, byTag := strings.CutPrefix(aws.ToString(t.Key), "tag:")
		for _, id := range sortedKeys(s.account(account).instances) {
			tags := s.account(account).instances[id]
			if byTag && slices.Contains(t.Values, tags[tag]) || aws.ToString(t.Key) == "InstanceIds" && slices.Contains(t.Values, id) {
				out = append(out, id)
			}
		}
	}
	return out
}

// document finds one that can be run in this way.
func (a *account) document(name string, automator bool) *DocumentSpec {
	d := a.documents[name]
	if d == nil || d.Automator != automator {
		return nil
	}
	return d
}
