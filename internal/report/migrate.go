package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// migration is a migration for programs.
type migration struct {
	Cluster      string        `json:"cluster"`
	ID           string        `json:"id"`
	Phase        migrate.Phase `json:"phase"`
	From         string        `json:"from"`
	To           string        `json:"to"`
	Lane         migrate.Lane  `json:"lane"`
	PlanHash     string        `json:"planHash"`
	Warnings     []string      `json:"warnings"`
	Evidence     []evidence    `json:"evidence"`
	EvidenceHead string        `json:"evidenceHead"`
	Mails        []string      `json:"mails"`
	Costs        []string      `json:"costs"`
	Next         string        `json:"next"`
}

type evidence struct {
	Kind string  `json:"kind"`
	At   float64 `json:"at"` // simulated seconds since the plan
}

func migrationOf(m *rehearsal.Migrated) *migration {
	out := &migration{Cluster: m.Cluster, ID: m.Record.ID, Phase: m.Record.Phase, From: m.Record.Plan.From.Engine, To: m.Record.Plan.To.Engine, Lane: m.Record.Plan.Lane,
		PlanHash: m.Record.PlanHash, Warnings: append([]string{}, m.Record.Plan.Warnings...), Evidence: []evidence{}, EvidenceHead: m.Record.Evidence.Head, Mails: append([]string{}, m.Mails...), Costs: append([]string{}, m.Costs...), Next: m.Next}
	for _, e := range entriesOf(m) {
		out.Evidence = append(out.Evidence, evidence{e.Kind, seconds(e.At.Sub(m.Record.PlannedAt))})
	}
	return out
}

func entriesOf(m *rehearsal.Migrated) []migrate.Entry {
	entries, _, err := migrate.VerifyBundle(strings.NewReader(string(m.Evidence)))
	if err != nil {
		return nil // a run that was refused has none
	}
	return entries
}

// steps are the kinds of evidence in words, by their beginning.
var steps = []struct{ kind, text string }{
	{"plan-changed", "planned anew: other proxies lead to the cluster"}, {"plan", "planned: every check passed"}, {"green-built", "green is built"}, {"settled", "every member runs with its parameters"},
	{"verified", "green is proved: version, groups, lag, rows, queries"}, {"maintenance-on", "users are kept out"},
	{"switchover-asked", "approved; AWS is asked to switch over"}, {"switchover-rolled-back", "AWS has put everything back"}, {"switched", "AWS has switched over"},
	{"proved", "the new production is proved through every door"}, {"maintenance-off", "users get in"}, {"proxies-detached", "proxies are taken off the cluster"}, {"proxies-attached", "proxies lead to the cluster that serves"},
	{"way-back-opened", "the way back is open: the old cluster follows the new one"}, {"way-back-closed", "the way back is closed"}, {"way-back-complete", "writes are stopped, and the old cluster has every row"},
	{"returned", "the old cluster serves again, through every door"}, {"old-refuses-writes", "the old cluster refuses writes by itself"}, {"old-quarantined", "the old cluster is in quarantine"},
	{"retired", "the old cluster is gone, its final snapshot stays"}, {"abandoned", "green is removed, production is what it was"}, {"ended", "the execution has ended"},
}

// migrationScreen shows a migration to a person.
func migrationScreen(w io.Writer, r *rehearsal.Result, details bool) {
	m := r.Migration
	for _, line := range m.Plan {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintln(w)
	for _, e := range entriesOf(m) {
		for _, s := range steps {
			if strings.HasPrefix(e.Kind, s.kind) {
				fmt.Fprintf(w, "%9s  %s\n", clock(e.At.Sub(m.Record.PlannedAt)), s.text)
				break
			}
		}
	}
	if c := m.Client; c.Probes > 0 {
		fmt.Fprintf(w, "\na client wrote %d times: %d acknowledged, %d of them lost, %d refused\n", c.Probes, c.Acknowledged, c.Lost, c.Failed)
		if c.LongestOutageSeconds > 0 {
			fmt.Fprintf(w, "its longest outage was %s (AWS's modelled time %s, dbferry's share %s)\n", fine(c.LongestOutageSeconds), fine(c.AWSModelledSeconds), fine(c.OursSeconds))
		}
	}
	if n := m.Record.Evidence.Entries; n > 0 {
		fmt.Fprintf(w, "evidence: %d entries, hash of the last %s\n", n, m.Record.Evidence.Head)
	}
	fmt.Fprintln(w)
	denials(w, r)
	verdict(w, r)
	for _, c := range m.Costs {
		fmt.Fprintln(w, "costs: "+c)
	}
	if m.Next != "" {
		fmt.Fprintln(w, "next: "+m.Next)
	}
	if details {
		more(w, r)
	}
	fmt.Fprintf(w, "\ntry next: --mode plan, --lane none, --trouble %s\n", strings.Join(rehearsal.Troubles(), " | "))
}
