package rds

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// switchover answers at once; docs/migration.md §1.11 is the order of what
// follows.
func (s *Service) switchover(c *awsworld.Call, in *rds.SwitchoverBlueGreenDeploymentInput) (*rds.SwitchoverBlueGreenDeploymentOutput, error) {
	if err := service.OnlyFields(c, "BlueGreenDeploymentIdentifier", "SwitchoverTimeout"); err != nil {
		return nil, err
	}
	d, err := s.findDeployment(c.Account.ID, in.BlueGreenDeploymentIdentifier)
	if err != nil {
		return nil, err
	}
	timeout := int32(300)
	if in.SwitchoverTimeout != nil {
		timeout = *in.SwitchoverTimeout
	}
	if timeout < 30 || timeout > 3600 {
		return nil, invalidValue("SwitchoverTimeout must be between 30 and 3600 seconds, not %d.", timeout)
	}
	if err := s.switchable(d); err != nil {
		return nil, err
	}
	d.details = ""
	s.turn(d, switching)
	d.mark(deploymentReady)
	s.w.Kernel.Go(func() { s.runSwitchover(d, time.Duration(timeout)*time.Second) })
	v := s.deploymentView(d)
	return &rds.SwitchoverBlueGreenDeploymentOutput{BlueGreenDeployment: &v}, nil
}

// switchable: every member must be there and available, which the deployment's
// own status does not tell (docs/migration.md §1.8).
func (s *Service) switchable(d *deployment) error {
	if d.status != deploymentReady && d.status != switchFailed {
		return deploymentState("Blue/green deployment %s is not in available state: its status is %s.", d.id, d.status)
	}
	for _, m := range d.members {
		if status := m.shows(); status == missingSource || status == missingTarget {
			arn, _ := m.source()
			return deploymentState("Blue/green deployment %s has the status %s for member %s.", d.id, status, arn)
		}
		for _, i := range []*instance{m.blue, m.green} {
			if i != nil && i.status != available {
				return deploymentState("DB instance %s is not in available state: its status is %s.", i.ID, i.status)
			}
		}
	}
	for _, c := range []*cluster{d.blue, d.green} {
		if c.status != available {
			return deploymentState("DB cluster %s is not in available state: its status is %s.", c.ID, c.status)
		}
	}
	return nil
}

// changeover is a switchover under way.
type changeover struct {
	s        *Service
	d        *deployment
	deadline time.Time
	from     string // names at its begin
	to       string
	stopped  time.Time // when writes were stopped
	undo     func()    // gives the names back
}

func (s *Service) runSwitchover(d *deployment, timeout time.Duration) {
	x := &changeover{s: s, d: d, deadline: s.w.Now().Add(timeout), from: d.blue.ID, to: d.green.ID}
	s.w.Waits.Begin(d.arn+"/switchover", awsworld.Wait{What: "switchover of " + d.blue.ID, Item: d.blue.origin, Phase: "switchover"})
	defer s.w.Waits.Finish(d.arn + "/switchover")
	s.announce(d, "RDS-EVENT-0247", "notification", "Switchover from %s to %s started.", x.from, x.to)
	s.announce(d, "RDS-EVENT-0259", "notification", "Switchover from DB cluster %s to %s started.", x.from, x.to)
	if !x.sleep(s.Timing.SwitchGuard) {
		return
	}
	if why := s.guard(d, timeout); why != "" {
		x.cancel(why)
		return
	}
	d.mark(switching)
	if !x.sleep(s.Timing.SwitchPrepare) {
		return
	}
	if why := x.stopAndDrain(); why != "" {
		x.rollBack(why)
		return
	}
	x.swapNames()
	if !x.sleep(s.Timing.SwitchRename) {
		return
	}
	if s.w.Now().After(x.deadline) {
		x.rollBack(timedOut)
		return
	}
	x.open()
	x.settle()
}

func (x *changeover) sleep(r Range) bool { return x.s.nap(x.d, x.d.epoch, r.draw(x.s.w)) }

func (s *Service) announce(d *deployment, id, category, format string, args ...any) {
	s.emit(d.account.id, d.arn, event{id, category, fmt.Sprintf(format, args...)})
}

const timedOut = "the switchover did not finish within its timeout"

// stopAndDrain stops writes on both sides, cuts connections off and waits
// until green has everything; it says why it could not.
func (x *changeover) stopAndDrain() string {
	s, d := x.s, x.d
	x.stopped = s.w.Now()
	for _, c := range []*cluster{d.blue, d.green} {
		c.frozen = true
		s.applyAccess(c)
	}
	if !x.sleep(s.Timing.SwitchDrop) {
		return timedOut
	}
	d.blue.refusing, d.green.refusing = true, true
	if d.blue.trouble.Stalls > 0 {
		d.blue.trouble.Stalls--
		s.hold(d.green, true)
	}
	for d.green.held() || s.behindBy(d.green) > 0 {
		if !s.w.Now().Before(x.deadline) || !s.nap(d, d.epoch, 250*time.Millisecond) {
			s.hold(d.green, false)
			return timedOut
		}
	}
	caughtUp := true
	s.rows("catch-up of "+d.green.ID, func(r Replicas) (err error) {
		caughtUp, err = r.CatchUp(context.Background(), d.green.dbKey())
		return err
	})
	if !caughtUp {
		return timedOut
	}
	return ""
}

