package report

import (
	"fmt"
	"io"
	"time"

	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/stagingapp"
)

// moved shows what a switch did with each pointer.
func moved(w io.Writer, s *rehearsal.Switched) {
	if s == nil {
		return
	}
	if s.Verdict == rehearsal.VerdictSucceeded {
		fmt.Fprintf(w, "the application serves refresh %s, after %s: AWS's own changes %s, dbferry's share %s\n", s.RefreshID, short(s.Duration), short(s.AWS), short(s.Duration-s.AWS))
	} else {
		fmt.Fprintf(w, "the switch of the application to refresh %s ended %s after %s\n", s.RefreshID, s.Verdict, short(s.Duration))
	}
	for i, m := range s.Moves {
		if i == mostShown {
			fmt.Fprintf(w, "  and %d more\n", len(s.Moves)-i)
			break
		}
		fmt.Fprintf(w, "  %s\n", m)
	}
	if s.Previous != "" && s.Verdict == rehearsal.VerdictSucceeded {
		fmt.Fprintf(w, "  the way back: start the same machine with {\"refreshId\":%q}\n", s.Previous)
	}
	fmt.Fprintln(w)
}

// app shows what the application noticed of all this.
func app(w io.Writer, a *stagingapp.Report) {
	if a == nil {
		return
	}
	fmt.Fprintf(w, "the application called %d times: %d failed", a.Probes, a.Failed)
	if a.LongestOutage > 0 {
		fmt.Fprintf(w, "; its longest outage was %s (AWS's modelled time %s, dbferry's share %s)", fine(a.LongestOutage), fine(a.AWSModelled), fine(a.Ours))
	} else {
		fmt.Fprint(w, "; it noticed no outage")
	}
	fmt.Fprint(w, "\n\n")
}

// fine shows seconds with a digit after the point, for what is short.
func fine(seconds float64) string {
	if seconds >= 60 {
		return short(time.Duration(seconds * float64(time.Second)))
	}
	return fmt.Sprintf("%.1fs", seconds)
}
