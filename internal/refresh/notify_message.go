package refresh

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/names"
)

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

// message is what people are told of an end.
func message(end End, side, region, cut string, differ []string, o *openSwitch) notice {
	work := "refresh"
	if switching(end.Execution) {
		work, cut, differ = "switch to", "", nil
	}
	what := end.RefreshID
	if what == "" {
		what = "a refresh"
	}
	n := notice{
		subject:  fmt.Sprintf("dbferry %s: %s (%s)", end.Verdict, strings.TrimPrefix(work+" "+what, "refresh "), side),
		headline: fmt.Sprintf("%s: %s %s for %s, in %s.", end.Verdict, work, what, end.Target, side),
		why:      end.Cause, next: next(end, side, o), thread: end.RefreshID, kind: end.Verdict, execution: end.Execution,
		link: "https://" + region + ".console.aws.amazon.com/states/home?region=" + region + "#/v2/executions/details/" + end.Execution,
	}
	if cut != "" {
		n.facts = append(n.facts, cut)
	}
	n.facts = append(n.facts, differ...)
	n.facts = append(n.facts, moved(end, o)...)
	return n
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
