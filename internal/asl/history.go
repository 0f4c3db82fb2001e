package asl

import (
	"slices"
	"strings"
	"time"
)

// Event is one history event, as GetExecutionHistory lists them, with the
// details that a reader of a path needs.
type Event struct {
	ID       int64
	Previous int64 // 0 for the first
	Time     time.Time
	Type     string // such as TaskStateEntered
	Name     string // the state; for iterations the Map state
	Index    int    // of an iteration or a child
	Length   int    // items of a Map
	Resource string // of a task; the ARN of a map run
	Error    string
	Cause    string
}

// History is what an execution has done so far.
type History struct {
	events  []Event
	count   int
	entered []string
}

func (h *History) add(e Event) Event {
	h.count++
	e.ID = int64(h.count)
	h.events = append(h.events, e)
	if strings.HasSuffix(e.Type, "StateEntered") {
		h.entered = append(h.entered, e.Name)
	}
	return e
}

// Events are the events in order; nil after Compact. Do not change the slice.
func (h *History) Events() []Event { return h.events }

// Count is the number of events, which Compact does not change.
func (h *History) Count() int { return h.count }

// Compact forgets the events and keeps their count and the path: right for the
// finished children of a large Map.
func (h *History) Compact() { h.events, h.entered = nil, slices.Clip(h.entered) }

// Path are the names of the states in the order in which they were entered;
// branches and iterations are interleaved as they ran. A retry does not enter
// its state again.
func (h *History) Path() []string { return slices.Clone(h.entered) }

// CompactPath is Path with repeated stretches folded: "Wait ×3", or
// "(Copy → Done? → Wait) ×14".
func (h *History) CompactPath() []string { return foldPath(h.entered) }

// maxFold is the longest loop, in states, that is recognised.
const maxFold = 16

func foldPath(names []string) []string {
	var out []string
	for i := 0; i < len(names); {
		length, times := bestFold(names[i:])
		stretch := strings.Join(names[i:i+length], " → ")
		if times > 1 {
			if length > 1 {
				stretch = "(" + stretch + ")"
			}
			stretch += " ×" + itoa(times)
		}
		out = append(out, stretch)
		i += length * times
	}
	return out
}

// bestFold finds the repeated stretch at the start that covers most; the
// shortest of equals.
func bestFold(names []string) (length, times int) {
	length, times = 1, 1
	for n := 1; n <= min(maxFold, len(names)/2); n++ {
		r := 1
		for (r+1)*n <= len(names) && slices.Equal(names[:n], names[r*n:(r+1)*n]) {
			r++
		}
		if r > 1 && r*n > length*times {
			length, times = n, r
		}
	}
	return length, times
}
