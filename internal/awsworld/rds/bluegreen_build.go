package rds

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// interrupted is what a task answers when the deployment ended meanwhile.
const interrupted = "\x00"

// provision works the tasks off, one at a time.
func (s *Service) provision(d *deployment) {
	epoch := d.epoch
	s.w.Waits.Begin(d.arn, awsworld.Wait{What: "green of " + d.blue.ID, Item: d.blue.origin, Phase: "green"})
	if !s.nap(d, epoch, s.Timing.GreenBegin.draw(s.w)) {
		return
	}
	for _, t := range d.tasks {
		t.status = taskInProgress
		problem := t.do()
		if problem == interrupted || d.epoch != epoch {
			return
		}
		if problem != "" {
			t.status, d.details = taskFailed, problem
			s.turn(d, invalidDeployment)
			s.emit(d.account.id, d.arn, event{"RDS-EVENT-0245", "failure", "Creation of blue/green deployment failed because " + problem + "."})
			s.w.Waits.Finish(d.arn)
			return
		}
		t.status = taskCompleted
	}
	s.turn(d, deploymentReady)
	d.mark(deploymentReady)
	for _, m := range d.members {
		m.shown = true
	}
	s.w.Waits.Finish(d.arn)
	s.emit(d.account.id, d.arn, event{"RDS-EVENT-0244", "creation",
		"Blue/green deployment tasks completed. You can make more modifications to the green environment databases or switch over the deployment."})
	s.lateMember(d)
	s.beginTrouble(d)
}

// cloneBlue makes green from a clone of blue's volume, which then follows
// blue. Open transactions hold it up.
func (s *Service) cloneBlue(d *deployment) string {
	epoch, blue := d.epoch, d.blue
	if blue.trouble.CreateFails != "" {
		return blue.trouble.CreateFails
	}
	for told := false; s.work(blue).Writing > 0; told = true {
		if !told {
			s.emit(d.account.id, blue.arn, event{"RDS-EVENT-0426", "notification", fmt.Sprintf("RDS can't configure the DB cluster %s as a replication source "+
				"because of idle or long-running transactions. Commit or end them to let the blue/green deployment continue.", blue.ID)})
		}
		if !s.nap(d, epoch, 30*time.Second) {
			return interrupted
		}
	}
	spec := s.greenSpec(d)
	resourceID := s.resourceID("cluster-")
	e := encryption{owned: blue.encryption.owned}
	if key := blue.encryption.key; key != "" {
		// RDS's own grant on the key lets it make further ones.
		grant, err := s.grantFor(context.Background(), s.w.GroundCaller(d.account.id), key, "aws:rds:dbc-id", resourceID)
		if err != nil {
			return fmt.Sprintf("the KMS key %s of DB cluster %s can't be used", key, blue.ID)
		}
		e = encryption{key: key, grant: grant}
	}
	green := s.add(d.account, spec, e, resourceID, creating)
	green.origin, green.deployment, green.rowless, d.green = blue.origin, d, true, green
	s.emit(d.account.id, green.arn, clusterCreated)
	image := s.imageOf(blue)
	green.follows, green.lags = blue, []lag{{at: s.w.Now(), held: true}}
	if !s.nap(d, epoch, s.Timing.GreenClone.draw(s.w, blue.VolumeBytes)) {
		s.dropImage(image)
		return interrupted
	}
	s.startGreen(d, image)
	return ""
}

// greenSpec is blue without what a Blue/Green deployment does not carry over:
// IAM roles and backtracking. It starts with blue's version.
func (s *Service) greenSpec(d *deployment) ClusterSpec {
	spec := d.blue.ClusterSpec
	spec.ID = s.greenName(d.blue.ID)
	spec.ParameterGroup = d.ask.clusterGroup
	spec.Roles, spec.BacktrackSeconds = nil, 0
	spec.SecurityGroups, spec.LogExports = slices.Clone(spec.SecurityGroups), slices.Clone(spec.LogExports)
	spec.AvailabilityZones = slices.Clone(spec.AvailabilityZones)
	return spec
}

