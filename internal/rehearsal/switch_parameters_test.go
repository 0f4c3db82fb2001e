package rehearsal_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	simulated "github.com/dbferry/dbferry/internal/awsworld/ssm"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/switchover"
)

// wanted are the values of both's parameters for a generation.
func (s *switcher) wanted(refreshID string) map[string]string {
	proxy, writer, _ := s.doors(refreshID)
	table := names.RestoredTable("shop-carts", refreshID)
	return map[string]string{
		"/staging/shop-carts/table": table,
		urlParameter:                "mysql://" + proxy + ":3306/shop?generation=" + refreshID,
		jsonParameter: fmt.Sprintf(`{"cluster":%q,"writer":%q,"arn":"arn:aws:dynamodb:eu-west-1:222222222222:table/%s"}`,
			names.RestoredCluster("shop-orders", refreshID), writer, table),
	}
}

// values wants all parameters to hold what they should for a generation. The new
// one is there only for what was switched to.
func (s *switcher) values(refreshID string) {
	s.t.Helper()
	for name, want := range s.wanted(refreshID) {
		if got, _ := s.Systems().Value("222222222222", name); got != want {
			s.t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if got, found := s.Systems().Value("222222222222", newParameter); found != (refreshID == latest) {
		s.t.Errorf("the new parameter is %q", got)
	}
}

// write is somebody at the Systems Manager console.
func (s *switcher) write(name, value string) {
	s.t.Helper()
	if err := s.Systems().PutParameter("222222222222", simulated.ParameterSpec{Name: name, Value: value}); err != nil {
		s.t.Error(err)
	}
}

// TestParameters: any template is filled, the history keeps what was there, and
// the record says which version that is.
func TestParameters(t *testing.T) {
	onBoth(t, func(s *switcher) {
		s.write(urlParameter, s.wanted(served)[urlParameter]) // version 2
		before := s.wanted(served)
		s.to(rehearsal.VerdictSucceeded, latest)
		s.values(latest)
		for _, m := range s.record().Moves {
			if m.Kind != switchover.Parameter || m.Absent {
				continue
			}
			out, err := ssm.NewFromConfig(s.AWS("222222222222")).GetParameterHistory(t.Context(), &ssm.GetParameterHistoryInput{Name: &m.Name})
			if err != nil || int(m.Version) != len(out.Parameters)-1 || *out.Parameters[m.Version-1].Value != before[m.Name] || m.From != before[m.Name] {
				t.Errorf("%s has version %d on record and this history: %+v, %v", m.Name, m.Version, out, err)
			}
		}
	})
}

// TestAParameterOfSomebodyElse is not overwritten, whenever it was changed; all
// others go back, and the operator is told which one is left.
func TestAParameterOfSomebodyElse(t *testing.T) {
	const theirs = "mysql://somewhere.else.internal/shop"
	onBoth(t, func(s *switcher) {
		for _, state := range []string{"Write the parameters", "Roll the services"} {
			s.AtEntry(entering("staging-switch", state), func(states.Step) { s.write(urlParameter, theirs) })
			r := s.to(refresh.NeedsOperator, latest)
			s.told(r, urlParameter, theirs, "somebody else moved it")
			for name, want := range s.wanted(served) {
				if name == urlParameter {
					want = theirs
				}
				if got, _ := s.Systems().Value("222222222222", name); got != want {
					t.Errorf("%s is %s, want %s", name, got, want)
				}
			}
			s.uses(served)
			s.leads(served, oldTTL)
			s.write(urlParameter, s.wanted(served)[urlParameter])
			s.start(rehearsal.VerdictSucceeded, map[string]bool{"undo": true})
			s.values(served)
		}
		s.parameterInTheSameMoment()
	})
}

// parameterInTheSameMoment cannot be kept from being overwritten, but it is
// told, with the version that holds it.
func (s *switcher) parameterInTheSameMoment() {
	s.World().Inject(fault(s.t, "staging-switch/-/Write the parameters/SSM.PutParameter=slow")[0])
	s.OnEnter(entering("staging-switch", "Write the parameters"), func() {
		s.must(nil, s.Sleep(10*time.Second))
		s.write("/staging/shop-carts/table", "theirs")
	})
	r := s.to(refresh.RolledBack, latest)
	s.told(r, "/staging/shop-carts/table", "somebody else wrote version", "get-parameter-history")
	s.values(served)
}
