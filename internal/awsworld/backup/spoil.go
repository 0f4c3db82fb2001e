package backup

import "time"

// spoiled is a restore that the ground wants to fail half-way.
type spoiled struct{ account, source, message string }

// SpoilNextRestore makes the next restore in an account of a source resource (by
// its name) fail with a message after its new resource was made, which stays, as
// failed restores leave it.
func (s *Service) SpoilNextRestore(account, source, message string) {
	s.spoils = append(s.spoils, spoiled{account, source, message})
}

// spoil is the ground's failure of a restore, if there is one for it.
func (s *Service) spoil(j *restoreJob) error {
	for i, x := range s.spoils {
		if x.account == j.account && x.source == j.source.name {
			s.spoils = append(s.spoils[:i:i], s.spoils[i+1:]...)
			if err := s.w.Kernel.Sleep(j.scope, time.Minute); err != nil {
				return err
			}
			return failf("%s", x.message)
		}
	}
	return nil
}