func (s *Service) imageOf(c *cluster) (name string) {
	if s.Databases == nil {
		return ""
	}
	name, err := s.Databases.Snapshot(context.Background(), c.dbKey())
	if err != nil {
		s.broke("clone of "+c.dbKey(), err)
	}
	return name
}

func (s *Service) dropImage(name string) {
	if s.Databases == nil || name == "" {
		return
	}
	if err := s.Databases.DeleteImage(context.Background(), name); err != nil {
		s.broke("delete image "+name, err)
	}
}

// startGreen gives green its rows and lets it follow.
func (s *Service) startGreen(d *deployment, image string) {
	green := d.green
	green.status, green.rowless = available, false
	if s.Databases == nil {
		return
	}
	if err := s.Databases.Restore(context.Background(), image, green.dbKey(), green.Engine); err != nil {
		s.broke("rows of "+green.dbKey(), err)
		return
	}
	s.dropImage(image)
	s.rows("replication into "+green.ID, func(r Replicas) error {
		if err := r.Replicate(context.Background(), d.blue.dbKey(), green.dbKey()); err != nil {
			return err
		}
		return r.Apply(context.Background(), green.dbKey(), false) // nothing is applied before green has a writer
	})
	s.applyAccess(green)
}

func (s *Service) upgradeGreen(d *deployment) string {
	d.green.status = "upgrading"
	if !s.nap(d, d.epoch, s.Timing.GreenUpgrade.draw(s.w)) {
		return interrupted
	}
	d.green.EngineVersion, d.green.status = d.ask.version, available
	return ""
}

// buildGreenInstances copies blue's instances, the writer first; green begins
// to catch up when it has one.
func (s *Service) buildGreenInstances(d *deployment) string {
	epoch := d.epoch
	for _, m := range d.writerFirst() {
		spec := m.blue.InstanceSpec
		spec.ID, spec.Cluster, spec.Tags = s.greenName(m.blue.ID), d.green.ID, maps.Clone(m.blue.Tags)
		spec.ParameterGroup = cmp.Or(d.ask.instanceGroup, keepGroup(m.blue.ParameterGroup, family(d.green.Engine, d.green.EngineVersion), family(d.blue.Engine, d.blue.EngineVersion)))
		m.green = s.addInstance(d.green, spec, creating)
		if !s.nap(d, epoch, s.Timing.CreateInstance.draw(s.w)) {
			return interrupted
		}
		s.emit(d.account.id, m.green.arn, instanceCreated)
		if d.blue.trouble.PendingReboot {
			m.green.loaded.cluster, m.green.loaded.instance = d.blue.ParameterGroup, m.blue.ParameterGroup
		}
		s.instanceReady(m.green)
		s.hold(d.green, false)
	}
	s.applyAccess(d.green)
	return ""
}

// writerFirst lists the instance members with blue's writer at the head.
func (d *deployment) writerFirst() []*member {
	var out []*member
	for _, m := range d.members {
		if m.kind == "db" && m.blue.ID == d.blue.writer {
			out = slices.Insert(out, 0, m)
		} else if m.kind == "db" {
			out = append(out, m)
		}
	}
	return out
}

func (s *Service) buildGreenEndpoints(d *deployment) string {
	for _, m := range d.members {
		if m.kind != "cluster-endpoint" {
			continue
		}
		var members []string
		for _, i := range d.members {
			if i.kind == "db" && slices.Contains(m.blueE.members, i.blue.ID) {
				members = append(members, i.green.ID)
			}
		}
		m.greenE = s.addEndpoint(d.green, s.greenName(m.blueE.id), m.blueE.kind, members, available)
	}
	if !s.nap(d, d.epoch, s.Timing.GreenEndpoints.draw(s.w)) {
		return interrupted
	}
	return ""
}

// lateMember: a deployment reads AVAILABLE a little before its last instance
// does (docs/migration.md §1.8).
func (s *Service) lateMember(d *deployment) {
	wait := d.blue.trouble.LateMember
	if wait == 0 {
		wait = s.Timing.MemberLate.draw(s.w)
	}
	list := d.writerFirst()
	late := list[len(list)-1].green
	if wait <= 0 || late.status != available {
		return
	}
	late.status = modifying
	s.laterInstance(late, wait, func() { s.instanceReady(late) })
}
