package migrate

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

// settleLook is between two readings.
const settleLook = 30 * time.Second

type settleGreen struct{ *step }

// NewSettleGreen builds settle-green: green's members run with their parameter
// groups, rebooted where they have to be, and several readings in a row find
// every member of both sides available.
func NewSettleGreen(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &settleGreen{base}
	return s.looking(s.do), nil
}

func (s *settleGreen) do(ctx context.Context, h *held) (time.Duration, error) {
	if h.Phase != Settling || h.Good >= s.conf.Limits.Read() {
		return 0, nil
	}
	if h.Good > 0 && s.Now().Sub(h.ReadAt) < settleLook-lookEvery {
		return settleLook, nil // called again too soon for another reading
	}
	why, err := s.reading(ctx, h)
	if err != nil {
		return 0, err
	}
	h.ReadAt = s.Now().UTC()
	if why != "" {
		h.Good = 0
		if time.Duration(s.conf.Limits.Green())*time.Hour < s.Now().Sub(h.BuildingAt) {
			return 0, fault.New(fault.DeadlineExceeded, "let green settle", h.Deployment, "look at the members in the RDS console", "%s", why)
		}
		return settleLook, s.save(ctx, h)
	}
	h.Good++
	if h.Good < s.conf.Limits.Read() {
		return settleLook, s.save(ctx, h)
	}
	if err := s.testify(ctx, &h.Migration, "settled", map[string]any{"readings": h.Good, "rebooted": h.Rebooted}); err != nil {
		return 0, err
	}
	return 0, s.save(ctx, h)
}

// reading looks at every member of both sides once; the text is what is not as
// it shall be.
func (s *settleGreen) reading(ctx context.Context, h *held) (string, error) {
	for _, id := range []string{h.Plan.Cluster, h.Green.Cluster} {
		c, err := s.mustCluster(ctx, id)
		if err != nil {
			return "", err
		}
		all, err := s.members(ctx, c)
		if err != nil {
			return "", err
		}
		if why := unwell(c, all); why != "" {
			return why, nil
		}
		if id == h.Green.Cluster {
			return s.applied(ctx, h, c, all)
		}
	}
	return "", nil
}

// applied reboots green's members that do not run with their groups, the writer
// first: what AWS leaves pending after it has built green is not documented
// (docs/migration.md §1.9).
func (s *settleGreen) applied(ctx context.Context, h *held, c *types.DBCluster, all []types.DBInstance) (string, error) {
	for _, i := range all {
		id := aws.ToString(i.DBInstanceIdentifier)
		status := []string{clusterGroupStatus(c, id)}
		if _, st := group(i); st != "" {
			status = append(status, st)
		}
		if !slices.ContainsFunc(status, func(st string) bool { return st != "in-sync" }) {
			continue
		}
		what := "green instance " + id + " is " + strings.Join(status, " and ") + " with its parameter groups"
		if !slices.Contains(status, "pending-reboot") {
			return what, nil
		}
		if slices.Contains(h.Rebooted, id) {
			return what + " after a reboot", nil
		}
		if _, err := s.rds.RebootDBInstance(ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: &id}); err != nil {
			return "", fault.AWS("reboot the green instance", id, err)
		}
		h.Rebooted = append(h.Rebooted, id) // should this be lost, the instance is found rebooting
		return what + ": rebooting", nil
	}
	return "", nil
}

func clusterGroupStatus(c *types.DBCluster, instance string) string {
	for _, m := range c.DBClusterMembers {
		if aws.ToString(m.DBInstanceIdentifier) == instance {
			return aws.ToString(m.DBClusterParameterGroupStatus)
		}
	}
	return ""
}
