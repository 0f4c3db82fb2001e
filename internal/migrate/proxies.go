package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
)

// proxy is an RDS proxy that leads to the cluster.
type proxy struct {
	name, state, reason string
}

// proxiesOf looks at every proxy of the account for those that lead to a cluster.
func (s *step) proxiesOf(ctx context.Context, cluster string) (all []proxy, err error) {
	pages := rds.NewDescribeDBProxiesPaginator(s.rds, &rds.DescribeDBProxiesInput{})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("look at the proxies", s.here.Account, err)
		}
		for _, p := range out.DBProxies {
			name := aws.ToString(p.DBProxyName)
			targets, err := s.targets(ctx, name)
			if err != nil {
				return nil, err
			}
			if one, leads := leading(name, targets, cluster); leads {
				all = append(all, one)
			}
		}
	}
	return all, nil
}

func (s *step) targets(ctx context.Context, name string) ([]types.DBProxyTarget, error) {
	out, err := s.rds.DescribeDBProxyTargets(ctx, &rds.DescribeDBProxyTargetsInput{DBProxyName: &name})
	if err != nil {
		return nil, fault.AWS("look at the proxy's targets", name, err)
	}
	return out.Targets, nil
}

// leading tells the state of a proxy, by its worst target, if it leads to the
// cluster.
func leading(name string, targets []types.DBProxyTarget, cluster string) (one proxy, leads bool) {
	one.name = name
	for _, t := range targets {
		if aws.ToString(t.TrackedClusterId) != cluster && !(t.Type == types.TargetTypeTrackedCluster && aws.ToString(t.RdsResourceId) == cluster) {
			continue
		}
		leads = true
		if h := t.TargetHealth; h != nil && (one.state == "" || h.State != types.TargetStateAvailable) {
			one.state, one.reason = string(h.State), string(h.Reason)
		}
	}
	return one, leads
}

// follow decides how the proxies follow, before green is created: by the
// configuration alone, since AWS leads over whatever leads to blue then
// (docs/migration.md §2.1).
func (p *Plan) follow(found []proxy, how string) {
	for _, x := range found {
		p.Proxies = append(p.Proxies, x.name)
	}
	slices.Sort(p.Proxies)
	if how != config.ProxiesFollow {
		p.Detach, p.Early = slices.Clone(p.Proxies), how == config.ProxiesDetachFirst && len(p.Proxies) > 0
	}
	p.lane()
}

func (p *Plan) lane() {
	switch {
	case len(p.Detach) > 0:
		p.Lane = LaneDetach
	case len(p.Proxies) > 0:
		p.Lane = LaneNative
	default:
		p.Lane = LaneNone
	}
}

// again looks at the proxies once more when green is there: what has been
// registered since would keep AWS from switching over and is detached; what is
// gone is forgotten. off are those that dbferry has taken off already.
func (p *Plan) again(found []proxy, off []string) (changed bool) {
	native := slices.DeleteFunc(slices.Clone(p.Proxies), func(n string) bool { return slices.Contains(p.Detach, n) })
	was := p.Hash()
	p.Proxies, p.Detach = nil, slices.Clone(off)
	for _, x := range found {
		p.Proxies = append(p.Proxies, x.name)
		if !slices.Contains(native, x.name) {
			p.Detach = append(p.Detach, x.name)
		}
	}
	for _, n := range off {
		if !slices.Contains(p.Proxies, n) {
			p.Proxies = append(p.Proxies, n)
		}
	}
	slices.Sort(p.Proxies)
	slices.Sort(p.Detach)
	p.Proxies, p.Detach = slices.Compact(p.Proxies), slices.Compact(p.Detach)
	if len(p.Detach) == 0 {
		p.Detach = nil
	}
	p.lane()
	return p.Hash() != was
}

// proxyLine is the lane for a person.
func (p Plan) proxyLine() string {
	switch {
	case p.Lane != LaneDetach:
		return strings.TrimSpace(string(p.Lane) + " " + strings.Join(p.Proxies, ", "))
	case p.Early:
		return "detach " + strings.Join(p.Detach, ", ") + " before green is created, attach after the switchover: until then there is no way through the proxy"
	}
	line := "detach " + strings.Join(p.Detach, ", ") + " right before the switchover, attach after it: no way through the proxy for some minutes"
	if native := slices.DeleteFunc(slices.Clone(p.Proxies), func(n string) bool { return slices.Contains(p.Detach, n) }); len(native) > 0 {
		line += "; native " + strings.Join(native, ", ")
	}
	return line
}

