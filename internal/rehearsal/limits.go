package rehearsal

import (
	"fmt"
	"time"

	"github.com/dbferry/dbferry/internal/asl"
)

// Limit is a limit of AWS and how near a run came to it.
type Limit struct {
	Where      string // the machine, its children, or the function
	What       string
	Used, Most int64
}

// Share is the part of the limit that was used.
func (l Limit) Share() float64 { return float64(l.Used) / float64(l.Most) }

// String is for tests and messages.
func (l Limit) String() string {
	return fmt.Sprintf("%s: %s %d of %d (%.1f %%)", l.Where, l.What, l.Used, l.Most, 100*l.Share())
}

// invocations is how many functions an account runs at once by default.
const invocations = 1000

// limits are Step Functions' of every execution, and Lambda's of every function
// that ran (docs/aws.md §10, §14).
func (s *stage) limits() []Limit {
	var out []Limit
	for _, x := range s.states.Executions("") {
		children := "children of " + x.Machine
		out = append(out,
			Limit{x.Machine, "history events", int64(x.Events), asl.MaxEvents},
			Limit{x.Machine, "bytes of a payload", int64(x.Largest), asl.MaxPayload},
			Limit{x.Machine, "bytes of the definition", int64(x.Definition), asl.MaxDefinition},
			Limit{x.Machine, "duration in seconds", int64(x.Stop.Sub(x.Start) / time.Second), int64(asl.MaxRun / time.Second)},
		)
		if x.Children.Started > 0 {
			out = append(out,
				Limit{children, "at once", int64(x.Children.AtOnce), asl.MaxDistributed},
				Limit{children, "history events", int64(x.Children.MostEvents), asl.MaxEvents},
				Limit{children, "bytes of a payload", int64(x.Children.Largest), asl.MaxPayload},
			)
		}
	}
	return append(out, s.functionLimits()...)
}

func (s *stage) functionLimits() []Limit {
	type place struct{ account, name string }
	longest := map[place]time.Duration{}
	for _, run := range s.lambda.Invocations() {
		at := place{run.Account, run.Function}
		longest[at] = max(longest[at], run.Took)
	}
	var out []Limit
	for _, fn := range s.lambda.Functions() {
		if took, ran := longest[place{fn.Account, fn.Name}]; ran {
			out = append(out, Limit{fn.Name, "milliseconds of its time limit", took.Milliseconds(), fn.Timeout.Milliseconds()})
		}
	}
	for _, a := range s.w.Accounts() {
		if n := s.lambda.Busiest(a.ID); n > 0 {
			out = append(out, Limit{"account " + a.ID, "functions at once", int64(n), invocations})
		}
	}
	return out
}

// gbSeconds is what Lambda bills: the time of every run times its memory.
func (s *stage) gbSeconds() float64 {
	memory := map[string]float64{}
	for _, fn := range s.lambda.Functions() {
		memory[fn.Account+fn.Name] = float64(fn.MemoryMB) / 1024
	}
	var sum float64
	for _, run := range s.lambda.Invocations() {
		sum += memory[run.Account+run.Function] * run.Took.Seconds()
	}
	return sum
}
