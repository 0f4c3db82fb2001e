package refresh

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
)

type addInstances struct{ clusterStep }

// NewAddInstances builds add-instances: AWS Backup restores a cluster without
// any instance, so dbferry creates them, and waits for the instances, because
// a cluster is "available" long before one can log in to it.
func NewAddInstances(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newClusterStep(rt)
	s := &addInstances{base}
	return s.perItem(s.do), err
}

// Instances is the fact that add-instances leaves.
type Instances struct {
	Names []string `json:"names"`
}

func (s *addInstances) do(ctx context.Context, in ItemInput) (converge.Answer, any, error) {
	it, err := s.item(ctx, in)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	set, want, _, err := s.wish(in, it)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	c, err := s.restored(ctx, in)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	all := converge.DoneNow()
	var fact Instances
	for n := 1; n <= want.Instances; n++ {
		name := names.RestoredInstance(aws.ToString(c.DBClusterIdentifier), n)
		fact.Names = append(fact.Names, name)
		a, err := s.one(ctx, in, want, set, c, name)
		if err != nil {
			return a, nil, err
		}
		if a.Status == converge.Waiting {
			all = a
		}
	}
	return all, fact, nil
}

func (s *addInstances) one(ctx context.Context, in ItemInput, want ClusterSettings, set config.ClusterSettings, c *rdstypes.DBCluster, name string) (converge.Answer, error) {
	r := converge.Resource{
		Ledger: s.ledger, Key: intentKey(in.RefreshID, in.Item.Kind, in.Item.ID, s.Function+"-"+name), Name: name, Execution: in.Execution, Now: s.Now,
		Look: func(ctx context.Context) (converge.Observed, string, error) {
			return s.look(ctx, in, aws.ToString(c.DBClusterIdentifier), name)
		},
		Create: func(ctx context.Context) error { return s.create(ctx, in, want, set, c, name) },
	}
	return r.Converge(ctx)
}

func (s *addInstances) look(ctx context.Context, in ItemInput, cluster, name string) (converge.Observed, string, error) {
	out, err := s.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &name})
	if fault.IsNotFound(err) {
		return converge.Absent, "", nil
	}
	if err != nil {
		return converge.Absent, "", fault.AWS("describe the instance", name, err)
	}
	i := out.DBInstances[0]
	status := aws.ToString(i.DBInstanceStatus)
	switch {
	case aws.ToString(i.DBClusterIdentifier) != cluster || !ours(RDSTags(i.TagList), in.RefreshID, in.Item.ID):
		return converge.Foreign, "it belongs to cluster " + aws.ToString(i.DBClusterIdentifier), nil
	case status == "available":
		return converge.Ours, status, nil
	case dead(status):
		return converge.Settling, status, fault.New(fault.RestoreFailed, "create the instance "+name, name, "look at its events in the RDS console", "its status is %s", status)
	}
	return converge.Settling, status, nil
}

func (s *addInstances) create(ctx context.Context, in ItemInput, want ClusterSettings, set config.ClusterSettings, c *rdstypes.DBCluster, name string) error {
	if aws.ToString(c.Status) != "available" {
		return nil // RDS refuses until then; the next look tries again
	}
	input := &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &name, DBClusterIdentifier: c.DBClusterIdentifier, Engine: &want.Engine,
		DBInstanceClass: &want.InstanceClass, Tags: rdsTagList(ownTags(in, s.t.Name)), PubliclyAccessible: aws.Bool(false),
	}
	if set.InstanceParameterGroup != "" {
		input.DBParameterGroupName = &set.InstanceParameterGroup
	}
	watch(input, want.Monitoring, set.MonitoringRole)
	_, err := s.rds.CreateDBInstance(ctx, input)
	if fault.HasCode(err, "DBInstanceAlreadyExists", "InvalidDBClusterStateFault") {
		return nil
	}
	return fault.AWS("create the instance", name, err)
}

// watch asks for production's monitoring, under the target's role and the
// account's default key. Every instance of a cluster has the same (Aurora user
// guide, "Considerations for Database Insights").
func watch(in *rds.CreateDBInstanceInput, m Monitoring, role string) {
	if m.Interval > 0 {
		in.MonitoringInterval, in.MonitoringRoleArn = &m.Interval, &role
	}
	if m.Insights {
		in.EnablePerformanceInsights, in.PerformanceInsightsRetentionPeriod = aws.Bool(true), &m.InsightsDays
	}
}
