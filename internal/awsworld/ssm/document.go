package ssm

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

// DocumentSpec describes an SSM document and what comes of running it.
type DocumentSpec struct {
	Name      string // "AWS-RunShellScript" and other AWS-… belong to AWS
	Automator bool   // an automation runbook, not a command document
	Takes     time.Duration
	Fails     string // why it fails; empty for success
	Output    string
	// Do is what it does when its time has passed, unless it fails; nil does
	// nothing.
	Do func(parameters map[string][]string)
}

// PutDocument adds or replaces a document.
func (s *Service) PutDocument(account string, d DocumentSpec) {
	s.account(account).documents[d.Name] = &d
}

// PutInstance adds a managed instance that runs commands.
func (s *Service) PutInstance(account, id string, tags map[string]string) {
	s.account(account).instances[id] = tags
}

// run is one document at work, of a command or an automation.
type run struct {
	id         string
	document   *DocumentSpec
	parameters map[string][]string
	began      time.Time
	ended      time.Time // zero while it runs
}

// start lets the document work in simulated time.
func (s *Service) start(d *DocumentSpec, parameters map[string][]string) *run {
	r := &run{id: s.w.UUID(), document: d, parameters: parameters, began: s.w.Now()}
	s.w.Kernel.After(d.Takes, func() {
		if d.Fails == "" && d.Do != nil {
			d.Do(parameters)
		}
		r.ended = s.w.Now()
	})
	return r
}

// command is a run on some instances.
type command struct {
	*run
	instances []string
}

// automation is a run of a runbook.
type automation struct {
	*run
	by string
}

