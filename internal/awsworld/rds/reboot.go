package rds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

const rebooting = "rebooting"

var instanceRestarted = event{"RDS-EVENT-0006", "availability", "DB instance restarted"}

// rebootInstance makes an instance load its parameter groups anew. Connections
// to it end.
func (s *Service) rebootInstance(c *awsworld.Call, in *rds.RebootDBInstanceInput) (*rds.RebootDBInstanceOutput, error) {
	if err := service.OnlyFields(c, "DBInstanceIdentifier"); err != nil {
		return nil, err
	}
	i := s.account(c.Account.ID).instances[shortID(aws.ToString(in.DBInstanceIdentifier))]
	if i == nil {
		return nil, instanceNotFound(aws.ToString(in.DBInstanceIdentifier))
	}
	if i.status != available {
		return nil, instanceState("Instance %s is not in available state but %s", i.ID, i.status)
	}
	if err := inSwitchover(i.cluster()); err != nil {
		return nil, err
	}
	s.reboot(i)
	v := s.instanceView(i)
	return &rds.RebootDBInstanceOutput{DBInstance: &v}, nil
}

func (s *Service) reboot(i *instance) {
	i.status = rebooting
	writer := i.cluster().writer == i.ID
	if writer && !i.cluster().rowless {
		s.rows("restart of "+i.Cluster, func(r Replicas) error { return r.Disconnect(context.Background(), i.cluster().dbKey()) })
	}
	s.laterInstance(i, s.Timing.Reboot.draw(s.w), func() {
		s.boot(i)
		s.instanceReady(i)
		s.emit(i.account.id, i.arn, instanceRestarted)
		if writer {
			s.applyAccess(i.cluster())
		}
	})
}
