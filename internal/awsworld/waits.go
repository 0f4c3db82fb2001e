package awsworld

import (
	"slices"
	"time"
)

// Wait is one piece of asynchronous AWS work: when it began, when AWS was done
// with it, and when dbferry first saw that it was done.
type Wait struct {
	What     string // "copy of shop-orders"
	Item     string // the source resource it belongs to
	Phase    string // "backup", "copy", "restore", "settings", "instance", "password"
	Began    time.Time
	Finished time.Time
	Noticed  time.Time
}

// Waits collects them, by a key of the service's choosing (a job id, or an ARN
// with the kind of change).
type Waits struct {
	world *World
	byKey map[string]*Wait
	order []*Wait
}

// Begin notes that AWS started on something.
func (ws *Waits) Begin(key string, w Wait) {
	w.Began = ws.world.Now()
	ws.byKey[key] = &w
	ws.order = append(ws.order, &w)
}

// Finish notes that AWS is done with it, well or badly.
func (ws *Waits) Finish(key string) {
	if w := ws.byKey[key]; w != nil && w.Finished.IsZero() {
		w.Finished = ws.world.Now()
	}
}

// Notice notes that a caller saw the finished state. Services call it from
// their Describe operations whenever the answer shows the end.
func (ws *Waits) Notice(caller Caller, key string) {
	if caller.Ground {
		return
	}
	if w := ws.byKey[key]; w != nil && !w.Finished.IsZero() && w.Noticed.IsZero() {
		w.Noticed = ws.world.Now()
	}
}

// All lists the waits in the order in which they began.
func (ws *Waits) All() []Wait {
	out := make([]Wait, 0, len(ws.order))
	for _, w := range ws.order {
		out = append(out, *w)
	}
	return slices.Clip(out)
}
