package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dbferry/dbferry/internal/rehearsal"
)

// Screen writes a result for a person. With details it adds the counters and
// the path of every execution.
func Screen(w io.Writer, r *rehearsal.Result, details bool) {
	if r.Migration != nil {
		migrationScreen(w, r, details)
		return
	}
	border(w, r)
	items(w, r)
	cutOffs(w, r)
	carried(w, r, details)
	differences(w, r, details)
	inheritance(w, r)
	moved(w, r.Switch)
	app(w, r.App)
	denials(w, r)
	verdict(w, r)
	if details {
		more(w, r)
	}
	tryNext(w, r)
}

// border shows what AWS did in each account, and the crossing as one line; a
// switch alone has the target's account alone.
func border(w io.Writer, r *rehearsal.Result) {
	wide := 58
	if !slices.ContainsFunc(r.Executions, func(e rehearsal.Execution) bool { return e.Machine == "production-backup" }) {
		wide = 0
	}
	row := func(at, left, right string) {
		if wide > 0 {
			left = fmt.Sprintf("%-*s │ ", wide, left)
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%9s  %s%s", at, left, right), " "))
	}
	line := func(at time.Duration, left, right string) { row(clock(at), left, right) }
	if wide > 0 {
		row("simulated", "PRODUCTION", strings.ToUpper(r.Target))
	} else {
		row("simulated", "", strings.ToUpper(r.Target))
	}
	crossed := false
	cross := func(until time.Duration) {
		for _, c := range r.Border {
			if !crossed && c.At <= until {
				crossed = true
				fmt.Fprintf(w, "%9s  %s\n", clock(c.At), "── "+c.What+" ──▶")
			}
		}
	}
	waits := slices.Clone(r.Waits)
	slices.SortStableFunc(waits, func(a, b rehearsal.Wait) int { return cmp.Compare(a.Finished, b.Finished) })
	for _, x := range waits {
		text := fmt.Sprintf("%s: AWS took %s", x.What, short(x.Finished-x.Began))
		if x.Noticed > 0 {
			text += fmt.Sprintf(", seen after %s", short(x.Noticed-x.Finished))
		}
		if x.Phase == "backup" || x.Phase == "copy" {
			line(x.Finished, text, "")
			continue
		}
		cross(x.Finished)
		line(x.Finished, "", text)
	}
	cross(r.Duration)
	fmt.Fprintln(w)
}

func items(w io.Writer, r *rehearsal.Result) {
	if len(r.Items) == 0 {
		return
	}
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(tw, "table\trows at cut-off\trows in %s\tchecksum\n", r.Target)
	shown, same := 0, 0
	for _, i := range r.Items {
		if i.Same() {
			if same++; shown >= mostShown {
				continue
			}
		}
		shown++
		word := "same"
		if !i.Same() {
			word = "DIFFERENT"
		}
		fmt.Fprintf(tw, "%s\t%d\t%d\t%s\n", i.Source, i.RowsSource, i.RowsTarget, word)
	}
	tw.Flush()
	if rest := len(r.Items) - shown; rest > 0 {
		fmt.Fprintf(w, "and %d more, all the same\n", rest)
	}
	fmt.Fprintln(w)
}

// mostShown is how many lines of a kind the screen holds; what differs is always
// shown, and --json has all.
const mostShown = 20

// cutOffs shows between which moments each item was cut off.
func cutOffs(w io.Writer, r *rehearsal.Result) {
	if len(r.CutOffs) == 0 {
		return
	}
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(tw, "item\tcut off (UTC) between\tand")
	for i, c := range r.CutOffs {
		if i == mostShown {
			break
		}
		fmt.Fprintf(tw, "%s %s\t%s\t%s\n", c.Kind, c.Item, c.NotBefore.UTC().Format(time.DateTime), c.NotAfter.UTC().Format(time.DateTime))
	}
	tw.Flush()
	if rest := len(r.CutOffs) - mostShown; rest > 0 {
		fmt.Fprintf(w, "and %d more\n", rest)
	}
	fmt.Fprintln(w)
}

// carried shows which settings that a restore loses are there again.
func carried(w io.Writer, r *rehearsal.Result, all bool) {
	list := r.Carried
	if !all {
		list = list[:min(len(list), shownDifferences)]
	}
	for _, c := range list {
		fmt.Fprintf(w, "%s, as in production again: %s\n", c.Item, strings.Join(c.Settings, ", "))
	}
	if more := len(r.Carried) - len(list); more > 0 {
		fmt.Fprintf(w, "and of %d more items, with --details or --json\n", more)
	}
	if len(list) > 0 {
		fmt.Fprintln(w)
	}
}

// shownDifferences is how many lines of either list stand on the screen without
// details.
const shownDifferences = 6

// differences shows which settings are not as in production, and why.
func differences(w io.Writer, r *rehearsal.Result, all bool) {
	if len(r.Differences) == 0 {
		return
	}
	list := r.Differences
	if !all {
		list = list[:min(len(list), shownDifferences)]
	}
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(tw, "setting that differs\tin production\tin staging\twhy")
	for _, d := range list {
		fmt.Fprintf(tw, "%s: %s\t%s\t%s\t%s\n", d.Item, d.Setting, d.Production, d.Here, d.Why)
	}
	tw.Flush()
	if more := len(r.Differences) - len(list); more > 0 {
		fmt.Fprintf(w, "and %d more, with --details or --json\n", more)
	}
	fmt.Fprintln(w)
}

// inheritance shows what stands for the items that a partial refresh left out.
func inheritance(w io.Writer, r *rehearsal.Result) {
	if len(r.Inherited) == 0 {
		return
	}
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(tw, "left out\tin its place\tof refresh\tdata age")
	for i, in := range r.Inherited {
		if i == mostShown {
			break
		}
		if in.RefreshID == "" {
			fmt.Fprintf(tw, "%s %s\tnothing: no earlier refresh has it\n", in.Kind, in.Source)
			continue
		}
		fmt.Fprintf(tw, "%s %s\t%s\t%s\t%s\n", in.Kind, in.Source, in.Name, in.RefreshID, short(in.DataAge))
	}
	tw.Flush()
	if rest := len(r.Inherited) - mostShown; rest > 0 {
		fmt.Fprintf(w, "and %d more\n", rest)
	}
	fmt.Fprintln(w)
}

func denials(w io.Writer, r *rehearsal.Result) {
	if r.Verdict == "Succeeded" {
		return
	}
	for _, d := range r.Denials {
		fmt.Fprintf(w, "refused by account %s: %s on %s\n  who:     %s\n  why:     %s\n", d.Account, d.Action, d.Resource, d.Who, d.Why)
		if d.Missing != "" {
			fmt.Fprintf(w, "  missing: %s\n", d.Missing)
		}
		fmt.Fprintf(w, "  fix:     %s\n\n", d.Fix)
	}
}

func verdict(w io.Writer, r *rehearsal.Result) {
	for _, e := range r.Executions {
		fmt.Fprintf(w, "%-38s %-14s %s  %s\n", e.Machine, e.Account, e.Status, e.Error)
	}
	fmt.Fprintf(w, "\n%s", r.Verdict)
	if r.RefreshID != "" {
		fmt.Fprintf(w, ": refresh %s", r.RefreshID)
	}
	fmt.Fprintf(w, ", %s simulated", short(r.Duration))
	if r.CriticalPath > 0 && r.Verdict == "Succeeded" && r.DataAge > 0 {
		fmt.Fprintf(w, " (AWS's own jobs %s, dbferry's share %s)", short(r.CriticalPath), short(r.Duration-r.CriticalPath))
	}
	fmt.Fprintln(w)
	if r.DataAge > 0 {
		fmt.Fprintf(w, "the oldest data is %s old; the cut-offs span at most %s\n", short(r.DataAge), short(r.CutOffSpread))
	}
	if r.Cause != "" && r.Verdict != "Succeeded" {
		fmt.Fprintf(w, "why: %s\n", r.Cause)
	}
	for _, l := range r.Left {
		fmt.Fprintf(w, "left behind: %s\n", l)
	}
	if len(r.SecretsLeaked) > 0 {
		fmt.Fprintf(w, "SECRETS LEAKED: %s\n", strings.Join(r.SecretsLeaked, "; "))
	}
}

func more(w io.Writer, r *rehearsal.Result) {
	fmt.Fprintf(w, "\ndetails: %d API calls, %d kernel events; permissions: %d granted, %d used\n", r.Calls, r.Events, r.Permissions.Granted, r.Permissions.Used)
	for _, e := range r.Executions {
		fmt.Fprintf(w, "  %s: %d history events, %d transitions, %s\n    %s\n", e.Machine, e.Events, e.Transitions, short(e.Duration), strings.Join(e.Path, " → "))
	}
	for _, site := range r.Sites {
		fmt.Fprintf(w, "  site: %s\n", site)
	}
	for _, u := range r.Permissions.Unused {
		fmt.Fprintf(w, "  not used: %s\n", u)
	}
}

func tryNext(w io.Writer, r *rehearsal.Result) {
	fmt.Fprintln(w)
	if r.Verdict == "Succeeded" {
		fmt.Fprintln(w, "try next: "+next(r))
		return
	}
	fmt.Fprintln(w, "try next: mend what is named above and rehearse again; docs/operations.md says what each end means")
}

// next is what may interest somebody whose rehearsal went well.
func next(r *rehearsal.Result) string {
	const lostCopy = `make rehearse ARGS="--fault 'production-backup/table/Copy the recovery point (table)/Backup.StartCopyJob=lost'"`
	const denied = `make rehearse-switch ARGS="--fault 'staging-switch/-/Write the parameters/SSM.PutParameter=deny'"`
	switch {
	case r.Switch == nil:
		return `make rehearse ARGS="--details"   or   ` + lostCopy
	case r.DataAge > 0:
		return `make rehearse-switch, the way back   or   ` + lostCopy
	}
	return `make rehearse-switch ARGS="--to latest"   or   ` + denied
}

func clock(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

func short(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%ds", int(d.Round(time.Second).Seconds()))
}
