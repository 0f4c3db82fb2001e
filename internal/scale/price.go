package scale

import (
	"strings"

	"github.com/dbferry/dbferry/internal/rehearsal"
)

// Prices in US dollars, as listed for us-east-1 and most Regions (docs/aws.md
// §10, §14). Free tiers are left out; what AWS Backup, RDS and DynamoDB charge
// for the data is the same however one waits.
const (
	perTransition = 0.025 / 1000
	perInvocation = 0.20 / 1e6
	perGBSecond   = 0.0000133334 // arm64
	perWrite      = 0.005 / 1000 // S3: PUT, COPY, POST, LIST
	perRead       = 0.0004 / 1000
)

// Counts is what a refresh of one size needs.
type Counts struct {
	Tables      int
	Transitions int // billed by Step Functions
	Events      int // the most in the history of one execution, children included
	Invocations int // of Lambda
	GBSeconds   float64
	Reads       int // of S3
	Writes      int
}

// CountsOf reads them off a rehearsal.
func CountsOf(tables int, r *rehearsal.Result) Counts {
	c := Counts{Tables: tables, Invocations: r.Requests["Lambda.Invoke"], GBSeconds: r.GBSeconds}
	for _, e := range r.Executions {
		c.Transitions += e.Transitions
	}
	for _, l := range r.Limits {
		if l.What == "history events" {
			c.Events = max(c.Events, int(l.Used))
		}
	}
	for name, n := range r.Requests {
		switch {
		case name == "S3.PutObject", strings.HasPrefix(name, "S3.List"):
			c.Writes += n
		case strings.HasPrefix(name, "S3.Get"), strings.HasPrefix(name, "S3.Head"):
			c.Reads += n
		}
	}
	return c
}

// Price is what they cost.
func (c Counts) Price() (stepFunctions, lambda, s3 float64) {
	return float64(c.Transitions) * perTransition,
		float64(c.Invocations)*perInvocation + c.GBSeconds*perGBSecond,
		float64(c.Reads)*perRead + float64(c.Writes)*perWrite
}

// Model is a straight line through two sizes, for one that is too long to
// rehearse. The history of one execution does not grow with the number of
// tables, only with the time that one of them takes.
func Model(a, b Counts, tables int) Counts {
	line := func(x, y float64) float64 {
		return y + (y-x)/float64(b.Tables-a.Tables)*float64(tables-b.Tables)
	}
	whole := func(x, y int) int { return int(line(float64(x), float64(y)) + 0.5) }
	return Counts{
		Tables: tables, Events: max(a.Events, b.Events), GBSeconds: line(a.GBSeconds, b.GBSeconds),
		Transitions: whole(a.Transitions, b.Transitions), Invocations: whole(a.Invocations, b.Invocations),
		Reads: whole(a.Reads, b.Reads), Writes: whole(a.Writes, b.Writes),
	}
}
