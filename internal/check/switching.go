package check

import (
	"slices"

	"github.com/dbferry/dbferry/internal/config"
)

// The APIs that only a switch needs: an application can be refreshed without.
const (
	ParameterAPI = "Systems Manager"
	RecordAPI    = "Route 53"
	ServiceAPI   = "ECS"
)

// ProxyFacts are an RDS proxy that a switch moves.
type ProxyFacts struct {
	Missing           bool
	Endpoint, Status  string
	Family            string // "MYSQL" or "POSTGRESQL"
	VPC               string
	Groups, Secrets   []string // ids of security groups, ARNs
	TargetGroups      []string
	Cluster           string   // that is registered; empty for none
	Instances         []string // registered on their own
	NotReached        string   // from the function subnets, and why
	ReachedFromInside bool
}

// ParameterFacts are an SSM parameter; its value is not kept.
type ParameterFacts struct {
	Missing bool
	Type    string
}

// RecordFacts are what a hosted zone has under a name.
type RecordFacts struct {
	NoZone bool
	Types  []string
	Plain  bool // one value, no alias, no routing policy
}

// ServiceFacts are an ECS service; without a status there is none.
type ServiceFacts struct {
	Status, Controller string
	Breaker            bool // its deployment circuit breaker is on
}

// hinders is wrong of a thing that only a switch needs.
func hinders(resource, what, fix string) Finding {
	return Finding{Resource: resource, Outcome: Hinders, What: what, Fix: fix}
}

// pointers are the clusters of the target's switch.
func (f Facts) pointers() []config.ClusterPointer {
	if f.Target.Switch == nil {
		return nil
	}
	return f.Target.Switch.Clusters
}

// eachProxy asks about the proxies that are there.
func eachProxy(f Facts, ask func(c config.ClusterPointer, name string, p ProxyFacts) Finding) []Finding {
	var out []Finding
	for _, c := range f.pointers() {
		for _, name := range c.Proxies {
			if p, ok := f.Proxies[name]; ok && !p.Missing {
				out = append(out, ask(c, name, p))
			}
		}
	}
	return out
}

func hasAny(list, of []string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return slices.Contains(of, s) })
}
