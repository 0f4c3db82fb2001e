// Package report turns a rehearsal's Result into what people and programs read:
// the screen and JSON. It decides nothing.
package report

import (
	"encoding/json"
	"time"

	"github.com/dbferry/dbferry/internal/rehearsal"
)

// JSON keys are a contract: programs and benchmarks read them. Times are
// simulated seconds since the start.
type result struct {
	Target              string        `json:"target"`
	Verdict             string        `json:"verdict"`
	Cause               string        `json:"cause,omitempty"`
	RefreshID           string        `json:"refreshId"`
	Executions          []execution   `json:"executions"`
	Items               []item        `json:"items"`
	Differences         []difference  `json:"differences"`
	Carried             []carriedOver `json:"carried"`
	Waits               []wait        `json:"waits"`
	CutOffs             []cutOff      `json:"cutOffs"`
	CutOffSpreadSeconds float64       `json:"cutOffSpreadSeconds"`
	DataAgeSeconds      float64       `json:"dataAgeSeconds"`
	Inherited           []inherited   `json:"inherited"`
	Denials             []denial      `json:"denials"`
	Switch              *switched     `json:"switch"` // null when none was begun
	App                 any           `json:"app"`    // what the application noticed, as stagingapp.Report or rehearsal.AppReport; null when there is none
	Migration           *migration    `json:"migration,omitempty"`
	CriticalPathSeconds float64       `json:"criticalPathSeconds"`
	SimulatedSeconds    float64       `json:"simulatedSeconds"`
	Permissions         permissions   `json:"permissions"`
	SecretsLeaked       int           `json:"secretsLeaked"`
}

type execution struct {
	Machine          string  `json:"machine"`
	Account          string  `json:"account"`
	Status           string  `json:"status"`
	Error            string  `json:"error"`
	Events           int     `json:"events"`
	Transitions      int     `json:"transitions"`
	SimulatedSeconds float64 `json:"simulatedSeconds"`
}

type item struct {
	Source         string `json:"source"`
	Kind           string `json:"kind"`
	Target         string `json:"target"`
	RowsSource     int    `json:"rowsSource"`
	RowsTarget     int    `json:"rowsTarget"`
	ChecksumSource string `json:"checksumSource"`
	ChecksumTarget string `json:"checksumTarget"`
}

type carriedOver struct {
	Item     string   `json:"item"`
	Settings []string `json:"settings"`
}

type difference struct {
	Item       string `json:"item"`
	Setting    string `json:"setting"`
	Production string `json:"production"`
	Here       string `json:"here"`
	Why        string `json:"why"`
}

type wait struct {
	What       string   `json:"what"`
	FinishedAt float64  `json:"finishedAt"`
	NoticedAt  *float64 `json:"noticedAt"` // null when nobody looked any more
}

type cutOff struct {
	Item      string    `json:"item"`
	Kind      string    `json:"kind"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
}

type inherited struct {
	Kind           string   `json:"kind"`
	Source         string   `json:"source"`
	Name           string   `json:"name"`
	RefreshID      string   `json:"refreshId"`      // empty when no earlier refresh has it
	DataAgeSeconds *float64 `json:"dataAgeSeconds"` // null when no earlier refresh has it
}

type switched struct {
	Verdict            string   `json:"verdict"`
	Cause              string   `json:"cause,omitempty"`
	RefreshID          string   `json:"refreshId"`
	Previous           string   `json:"previous"` // empty when what served before was of no refresh
	SimulatedSeconds   float64  `json:"simulatedSeconds"`
	AWSModelledSeconds float64  `json:"awsModelledSeconds"`
	OursSeconds        float64  `json:"oursSeconds"`
	Moves              []string `json:"moves"`
}

type denial struct {
	Account  string `json:"account"`
	Who      string `json:"who"`
	Action   string `json:"action"`
	Resource string `json:"resource"`
	Why      string `json:"why"`
	Missing  string `json:"missing"`
	Fix      string `json:"fix"`
}

type permissions struct {
	Granted int      `json:"granted"`
	Used    int      `json:"used"`
	Unused  []string `json:"unused"`
}

// JSON renders the results of a rehearsal for programs: one object for the
// refresh of one target, {"refreshes":[…]} for those of several.
func JSON(results []*rehearsal.Result) ([]byte, error) {
	var out any
	if len(results) == 1 {
		out = render(results[0])
	} else {
		all := struct {
			Refreshes []result `json:"refreshes"`
		}{[]result{}}
		for _, r := range results {
			all.Refreshes = append(all.Refreshes, render(r))
		}
		out = all
	}
	raw, err := json.MarshalIndent(out, "", "  ")
	return append(raw, '\n'), err
}

func render(r *rehearsal.Result) result {
	out := result{
		Target: r.Target, Verdict: r.Verdict, Cause: r.Cause, RefreshID: r.RefreshID,
		Executions: []execution{}, Items: []item{}, Differences: []difference{}, Carried: []carriedOver{}, Waits: []wait{}, CutOffs: []cutOff{}, Inherited: []inherited{}, Denials: []denial{},
		CutOffSpreadSeconds: seconds(r.CutOffSpread), DataAgeSeconds: seconds(r.DataAge),
		CriticalPathSeconds: seconds(r.CriticalPath), SimulatedSeconds: seconds(r.Duration),
		Permissions:   permissions{Granted: r.Permissions.Granted, Used: r.Permissions.Used, Unused: r.Permissions.Unused},
		SecretsLeaked: len(r.SecretsLeaked),
	}
	if r.App != nil {
		out.App = r.App
	}
	if m := r.Migration; m != nil {
		out.App, out.Migration = m.Client, migrationOf(m)
	}
	if w := r.Switch; w != nil {
		out.Switch = &switched{w.Verdict, w.Cause, w.RefreshID, w.Previous, seconds(w.Duration), seconds(w.AWS), seconds(w.Duration - w.AWS), append([]string{}, w.Moves...)}
	}
	if out.Permissions.Unused == nil {
		out.Permissions.Unused = []string{}
	}
	for _, e := range r.Executions {
		out.Executions = append(out.Executions, execution{e.Machine, e.Account, e.Status, e.Error, e.Events, e.Transitions, seconds(e.Duration)})
	}
	for _, i := range r.Items {
		out.Items = append(out.Items, item{i.Source, i.Kind, i.Target, i.RowsSource, i.RowsTarget, i.ChecksumSource, i.ChecksumTarget})
	}
	for _, d := range r.Differences {
		out.Differences = append(out.Differences, difference(d))
	}
	for _, c := range r.Carried {
		out.Carried = append(out.Carried, carriedOver(c))
	}
	for _, w := range r.Waits {
		one := wait{What: w.What, FinishedAt: seconds(w.Finished)}
		if w.Noticed > 0 {
			s := seconds(w.Noticed)
			one.NoticedAt = &s
		}
		out.Waits = append(out.Waits, one)
	}
	for _, c := range r.CutOffs {
		out.CutOffs = append(out.CutOffs, cutOff(c))
	}
	for _, i := range r.Inherited {
		one := inherited{Kind: i.Kind, Source: i.Source, Name: i.Name, RefreshID: i.RefreshID}
		if i.RefreshID != "" {
			s := seconds(i.DataAge)
			one.DataAgeSeconds = &s
		}
		out.Inherited = append(out.Inherited, one)
	}
	for _, d := range r.Denials {
		out.Denials = append(out.Denials, denial{d.Account, d.Who, d.Action, d.Resource, d.Why, d.Missing, d.Fix})
	}
	return out
}

func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }
