package rds

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/awsworld"
)

func (s *Service) describeDeployments(c *awsworld.Call, in *rds.DescribeBlueGreenDeploymentsInput) (*rds.DescribeBlueGreenDeploymentsOutput, error) {
	f, err := readARNFilters("DescribeBlueGreenDeployments", in.Filters, "blue-green-deployment-identifier", "blue-green-deployment-name", "source", "target")
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(s.account(c.Account.ID).deploymentsOf(), func(d *deployment) bool { return !d.admitted(f) })
	if in.BlueGreenDeploymentIdentifier != nil {
		d, err := s.findDeployment(c.Account.ID, in.BlueGreenDeploymentIdentifier)
		if err != nil {
			return nil, err
		}
		all = []*deployment{d}
	}
	rows, next, err := page(all, func(d *deployment) string { return d.created.Format(time.RFC3339Nano) + d.id }, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeBlueGreenDeploymentsOutput{Marker: next}
	for _, d := range rows {
		out.BlueGreenDeployments = append(out.BlueGreenDeployments, s.deploymentView(d))
		s.noticeDeployment(c, d)
	}
	return out, nil
}

func (d *deployment) admitted(f filter) bool {
	target := ""
	if d.green != nil {
		target = d.green.arn
	}
	return f.admits("blue-green-deployment-identifier", d.id) && f.admits("blue-green-deployment-name", d.name) &&
		f.admits("source", d.blue.arn) && f.admits("target", target)
}

// noticeDeployment tells the waits that a caller has now seen their end.
func (s *Service) noticeDeployment(c *awsworld.Call, d *deployment) {
	if d.status != provisioning {
		s.w.Waits.Notice(c.Caller, d.arn)
	}
	if d.status == switched || d.status == switchFailed {
		s.w.Waits.Notice(c.Caller, d.arn+"/switchover")
	}
}
