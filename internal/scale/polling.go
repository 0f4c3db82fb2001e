package scale

import (
	"fmt"
	"time"

	"github.com/dbferry/dbferry/internal/rehearsal"
)

// Polling is a way of waiting for AWS's jobs: Next says when somebody who began
// to wait at began, and sees nothing but time, looks first at or after at.
// Times are counted from the start of the refresh.
type Polling struct {
	Name string
	Next func(began, at time.Duration) time.Duration
}

// Every looks in fixed intervals, counted from the beginning of each wait, as a
// state machine with a Wait of so many seconds does.
func Every(interval time.Duration) Polling {
	return Polling{Name: "fixed " + short(interval), Next: func(began, at time.Duration) time.Duration {
		laps := (at - began + interval - 1) / interval
		return began + max(laps, 1)*interval
	}}
}

// Sweep looks at everything when the clock strikes, as a scheduled function
// does; offset is when its schedule struck first after the start.
func Sweep(interval, offset time.Duration) Polling {
	return Polling{Name: "sweep " + short(interval), Next: func(_, at time.Duration) time.Duration {
		if at <= offset {
			return offset
		}
		return offset + (at-offset+interval-1)/interval*interval
	}}
}

// Others are how other tools wait: a scheduled function that sweeps over
// everything (its schedule strikes somewhere in its interval; the middle is
// taken), and state machines with a fixed Wait.
var Others = []Polling{
	Sweep(30*time.Minute, 15*time.Minute), Sweep(10*time.Minute, 5*time.Minute),
	Every(5 * time.Minute), Every(time.Minute), Every(30 * time.Second), Every(10 * time.Second),
}

func short(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return fmt.Sprintf("%d min", d/time.Minute)
}

// The order of an item's waits. Production's phases are barriers: all backups,
// then all copies; in the target each item goes on by itself.
const (
	phaseBackup = "backup"
	phaseCopy   = "copy"
)

// EndToEnd is how long the jobs of a run would have taken, one after the other
// as they depend on each other, had their ends been noticed by p: the jobs take
// as long as they did in the run, and everything else takes no time.
func EndToEnd(waits []rehearsal.Wait, p Polling) time.Duration {
	var now, end time.Duration
	for _, phase := range []string{phaseBackup, phaseCopy} {
		end = now
		for _, w := range waits {
			if w.Phase == phase && counts(w) {
				end = max(end, p.Next(now, now+w.Finished-w.Began))
			}
		}
		now = end
	}
	chain := map[string]time.Duration{}
	for _, w := range waits {
		if w.Phase == phaseBackup || w.Phase == phaseCopy || !counts(w) {
			continue
		}
		began, going := chain[w.Item]
		if !going {
			began = now
		}
		chain[w.Item] = p.Next(began, began+w.Finished-w.Began)
		end = max(end, chain[w.Item])
	}
	return end
}

// counts says whether anybody waited for it: work whose end nobody looked for
// held nobody up.
func counts(w rehearsal.Wait) bool { return w.Finished != 0 && w.Noticed != 0 }
