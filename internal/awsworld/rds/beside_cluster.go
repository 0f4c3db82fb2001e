package rds

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// view shows a role as Describe does; Aurora MySQL's have no feature.
func (r Role) view() types.DBClusterRole {
	v := types.DBClusterRole{RoleArn: aws.String(r.ARN), Status: aws.String("ACTIVE")}
	if r.Feature != "" {
		v.FeatureName = aws.String(r.Feature)
	}
	if r.pending {
		v.Status = aws.String("PENDING")
	}
	return v
}

// addRole associates a role of the account that the caller may pass. It is
// PENDING until RDS can use it (RDS API reference, DBClusterRole).
func (s *Service) addRole(c *awsworld.Call, in *rds.AddRoleToDBClusterInput) (*rds.AddRoleToDBClusterOutput, error) {
	cl := s.account(c.Account.ID).clusters[shortID(aws.ToString(in.DBClusterIdentifier))]
	role := Role{ARN: aws.ToString(in.RoleArn), Feature: aws.ToString(in.FeatureName), pending: true}
	if err := s.mayAddRole(c, cl, role, in); err != nil {
		return nil, err
	}
	if err := c.Require(passRole(role.ARN, c.Account.ID, "rds.amazonaws.com"), nil); err != nil {
		return nil, err
	}
	cl.Roles = append(slices.Clone(cl.Roles), role)
	wait := s.beginWait(cl, "settings", "role of "+cl.ID)
	s.later(cl, s.Timing.Modify.draw(s.w), func() {
		for i := range cl.Roles {
			if cl.Roles[i].ARN == role.ARN && cl.Roles[i].Feature == role.Feature {
				cl.Roles[i].pending = false
			}
		}
		s.settle(cl, wait)
	})
	return &rds.AddRoleToDBClusterOutput{}, nil
}

// maxRoles is how many roles a cluster may have (Aurora user guide, quotas).
const maxRoles = 5

func (s *Service) mayAddRole(c *awsworld.Call, cl *cluster, role Role, in *rds.AddRoleToDBClusterInput) error {
	switch {
	case cl == nil:
		return clusterNotFound(aws.ToString(in.DBClusterIdentifier))
	case cl.status != available:
		return clusterState("DB Cluster %s is not in available state: its status is %s", cl.ID, cl.status)
	case c.Account.Role(role.ARN) == nil:
		return invalidValue("The IAM role ARN value is invalid or does not include the required permissions: %s", role.ARN)
	case cl.Engine == AuroraPostgreSQL && role.Feature == "":
		return invalidValue("The feature name is required for %s", cl.Engine)
	case len(cl.Roles) >= maxRoles:
		return &types.DBClusterRoleQuotaExceededFault{Message: aws.String("DB cluster " + cl.ID + " has the most roles that it may have")}
	}
	for _, r := range cl.Roles {
		if r.ARN == role.ARN && r.Feature == role.Feature || role.Feature != "" && r.Feature == role.Feature {
			return &types.DBClusterRoleAlreadyExistsFault{Message: aws.String("Role ARN " + role.ARN + " is already associated with DB cluster " + cl.ID)}
		}
	}
	return nil
}

func (s *Service) roleResources(c *awsworld.Call) []awsworld.Resource {
	return []awsworld.Resource{s.at(c, "cluster", shortID(aws.ToString(awsworld.Input[rds.AddRoleToDBClusterInput](c).DBClusterIdentifier)))}
}

// advancedDays is the retention that the advanced mode asks for.
const advancedDays = 465

// checkInsights: the advanced mode wants Performance Insights with its
// retention (RDS API reference, ModifyDBCluster; Aurora user guide,
// "Considerations for Database Insights").
func (s *Service) checkInsights(cl *cluster, in *rds.ModifyDBClusterInput) error {
	if d := in.PerformanceInsightsRetentionPeriod; d != nil && !validInsightsDays(*d) {
		return invalidValue("Invalid Performance Insights retention period: %d", *d)
	}
	if in.DatabaseInsightsMode != types.DatabaseInsightsModeAdvanced || cl.AdvancedInsights {
		return nil
	}
	if !aws.ToBool(in.EnablePerformanceInsights) || aws.ToInt32(in.PerformanceInsightsRetentionPeriod) < advancedDays {
		return invalidCombination("To enable the Advanced mode of Database Insights, Performance Insights must be enabled with a retention period of at least %d days", advancedDays)
	}
	return nil
}

// validInsightsDays: 7, whole months of 31 days up to 23, or two years.
func validInsightsDays(d int32) bool { return d == 7 || d == 731 || d > 0 && d%31 == 0 && d/31 <= 23 }

// applyInsights sets the cluster's mode, and Performance Insights of all its
// instances.
func (s *Service) applyInsights(cl *cluster, in *rds.ModifyDBClusterInput) (work bool) {
	if in.DatabaseInsightsMode != "" {
		advanced := in.DatabaseInsightsMode == types.DatabaseInsightsModeAdvanced
		work = change(&cl.AdvancedInsights, &advanced)
	}
	for _, id := range cl.members {
		i := cl.account.instances[id]
		work = change(&i.PerformanceInsights, in.EnablePerformanceInsights) || work
		work = change(&i.InsightsDays, in.PerformanceInsightsRetentionPeriod) || work
	}
	return work
}
