package rehearsal

import (
	"fmt"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/refresh"
)

// differences are those that the candidate's record names; none without one.
func (s *stage) differences(t config.Target, refreshID string) ([]Difference, error) {
	raw, ok := s.s3.Object(s.config.Place(t).Ledger(), refresh.CandidateKey(refreshID))
	if !ok {
		return nil, nil
	}
	c, err := refresh.ParseCandidate(raw)
	if err != nil {
		return nil, fmt.Errorf("the candidate that was recorded: %w", err)
	}
	var out []Difference
	for _, it := range c.Items {
		for _, d := range it.Differences {
			out = append(out, Difference{it.Source, d.Setting, d.Production, d.Here, d.Why})
		}
	}
	return out, nil
}
