package switchover

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/fault"
)

// How long RDS Proxy is given to make a registered cluster AVAILABLE, and how
// long it may say AUTH_FAILURE before that is believed: a fresh target shows
// passing trouble (docs/aws.md §7.3).
const (
	proxyPatience = 20 * time.Minute
	authPatience  = 3 * time.Minute
)

// proxyReady looks at the writer's row. AWS's own samples carry no health on
// any row, so a writer without one counts as ready; logging in proves it.
func (s *step) proxyReady(ctx context.Context, p *Plan, m Move, d Direction, rows []rdstypes.DBProxyTarget) (bool, error) {
	var worst *rdstypes.TargetHealth
	for _, r := range rows {
		if r.Type != rdstypes.TargetTypeRdsInstance || r.Role == rdstypes.TargetRoleReadOnly {
			continue
		}
		if r.TargetHealth == nil && r.Role == rdstypes.TargetRoleReadWrite || r.TargetHealth != nil && r.TargetHealth.State == rdstypes.TargetStateAvailable {
			return true, nil
		}
		if r.TargetHealth != nil {
			worst = r.TargetHealth
		}
	}
	_, to := m.ends(d)
	said, next, patience := explain(worst, m.Name, to)
	return false, s.tooLong(ctx, p, m, d, patience, said, next)
}

// explain says what a target's health means, what to do about it, and how long
// it may stay so (docs/aws.md §7.3).
func explain(h *rdstypes.TargetHealth, proxy, cluster string) (said, next string, patience time.Duration) {
	if h == nil {
		return "it has no writer yet", "look at the instances of " + cluster + " in the RDS console: one must be available as its writer", proxyPatience
	}
	said = strings.TrimSpace(string(h.State) + " " + string(h.Reason) + " " + aws.ToString(h.Description))
	switch h.Reason {
	case rdstypes.TargetHealthReasonAuthFailure:
		return said, "the proxy's secret does not have the database's password: reset-credentials sets the secrets of clusters[].logins, so the proxy must use one of those; its role must be allowed to read them, and where logins rotate all of secret:dbferry/<target>/*", authPatience
	case rdstypes.TargetHealthReasonUnreachable, rdstypes.TargetHealthReasonConnectionFailed:
		return said, "the security groups of " + cluster + " must let in those of proxy " + proxy + " on the database's port, the proxy's must let it out, and the proxy's subnets must be of the database's VPC", proxyPatience
	case rdstypes.TargetHealthReasonPendingProxyCapacity:
		return said, "RDS was still giving proxy " + proxy + " capacity; start the switch again, and if it stays so, see whether the proxy's subnets have free addresses", proxyPatience
	}
	return said, "look at the target's health in the RDS console; " + cluster + " must be available", proxyPatience
}

// tooLong is an error once a move has been under way for longer than patience.
func (s *step) tooLong(ctx context.Context, p *Plan, m Move, d Direction, patience time.Duration, said, next string) error {
	b, err := s.intend(ctx, p, startedKey(p, m, d), "")
	if err != nil || !s.late(b, patience) {
		return err
	}
	return fault.New(fault.DeadlineExceeded, "move "+m.String(), m.Name, next, "not done after %s: %s", patience, said)
}
