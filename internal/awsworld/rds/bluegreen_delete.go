package rds

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// deleteDeployment takes the deployment away, and green with it if asked to
// before the switchover (docs/migration.md §1.14).
func (s *Service) deleteDeployment(c *awsworld.Call, in *rds.DeleteBlueGreenDeploymentInput) (*rds.DeleteBlueGreenDeploymentOutput, error) {
	if err := service.OnlyFields(c, "BlueGreenDeploymentIdentifier", "DeleteTarget"); err != nil {
		return nil, err
	}
	d, err := s.findDeployment(c.Account.ID, in.BlueGreenDeploymentIdentifier)
	if err != nil {
		return nil, err
	}
	target := aws.ToBool(in.DeleteTarget)
	switch {
	case d.status == switching || d.status == deletingDeployment:
		return nil, deploymentState("Blue/green deployment %s can't be deleted: its status is %s.", d.id, d.status)
	case target && d.status == switched:
		return nil, invalidCombination("DeleteTarget can't be specified for blue/green deployment %s, whose status is %s.", d.id, d.status)
	case target && d.status != provisioning && d.green != nil && d.green.DeletionProtection:
		return nil, invalidCombination("Cannot delete protected Cluster %s, please disable deletion protection and try again.", d.green.ID)
	}
	was := d.status
	target = target || was == provisioning // half a green is of no use
	d.gone = s.w.Now()
	s.turn(d, deletingDeployment)
	d.epoch++
	s.releaseMembers(d, was, target)
	v := s.deploymentView(d)
	s.w.Kernel.After(s.Timing.DeploymentDelete.draw(s.w), func() { s.awaitGone(d, target) })
	return &rds.DeleteBlueGreenDeploymentOutput{BlueGreenDeployment: &v}, nil
}

// releaseMembers lets go of blue and green. Blue may be written to again if
// its parameters let it; a green that stays goes on following (Aurora MySQL),
// or is on its own (Aurora PostgreSQL).
func (s *Service) releaseMembers(d *deployment, was string, deleteTarget bool) {
	d.blue.deployment = nil
	d.blue.frozen = false
	if was == switched {
		s.applyAccess(d.blue)
	}
	green := d.green
	if green == nil {
		return
	}
	green.deployment = nil
	if was == switched || green.account.clusters[green.ID] != green {
		return
	}
	switch {
	case deleteTarget:
		if green.follows != nil {
			s.unfollow(green)
		}
		s.deleteGreen(d)
	case green.Engine == AuroraPostgreSQL && green.follows != nil:
		s.unfollow(green)
		s.applyAccess(green)
	}
}

// deleteGreen deletes what was made for green, instances first.
func (s *Service) deleteGreen(d *deployment) {
	for _, m := range d.members {
		if m.greenE != nil {
			delete(d.account.endpoints, m.greenE.id)
		}
		if i := m.green; i != nil && i.status != deleting && d.account.instances[i.ID] == i {
			i.status = deleting
			i.epoch++
			s.laterInstance(i, s.Timing.DeleteInstance.draw(s.w), func() {
				s.remove(i)
				s.emit(i.account.id, i.arn, instanceDeleted)
			})
		}
	}
	green := d.green
	green.status, green.writer = deleting, ""
	green.epoch++
	green.queue, green.busy = nil, false
	s.later(green, s.Timing.DeleteCluster.draw(s.w), func() { s.drop(green) })
}

// awaitGone ends the deletion when there is nothing left to wait for.
func (s *Service) awaitGone(d *deployment, target bool) {
	if target && d.green != nil && d.account.clusters[d.green.ID] == d.green {
		s.w.Kernel.After(s.Timing.DeploymentDelete.draw(s.w), func() { s.awaitGone(d, target) })
		return
	}
	delete(d.account.deployments, d.id)
	s.announce(d, "RDS-EVENT-0246", "deletion", "Blue/green deployment deleted.")
}

// promote makes a replica cluster stand on its own. Doing it to green by hand
// makes its deployment invalid (docs/migration.md §1.3).
func (s *Service) promote(c *awsworld.Call, in *rds.PromoteReadReplicaDBClusterInput) (*rds.PromoteReadReplicaDBClusterOutput, error) {
	cl := s.account(c.Account.ID).clusters[shortID(aws.ToString(in.DBClusterIdentifier))]
	if cl == nil {
		return nil, clusterNotFound(aws.ToString(in.DBClusterIdentifier))
	}
	if err := inSwitchover(cl); err != nil {
		return nil, err
	}
	switch {
	case cl.follows == nil:
		return nil, clusterState("DB cluster %s is not a read replica.", cl.ID)
	case cl.status != available:
		return nil, clusterState("DB cluster %s is not in available state: its status is %s", cl.ID, cl.status)
	}
	if d := cl.deployment; d != nil {
		d.details = "DB cluster " + cl.ID + " was promoted outside the switchover."
		s.turn(d, invalidDeployment)
	}
	s.unfollow(cl)
	s.applyAccess(cl)
	v := s.view(cl)
	return &rds.PromoteReadReplicaDBClusterOutput{DBCluster: &v}, nil
}
