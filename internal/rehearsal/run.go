package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Verdicts that the rehearsal gives by itself; others are the Error of the Fail
// state that ended a machine.
const (
	VerdictSucceeded = "Succeeded"
	VerdictFailed    = "Failed"
	VerdictRefused   = "Refused"
)

// Run rehearses a refresh of each of the scenario's targets, one after another
// in one world, as Rehearsal and Operator do it: it sets the scene, deploys the
// assembly, asks the target whether it is ready, starts production-backup as an
// operator would, waits until the restore has ended, and switches the target's
// application to it where the configuration says how. With Scenario.SwitchTo it
// rehearses a switch alone. The error says why no rehearsal could be held; how a
// rehearsal ended is in the Results, one a target.
func Run(ctx context.Context, sc Scenario) (results []*Result, err error) {
	started := sc.wall()
	r, err := Open(ctx, sc)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var outcomes []Outcome
	err = r.Play(ctx, func(o *Operator) error {
		for _, target := range r.targets() {
			out, err := o.perform(target)
			if err != nil {
				return err
			}
			outcomes = append(outcomes, out)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, out := range outcomes {
		one, err := r.Collect(ctx, out)
		if err != nil {
			return nil, err
		}
		one.Wall = sc.wall().Sub(started)
		results = append(results, one)
	}
	if hit := r.w.FaultsHit(); hit < len(sc.Faults) {
		return results, fmt.Errorf("%d of %d faults were never reached; --details prints the sites of a run", len(sc.Faults)-hit, len(sc.Faults))
	}
	return results, nil
}

// perform does what the scenario asks for with one target.
func (o *Operator) perform(target string) (Outcome, error) {
	if app := o.App(target); app != nil && !o.s.scenario.RefreshOnly {
		defer app.Watch()()
	}
	if o.s.scenario.SwitchTo != "" {
		return o.switchTo(target)
	}
	out, err := o.Refresh(target, o.s.scenario.input())
	if t, found := o.s.config.Target(target); err != nil || found != nil || out.Verdict != VerdictSucceeded || t.Switch == nil || o.s.scenario.RefreshOnly {
		return out, err
	}
	w, err := o.switchAfter(out)
	out.Switch = &w
	return out, err
}

// Rehearsal is one simulated world in which all stacks are deployed and
// production has its data. Close it.
type Rehearsal struct{ *stage }

// Open sets the scene, deploys, and fills production's databases.
func Open(ctx context.Context, sc Scenario) (*Rehearsal, error) {
	fill := func(s *stage) error { return s.fill(ctx) }
	serve := func(s *stage) error {
		s.clients = true
		return s.fillGenerations(ctx)
	}
	return open(ctx, sc, (*stage).setScene, (*stage).deploy, fill, serve)
}

// Close ends every process and server.
func (r *Rehearsal) Close() error { return r.close() }

// playLimit is how long a script may take, in simulated time: far longer than
// any number of refreshes, so that only a script that waits for nothing meets it.
const playLimit = 20 * Horizon

// Play lets an operator act out a script, and runs the clock until the script
// has ended. It is called once.
func (r *Rehearsal) Play(ctx context.Context, script func(*Operator) error) error {
	var failed error
	finished := false
	limit := r.w.Now().Add(playLimit)
	r.scheduler.Start(limit)
	r.w.Kernel.Go(func() {
		for _, step := range []func() error{
			func() error { return r.recordGenerations(context.Background()) }, r.startApps,
			func() error { return script(&Operator{s: r.stage, ctx: context.Background()}) },
		} {
			if failed = step(); failed != nil {
				break
			}
		}
		r.stopApps()
		r.stopWriters()
		finished = true
	})
	err := r.w.Kernel.Run(func() bool { return finished || r.broken != nil || ctx.Err() != nil }, limit)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case r.broken != nil:
		return r.broken
	case err != nil:
		return fmt.Errorf("the rehearsal's clock: %w", err)
	case failed != nil:
		return failed
	case !finished:
		return errors.New("nothing is left to happen, but the script has not ended; something waits for what never comes")
	}
	return nil
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

// targets are the names of the targets to refresh.
func (s *stage) targets() []string {
	if s.scenario.Target != AllTargets {
		return []string{s.target.Name}
	}
	var out []string
	for _, t := range s.config.Targets {
		out = append(out, t.Name)
	}
	return out
}

// Horizon is how long an operator waits for an end, in simulated time: as long
// as the machines' own backstop.
const Horizon = 7 * 24 * time.Hour
