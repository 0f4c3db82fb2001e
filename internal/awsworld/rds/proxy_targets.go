package rds

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// proxyTarget is a cluster that a proxy tracks.
type proxyTarget struct {
	cluster *cluster
	stage   stage
	wait    string // key of the wait for its registration
	settled []string
	health  health
}

// stage is how far the registration has come.
type stage int

const (
	stageRegistering stage = iota
	stageCapacity          // the proxy still scales
	stageChecked           // health decides
)

func (s *Service) registerTargets(c *awsworld.Call, in *rds.RegisterDBProxyTargetsInput) (*rds.RegisterDBProxyTargetsOutput, error) {
	p, err := s.withGroup(c.Account.ID, in.DBProxyName, in.TargetGroupName)
	if err != nil {
		return nil, err
	}
	if err := p.mayChange(); err != nil {
		return nil, err
	}
	cl, err := s.registrable(p, in)
	if err != nil {
		return nil, err
	}
	s.register(p, cl)
	return &rds.RegisterDBProxyTargetsOutput{DBProxyTargets: s.targetViews(p)}, nil
}

// registrable is the cluster to register, if it may be (docs/aws.md §7.3).
func (s *Service) registrable(p *proxy, in *rds.RegisterDBProxyTargetsInput) (*cluster, error) {
	for _, id := range in.DBInstanceIdentifiers {
		if p.account.instances[shortID(id)] == nil {
			return nil, instanceNotFound(id)
		}
		return nil, &awsworld.Unsimulated{Service: "RDS", Operation: "RegisterDBProxyTargets with an instance"}
	}
	if len(in.DBClusterIdentifiers) != 1 {
		return nil, invalidCombination("Exactly one DB cluster can be a target of proxy %s, not %d.", p.Name, len(in.DBClusterIdentifiers))
	}
	cl := p.account.clusters[shortID(in.DBClusterIdentifiers[0])]
	switch {
	case cl == nil:
		return nil, clusterNotFound(in.DBClusterIdentifiers[0])
	case p.target != nil:
		return nil, &types.DBProxyTargetAlreadyRegisteredFault{Message: aws.String(fmt.Sprintf(
			"Proxy %s already has the DB cluster %s as its target; %s cannot be registered as well.", p.Name, p.target.cluster.ID, cl.ID))}
	case cl.Engine != p.engine():
		return nil, invalidCombination("The engine %s of cluster %s is not of the engine family %s of proxy %s.", cl.Engine, cl.ID, p.Family, p.Name)
	case p.AddressesExhausted:
		return nil, &types.InsufficientAvailableIPsInSubnetFault{Message: aws.String("Not enough available IP addresses in the subnets of proxy " + p.Name)}
	}
	if err := s.MayRegister(p.account.id, cl.ID); err != nil {
		return nil, err
	}
	return cl, cl.mayBeTarget()
}

// mayBeTarget: a proxy refuses a cluster on its way, and one whose instances
// are configuring something.
func (cl *cluster) mayBeTarget() error {
	if slices.Contains([]string{creating, deleting, failed}, cl.status) || len(cl.members) == 0 {
		return clusterState("DB Cluster %s is in an unsupported state - %s with %d instances, needs to be available and have an instance", cl.ID, strings.ToUpper(cl.status), len(cl.members))
	}
	for _, id := range cl.members {
		i := cl.account.instances[id]
		if !slices.Contains([]string{available, modifying, backingUp, creating}, i.status) {
			return instanceState("DB Instance %s is in an unsupported state - %s, needs to be in [AVAILABLE, MODIFYING, BACKING_UP, CREATING]", id, strings.ToUpper(strings.ReplaceAll(i.status, "-", "_")))
		}
	}
	return nil
}

// register takes a target from REGISTERING over PENDING_PROXY_CAPACITY to what
// the health check says.
func (s *Service) register(p *proxy, cl *cluster) {
	p.registration++
	t := &proxyTarget{cluster: cl, wait: fmt.Sprintf("%s/target/%d", s.proxyARN(p), p.registration)}
	p.target = t
	p.stale()
	began := s.w.Now()
	s.w.Waits.Begin(t.wait, awsworld.Wait{What: fmt.Sprintf("proxy %s reaches %s", p.Name, cl.ID), Item: cl.origin, Phase: "proxy"})
	s.w.Kernel.After(s.Timing.Proxy.Registering.draw(s.w), func() {
		t.stage = stageCapacity
		s.w.Kernel.After(s.Timing.Proxy.Capacity.draw(s.w), func() {
			t.stage = stageChecked
			s.outages = append(s.outages, Outage{Cluster: cl.ID, From: began, To: s.w.Now(), What: "proxy", OfProxy: true})
			s.w.Waits.Finish(t.wait)
			t.settled = append(t.settled, t.wait)
		})
	})
}