func (s *Service) documentOps() []awsworld.Op {
	send := row("SendCommand", s.send, s.sendResources, "the outcome is the ground's; one result for all instances; no output buckets, notifications or rate control")
	invocation := row("GetCommandInvocation", s.invocation, nil, "as SendCommand; InvocationDoesNotExist for Timing.Register after sending (length unverified)")
	start := row("StartAutomationExecution", s.startAutomation, s.automationResources, "the outcome is the ground's; no targets or rate control; "+
		"iam:PassRole is asked for the parameter AutomationAssumeRole")
	get := row("GetAutomationExecution", s.getAutomation, func(c *awsworld.Call) []awsworld.Resource {
		return []awsworld.Resource{{ARN: s.w.ARN("ssm", c.Account.ID, "automation-execution/"+aws.ToString(awsworld.Input[sdk.GetAutomationExecutionInput](c).AutomationExecutionId)), Owner: c.Account.ID, Kind: iam.NoPolicy}}
	}, "no steps")
	return []awsworld.Op{send, invocation, start, get}
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

func (s *Service) send(c *awsworld.Call, in *sdk.SendCommandInput) (*sdk.SendCommandOutput, error) {
	if err := service.OnlyFields(c, "DocumentName", "InstanceIds", "Targets", "Parameters", "Comment", "TimeoutSeconds"); err != nil {
		return nil, err
	}
	a := s.account(c.Account.ID)
	d, ids := a.document(aws.ToString(in.DocumentName), false), s.targets(a.id, in)
	for _, id := range ids {
		if _, ok := a.instances[id]; !ok {
			return nil, &types.InvalidInstanceId{Message: aws.String("Instances not in a valid state for account: " + id)}
		}
	}
	switch {
	case d == nil:
		return nil, &types.InvalidDocument{Message: aws.String("Document with name " + aws.ToString(in.DocumentName) + " does not exist.")}
	case len(in.InstanceIds) > 0 && len(in.Targets) > 0 || len(in.InstanceIds)+len(in.Targets) == 0:
		return nil, awsworld.Errorf("InvalidInstanceId", "Specify either InstanceIds or Targets.")
	}
	cmd := &command{run: s.start(d, in.Parameters), instances: ids}
	a.commands[cmd.id] = cmd
	return &sdk.SendCommandOutput{Command: &types.Command{
		CommandId: aws.String(cmd.id), DocumentName: aws.String(d.Name), Status: types.CommandStatusPending, StatusDetails: aws.String("Pending"),
		RequestedDateTime: aws.Time(cmd.began), InstanceIds: in.InstanceIds, Targets: in.Targets, TargetCount: int32(len(ids)), Parameters: in.Parameters,
	}}, nil
}

func (s *Service) invocation(c *awsworld.Call, in *sdk.GetCommandInvocationInput) (*sdk.GetCommandInvocationOutput, error) {
	cmd := s.account(c.Account.ID).commands[aws.ToString(in.CommandId)]
	if cmd == nil || !slices.Contains(cmd.instances, aws.ToString(in.InstanceId)) || s.w.Now().Sub(cmd.began) < s.Timing.Register {
		return nil, &types.InvocationDoesNotExist{Message: aws.String("An error occurred (InvocationDoesNotExist) when calling the GetCommandInvocation operation")}
	}
	out := &sdk.GetCommandInvocationOutput{
		CommandId: in.CommandId, InstanceId: in.InstanceId, DocumentName: aws.String(cmd.document.Name), Status: types.CommandInvocationStatusInProgress,
		StatusDetails: aws.String("InProgress"), ResponseCode: -1, ExecutionStartDateTime: aws.String(cmd.began.Format(time.RFC3339)),
	}
	if cmd.ended.IsZero() {
		return out, nil
	}
	out.Status, out.ResponseCode, out.StandardOutputContent = types.CommandInvocationStatusSuccess, 0, aws.String(cmd.document.Output)
	out.ExecutionEndDateTime = aws.String(cmd.ended.Format(time.RFC3339))
	if cmd.document.Fails != "" {
		out.Status, out.ResponseCode, out.StandardErrorContent = types.CommandInvocationStatusFailed, 1, aws.String(cmd.document.Fails)
	}
	out.StatusDetails = aws.String(string(out.Status))
	return out, nil
}

func (s *Service) startAutomation(c *awsworld.Call, in *sdk.StartAutomationExecutionInput) (*sdk.StartAutomationExecutionOutput, error) {
	if err := service.OnlyFields(c, "DocumentName", "Parameters", "ClientToken"); err != nil {
		return nil, err
	}
	a := s.account(c.Account.ID)
	d := a.document(aws.ToString(in.DocumentName), true)
	if d == nil {
		return nil, &types.AutomationDefinitionNotFoundException{Message: aws.String("Automation definition " + aws.ToString(in.DocumentName) + " not found.")}
	}
	if in.ClientToken != nil {
		if x := a.automation[*in.ClientToken]; x != nil {
			return &sdk.StartAutomationExecutionOutput{AutomationExecutionId: aws.String(x.id)}, nil
		}
	}
	x := &automation{run: s.start(d, in.Parameters), by: c.Caller.String()}
	if in.ClientToken != nil {
		x.id = *in.ClientToken // AWS takes the token as the execution's id
	}
	a.automation[x.id] = x
	return &sdk.StartAutomationExecutionOutput{AutomationExecutionId: aws.String(x.id)}, nil
}

func (s *Service) getAutomation(c *awsworld.Call, in *sdk.GetAutomationExecutionInput) (*sdk.GetAutomationExecutionOutput, error) {
	x := s.account(c.Account.ID).automation[aws.ToString(in.AutomationExecutionId)]
	if x == nil {
		return nil, &types.AutomationExecutionNotFoundException{Message: aws.String("There is no automation execution " + aws.ToString(in.AutomationExecutionId))}
	}
	out := &types.AutomationExecution{
		AutomationExecutionId: aws.String(x.id), DocumentName: aws.String(x.document.Name), AutomationExecutionStatus: types.AutomationExecutionStatusInprogress,
		ExecutionStartTime: aws.Time(x.began), ExecutedBy: aws.String(x.by), Parameters: x.parameters,
	}
	if !x.ended.IsZero() {
		out.AutomationExecutionStatus, out.ExecutionEndTime = types.AutomationExecutionStatusSuccess, aws.Time(x.ended)
		if x.document.Fails != "" {
			out.AutomationExecutionStatus, out.FailureMessage = types.AutomationExecutionStatusFailed, aws.String(x.document.Fails)
		}
	}
	return &sdk.GetAutomationExecutionOutput{AutomationExecution: out}, nil
}
