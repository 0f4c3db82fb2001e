package rds

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Engine families of proxies, as RDS spells them.
const (
	FamilyMySQL      = "MYSQL"
	FamilyPostgreSQL = "POSTGRESQL"
)

// defaultTargetGroup is the one target group that every proxy has.
const defaultTargetGroup = "default"

// ProxySpec describes an RDS Proxy.
type ProxySpec struct {
	Name           string
	Family         string   // FamilyMySQL or FamilyPostgreSQL
	Secrets        []string // ARNs
	RoleARN        string   // with which it reads its secrets
	Subnets        []string
	SecurityGroups []string
	Cluster        string        // registered and past its start from the beginning; empty for none
	BorrowTimeout  time.Duration // 0 for AWS's 120 s
	RequireTLS     bool
	Tags           map[string]string

	// AddressesExhausted says that no address is left in its subnets.
	AddressesExhausted bool
}

// proxy is one RDS Proxy. It has at most one target, a cluster.
type proxy struct {
	ProxySpec
	account      *account
	id, vpc      string
	status       types.DBProxyStatus
	created      time.Time
	updated      time.Time
	target       *proxyTarget
	known        map[string]login // what its secrets say, by user
	knownAt      time.Time
	unreadable   string // why it could not read them
	visits       []*ProxyVisit
	registration int
}

type login struct{ user, password string }

func (s *Service) proxyARN(p *proxy) string {
	return s.w.ARN("rds", p.account.id, "db-proxy:prx-"+p.id)
}

func (s *Service) targetGroupARN(p *proxy) string {
	return s.w.ARN("rds", p.account.id, "target-group:prx-tg-"+p.id)
}

func (s *Service) proxyEndpoint(p *proxy) string {
	return fmt.Sprintf("%s.proxy-%s.%s.rds.amazonaws.com", p.Name, s.zone(p.account.id), s.w.Region)
}

// port is fixed on the client side (docs/aws.md §7.3).
func (p *proxy) port() int32 {
	if p.Family == FamilyPostgreSQL {
		return 5432
	}
	return 3306
}

func (p *proxy) engine() string {
	if p.Family == FamilyPostgreSQL {
		return AuroraPostgreSQL
	}
	return AuroraMySQL
}

// place is where the proxy's own connections come from.
func (p *proxy) place() NetworkPlace {
	return NetworkPlace{Account: p.account.id, VPC: p.vpc, Subnets: p.Subnets, SecurityGroups: p.SecurityGroups}
}

// PutProxy adds an available proxy to an account; its cluster, subnets and
// groups must have been put before.
func (s *Service) PutProxy(account string, spec ProxySpec) error {
	a := s.account(account)
	fail := func(format string, args ...any) error {
		return fmt.Errorf("proxy %s in account %s: %s", spec.Name, account, fmt.Sprintf(format, args...))
	}
	switch {
	case a.proxies[spec.Name] != nil:
		return fail("it exists already")
	case spec.Family != FamilyMySQL && spec.Family != FamilyPostgreSQL:
		return fail("family %q is neither %s nor %s", spec.Family, FamilyMySQL, FamilyPostgreSQL)
	case len(spec.Subnets) == 0 || a.subnets[spec.Subnets[0]].VPC == "":
		return fail("it needs subnets that have been put")
	}
	spec.Subnets, spec.SecurityGroups = slices.Clone(spec.Subnets), slices.Clone(spec.SecurityGroups)
	spec.Secrets, spec.Tags = slices.Clone(spec.Secrets), maps.Clone(spec.Tags)
	spec.BorrowTimeout = cmp.Or(spec.BorrowTimeout, 120*time.Second)
	p := &proxy{ProxySpec: spec, account: a, id: s.w.Hex(17), vpc: a.subnets[spec.Subnets[0]].VPC, status: types.DBProxyStatusAvailable, created: s.w.Now(), updated: s.w.Now()}
	if err := a.checkGroups(spec.SecurityGroups, p.vpc); err != nil {
		return fail("%v", err)
	}
	if spec.Cluster != "" {
		c := a.clusters[spec.Cluster]
		if c == nil || c.Engine != p.engine() {
			return fail("there is no cluster %s of its family", spec.Cluster)
		}
		p.target = &proxyTarget{cluster: c, stage: stageChecked}
	}
	a.proxies[spec.Name] = p
	return nil
}

// SetProxyStatus shows a proxy in another status, as if somebody else were at
// work on it.
func (s *Service) SetProxyStatus(account, name string, status types.DBProxyStatus) {
	if p := s.account(account).proxies[name]; p != nil {
		p.status = status
	}
}

// ProxyEndpoint is the host name of a proxy and its port.
func (s *Service) ProxyEndpoint(account, name string) (host string, port int, ok bool) {
	p := s.account(account).proxies[name]
	if p == nil {
		return "", 0, false
	}
	return s.proxyEndpoint(p), int(p.port()), true
}

func (s *Service) proxyView(p *proxy) types.DBProxy {
	v := types.DBProxy{
		DBProxyName: aws.String(p.Name), DBProxyArn: aws.String(s.proxyARN(p)), Status: p.status, EngineFamily: aws.String(p.Family),
		VpcId: aws.String(p.vpc), VpcSecurityGroupIds: slices.Clone(p.SecurityGroups), VpcSubnetIds: slices.Clone(p.Subnets),
		RoleArn: aws.String(p.RoleARN), Endpoint: aws.String(s.proxyEndpoint(p)), RequireTLS: aws.Bool(p.RequireTLS),
		IdleClientTimeout: aws.Int32(1800), DebugLogging: aws.Bool(false), CreatedDate: aws.Time(p.created), UpdatedDate: aws.Time(p.updated),
		DefaultAuthScheme: aws.String("NONE"),
	}
	for _, arn := range p.Secrets {
		v.Auth = append(v.Auth, types.UserAuthConfigInfo{AuthScheme: types.AuthSchemeSecrets, SecretArn: aws.String(arn), IAMAuth: types.IAMAuthModeDisabled})
	}
	return v
}

func (s *Service) targetGroupView(p *proxy) types.DBProxyTargetGroup {
	return types.DBProxyTargetGroup{
		DBProxyName: aws.String(p.Name), TargetGroupName: aws.String(defaultTargetGroup), TargetGroupArn: aws.String(s.targetGroupARN(p)),
		IsDefault: aws.Bool(true), Status: aws.String(string(p.status)), CreatedDate: aws.Time(p.created), UpdatedDate: aws.Time(p.updated),
		ConnectionPoolConfig: &types.ConnectionPoolConfigurationInfo{
			ConnectionBorrowTimeout: aws.Int32(int32(p.BorrowTimeout / time.Second)), MaxConnectionsPercent: aws.Int32(100),
			MaxIdleConnectionsPercent: aws.Int32(50),
		},
	}
}

func proxyNotFound(name string) error {
	return &types.DBProxyNotFoundFault{Message: aws.String(fmt.Sprintf("DB Proxy %s not found", name))}
}