func (s *Service) deregisterTargets(c *awsworld.Call, in *rds.DeregisterDBProxyTargetsInput) (*rds.DeregisterDBProxyTargetsOutput, error) {
	p, err := s.withGroup(c.Account.ID, in.DBProxyName, in.TargetGroupName)
	if err != nil {
		return nil, err
	}
	if err := p.mayChange(); err != nil {
		return nil, err
	}
	ids := append(slices.Clone(in.DBClusterIdentifiers), in.DBInstanceIdentifiers...)
	if len(ids) == 0 {
		return nil, invalidCombination("Name the DB cluster to deregister from proxy %s.", p.Name)
	}
	for _, id := range ids {
		if p.target == nil || len(in.DBInstanceIdentifiers) > 0 || p.target.cluster.ID != shortID(id) {
			return nil, &types.DBProxyTargetNotFoundFault{Message: aws.String(fmt.Sprintf("%s is not a target of proxy %s", id, p.Name))}
		}
	}
	s.unregister(p)
	return &rds.DeregisterDBProxyTargetsOutput{}, nil
}

// unregister takes the target away; its clients lose their sessions.
func (s *Service) unregister(p *proxy) {
	s.w.Waits.Finish(p.target.wait)
	p.target = nil
	for _, v := range slices.Clone(p.visits) {
		v.dropped()
	}
	p.visits = nil
}

// tracking are the proxies that have a cluster as their target.
func (cl *cluster) tracking() []*proxy {
	var out []*proxy
	for _, p := range sorted(cl.account.proxies) {
		if p.target != nil && p.target.cluster == cl {
			out = append(out, p)
		}
	}
	return out
}

// tracked tells the proxies of a cluster that it has a new member, untracked
// that one is gone, and clusterGone that it is gone itself.
func (s *Service) tracked(i *instance) {
	for _, p := range i.cluster().tracking() {
		s.emitProxy(p, "RDS-EVENT-0213", "creation", "RDS added DB instance %s to the target group of DB proxy %s.", i.ID, p.Name)
	}
}

func (s *Service) untracked(cl *cluster, i *instance) {
	for _, p := range cl.tracking() {
		s.emitProxy(p, "RDS-EVENT-0214", "deletion", "RDS deleted DB instance %s from DB proxy %s.", i.ID, p.Name)
	}
}

func (s *Service) clusterGone(cl *cluster) {
	for _, p := range cl.tracking() {
		s.unregister(p)
		s.emitProxy(p, "RDS-EVENT-0215", "deletion", "RDS deleted DB cluster %s from DB proxy %s.", cl.ID, p.Name)
	}
}

func (s *Service) emitProxy(p *proxy, id, category, format string, args ...any) {
	s.emit(p.account.id, s.proxyARN(p), event{id, category, fmt.Sprintf(format, args...)})
}

func (s *Service) describeTargets(c *awsworld.Call, in *rds.DescribeDBProxyTargetsInput) (*rds.DescribeDBProxyTargetsOutput, error) {
	if err := service.OnlyFields(c, "DBProxyName", "TargetGroupName", "Marker", "MaxRecords"); err != nil {
		return nil, err
	}
	p, err := s.withGroup(c.Account.ID, in.DBProxyName, in.TargetGroupName)
	if err != nil {
		return nil, err
	}
	rows, next, err := page(s.targetViews(p), func(t types.DBProxyTarget) string { return aws.ToString(t.TargetArn) }, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	if p.target != nil {
		s.notice(c, &p.target.settled)
	}
	return &rds.DescribeDBProxyTargetsOutput{Targets: rows, Marker: next}, nil
}

// targetViews are one TRACKED_CLUSTER row and a row for each member.
func (s *Service) targetViews(p *proxy) []types.DBProxyTarget {
	t := p.target
	if t == nil {
		return []types.DBProxyTarget{}
	}
	cl := t.cluster
	out := []types.DBProxyTarget{{
		TargetArn: aws.String(cl.arn), RdsResourceId: aws.String(cl.ID), Type: types.TargetTypeTrackedCluster, Port: aws.Int32(0),
	}}
	for _, id := range slices.Clone(cl.members) {
		i := cl.account.instances[id]
		if i == nil {
			continue // gone while another's health was checked
		}
		role := types.TargetRoleReadOnly
		if id == cl.writer {
			role = types.TargetRoleReadWrite
		}
		out = append(out, types.DBProxyTarget{
			TargetArn: aws.String(i.arn), RdsResourceId: aws.String(id), TrackedClusterId: aws.String(cl.ID), Type: types.TargetTypeRdsInstance,
			Endpoint: aws.String(s.instanceEndpoint(i)), Port: aws.Int32(cl.Port), Role: role, TargetHealth: s.healthOf(p, t, i).view(),
		})
	}
	return out
}
