package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdklambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/names"
)

// Verdicts that the rehearsal gives by itself; others are the Error of the Fail
// state that ended a machine.
const (
	VerdictSucceeded = "Succeeded"
	VerdictFailed    = "Failed"
	VerdictRefused   = "Refused"
)

// Run rehearses one refresh of the first target: it sets the scene, deploys the
// assembly, asks the target whether it is ready, starts production-backup as an
// operator would, and waits until the restore has ended. The error says why no
// rehearsal could be held; how a rehearsal ended is in the Result.
func Run(ctx context.Context, sc Scenario) (result *Result, err error) {
	started := sc.wall()
	s, err := newStage(ctx, sc)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.setScene(); err != nil {
		return nil, err
	}
	if err := s.deploy(); err != nil {
		return nil, err
	}
	if err := s.fill(ctx); err != nil {
		return nil, err
	}
	o, err := s.perform(ctx)
	if err != nil {
		return nil, err
	}
	r, err := s.collect(ctx, o)
	if err != nil {
		return nil, err
	}
	r.Sites = s.sites()
	r.Wall = sc.wall().Sub(started)
	if hit := s.w.FaultsHit(); hit < len(sc.Faults) {
		return r, fmt.Errorf("%d of %d faults were never reached; --details prints the sites of a run", len(sc.Faults)-hit, len(sc.Faults))
	}
	return r, nil
}

// sites lists where calls were made, in the form that a fault takes.
func (s *stage) sites() []string {
	var out []string
	for site, n := range s.w.Sites() {
		if site.Machine != "" {
			out = append(out, fmt.Sprintf("%s (%d)", site, n))
		}
	}
	slices.Sort(out)
	return out
}

// outcome is what the run itself gives, before anything is looked up.
type outcome struct {
	verdict, cause string
	began, ended   time.Time
	production     states.Report
	restore        *states.Report // the execution that did the work; nil when none began
}

// perform runs the kernel until the refresh has ended.
func (s *stage) perform(ctx context.Context) (outcome, error) {
	var o outcome
	var failed error
	finished := false
	limit := s.w.Now().Add(Horizon)
	s.scheduler.Start(limit)
	s.w.Kernel.Go(func() {
		o, failed = s.drive(context.Background())
		finished = true
	})
	// The last look may come after the horizon by what an operator takes.
	err := s.w.Kernel.Run(func() bool { return finished || s.broken != nil || ctx.Err() != nil }, limit.Add(time.Hour))
	switch {
	case ctx.Err() != nil:
		return o, ctx.Err()
	case s.broken != nil:
		return o, s.broken
	case err != nil:
		return o, fmt.Errorf("the rehearsal's clock: %w", err)
	case failed != nil:
		return o, failed
	case !finished:
		return o, errors.New("nothing is left to happen, but the refresh has not ended; a state waits for something that never comes")
	}
	return o, nil
}

// drive is the operator.
func (s *stage) drive(ctx context.Context) (outcome, error) {
	o := outcome{began: s.w.Now()}
	if problem := s.askReady(ctx); problem != "" {
		o.verdict, o.cause, o.ended = VerdictRefused, problem, s.w.Now()
		return o, nil
	}
	s.startWriters(ctx)
	o.began = s.w.Now()
	machine := s.config.ProductionPlace().MachineARN("production-backup", s.target.Name)
	arn, err := s.states.Start(machine, "rehearsal", []byte("{}"))
	if err != nil {
		return o, err
	}
	o.production, err = s.await(ctx, arn)
	s.stopWriters()
	if err != nil {
		return o, err
	}
	if o.production.Status != asl.Succeeded && s.scenario.Resume {
		if o.production, err = s.resume(ctx, machine); err != nil {
			return o, err
		}
	}
	if o.production.Status != asl.Succeeded {
		o.verdict, o.cause, o.ended = ended(o.production), o.production.Cause, o.production.Stop
		return o, s.settle(ctx)
	}
	return s.awaitRestore(ctx, o)
}

// askReady invokes staging-ready once, as the operator would.
func (s *stage) askReady(ctx context.Context) (problem string) {
	place := s.config.Place(s.target)
	client := sdklambda.NewFromConfig(s.w.Config(s.w.GroundCaller(s.target.Account)))
	out, err := client.Invoke(ctx, &sdklambda.InvokeInput{FunctionName: aws.String(place.FunctionARN("staging-ready")), Payload: []byte("{}")})
	switch {
	case err != nil:
		return "staging-ready could not be invoked: " + err.Error()
	case out.FunctionError != nil:
		return "staging-ready failed: " + string(out.Payload)
	}
	return ""
}

