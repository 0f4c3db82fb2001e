package switchover

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/dbferry/dbferry/internal/fault"
)

// command sends a document to instances. Run Command has no token: a command
// whose id was lost is found again by its comment.
func (r hookRun) command(ctx context.Context) (state, error) {
	if r.began.ID == "" {
		id, err := r.sent(ctx)
		if err == nil && id == "" {
			id, err = r.send(ctx)
		}
		if err != nil {
			return state{}, err
		}
		r.began.ID = id
		return state{}, r.ledger.Put(ctx, r.key, r.began)
	}
	out, err := r.ssm.ListCommands(ctx, &ssm.ListCommandsInput{CommandId: &r.began.ID})
	if err != nil {
		return state{}, fault.AWS("look at the hook "+r.hook.Name, r.began.ID, err)
	}
	if len(out.Commands) == 0 {
		return state{}, nil // just sent: Systems Manager does not list it yet
	}
	return commandState(out.Commands[0]), nil
}

// commandState reads a command's end. A command that found no instance has the
// status Success, and only its details say so.
func commandState(c types.Command) state {
	switch c.Status {
	case types.CommandStatusPending, types.CommandStatusInProgress, types.CommandStatusCancelling:
		return state{}
	case types.CommandStatusSuccess:
		if details := aws.ToString(c.StatusDetails); details == "NoInstancesInTag" || c.TargetCount == 0 {
			return state{ended: true, nothing: true, result: "without an instance that carries the tag (" + details + ")"}
		}
		return state{ended: true, well: true, result: fmt.Sprintf("Success on %d instances", c.TargetCount)}
	}
	return state{ended: true, result: fmt.Sprintf("%s (%s): of %d instances %d have answered, %d of them with an error",
		c.Status, aws.ToString(c.StatusDetails), c.TargetCount, c.CompletedCount, c.ErrorCount)}
}

func (r hookRun) comment() string { return "dbferry " + r.token() }

// sent looks for the command among those of the document since it was intended.
func (r hookRun) sent(ctx context.Context) (string, error) {
	pages := ssm.NewListCommandsPaginator(r.ssm, &ssm.ListCommandsInput{Filters: []types.CommandFilter{
		{Key: types.CommandFilterKeyDocumentName, Value: &r.hook.Command.Document},
		{Key: types.CommandFilterKeyInvokedAfter, Value: aws.String(r.began.At.UTC().Add(-time.Minute).Format(time.RFC3339))},
	}})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return "", fault.AWS("look for the hook "+r.hook.Name, r.hook.Command.Document, err)
		}
		for _, c := range out.Commands {
			if aws.ToString(c.Comment) == r.comment() {
				return aws.ToString(c.CommandId), nil
			}
		}
	}
	return "", nil
}

func (r hookRun) send(ctx context.Context) (string, error) {
	c := r.hook.Command
	in := &ssm.SendCommandInput{
		DocumentName: &c.Document, Comment: aws.String(r.comment()),
		TimeoutSeconds: aws.Int32(int32(max(30, r.hook.Limit()*60))), // for an instance to begin with it
		Targets:        []types.Target{{Key: aws.String("tag:" + c.Tag.Key), Values: []string{c.Tag.Value}}},
	}
	if len(c.Commands) > 0 {
		in.Parameters = map[string][]string{"commands": c.Commands}
	}
	out, err := r.ssm.SendCommand(ctx, in)
	if err != nil {
		return "", fault.AWS("start the hook "+r.hook.Name, c.Document, err)
	}
	return aws.ToString(out.Command.CommandId), nil
}

func (r hookRun) cancelCommand(ctx context.Context) error {
	_, err := r.ssm.CancelCommand(ctx, &ssm.CancelCommandInput{CommandId: &r.began.ID})
	return err
}
