package rehearsal

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// look lets the scenario's own eyes see the accounts.
func (s *stage) look() error {
	if s.scenario.Look == nil {
		return nil
	}
	var failed error
	seen := false
	s.w.Kernel.Go(func() {
		failed = s.scenario.Look(context.Background(), func(account string) aws.Config { return s.w.Config(s.w.GroundCaller(account)) })
		seen = true
	})
	if err := s.w.Kernel.Run(func() bool { return seen }, s.w.Now().Add(time.Hour)); err != nil {
		return err
	}
	return failed
}
