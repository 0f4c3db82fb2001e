package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	parameterName = regexp.MustCompile(`^/?[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$`)
	zoneID        = regexp.MustCompile(`^Z[A-Z0-9]{1,31}$`)
	recordName    = regexp.MustCompile(`^([a-z0-9_]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+\.?$`)
	ecsName       = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,255}$`)
	proxyName     = regexp.MustCompile(`^[a-zA-Z](-?[a-zA-Z0-9])*$`)
	functionARN   = regexp.MustCompile(`^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9_-]+(:[a-zA-Z0-9_-]+)?$`)
	documentName  = regexp.MustCompile(`^[a-zA-Z0-9_.:/-]{3,128}$`)
	windowID      = regexp.MustCompile(`^mw-[0-9a-f]{17}$`)
)

func (s Switch) validate(at string, t Target, p *Problems) {
	if k := s.Keep(); k < 2 || k > 20 {
		p.addf("%s.generations: %d is not between 2 and 20; the way back needs the generation before the serving one", at, k)
	}
	for i, g := range s.ProxySecurityGroups {
		if !groupID.MatchString(g) {
			p.addf("%s.proxySecurityGroups[%d]: %q is not a security group id", at, i, g)
		}
	}
	s.validateClusters(at, t, p)
	s.validateValues(at, t, p)
	seen := map[string]bool{}
	for i, v := range s.Services {
		where := fmt.Sprintf("%s.services[%d]", at, i)
		if !ecsName.MatchString(v.Cluster) || !ecsName.MatchString(v.Service) {
			p.addf("%s: %q and %q must be names of an ECS cluster and service", where, v.Cluster, v.Service)
		}
		if seen[v.Cluster+"/"+v.Service] {
			p.addf("%s: is listed twice", where)
		}
		seen[v.Cluster+"/"+v.Service] = true
		if l := v.Limit(); l < 1 || l > 120 {
			p.addf("%s.minutes: %d is not between 1 and 120", where, l)
		}
	}
	named := map[string]bool{}
	for i, h := range s.Hooks {
		if named[h.Name] {
			p.addf("%s.hooks[%d].name: %q is given twice", at, i, h.Name)
		}
		named[h.Name] = true
		h.validate(fmt.Sprintf("%s.hooks[%d]", at, i), p)
	}
}

func (s Switch) validateClusters(at string, t Target, p *Problems) {
	seen, taken := map[string]bool{}, map[string]bool{}
	for i, c := range s.Clusters {
		where := fmt.Sprintf("%s.clusters[%d]", at, i)
		if !clusterID.MatchString(c.Cluster) {
			p.addf("%s.cluster: %q is not a cluster identifier", where, c.Cluster)
		}
		if seen[c.Cluster] {
			p.addf("%s.cluster: %q is listed twice", where, c.Cluster)
		}
		seen[c.Cluster] = true
		want, ok := map[string]int{LaneSingle: 1, LanePair: 2, LaneNone: 0}[c.Lane]
		if !ok {
			p.addf("%s.lane: %q is neither single, pair nor none", where, c.Lane)
		} else if len(c.Proxies) != want {
			p.addf("%s.proxies: lane %s takes %d, not %d", where, c.Lane, want, len(c.Proxies))
		}
		for j, name := range c.Proxies {
			if !proxyName.MatchString(name) || len(name) > 63 {
				p.addf("%s.proxies[%d]: %q is not the name of an RDS proxy", where, j, name)
			}
			if taken[name] {
				p.addf("%s.proxies[%d]: %q is used twice; a proxy has one cluster", where, j, name)
			}
			taken[name] = true
		}
		c.validateLogin(where, t, p)
		if c.Lane == LanePair && !s.leadsTo(c.Cluster) {
			p.addf("%s: lane pair needs a parameter or record with ${endpoint:%s}; it is what moves applications from one proxy to the other", where, c.Cluster)
		}
	}
}

func (c ClusterPointer) validateLogin(at string, t Target, p *Problems) {
	set, err := t.ClusterSettings(c.Cluster)
	if err != nil {
		return // the preflight names a cluster without settings
	}
	if _, ok := set.ProofLogin(c.Login); !ok {
		p.addf("%s.login: %q is not among the logins of the cluster's settings; applications' own login proves the new data", at, c.Login)
	}
	for i, q := range c.Smoke {
		if !readOnly(q) {
			p.addf("%s.smoke[%d]: %q must be one SELECT, without a semicolon", at, i, q)
		}
	}
}

// readOnly is a guard against mistakes, not against malice: the login's own
// rights are what limits it.
func readOnly(query string) bool {
	first, _, _ := strings.Cut(strings.TrimSpace(strings.ToLower(query)), " ")
	return first == "select" && !strings.Contains(query, ";")
}

func (s Switch) validateValues(at string, t Target, p *Problems) {
	seen := map[string]bool{}
	for i, v := range s.Parameters {
		where := fmt.Sprintf("%s.parameters[%d]", at, i)
		if !parameterName.MatchString(v.Name) || strings.HasPrefix(strings.TrimPrefix(v.Name, "/"), "aws") || strings.HasPrefix(strings.TrimPrefix(v.Name, "/"), "ssm") {
			p.addf("%s.name: %q is not a parameter name that SSM takes", where, v.Name)
		}
		if seen[v.Name] {
			p.addf("%s.name: %q is listed twice", where, v.Name)
		}
		seen[v.Name] = true
		checkValue(where+".value", v.Value, p)
		checkSecrets(where+".value", v.Value, t, p)
	}
	for i, v := range s.Records {
		where := fmt.Sprintf("%s.records[%d]", at, i)
		if !zoneID.MatchString(v.Zone) || !recordName.MatchString(v.Name) {
			p.addf("%s: %q and %q must be a hosted zone id (Z…) and a record name in lower case", where, v.Zone, v.Name)
		}
		if seen[v.Zone+v.Name] {
			p.addf("%s.name: %q is listed twice", where, v.Name)
		}
		seen[v.Zone+v.Name] = true
		if ttl := v.Seconds(); ttl < 1 || ttl > 300 {
			p.addf("%s.ttl: %d is not between 1 and 300", where, ttl)
		}
		checkValue(where+".value", v.Value, p)
		if slices.ContainsFunc(References(v.Value), func(r Reference) bool { return r.What == AskSecret }) {
			p.addf("%s.value: %q: a record cannot lead to a secret; a parameter can", where, v.Value)
		}
	}
}

func (h Hook) validate(at string, p *Problems) {
	if h.Name == "" {
		p.addf("%s.name: is missing", at)
	}
	kinds := 0
	for _, k := range []struct {
		field string
		set   bool
		fits  bool
	}{
		{"function", h.Function != "", functionARN.MatchString(h.Function)},
		{"automation", h.Automation != "", documentName.MatchString(h.Automation)},
		{"command", h.Command != nil, h.Command != nil && documentName.MatchString(h.Command.Document) && h.Command.Tag.Key != ""},
		{"maintenanceWindow", h.MaintenanceWindow != "", windowID.MatchString(h.MaintenanceWindow)},
	} {
		if k.set {
			kinds++
			if !k.fits {
				p.addf("%s.%s: is not in the form that AWS takes", at, k.field)
			}
		}
	}
	if kinds != 1 {
		p.addf("%s: exactly one of function, automation, command and maintenanceWindow is needed", at)
	}
	if l := h.Limit(); l < 1 || l > 1440 {
		p.addf("%s.minutes: %d is not between 1 and 1440", at, l)
	} else if h.Function != "" && l > MostFunctionMinutes {
		p.addf("%s.minutes: %d is more than %d, the most for a function; let it start what takes longer, or use an automation", at, l, MostFunctionMinutes)
	}
}
