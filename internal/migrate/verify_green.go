package migrate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

// verifyPatience is how long green may take to catch up before it is given up.
const verifyPatience = 6 * time.Hour

type verifyGreen struct{ *step }

// NewVerifyGreen builds verify-green: green is of the version and groups that
// were asked for, replicates and is not behind, has the same rows in the listed
// tables, and answers the smoke queries to an account without administration
// rights. It writes nothing.
func NewVerifyGreen(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &verifyGreen{base}
	return s.looking(s.do), nil
}

func (s *verifyGreen) do(ctx context.Context, h *held) (time.Duration, error) {
	if h.Phase != Settling {
		return 0, nil
	}
	if h.VerifyingAt.IsZero() {
		h.VerifyingAt = s.Now().UTC()
		if err := s.save(ctx, h); err != nil {
			return 0, err
		}
	}
	if err := s.asAsked(ctx, h); err != nil {
		return 0, err
	}
	lags, why, err := s.lag(ctx, &h.Migration)
	if err != nil {
		return 0, err
	}
	if why != "" {
		if s.Now().Sub(h.VerifyingAt) < verifyPatience && (len(lags) == 0 || lags[0] >= 0) {
			return settleLook, nil
		}
		return 0, fault.New(fault.VerifyFailed, "verify green", h.Green.Cluster,
			"mend the cause and start again with the same input, which continues here; or remove green with {\"cluster\":\""+h.Plan.Cluster+"\",\"mode\":\"abandon\"}", "%s", why)
	}
	set, err := s.conf.Cluster(h.Plan.Cluster)
	if err != nil {
		return 0, &fault.Error{Name: fault.BadRequest, Op: "verify green", Cause: err}
	}
	if done, err := s.audited(ctx, h, set); err != nil || !done {
		return settleLook, err
	}
	compared, err := s.sameRows(ctx, h, set)
	if err != nil {
		return 0, err
	}
	h.Phase = Verified
	if err := s.testify(ctx, &h.Migration, "verified", map[string]any{"lag": lags, "compared": compared, "smoke": set.Smoke, "audit": h.Audit}); err != nil {
		return 0, err
	}
	return 0, s.save(ctx, h)
}

// asAsked compares green with the plan.
func (s *verifyGreen) asAsked(ctx context.Context, h *held) error {
	no := func(what, is, wanted string) error {
		return fault.New(fault.VerifyFailed, "verify green", h.Green.Cluster, "remove green with {\"mode\":\"abandon\"} and look at why AWS built it differently", "its %s is %s, not %s", what, is, wanted)
	}
	c, err := s.mustCluster(ctx, h.Green.Cluster)
	if err != nil {
		return err
	}
	switch {
	case aws.ToString(c.DbClusterResourceId) != h.Green.ResourceID:
		return no("resource id", aws.ToString(c.DbClusterResourceId), h.Green.ResourceID)
	case aws.ToString(c.EngineVersion) != h.Plan.To.Engine:
		return no("engine version", aws.ToString(c.EngineVersion), h.Plan.To.Engine)
	case aws.ToString(c.DBClusterParameterGroup) != h.Plan.To.ClusterGroup:
		return no("cluster parameter group", aws.ToString(c.DBClusterParameterGroup), h.Plan.To.ClusterGroup)
	}
	all, err := s.members(ctx, c)
	if err != nil {
		return err
	}
	if len(all) != len(h.Plan.Blue.Members) {
		return no("number of members", fmt.Sprint(len(all)), fmt.Sprint(len(h.Plan.Blue.Members)))
	}
	for _, i := range all {
		if name, _ := group(i); name != h.Plan.To.InstanceGroup {
			return no("parameter group of "+aws.ToString(i.DBInstanceIdentifier), name, h.Plan.To.InstanceGroup)
		}
	}
	return nil
}

// sameRows runs the smoke queries on green and compares the listed tables.
func (s *verifyGreen) sameRows(ctx context.Context, h *held, set config.MigrateCluster) (all []Compared, err error) {
	app, err := s.login(ctx, set, set.Login.Secret, h.Plan.Engine, h.Green.Endpoint, h.Green.Port)
	if err != nil {
		return nil, err
	}
	defer app.Close()
	if trouble := smoke(ctx, app, set.Smoke); len(trouble) > 0 {
		return nil, fault.New(fault.VerifyFailed, "run the smoke queries on green", h.Green.Cluster, "look at green before anything is switched to it", "%s", strings.Join(trouble, "; "))
	}
	if len(set.Checksums) == 0 {
		return nil, nil
	}
	// The master user reads every table; read_only does not bind it, but nothing is written.
	blue, err := s.login(ctx, set, set.MasterSecret, h.Plan.Engine, h.Plan.Blue.Endpoint, h.Plan.Blue.Port)
	if err != nil {
		return nil, err
	}
	defer blue.Close()
	green, err := s.login(ctx, set, set.MasterSecret, h.Plan.Engine, h.Green.Endpoint, h.Green.Port)
	if err != nil {
		return nil, err
	}
	defer green.Close()
	for _, name := range set.Checksums {
		c, why, err := s.compare(ctx, blue, green, h.Plan.Engine, name)
		if err != nil {
			return nil, fault.New(fault.VerifyFailed, "compare "+name, h.Green.Cluster, "look at the table on both sides", "%v", err)
		}
		if why != "" {
			return nil, fault.New(fault.VerifyFailed, "compare "+name, h.Green.Cluster, "find out who writes on green; then remove green with {\"mode\":\"abandon\"} and begin anew", "%s", why)
		}
		all = append(all, c)
	}
	return all, nil
}
