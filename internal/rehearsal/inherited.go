package rehearsal

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/refresh"
)

// inherited reads from the candidate what it has in place of the items that the
// refresh left out. Each must be there: a record that names what does not exist
// is not a success.
func (s *stage) inherited(t config.Target, o Outcome, r *Result) error {
	raw, ok := s.s3.Object(s.config.Place(t).Ledger(), "candidates/"+o.RefreshID+".json")
	if !ok {
		return nil
	}
	var c refresh.Candidate
	if err := json.Unmarshal(raw, &c); err != nil {
		return fmt.Errorf("the candidate that was recorded: %w", err)
	}
	for _, in := range c.Inherited {
		out := Inherited{Kind: string(in.Kind), Source: in.Source, Name: in.Name, RefreshID: in.RefreshID}
		if in.RefreshID != "" {
			out.DataAge = o.Ended.Sub(in.CutOff.NotBefore).Round(time.Millisecond)
			if !s.exists(t, in) {
				r.fail(fmt.Sprintf("the candidate inherits %s for %s, which does not exist in %s", in.Name, in.Source, t.Name))
			}
		}
		r.Inherited = append(r.Inherited, out)
	}
	return nil
}

func (s *stage) exists(t config.Target, in refresh.Inherited) bool {
	if in.Kind == refresh.Table {
		_, _, err := s.dynamodb.Checksum(t.Account, in.Name)
		return err == nil
	}
	_, err := s.databases.server(t.Account + "/" + in.Name)
	return err == nil
}
