package scale

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/dbferry/dbferry/internal/rehearsal"
)

// Row is one size in the table.
type Row struct {
	Counts
	Modelled  bool // a straight line through two rehearsed sizes
	Simulated time.Duration
	Wall      time.Duration
	Processor time.Duration // of all processors together
	Memory    uint64        // bytes; the most that the process had from the system
}

// Sizes writes what refreshes of several sizes need.
func Sizes(w io.Writer, rows []Row) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "tables\ttransitions\tmost events\tof 25,000\tinvocations\tS3 reads\tS3 writes\tStep Functions\tLambda\tS3\tsimulated\twall\tprocessor\tmemory\t")
	for _, r := range rows {
		states, lambda, s3 := r.Price()
		measured := fmt.Sprintf("%s\t%s\t%s\t%d MiB", r.Simulated.Round(time.Minute), r.Wall.Round(time.Second/10), r.Processor.Round(time.Second/10), r.Memory>>20)
		if r.Modelled {
			measured = "computed\t-\t-\t-"
		}
		fmt.Fprintf(t, "%d\t%d\t%d\t%.1f %%\t%d\t%d\t%d\t$%.3f\t$%.3f\t$%.3f\t%s\t\n", r.Tables, r.Transitions, r.Events, float64(r.Events)/250,
			r.Invocations, r.Reads, r.Writes, states, lambda, s3, measured)
	}
	t.Flush()
}

// Ratio is an end-to-end time beside the critical path of AWS's jobs.
type Ratio struct {
	Name  string
	Time  time.Duration
	Ratio float64
}

// Ratios compares dbferry's own run, with everything that it does between the
// jobs, with how long the same jobs take when others wait for them.
func Ratios(r *rehearsal.Result) []Ratio {
	ratio := func(d time.Duration) float64 { return float64(d) / float64(r.CriticalPath) }
	out := []Ratio{{"AWS's jobs alone", r.CriticalPath, 1}, {"dbferry, everything included", r.Duration, ratio(r.Duration)}}
	for _, p := range Others {
		d := EndToEnd(r.Waits, p)
		out = append(out, Ratio{p.Name, d, ratio(d)})
	}
	return out
}

// Waiting writes them.
func Waiting(w io.Writer, ratios []Ratio) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range ratios {
		fmt.Fprintf(t, "%s\t%s\t%.3f\n", r.Name, r.Time.Round(time.Second), r.Ratio)
	}
	t.Flush()
}
