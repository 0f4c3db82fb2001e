package switchover

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
)

// HookInput is what a Lambda hook is invoked with.
type HookInput struct {
	RefreshID string            `json:"refreshId"`
	Phase     Direction         `json:"phase"`
	Values    map[string]string `json:"values"` // parameters and records with their values in this phase
}

// hook finds a hook's configuration by the name in its move.
func (s *step) hook(name string) (config.Hook, error) {
	for _, h := range s.t.Switch.Hooks {
		if h.Name == name {
			return h, nil
		}
	}
	return config.Hook{}, fault.New(fault.BadRequest, "run the hook", name, "finish or undo the switch with the configuration that it began with", "the configuration has no such hook any more")
}

// runHook runs something of the user's once per direction and records how it
// ended. A hook whose reply was lost may be run again: hooks must bear that.
func (s *step) runHook(ctx context.Context, p *Plan, m Move, d Direction) (bool, error) {
	if d == Backward {
		if _, _, forward, err := s.ledger.Bytes(ctx, startedKey(p, m, Forward)); err != nil || !forward {
			return !forward, err
		}
	}
	h, err := s.hook(m.Name)
	if err != nil {
		return false, err
	}
	key := startedKey(p, m, d)
	b, err := s.intend(ctx, key, "")
	if err != nil || b.Done {
		return b.Done, err
	}
	ended, result, err := s.look(ctx, p, h, d, key, &b)
	if err != nil {
		return false, err
	}
	limit := time.Duration(h.Limit()) * time.Minute
	switch {
	case ended:
		b.Done, b.Result = true, result
		return true, s.ledger.Put(ctx, key, b)
	case s.Now().Sub(b.At) > limit:
		return false, fault.New(fault.DeadlineExceeded, "run the hook "+m.Name, m.Name, "look at what it does, or raise targets[].switch.hooks[].minutes", "not done after %s", limit)
	}
	return false, nil
}

// look starts a hook that has not been started, and says whether it has ended
// well; one that ended badly is an error.
func (s *step) look(ctx context.Context, p *Plan, h config.Hook, d Direction, key string, b *begun) (ended bool, result string, err error) {
	switch {
	case h.Function != "":
		return s.invoke(ctx, p, h, d)
	case h.Automation != "":
		return s.automation(ctx, p, h, d, key, b)
	case h.Command != nil:
		return s.command(ctx, p, h, d, key, b)
	}
	return s.window(ctx, h, b.At)
}

func (s *step) invoke(ctx context.Context, p *Plan, h config.Hook, d Direction) (bool, string, error) {
	payload, err := json.Marshal(HookInput{RefreshID: p.RefreshID, Phase: d, Values: p.values(d)})
	if err != nil {
		return false, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(h.Limit())*time.Minute)
	defer cancel()
	out, err := s.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: &h.Function, Payload: payload})
	if err != nil {
		return false, "", fault.AWS("invoke the hook "+h.Name, h.Function, err)
	}
	if out.FunctionError != nil {
		// What it answered is the user's and may hold anything: it is in its log.
		return false, "", hookFailed(h, h.Function, "it ended with an error ("+aws.ToString(out.FunctionError)+"); its log has the text")
	}
	return true, "returned", nil
}

// values are the pointers with their values, for a hook that wants to know.
func (p *Plan) values(d Direction) map[string]string {
	out := map[string]string{}
	for _, m := range p.of(Parameter, CNAME) {
		_, out[m.Name] = m.ends(d)
	}
	return out
}

func hookFailed(h config.Hook, resource, why string) error {
	return fault.New(fault.VerifyFailed, "run the hook "+h.Name, resource, "mend the hook, then start the switch again", "%s", why)
}

// automation runs an Automation document. Its client token makes AWS answer a
// second call with the same execution.
func (s *step) automation(ctx context.Context, p *Plan, h config.Hook, d Direction, key string, b *begun) (bool, string, error) {
	if b.ID == "" {
		out, err := s.ssm.StartAutomationExecution(ctx, &ssm.StartAutomationExecutionInput{
			DocumentName: &h.Automation, ClientToken: aws.String(token(p.ID, h.Name, string(d))),
			Parameters: map[string][]string{"RefreshId": {p.RefreshID}, "Phase": {string(d)}},
		})
		if err != nil {
			return false, "", fault.AWS("start the hook "+h.Name, h.Automation, err)
		}
		b.ID = aws.ToString(out.AutomationExecutionId)
		return false, "", s.ledger.Put(ctx, key, b)
	}
	out, err := s.ssm.GetAutomationExecution(ctx, &ssm.GetAutomationExecutionInput{AutomationExecutionId: &b.ID})
	if err != nil {
		return false, "", fault.AWS("look at the hook "+h.Name, b.ID, err)
	}
	switch st := out.AutomationExecution.AutomationExecutionStatus; st {
	case ssmtypes.AutomationExecutionStatusSuccess, ssmtypes.AutomationExecutionStatusCompletedWithSuccess:
		return true, string(st), nil
	case ssmtypes.AutomationExecutionStatusPending, ssmtypes.AutomationExecutionStatusInprogress, ssmtypes.AutomationExecutionStatusWaiting,
		ssmtypes.AutomationExecutionStatusScheduled, ssmtypes.AutomationExecutionStatusRunbookInprogress, ssmtypes.AutomationExecutionStatusCancelling:
		return false, "", nil
	default:
		return false, "", hookFailed(h, b.ID, "the automation ended "+string(st))
	}
}

