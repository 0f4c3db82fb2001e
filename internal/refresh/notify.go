package refresh

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

// Notified is the output of notify.
type Notified struct {
	Status string `json:"status"`
}

type notify struct {
	step
	sns *sns.Client
}

// NewNotify builds notify: one message per end of an execution, readable as
// mail and in a chat. The message is sent again only if recording that it was
// sent failed.
func NewNotify(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	s := &notify{step: newStep(rt), sns: sns.NewFromConfig(rt.AWS)}
	return func(ctx context.Context, raw []byte) ([]byte, error) {
		end, err := ParseEnd(raw)
		if err != nil {
			return nil, &fault.Error{Name: fault.BadRequest, Op: "read how the run ended", Cause: err}
		}
		if err := s.do(ctx, end); err != nil {
			return nil, err
		}
		return json.Marshal(Notified{Status: "DONE"})
	}, nil
}

func (s *notify) do(ctx context.Context, end End) error {
	end, err := s.complete(ctx, end)
	if err != nil {
		return err
	}
	key := strings.TrimSuffix(executionKey(end.Execution), ".json") + "-notified.json"
	if _, _, sent, err := s.ledger.Bytes(ctx, key); err != nil || sent {
		return err
	}
	cut, err := s.cutOffLine(ctx, end)
	if err != nil {
		return err
	}
	subject, body := message(end, s.Side, s.Config.Region, cut)
	if _, err := s.sns.Publish(ctx, &sns.PublishInput{TopicArn: aws.String(s.here.TopicARN()), Subject: &subject, Message: &body}); err != nil {
		return fault.AWS("send the notification", s.here.TopicARN(), err)
	}
	return s.ledger.Put(ctx, key, end)
}

// cutOffLine says how old the data is, when a manifest knows it.
func (s *notify) cutOffLine(ctx context.Context, end End) (string, error) {
	if end.RefreshID == "" {
		return "", nil
	}
	var m Manifest
	_, found, err := s.ledger.Get(ctx, manifestKey(end.RefreshID), &m)
	if err != nil || !found {
		return "", err
	}
	return fmt.Sprintf("Data as of %s to %s (UTC), %d item(s).",
		m.CutOff.NotBefore.Format("2006-01-02 15:04:05"), m.CutOff.NotAfter.Format("15:04:05"), len(m.Items)), nil
}

// message is the text of a notification. SNS takes subjects of at most 100
// ASCII characters.
func message(end End, side, region, cut string) (subject, body string) {
	what := end.RefreshID
	if what == "" {
		what = "a refresh"
	}
	subject = fmt.Sprintf("dbferry %s: %s (%s)", end.Verdict, what, side)
	lines := []string{fmt.Sprintf("%s: refresh %s for %s, in %s.", end.Verdict, what, end.Target, side)}
	if cut != "" {
		lines = append(lines, cut)
	}
	if end.Cause != "" {
		lines = append(lines, "", "Why: "+end.Cause)
	}
	lines = append(lines, "", "Next: "+next(end),
		"Execution: https://"+region+".console.aws.amazon.com/states/home?region="+region+"#/v2/executions/details/"+end.Execution)
	return subject, strings.Join(lines, "\n")
}

func next(end End) string {
	switch end.Verdict {
	case Succeeded:
		return "nothing."
	case Refused:
		return "nothing was begun. Mend what is named above and start again."
	case Failed:
		return fmt.Sprintf("what serves was not touched; recovery points expire, and what was restored stays in quarantine. Mend what is named above, then start the machine with {\"resume\":%q}.", end.RefreshID)
	}
	return "docs/operations.md has the steps."
}
