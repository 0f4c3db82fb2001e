package scale_test

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/scale"
)

// Bounds of the rehearsal of a thousand tables. The clock counts unless others
// use the machine at the same time: then processor time does, which is never
// less than the clock shows on a machine of one's own.
const (
	mostTime   = time.Minute
	mostMemory = 1 << 30
	mostOff    = 0.03 // that a straight line may be, where it is known better
)

// BenchmarkWaiting compares ways of waiting for the very same jobs.
func BenchmarkWaiting(b *testing.B) {
	for b.Loop() {
		ratios = scale.Ratios(rehearse(b, rehearsal.Scenario{Tables: 10, Seed: 1}))
	}
	for _, r := range ratios[1:] {
		b.ReportMetric(r.Ratio, strings.NewReplacer(" ", "-", ",", "").Replace(r.Name)+"/jobs")
	}
	if own := ratios[1]; own.Ratio > mostRatio {
		b.Errorf("dbferry: %.4f, at most %.2f are promised", own.Ratio, mostRatio)
	}
}

// BenchmarkRefresh rehearses one refresh of one cluster and many tables. 600 and
// 1,000 give the line on which 10,000 is computed: they are waited for at the
// same pace.
func BenchmarkRefresh(b *testing.B) {
	for _, tables := range []int{10, 100, 600, 1000} {
		b.Run(fmt.Sprintf("tables=%d", tables), func(b *testing.B) {
			row := scale.Row{Counts: scale.Counts{Tables: tables}}
			for b.Loop() {
				started, used := time.Now(), processor(b)
				r := rehearse(b, rehearsal.Scenario{Tables: tables, Seed: 1})
				row.Wall, row.Processor = time.Since(started), processor(b)-used
				row.Simulated, row.Counts = r.Duration, scale.CountsOf(tables, r)
				for _, l := range highest(r.Limits) {
					check(b, l)
				}
				noticedInTime(b, r)
			}
			report(b, &row)
			if min(row.Wall, row.Processor) > mostTime || row.Memory > mostMemory {
				b.Errorf("%d tables took %s (%s of processors) and %d MiB, at most %s and %d MiB are promised", tables, row.Wall, row.Processor, row.Memory>>20, mostTime, mostMemory>>20)
			}
			rows = append(rows, row)
		})
	}
	if len(rows) < 4 {
		return // -bench chose some of them
	}
	small, middle, large := rows[1].Counts, rows[2].Counts, rows[3].Counts
	if off := float64(scale.Model(small, middle, large.Tables).Transitions)/float64(large.Transitions) - 1; off < -mostOff || off > mostOff {
		b.Errorf("the line through %d and %d tables is %.1f %% off at %d: nothing can be computed from it", small.Tables, middle.Tables, 100*off, large.Tables)
	}
	rows = append(rows, scale.Row{Counts: scale.Model(middle, large, 10_000), Modelled: true})
}

// processor is the time that all processors have worked for this process.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func report(b *testing.B, row *scale.Row) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	row.Memory = m.Sys // never shrinks: the most so far
	states, lambda, s3 := row.Price()
	b.ReportMetric(float64(row.Transitions), "transitions")
	b.ReportMetric(float64(row.Events), "events")
	b.ReportMetric(states, "$-states")
	b.ReportMetric(lambda, "$-lambda")
	b.ReportMetric(s3, "$-s3")
	b.ReportMetric(float64(m.Sys>>20), "MiB")
	b.ReportMetric(row.Processor.Seconds(), "processor-s")
}