// token is a UUID of a text, the form that SSM wants.
func token(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	h := hex.EncodeToString(sum[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32]
}

// command sends a document to instances. Run Command has no token: a command
// whose id was lost is found again by its comment.
func (s *step) command(ctx context.Context, p *Plan, h config.Hook, d Direction, key string, b *begun) (bool, string, error) {
	comment := "dbferry " + token(p.ID, h.Name, string(d))
	if b.ID == "" {
		id, err := s.sent(ctx, h, comment)
		if err == nil && id == "" {
			id, err = s.send(ctx, h, comment)
		}
		if err != nil {
			return false, "", err
		}
		b.ID = id
		return false, "", s.ledger.Put(ctx, key, b)
	}
	out, err := s.ssm.ListCommands(ctx, &ssm.ListCommandsInput{CommandId: &b.ID})
	if err != nil || len(out.Commands) == 0 {
		return false, "", fault.AWS("look at the hook "+h.Name, b.ID, err)
	}
	switch st := out.Commands[0].Status; st {
	case ssmtypes.CommandStatusSuccess:
		return true, string(st), nil
	case ssmtypes.CommandStatusPending, ssmtypes.CommandStatusInProgress, ssmtypes.CommandStatusCancelling:
		return false, "", nil
	default:
		return false, "", hookFailed(h, b.ID, "the command ended "+string(st))
	}
}

func (s *step) sent(ctx context.Context, h config.Hook, comment string) (string, error) {
	out, err := s.ssm.ListCommands(ctx, &ssm.ListCommandsInput{Filters: []ssmtypes.CommandFilter{{Key: ssmtypes.CommandFilterKeyDocumentName, Value: &h.Command.Document}}})
	if err != nil {
		return "", fault.AWS("look for the hook "+h.Name, h.Command.Document, err)
	}
	for _, c := range out.Commands {
		if aws.ToString(c.Comment) == comment {
			return aws.ToString(c.CommandId), nil
		}
	}
	return "", nil
}

func (s *step) send(ctx context.Context, h config.Hook, comment string) (string, error) {
	in := &ssm.SendCommandInput{
		DocumentName: &h.Command.Document, Comment: &comment, TimeoutSeconds: aws.Int32(int32(max(30, h.Limit()*60))),
		Targets: []ssmtypes.Target{{Key: aws.String("tag:" + h.Command.Tag.Key), Values: []string{h.Command.Tag.Value}}},
	}
	if len(h.Command.Commands) > 0 {
		in.Parameters = map[string][]string{"commands": h.Command.Commands}
	}
	out, err := s.ssm.SendCommand(ctx, in)
	if err != nil {
		return "", fault.AWS("start the hook "+h.Name, h.Command.Document, err)
	}
	return aws.ToString(out.Command.CommandId), nil
}

// window waits for a maintenance window, which nobody can start by a call: its
// first execution after the pointers have moved must succeed.
func (s *step) window(ctx context.Context, h config.Hook, since time.Time) (bool, string, error) {
	out, err := s.ssm.DescribeMaintenanceWindowExecutions(ctx, &ssm.DescribeMaintenanceWindowExecutionsInput{
		WindowId: &h.MaintenanceWindow,
		Filters:  []ssmtypes.MaintenanceWindowFilter{{Key: aws.String("ExecutedAfter"), Values: []string{since.UTC().Format(time.RFC3339)}}},
	})
	if err != nil {
		return false, "", fault.AWS("look at the maintenance window of "+h.Name, h.MaintenanceWindow, err)
	}
	all := out.WindowExecutions
	slices.SortFunc(all, func(a, b ssmtypes.MaintenanceWindowExecution) int {
		return aws.ToTime(a.StartTime).Compare(aws.ToTime(b.StartTime))
	})
	if len(all) == 0 {
		return false, "", nil
	}
	switch st := all[0].Status; st {
	case ssmtypes.MaintenanceWindowExecutionStatusSuccess:
		return true, string(st), nil
	case ssmtypes.MaintenanceWindowExecutionStatusPending, ssmtypes.MaintenanceWindowExecutionStatusInProgress, ssmtypes.MaintenanceWindowExecutionStatusCancelling:
		return false, "", nil
	default:
		return false, "", hookFailed(h, h.MaintenanceWindow, "its execution ended "+string(st))
	}
}