// lookEvery is how often the operator looks at the console.
const lookEvery = 10 * time.Second

// await waits for the end of an execution.
func (s *stage) await(ctx context.Context, arn string) (states.Report, error) {
	for s.w.Now().Before(s.w.Start().Add(Horizon)) {
		if r, ok := s.states.Execution(arn); ok && r.Status != asl.Running {
			return r, nil
		}
		if err := s.w.Kernel.Sleep(ctx, lookEvery); err != nil {
			return states.Report{}, err
		}
	}
	r, _ := s.states.Execution(arn)
	r.Error, r.Cause, r.Stop = VerdictFailed, fmt.Sprintf("it had not ended after %s", Horizon), s.w.Now()
	return r, nil
}

// awaitRestore waits for an execution of staging-restore and its end.
func (s *stage) awaitRestore(ctx context.Context, o outcome) (outcome, error) {
	for s.w.Now().Before(s.w.Start().Add(Horizon)) {
		if r := s.worker(); r != nil {
			if err := s.settle(ctx); err != nil {
				return o, err
			}
			o.restore = s.worker()
			if o.restore.Status != asl.Succeeded && s.scenario.Resume {
				again, err := s.resume(ctx, o.restore.MachineARN)
				if err != nil {
					return o, err
				}
				o.restore = &again
			}
			o.verdict, o.cause, o.ended = ended(*o.restore), o.restore.Cause, o.restore.Stop
			return o, nil
		}
		if err := s.w.Kernel.Sleep(ctx, lookEvery); err != nil {
			return o, err
		}
	}
	o.verdict, o.ended = VerdictFailed, s.w.Now()
	o.cause = fmt.Sprintf("production-backup succeeded, but staging-restore had not ended %s after the start", Horizon)
	return o, nil
}

// worker is the execution of staging-restore that did the work, once all have
// ended: both the event and the manifest start one, and the claim makes the
// second end at once.
func (s *stage) worker() *states.Report {
	var best *states.Report
	for _, r := range s.states.Executions(s.target.Account) {
		if r.MachineARN != s.config.Place(s.target).MachineARN("staging-restore", s.target.Name) {
			continue
		}
		if r.Status == asl.Running {
			return nil
		}
		if best == nil || r.Events+r.Children.Events > best.Events+best.Children.Events {
			best = &r
		}
	}
	return best
}

// settle lets what an end causes happen: the closing of the run, notifications
// and alarms.
func (s *stage) settle(ctx context.Context) error {
	return s.w.Kernel.Sleep(ctx, 2*time.Minute)
}

// resume continues the refresh in a new execution of a machine, as the
// notification of a failure tells the operator to.
func (s *stage) resume(ctx context.Context, machine string) (states.Report, error) {
	if err := s.settle(ctx); err != nil {
		return states.Report{}, err
	}
	arn, err := s.states.Start(machine, "rehearsal-resumed", fmt.Appendf(nil, `{"resume":%q}`, s.refreshID()))
	if err != nil {
		return states.Report{}, err
	}
	r, err := s.await(ctx, arn)
	if err != nil {
		return r, err
	}
	return r, s.settle(ctx)
}

// ended is the verdict of an execution.
func ended(r states.Report) string {
	switch {
	case r.Status == asl.Succeeded:
		return VerdictSucceeded
	case r.Error != "":
		return r.Error
	}
	return string(r.Status)
}

// refreshID is read from what the run left in production's ledger, as a run
// that failed has no output.
func (s *stage) refreshID() string {
	id := ""
	for _, key := range s.s3.Objects(s.config.ProductionPlace().Ledger()) {
		if rest, ok := strings.CutPrefix(key, "runs/"); ok {
			id, _, _ = strings.Cut(rest, "/")
		}
	}
	return id
}

// manifest is the manifest in the target's inbox.
func (s *stage) manifest(refreshID string) ([]byte, bool) {
	return s.s3.Object(s.config.Place(s.target).Inbox(), names.ManifestKey(refreshID))
}
