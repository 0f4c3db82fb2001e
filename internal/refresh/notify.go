package refresh

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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

// NewNotify builds notify: one message per end of an execution, and one per
// refresh that succeeded, readable as mail and in a chat. The message is sent
// again only if recording that it was sent failed.
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
	key := toldKey(end)
	if mine, err := s.take(ctx, key, end); err != nil || !mine {
		return err
	}
	record := told{End: end, At: s.Now().UTC(), Sent: true}
	if err := s.send(ctx, end); err != nil {
		// Let the next try send at once; if this is lost too, it waits for the lease.
		if e := s.ledger.Put(ctx, key, told{End: end}); e != nil {
			s.Log.Warn("lease not given back", "key", key, "err", e.Error())
		}
		return err
	}
	return s.ledger.Put(ctx, key, record)
}

// told is the record that people were told of an end, or are being told.
type told struct {
	End
	At   time.Time `json:"at"`
	Sent bool      `json:"sent"`
}

// tellLease is longer than the function may run: whoever took it longer ago and
// has not sent is dead. A stopped execution's function runs on beside the one
// that the rule starts, so two may want to tell the same end.
const tellLease = 2 * time.Minute

// take makes this call the one that tells; false when people were told already.
func (s *notify) take(ctx context.Context, key string, end End) (bool, error) {
	mine := told{End: end, At: s.Now().UTC()}
	if created, err := s.ledger.Create(ctx, key, mine); err != nil || created {
		return created, err
	}
	var there told
	ver, _, err := s.ledger.Get(ctx, key, &there)
	if err != nil || there.Sent {
		return false, err
	}
	if s.Now().Sub(there.At) >= tellLease {
		taken, err := s.ledger.Replace(ctx, key, ver, mine)
		if err != nil || taken {
			return taken, err
		}
	}
	return false, fault.New(fault.Unavailable, "send the notification", key, "", "another call is sending it, or died doing so")
}

func (s *notify) send(ctx context.Context, end End) error {
	cut, err := s.cutOffs(ctx, end)
	if err != nil {
		return err
	}
	differ, err := s.differenceLines(ctx, end)
	if err != nil {
		return err
	}
	o, err := s.switchOf(ctx, end.Execution)
	if err != nil {
		return err
	}
	subject, body := message(end, s.Side, s.Config.Region, cut, differ, o)
	_, err = s.sns.Publish(ctx, &sns.PublishInput{TopicArn: aws.String(s.here.TopicARN()), Subject: &subject, Message: &body})
	return fault.AWS("send the notification", s.here.TopicARN(), err)
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
	var c Candidate
	if _, _, err := s.ledger.Get(ctx, candidateKey(end.RefreshID), &c); err != nil {
		return "", err
	}
	lines := []string{describeCutOffs(m, s.Now())}
	if len(m.LeftOut) > 0 {
		lines = append(lines, describeLeftOut(m, c, s.Now()))
	}
	return strings.Join(lines, "\n"), nil
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

// differenceLines say, in a target, which settings are not as in production:
// how many, and the first few.
func (s *notify) differenceLines(ctx context.Context, end End) ([]string, error) {
	var c Candidate
	if end.Verdict != Succeeded || end.RefreshID == "" || s.Side == names.ProductionSide {
		return nil, nil
	}
	if _, _, err := s.ledger.Get(ctx, candidateKey(end.RefreshID), &c); err != nil {
		return nil, err
	}
	return tellDifferences(c.Items), nil
}

// toldDifferences is how many differences a notification spells out.
const toldDifferences = 5

// tellDifferences puts those that nobody asked for before those that the
// target's configuration asks for.
func tellDifferences(items []CandidateItem) []string {
	type told struct {
		rank int
		text string
	}
	var all []told
	for _, it := range items {
		for _, d := range it.Differences {
			all = append(all, told{rank(d), fmt.Sprintf("- %s, %s: %s in production, %s here (%s)", it.Source, d.Setting, d.Production, d.Here, d.Why)})
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b told) int { return a.rank - b.rank })
	lines := []string{"", fmt.Sprintf("%d setting(s) are not as in production:", len(all))}
	for _, t := range all[:min(len(all), toldDifferences)] {
		lines = append(lines, t.text)
	}
	if more := len(all) - toldDifferences; more > 0 {
		lines = append(lines, fmt.Sprintf("- and %d more, in the candidate's record in the ledger", more))
	}
	return lines
}

// describeLeftOut says what a partial refresh did not take and, once there is a
// candidate, what stands in its place and how old that is.
func describeLeftOut(m Manifest, c Candidate, now time.Time) string {
	if len(c.Inherited) == 0 {
		return fmt.Sprintf("%d item(s) of the data set left out: %s.", len(m.LeftOut), itemNames(m.LeftOut))
	}
	lines := []string{fmt.Sprintf("%d item(s) of the data set left out; in their place:", len(m.LeftOut))}
	for i, in := range c.Inherited {
		if i == mostItems {
			lines = append(lines, fmt.Sprintf("  and %d more, in the candidate's record", len(c.Inherited)-mostItems))
			break
		}
		if in.RefreshID == "" {
			lines = append(lines, fmt.Sprintf("  %s %s: nothing; no refresh has brought it yet", in.Kind, in.Source))
			continue
		}
		lines = append(lines, fmt.Sprintf("  %s %s: %s of refresh %s, %s old", in.Kind, in.Source, in.Name, in.RefreshID, now.Sub(in.CutOff.NotBefore).Round(time.Second)))
	}
	return strings.Join(lines, "\n")
}

// message is the text of a notification. SNS takes subjects of at most 100
// ASCII characters.
func message(end End, side, region, cut string, differ []string, o *openSwitch) (subject, body string) {
	work := "refresh"
	if switching(end.Execution) {
		work, cut, differ = "switch to", "", nil
	}
	what := end.RefreshID
	if what == "" {
		what = "a refresh"
	}
	subject = fmt.Sprintf("dbferry %s: %s (%s)", end.Verdict, strings.TrimPrefix(work+" "+what, "refresh "), side)
	lines := []string{fmt.Sprintf("%s: %s %s for %s, in %s.", end.Verdict, work, what, end.Target, side)}
	if cut != "" {
		lines = append(lines, cut)
	}
	lines = append(lines, differ...)
	lines = append(lines, moved(end, o)...)
	if end.Cause != "" {
		lines = append(lines, "", "Why: "+end.Cause)
	}
	lines = append(lines, "", "Next: "+next(end, side, o),
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

// next is what the operator does now; docs/operations.md has the same table.
func next(end End, side string, o *openSwitch) string {
	if switching(end.Execution) {
		return nextOfSwitch(end, o)
	}
	switch {
	case end.Verdict == Succeeded:
		return "nothing."
	case end.Verdict == Refused && side != names.ProductionSide && end.RefreshID != "":
		return fmt.Sprintf("nothing was begun. Mend what is named above, then start the machine with {\"refreshId\":%q}.", end.RefreshID)
	case end.Verdict == Refused:
		return "nothing was begun. Mend what is named above and start again with the same input."
	case end.Verdict == Failed:
		return fmt.Sprintf("what serves was not touched; recovery points expire, and what was restored stays in quarantine. Mend what is named above, then start the machine with {\"resume\":%q}.", end.RefreshID)
	}
	return "docs/operations.md has the steps."
}
