package rds

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// majors orders the families that can be upgraded from one to the next
// (docs/migration.md §3.5): Aurora MySQL takes one step at a time, Aurora
// PostgreSQL may skip majors.
var majors = []string{"aurora-mysql5.7", "aurora-mysql8.0", "aurora-mysql8.4"}

// canUpgrade tells whether a version leads to another.
func (s *Service) canUpgrade(engine, from, to string) bool {
	if !s.knows(engine, to) || compareVersions(to, from) <= 0 {
		return false
	}
	was, will := family(engine, from), family(engine, to)
	if engine == AuroraPostgreSQL || was == will {
		return true
	}
	i := slices.Index(majors, was)
	return i >= 0 && i+1 < len(majors) && majors[i+1] == will
}

func (s *Service) upgradeTargets(from EngineVersion) []types.UpgradeTarget {
	var out []types.UpgradeTarget
	for _, v := range s.versions {
		if v.Engine == from.Engine && s.canUpgrade(v.Engine, from.Version, v.Version) {
			out = append(out, types.UpgradeTarget{
				Engine: aws.String(v.Engine), EngineVersion: aws.String(v.Version), AutoUpgrade: aws.Bool(false),
				IsMajorVersionUpgrade: aws.Bool(family(v.Engine, v.Version) != family(from.Engine, from.Version)), Description: aws.String(v.Engine + " " + v.Version),
			})
		}
	}
	return out
}

// Maintenance is an action that waits for a resource, given by its ARN.
type Maintenance struct{ Resource, Action, Description string }

// PutMaintenance lets an action wait for a cluster or instance.
func (s *Service) PutMaintenance(account string, m Maintenance) {
	a := s.account(account)
	a.maintenance = append(a.maintenance, m)
	slices.SortStableFunc(a.maintenance, func(x, y Maintenance) int { return strings.Compare(x.Resource, y.Resource) })
}

func (s *Service) describeMaintenance(c *awsworld.Call, in *rds.DescribePendingMaintenanceActionsInput) (*rds.DescribePendingMaintenanceActionsOutput, error) {
	f, err := readARNFilters("DescribePendingMaintenanceActions", in.Filters, "db-cluster-id", "db-instance-id")
	if err != nil {
		return nil, err
	}
	var all []types.ResourcePendingMaintenanceActions
	for _, m := range s.account(c.Account.ID).maintenance {
		kind := "db-cluster-id"
		if strings.Contains(m.Resource, ":db:") {
			kind = "db-instance-id"
		}
		if in.ResourceIdentifier != nil && *in.ResourceIdentifier != m.Resource || len(f) > 0 && (f[kind] == nil || !f.admits(kind, m.Resource) && !f.admits(kind, shortID(m.Resource))) {
			continue
		}
		action := types.PendingMaintenanceAction{Action: aws.String(m.Action), Description: aws.String(m.Description)}
		if n := len(all); n > 0 && *all[n-1].ResourceIdentifier == m.Resource {
			all[n-1].PendingMaintenanceActionDetails = append(all[n-1].PendingMaintenanceActionDetails, action)
			continue
		}
		all = append(all, types.ResourcePendingMaintenanceActions{ResourceIdentifier: aws.String(m.Resource), PendingMaintenanceActionDetails: []types.PendingMaintenanceAction{action}})
	}
	rows, next, err := page(all, func(r types.ResourcePendingMaintenanceActions) string { return *r.ResourceIdentifier }, in.Marker, in.MaxRecords)
	return &rds.DescribePendingMaintenanceActionsOutput{PendingMaintenanceActions: rows, Marker: next}, err
}
