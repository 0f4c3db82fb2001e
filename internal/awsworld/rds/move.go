package rds

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// checkMove checks what ModifyDBCluster shall do to a cluster's name and to
// who keeps its master password.
func (s *Service) checkMove(cl *cluster, in *rds.ModifyDBClusterInput) error {
	if manage := in.ManageMasterUserPassword; manage != nil {
		switch {
		case *manage:
			return invalidCombination("This rehearsal has no master passwords that RDS begins to manage.")
		case cl.ManagedSecretARN != "" && in.MasterUserPassword == nil:
			return invalidCombination("A MasterUserPassword is required when ManageMasterUserPassword is turned off.")
		}
	} else if cl.ManagedSecretARN != "" && in.MasterUserPassword != nil {
		return invalidCombination("You can't specify MasterUserPassword for DB cluster %s, whose master password is managed.", cl.ID)
	}
	if in.NewDBClusterIdentifier == nil {
		return nil
	}
	to := strings.ToLower(*in.NewDBClusterIdentifier)
	switch {
	case !aws.ToBool(in.ApplyImmediately):
		return invalidCombination("This rehearsal renames a DB cluster only with ApplyImmediately.")
	case cl.deployment != nil:
		return clusterState("DB cluster %s can't be renamed while it belongs to blue/green deployment %s.", cl.ID, cl.deployment.id)
	case cl.account.clusters[to] != nil:
		return &types.DBClusterAlreadyExistsFault{Message: aws.String("DB Cluster already exists: " + to)}
	}
	return validID("NewDBClusterIdentifier", to)
}

func (s *Service) applyMove(cl *cluster, in *rds.ModifyDBClusterInput) {
	if in.ManageMasterUserPassword != nil {
		cl.ManagedSecretARN = ""
	}
	if in.NewDBClusterIdentifier == nil {
		return
	}
	from := cl.ID
	d := s.Timing.SwitchDNS.draw(s.w)
	s.keepNames(cl, d)
	s.outages = append(s.outages, Outage{Cluster: from, From: s.w.Now(), To: s.w.Now().Add(d), What: "DNS"})
	s.renameCluster(cl, strings.ToLower(*in.NewDBClusterIdentifier))
	s.emit(cl.account.id, cl.arn, event{"RDS-EVENT-0172", "notification", "Renamed cluster from " + from + " to " + cl.ID + "."})
}

// moveInstance gives an instance another class, parameter group or name.
func (s *Service) moveInstance(i *instance, in *rds.ModifyDBInstanceInput) error {
	if in.DBInstanceClass == nil && in.DBParameterGroupName == nil && in.NewDBInstanceIdentifier == nil {
		return nil
	}
	c := i.cluster()
	if !aws.ToBool(in.ApplyImmediately) {
		return invalidCombination("This rehearsal changes class, parameter group and name of an instance only with ApplyImmediately.")
	}
	if g := in.DBParameterGroupName; g != nil {
		if err := checkParameterGroup(i.account.instanceGroups, *g, family(c.Engine, c.EngineVersion)); err != nil {
			return err
		}
	}
	if to := in.NewDBInstanceIdentifier; to != nil {
		if err := s.renameAllowed(i, strings.ToLower(*to)); err != nil {
			return err
		}
	}
	if in.DBInstanceClass != nil && !strings.HasPrefix(*in.DBInstanceClass, "db.") {
		return invalidValue("Invalid DB Instance class: %s", *in.DBInstanceClass)
	}
	s.applyInstanceMove(i, in)
	return nil
}

func (s *Service) renameAllowed(i *instance, to string) error {
	switch {
	case i.cluster().deployment != nil:
		return instanceState("DB instance %s can't be renamed while its cluster belongs to blue/green deployment %s.", i.ID, i.cluster().deployment.id)
	case i.account.instances[to] != nil:
		return &types.DBInstanceAlreadyExistsFault{Message: aws.String("DB instance already exists: " + to)}
	}
	return validID("NewDBInstanceIdentifier", to)
}

func (s *Service) applyInstanceMove(i *instance, in *rds.ModifyDBInstanceInput) {
	if in.DBParameterGroupName != nil {
		i.ParameterGroup = strings.ToLower(*in.DBParameterGroupName)
	}
	if in.NewDBInstanceIdentifier != nil {
		s.keepNames(i.cluster(), s.Timing.SwitchDNS.draw(s.w))
		s.renameInstance(i, strings.ToLower(*in.NewDBInstanceIdentifier))
	}
	if in.DBInstanceClass != nil && *in.DBInstanceClass != i.Class {
		i.Class = *in.DBInstanceClass
		s.reboot(i)
	}
}