// swapNames gives green blue's names; DNS follows later.
func (x *changeover) swapNames() {
	s, d := x.s, x.d
	blueLater, greenLater := s.Timing.SwitchDNS.draw(s.w), s.Timing.SwitchGreenDNS.draw(s.w)
	s.keepNames(d.blue, blueLater)
	s.keepNames(d.green, greenLater)
	x.undo = x.renameAll()
}

// renameAll makes every blue member -oldN and gives its name to the green one.
func (x *changeover) renameAll() (undo func()) {
	s, d, a := x.s, x.d, x.d.account
	var back []func()
	pair := func(blue, green string, taken func(string) bool, rename func(isBlue bool, to string)) {
		rename(true, oldName(blue, taken))
		rename(false, blue)
		back = append(back, func() { rename(false, green); rename(true, blue) })
	}
	for _, m := range d.members {
		switch m.kind {
		case "cluster":
			pair(d.blue.ID, d.green.ID, func(n string) bool { return a.clusters[n] != nil }, func(isBlue bool, to string) {
				s.renameCluster(map[bool]*cluster{true: d.blue, false: d.green}[isBlue], to)
			})
		case "db":
			m.greenWas = m.green.ID
			pair(m.blue.ID, m.green.ID, func(n string) bool { return a.instances[n] != nil }, func(isBlue bool, to string) {
				s.renameInstance(map[bool]*instance{true: m.blue, false: m.green}[isBlue], to)
			})
		case "cluster-endpoint":
			pair(m.blueE.id, m.greenE.id, func(n string) bool { return a.endpoints[n] != nil }, func(isBlue bool, to string) {
				a.renameEndpoint(map[bool]*customEndpoint{true: m.blueE, false: m.greenE}[isBlue], to)
			})
		}
	}
	return func() {
		for i := len(back) - 1; i >= 0; i-- {
			back[i]()
		}
	}
}

// open lets green, which is now production, be written to. Blue stays closed
// until the deployment is deleted.
func (x *changeover) open() {
	s, d := x.s, x.d
	at := s.unfollow(d.green)
	d.green.frozen, d.green.refusing, d.blue.refusing = false, false, false
	d.green.Tags = maps.Clone(d.blue.Tags)
	for _, m := range d.members {
		if m.kind == "db" {
			m.green.Tags = maps.Clone(m.blue.Tags)
		}
	}
	s.applyAccess(d.green)
	s.tellHosts(d.account)
	s.moveProxies(d)
	now := s.w.Now()
	s.outages = append(s.outages, Outage{Cluster: x.from, From: x.stopped, To: now, What: "switchover", ThroughIt: true})
	s.announceCoordinates(x, at)
}

// announceCoordinates: the event is filed under the name that green's writer
// had before (docs/migration.md §1.5).
func (s *Service) announceCoordinates(x *changeover, at LogPosition) {
	if x.d.green.Engine != AuroraMySQL {
		return
	}
	for _, m := range x.d.members {
		if m.kind != "db" || m.green.ID != x.d.green.writer {
			continue
		}
		s.emit(x.d.account.id, s.w.ARN("rds", x.d.account.id, "db:"+m.greenWas), event{"", "", fmt.Sprintf(
			"Binary log coordinates in green environment after switchover: file %s and position %d", at.File, at.Position)})
	}
}

// settle ends the switchover when DNS has followed.
func (x *changeover) settle() {
	s, d := x.s, x.d
	opened := s.w.Now()
	until := opened
	for _, n := range s.stale {
		if n.to == d.blue && n.until.After(until) {
			until = n.until
		}
	}
	s.outages = append(s.outages, Outage{Cluster: x.from, From: opened, To: until, What: "DNS"})
	if !s.nap(d, d.epoch, until.Sub(opened)) || !x.sleep(s.Timing.SwitchFinish) {
		return
	}
	s.tellHosts(d.account)
	s.turn(d, switched)
	d.mark(switched)
	s.announce(d, "RDS-EVENT-0260", "notification", "Switchover from DB cluster %s to %s completed. Renamed %s to %s and %s to %s.",
		x.from, x.to, x.from, d.blue.ID, x.to, d.green.ID)
	s.announce(d, "RDS-EVENT-0248", "notification", "Switchover completed on blue/green deployment.")
}

// rollBack gives blue everything back.
func (x *changeover) rollBack(why string) {
	s, d := x.s, x.d
	if x.undo != nil {
		x.undo()
		s.forgetNames(d.blue)
		s.forgetNames(d.green)
	}
	for _, c := range []*cluster{d.blue, d.green} {
		c.frozen, c.refusing = false, false
		s.applyAccess(c)
	}
	s.outages = append(s.outages, Outage{Cluster: x.from, From: x.stopped, To: s.w.Now(), What: "switchover", ThroughIt: true})
	x.cancel(why)
}

func (x *changeover) cancel(why string) {
	s, d := x.s, x.d
	d.details = "Switchover was canceled due to " + why + "."
	s.turn(d, switchFailed)
	d.mark(switchFailed)
	s.announce(d, "RDS-EVENT-0261", "failure", "Switchover from DB cluster %s to %s was canceled due to %s.", x.from, x.to, why)
	s.announce(d, "RDS-EVENT-0249", "failure", "Switchover canceled on blue/green deployment.")
}
