package switchover

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
)

// pointers are the live pointers of a target: the truth about what serves.
type pointers struct {
	proxies   map[string]proxy  // by name
	values    map[string]string // parameters by name, records by zone/name; only those that exist
	recordTTL map[string]int64
	versions  map[string]int64 // of parameters
}

type proxy struct {
	endpoint string
	cluster  string   // registered; empty when none is
	secrets  []string // ARNs
}

// livePointers reads every pointer of the configuration.
func (s *step) livePointers(ctx context.Context) (pointers, error) {
	l := pointers{proxies: map[string]proxy{}, values: map[string]string{}, recordTTL: map[string]int64{}, versions: map[string]int64{}}
	for _, c := range s.t.Switch.Clusters {
		for _, name := range c.Proxies {
			p, err := s.proxy(ctx, name)
			if err != nil {
				return l, err
			}
			l.proxies[name] = p
		}
	}
	for _, v := range s.t.Switch.Parameters {
		value, version, found, err := s.parameter(ctx, v.Name)
		if err != nil {
			return l, err
		}
		if found {
			l.values[v.Name], l.versions[v.Name] = value, version
		}
	}
	for _, r := range s.t.Switch.Records {
		now, found, err := s.record(ctx, r.Zone, r.Name)
		if err != nil {
			return l, err
		}
		if found {
			l.values[recordName(r)], l.recordTTL[recordName(r)] = now.value(), now.ttl
		}
	}
	return l, nil
}

func (s *step) describeProxy(ctx context.Context, name string) (rdstypes.DBProxy, error) {
	out, err := s.rds.DescribeDBProxies(ctx, &rds.DescribeDBProxiesInput{DBProxyName: &name})
	if fault.IsNotFound(err) {
		return rdstypes.DBProxy{}, fault.New(fault.BadRequest, "look at proxy "+name, name, "create it, or correct targets[].switch.clusters[].proxies", "there is no such RDS proxy in account %s", s.here.Account)
	}
	if err != nil {
		return rdstypes.DBProxy{}, fault.AWS("look at proxy "+name, name, err)
	}
	return out.DBProxies[0], nil
}

func (s *step) proxy(ctx context.Context, name string) (proxy, error) {
	is, err := s.describeProxy(ctx, name)
	if err != nil {
		return proxy{}, err
	}
	p := proxy{endpoint: aws.ToString(is.Endpoint), secrets: secretsIn(is.Auth)}
	rows, err := s.targets(ctx, name)
	p.cluster = trackedCluster(rows)
	return p, err
}

// serves says whether a live pointer leads to a resource: it is registered with
// a proxy, or its name stands in a value.
func (l pointers) serves(name string) bool {
	for _, p := range l.proxies {
		if p.cluster == name {
			return true
		}
	}
	for _, v := range l.values {
		if mentions(v, name) {
			return true
		}
	}
	return false
}

// mentions finds a whole name in a value: "shop-1" is not in "shop-10.cluster-x".
func mentions(value, name string) bool {
	for rest := value; ; {
		i := strings.Index(rest, name)
		if i < 0 {
			return false
		}
		if before, after := rest[:i], rest[i+len(name):]; !endsInName(before) && !beginsInName(after) {
			return true
		}
		rest = rest[i+1:]
	}
}

func inName(c byte) bool {
	return c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func endsInName(s string) bool   { return s != "" && inName(s[len(s)-1]) }
func beginsInName(s string) bool { return s != "" && inName(s[0]) }

// pair finds which proxy of a pair serves and which is idle, by the endpoint that
// stands in the values of applications. When none stands there, the first proxy
// without a cluster is the idle one.
func (l pointers) pair(c config.ClusterPointer) (serving, idle string, err error) {
	var named []string
	for _, name := range c.Proxies {
		for _, v := range l.values {
			if mentions(v, l.proxies[name].endpoint) {
				named = append(named, name)
				break
			}
		}
	}
	a, b := c.Proxies[0], c.Proxies[1]
	switch {
	case len(named) == 2:
		return "", "", fault.New(fault.BadRequest, "find the serving proxy of "+c.Cluster, c.Cluster,
			"let all parameters and records lead to one of the two", "parameters and records lead to both %s and %s", a, b)
	case len(named) == 1 && named[0] == a:
		return a, b, nil
	case len(named) == 1:
		return b, a, nil
	case l.proxies[a].cluster != "" && l.proxies[b].cluster == "":
		return "", b, nil
	}
	return "", a, nil
}
