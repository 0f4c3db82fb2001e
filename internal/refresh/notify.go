package refresh

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
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
	if end, err = s.halfWay(ctx, end); err != nil {
		return err
	}
	key := strings.TrimSuffix(executionKey(end.Execution), ".json") + "-notified.json"
	if _, _, sent, err := s.ledger.Bytes(ctx, key); err != nil || sent {
		return err
	}
	cut, err := s.cutOffs(ctx, end)
	if err != nil {
		return err
	}
	o, err := s.switchOf(ctx, end.Execution)
	if err != nil {
		return err
	}
	subject, body := message(end, s.Side, s.Config.Region, cut, o)
	if _, err := s.sns.Publish(ctx, &sns.PublishInput{TopicArn: aws.String(s.here.TopicARN()), Subject: &subject, Message: &body}); err != nil {
		return fault.AWS("send the notification", s.here.TopicARN(), err)
	}
	return s.ledger.Put(ctx, key, end)
}

// cutOffs says how old the data of each item is, when a manifest knows it.
func (s *notify) cutOffs(ctx context.Context, end End) (string, error) {
	if end.RefreshID == "" {
		return "", nil
	}
	var m Manifest
	_, found, err := s.ledger.Get(ctx, manifestKey(end.RefreshID), &m)
	if err != nil || !found {
		return "", err
	}
	return describeCutOffs(m, s.Now()), nil
}

// mostItems is how many items a message names; SNS takes 256 KiB, a person less.
const mostItems = 20

// describeCutOffs is the consistency of a set in words: how far its cut-offs lie
// apart, how old it is, and both bounds of each item's cut-off.
func describeCutOffs(m Manifest, now time.Time) string {
	lines := []string{fmt.Sprintf("%d item(s); cut-offs (UTC) span %s; the oldest data is %s old.",
		len(m.Items), m.Spread().Round(time.Second), m.Age(now).Round(time.Second))}
	for i, it := range m.Items {
		if i == mostItems {
			lines = append(lines, fmt.Sprintf("  and %d more, in the manifest", len(m.Items)-mostItems))
			break
		}
		lines = append(lines, fmt.Sprintf("  %s %s: between %s and %s", it.Kind, it.ID,
			it.CutOff.NotBefore.UTC().Format(time.DateTime), it.CutOff.NotAfter.UTC().Format(time.DateTime)))
	}
	return strings.Join(lines, "\n")
}

// message is the text of a notification. SNS takes subjects of at most 100
// ASCII characters.
func message(end End, side, region, cut string, o *openSwitch) (subject, body string) {
	work := "refresh"
	if switching(end.Execution) {
		work = "switch to"
	}
	what := end.RefreshID
	if what == "" {
		what = "a refresh"
	}
	subject = fmt.Sprintf("dbferry %s: %s %s (%s)", end.Verdict, work, what, side)
	lines := []string{fmt.Sprintf("%s: %s %s for %s, in %s.", end.Verdict, work, what, end.Target, side)}
	if cut != "" {
		lines = append(lines, cut)
	}
	lines = append(lines, moved(end, o)...)
	if end.Cause != "" {
		lines = append(lines, "", "Why: "+end.Cause)
	}
	lines = append(lines, "", "Next: "+next(end, o),
		"Execution: https://"+region+".console.aws.amazon.com/states/home?region="+region+"#/v2/executions/details/"+end.Execution)
	return subject, strings.Join(lines, "\n")
}

// switching says whether an execution is of the machine that moves pointers.
func switching(execution string) bool {
	return strings.Contains(execution, ":"+names.Prefix+"-staging-switch-")
}

// moved lists what a switch has changed.
func moved(end End, o *openSwitch) []string {
	if o == nil || end.Verdict != Succeeded || o.Phase != "moved" {
		return nil
	}
	lines := []string{"", fmt.Sprintf("Changed, %d pointer(s):", len(o.Moves))}
	for i, m := range o.Moves {
		if i == mostItems {
			return append(lines, fmt.Sprintf("  and %d more, in switch/current.json of the ledger", len(o.Moves)-mostItems))
		}
		line := "  " + m.Kind + " " + m.Name
		if m.To != "" {
			line += ": " + orNothing(m.From) + " → " + m.To
		}
		lines = append(lines, line)
	}
	return lines
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// nextOfSwitch is what to do after a switch.
func nextOfSwitch(end End, o *openSwitch) string {
	switch {
	case end.Verdict == Succeeded && o != nil && o.Phase == "moved" && o.Previous != "":
		return fmt.Sprintf("nothing. The way back: start the machine with {\"refreshId\":%q}.", o.Previous)
	case end.Verdict == Succeeded:
		return "nothing."
	case end.Verdict == RolledBack:
		return fmt.Sprintf("applications use what they used before, proved. Mend what is named above, then start the machine with {\"refreshId\":%q}.", end.RefreshID)
	case end.Verdict == NeedsOperator:
		return fmt.Sprintf("pointers may be half-way. Read what is named above; then {\"undo\":true} puts everything back, {\"refreshId\":%q} finishes. docs/operations.md#needs-operator", end.RefreshID)
	}
	return fmt.Sprintf("what serves was not touched. Mend what is named above, then start the machine with {\"refreshId\":%q}.", end.RefreshID)
}

func next(end End, o *openSwitch) string {
	if switching(end.Execution) {
		return nextOfSwitch(end, o)
	}
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
