package rehearsal

import (
	"fmt"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/refresh"
)

// compared takes from the candidate's record what differs and what does not;
// without one there is nothing to take.
func (s *stage) compared(t config.Target, r *Result) error {
	raw, ok := s.s3.Object(s.config.Place(t).Ledger(), refresh.CandidateKey(r.RefreshID))
	if !ok {
		return nil
	}
	c, err := refresh.ParseCandidate(raw)
	if err != nil {
		return fmt.Errorf("the candidate that was recorded: %w", err)
	}
	for _, it := range c.Items {
		if len(it.Carried) > 0 {
			r.Carried = append(r.Carried, Carried{it.Source, it.Carried})
		}
		for _, d := range it.Differences {
			r.Differences = append(r.Differences, Difference{it.Source, d.Setting, d.Production, d.Here, d.Why})
		}
	}
	return nil
}
