package migrate_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	sctypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// carried is what Blue/Green loses, as production has it.
type carried struct {
	*yard
	account, role string
	scaling       *scaling.Client
}

// carry gives production's cluster a role, replica auto scaling and a tag.
func carry(t *testing.T, y *yard) *carried {
	t.Helper()
	account := y.o.Config().Production.Account
	c := &carried{y, account, "arn:aws:iam::" + account + ":role/shop-exports", scaling.NewFromConfig(y.o.AWS(account))}
	trust, err := iam.ParseDocument([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"rds.amazonaws.com"},"Action":"sts:AssumeRole"}}`))
	must(t, err)
	y.o.World().Account(account).PutRole(&awsworld.Role{ARN: c.role, Name: "shop-exports", Account: account, Trust: iam.Policy{Name: "trust", Doc: trust}})
	_, err = y.rds.AddRoleToDBCluster(t.Context(), &rds.AddRoleToDBClusterInput{DBClusterIdentifier: aws.String(cluster), RoleArn: &c.role})
	must(t, err)
	_, err = y.rds.AddTagsToResource(t.Context(), &rds.AddTagsToResourceInput{ResourceName: aws.String(y.o.Config().ProductionPlace().Cluster(cluster)), Tags: []types.Tag{{Key: aws.String("cost-center"), Value: aws.String("shop")}}})
	must(t, err)
	_, err = c.scaling.RegisterScalableTarget(t.Context(), &scaling.RegisterScalableTargetInput{ServiceNamespace: sctypes.ServiceNamespaceRds, ResourceId: aws.String("cluster:" + cluster),
		ScalableDimension: sctypes.ScalableDimensionRDSClusterReadReplicaCount, MinCapacity: aws.Int32(1), MaxCapacity: aws.Int32(4)})
	must(t, err)
	_, err = c.scaling.PutScalingPolicy(t.Context(), &scaling.PutScalingPolicyInput{ServiceNamespace: sctypes.ServiceNamespaceRds, ResourceId: aws.String("cluster:" + cluster),
		ScalableDimension: sctypes.ScalableDimensionRDSClusterReadReplicaCount, PolicyName: aws.String("readers"), PolicyType: sctypes.PolicyTypeTargetTrackingScaling,
		TargetTrackingScalingPolicyConfiguration: &sctypes.TargetTrackingScalingPolicyConfiguration{TargetValue: aws.Float64(60),
			PredefinedMetricSpecification: &sctypes.PredefinedMetricSpecification{PredefinedMetricType: sctypes.MetricTypeRDSReaderAverageCPUUtilization}}})
	must(t, err)
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// serving looks at what has production's name.
func (c *carried) serving(what string) {
	c.t.Helper()
	out, err := c.rds.DescribeDBClusters(c.t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String(cluster)})
	if err != nil {
		c.t.Error(err)
		return
	}
	is := out.DBClusters[0]
	if !slices.ContainsFunc(is.AssociatedRoles, func(r types.DBClusterRole) bool {
		return aws.ToString(r.RoleArn) == c.role && aws.ToString(r.Status) == "ACTIVE"
	}) {
		c.t.Errorf("%s: roles %+v", what, is.AssociatedRoles)
	}
	if !slices.ContainsFunc(is.TagList, func(t types.Tag) bool { return aws.ToString(t.Key) == "cost-center" }) {
		c.t.Errorf("%s: tags %+v", what, is.TagList)
	}
	targets, err := c.scaling.DescribeScalableTargets(c.t.Context(), &scaling.DescribeScalableTargetsInput{ServiceNamespace: sctypes.ServiceNamespaceRds, ResourceIds: []string{"cluster:" + cluster}})
	must(c.t, err)
	policies, err := c.scaling.DescribeScalingPolicies(c.t.Context(), &scaling.DescribeScalingPoliciesInput{ServiceNamespace: sctypes.ServiceNamespaceRds, ResourceId: aws.String("cluster:" + cluster)})
	must(c.t, err)
	if err == nil && (len(targets.ScalableTargets) != 1 || *targets.ScalableTargets[0].MaxCapacity != 4 || len(policies.ScalingPolicies) != 1 || len(policies.ScalingPolicies[0].Alarms) == 0) {
		c.t.Errorf("%s: targets %+v, policies %+v", what, targets.ScalableTargets, policies.ScalingPolicies)
	}
}

// TestPutBack: roles and replica auto scaling, which Blue/Green loses, are put back
// on the new production, and blue's tags are there; without any statement that this
// needs a person is told, and the same input does what is missing.
func TestPutBack(t *testing.T) {
	world(t, rehearsal.MigrationScenario{Input: migrate.Input{Cluster: cluster}}, func(o *rehearsal.Operator) error {
		y := newYard(t, o)
		c := carry(t, y)
		m := y.run(upgrade)
		ends(t, m, rehearsal.VerdictSucceeded, migrate.Retired)
		if p := m.Record.Plan; len(p.Carry.Roles) != 1 || len(p.Carry.Scaling) != 1 {
			t.Errorf("%+v", p.Carry)
		}
		c.serving("migrated")
		role := roleOf(o, "prove-switchover")
		for i, st := range role.Policies[0].Doc.Statements {
			if !slices.Contains([]string{"AddRoles", "PassRoles", "LookAtScaling", "RegisterScaling", "ScalingAlarms", "ScaleReaders"}, st.Sid) {
				continue
			}
			giveBack := take(o, role, i)
			before := y.serves()
			m := y.run(migrate.Input{Cluster: cluster})
			giveBack()
			y.truthful("without "+st.Sid, before, m)
			if m.Verdict != refresh.NeedsOperator {
				t.Errorf("without %s: %s", st.Sid, m.Verdict)
			}
			t.Logf("without %s: %s, %s: %s", st.Sid, m.Verdict, m.Record.Phase, m.Cause)
			y.finish("without " + st.Sid)
			c.serving("without " + st.Sid)
		}
		return nil
	})
}