// detach takes proxies off the cluster. That it is going to is written down before
// the first call, so that whoever comes next puts them back.
func (s *step) detach(ctx context.Context, h *held, which []string) (time.Duration, error) {
	if len(h.Detached) == 0 && len(which) > 0 {
		h.Detached = slices.Clone(which)
		if err := s.testify(ctx, &h.Migration, "proxies-detached"+h.way(), h.Detached); err != nil {
			return 0, err
		}
		if err := s.save(ctx, h); err != nil {
			return 0, err
		}
	}
	for _, name := range h.Detached {
		targets, err := s.targets(ctx, name)
		if err != nil {
			return 0, err
		}
		if _, leads := leading(name, targets, h.Plan.Cluster); !leads {
			continue
		}
		_, err = s.rds.DeregisterDBProxyTargets(ctx, &rds.DeregisterDBProxyTargetsInput{DBProxyName: &name, DBClusterIdentifiers: []string{h.Plan.Cluster}})
		if err != nil && !fault.IsNotFound(err) {
			return 0, fault.AWS("take the proxy off "+h.Plan.Cluster, name, err)
		}
		return lookEvery, nil
	}
	return 0, nil
}

// way tells the evidence of a way back from that of the way there.
func (m Migration) way() string {
	if m.Phase == Returning {
		return "-back"
	}
	return ""
}

// attach puts what was taken off on the cluster that has production's name, and
// waits until every target is available. While a Blue/Green deployment exists AWS
// takes no new target (docs/migration.md §1.7); release ends it then.
func (s *step) attach(ctx context.Context, h *held, release func(context.Context, *held) (time.Duration, error)) (time.Duration, error) {
	for _, name := range h.Detached {
		targets, err := s.targets(ctx, name)
		if err != nil {
			return 0, err
		}
		switch one, leads := leading(name, targets, h.Plan.Cluster); {
		case leads && one.state == string(types.TargetStateAvailable):
			continue
		case leads:
			return lookEvery, nil
		}
		_, err = s.rds.RegisterDBProxyTargets(ctx, &rds.RegisterDBProxyTargetsInput{DBProxyName: &name, DBClusterIdentifiers: []string{h.Plan.Cluster}})
		switch {
		case fault.HasCode(err, "InvalidDBClusterStateFault"):
			return s.blocked(ctx, h, release)
		case fault.HasCode(err, "InvalidDBInstanceState", "InvalidDBInstanceStateFault", "InvalidDBProxyStateFault"):
			return lookEvery, nil
		case fault.HasCode(err, "DBProxyTargetAlreadyRegisteredFault"):
			if targets, e := s.targets(ctx, name); e != nil {
				return 0, e
			} else if _, leads := leading(name, targets, h.Plan.Cluster); leads {
				return lookEvery, nil // by a call whose reply was lost
			}
			return 0, fault.AWS("put the proxy on "+h.Plan.Cluster, name, err)
		case err != nil:
			return 0, fault.AWS("put the proxy on "+h.Plan.Cluster, name, err)
		}
		return lookEvery, nil
	}
	if len(h.Detached) == 0 {
		return 0, nil
	}
	was := h.Detached
	h.Detached = nil
	if err := s.testify(ctx, &h.Migration, "proxies-attached"+h.way(), was); err != nil {
		return 0, err
	}
	return 0, s.save(ctx, h)
}

// blocked tells a cluster that is on its way, which is waited for, from one that
// AWS refuses because of the deployment.
func (s *step) blocked(ctx context.Context, h *held, release func(context.Context, *held) (time.Duration, error)) (time.Duration, error) {
	c, err := s.mustCluster(ctx, h.Plan.Cluster)
	if err != nil {
		return 0, err
	}
	all, err := s.members(ctx, c)
	if err != nil {
		return 0, err
	}
	if unwell(c, all) != "" {
		return lookEvery, nil
	}
	wait, err := release(ctx, h)
	return max(wait, lookEvery), err
}

// unplanned are proxies that lead to the cluster and that the plan does not know:
// AWS would not switch over.
func (s *step) unplanned(ctx context.Context, h *held) error {
	found, err := s.proxiesOf(ctx, h.Plan.Cluster)
	if err != nil {
		return err
	}
	for _, x := range found {
		if !slices.Contains(h.Plan.Proxies, x.name) {
			return fault.New(fault.NotReady, "switch over", x.name, fmt.Sprintf("start again with {\"cluster\":%q}: the plan will take the proxy off for the switchover, and asks anew", h.Plan.Cluster),
				"RDS Proxy %s was registered with %s after the approval", x.name, h.Plan.Cluster)
		}
	}
	return nil
}
