package rehearsal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld/sns"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// story is one refresh under trouble, from the operator's first start to the
// end. The operator knows nothing but the mails, and does what they say.
type story struct {
	t     *testing.T
	r     *rehearsal.Rehearsal
	o     *rehearsal.Operator
	only  []string
	began time.Time
	read  int // mails read before
	acted []string
}

func begin(t *testing.T, r *rehearsal.Rehearsal, o *rehearsal.Operator, only []string) *story {
	return &story{t: t, r: r, o: o, only: only, began: o.Now(), read: len(o.Mails())}
}

// play starts the refresh and follows every mail that does not tell of a
// success, after the trouble has ended, until none is left.
func (s *story) play() error {
	if _, err := s.o.Start(s.o.BackupMachine("staging"), refresh.BackupInput{Only: s.only}); err != nil {
		return err
	}
	for range 40 {
		if err := s.quiet(); err != nil {
			return err
		}
		s.o.Heal()
		m, ok := s.next()
		if err := s.o.Sleep(time.Hour); err != nil || !ok {
			return err
		}
		if err := s.follow(m); err != nil {
			return err
		}
	}
	return errors.New("the operator does what the mails say and comes to no end: " + strings.Join(s.acted, "; "))
}

// quiet waits until nothing runs and nothing starts any more.
func (s *story) quiet() error {
	for still := 0; still < 2; {
		if err := s.o.Settle(); err != nil {
			return err
		}
		still++
		if s.o.States().Running() > 0 {
			still = 0
		}
	}
	return nil
}

// mails are those of this story that tell how a run ended.
func (s *story) mails() []sns.Message {
	var out []sns.Message
	for _, m := range s.o.Mails()[min(s.read, len(s.o.Mails())):] {
		if strings.HasPrefix(m.Subject, "dbferry ") {
			out = append(out, m)
		}
	}
	return out
}

// next is the first mail that asks for something and was not followed yet.
func (s *story) next() (sns.Message, bool) {
	asks := 0
	for _, m := range s.mails() {
		if strings.HasPrefix(m.Subject, "dbferry Succeeded") {
			continue
		}
		if asks++; asks > len(s.acted) {
			return m, true
		}
	}
	return sns.Message{}, false
}

var (
	inputOf     = regexp.MustCompile(`start the machine with (\{.*\})`)
	executionOf = regexp.MustCompile(`details/(\S+)`)
)

// follow does what a mail says next.
func (s *story) follow(m sns.Message) error {
	failed, ok := s.o.States().Execution(executionOf.FindStringSubmatch(m.Body)[1])
	if !ok {
		return fmt.Errorf("no such execution: %s", m.Body)
	}
	input := []byte(failed.Input)
	if given := inputOf.FindStringSubmatch(m.Body); given != nil {
		input = []byte(given[1])
	} else if !strings.Contains(m.Body, "start again with the same input") {
		return fmt.Errorf("the mail does not say what to do: %s", m.Body)
	}
	s.acted = append(s.acted, failed.Machine+" "+string(input))
	arn, err := s.o.Start(failed.MachineARN, input)
	if err != nil {
		return err
	}
	_, err = s.o.Await(arn)
	return err
}

// executions are the top-level ones of this story.
func (s *story) executions() []states.Report {
	var out []states.Report
	for _, x := range s.o.States().Executions("") {
		if !x.Start.Before(s.began) {
			out = append(out, x)
		}
	}
	return out
}

// outcome is the story's end as Collect takes it.
func (s *story) outcome(id string) rehearsal.Outcome {
	out := rehearsal.Outcome{Target: "staging", RefreshID: id, Verdict: rehearsal.VerdictSucceeded, Asked: s.began, Began: s.began, Ended: s.o.Now()}
	for _, x := range s.executions() {
		if x.Machine == "production-backup" {
			out.Production = x
		} else if x.Status == asl.Succeeded {
			out.Restore = &x
		}
	}
	return out
}

// record reads one object of a ledger; false when there is none.
func (s *story) record(account, key string, v any) bool {
	raw, ok := s.o.Objects().Object(s.ledger(account), key)
	if !ok {
		return false
	}
	if err := json.Unmarshal(raw, v); err != nil {
		s.t.Errorf("%s: %v", key, err)
	}
	return true
}

func (s *story) ledger(account string) string {
	c := s.o.Config()
	if account == c.Production.Account {
		return c.ProductionPlace().Ledger()
	}
	return c.Place(c.Targets[0]).Ledger()
}
