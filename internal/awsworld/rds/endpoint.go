package rds

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// EndpointSpec describes a custom endpoint of a cluster.
type EndpointSpec struct {
	ID, Cluster string
	Type        string   // READER or ANY
	Members     []string // instances; empty for all
}

// endpoint is a custom endpoint of a cluster.
type customEndpoint struct {
	id, cluster, kind string
	resourceID        string
	members           []string
	status            string
}

// PutClusterEndpoint adds a custom endpoint to a cluster.
func (s *Service) PutClusterEndpoint(accountID string, spec EndpointSpec) error {
	a := s.account(accountID)
	c := a.clusters[strings.ToLower(spec.Cluster)]
	if c == nil {
		return fmt.Errorf("endpoint %s in account %s: cluster %q does not exist; put it first", spec.ID, accountID, spec.Cluster)
	}
	for _, m := range spec.Members {
		if !slices.Contains(c.members, m) {
			return fmt.Errorf("endpoint %s in account %s: %s is no instance of %s", spec.ID, accountID, m, c.ID)
		}
	}
	s.addEndpoint(c, strings.ToLower(spec.ID), spec.Type, spec.Members, available)
	return nil
}

func (s *Service) addEndpoint(c *cluster, id, kind string, members []string, status string) *customEndpoint {
	if c.account.endpoints == nil {
		c.account.endpoints = map[string]*customEndpoint{}
	}
	e := &customEndpoint{id: id, cluster: c.ID, kind: kind, members: slices.Clone(members), status: status, resourceID: s.resourceID("cluster-endpoint-")}
	c.account.endpoints[id] = e
	return e
}

func (a *account) endpointsOf(c *cluster) []*customEndpoint {
	var out []*customEndpoint
	for _, id := range slices.Sorted(maps.Keys(a.endpoints)) {
		if a.endpoints[id].cluster == c.ID {
			out = append(out, a.endpoints[id])
		}
	}
	return out
}

// customHost is the DNS name of a custom endpoint.
func (s *Service) customHost(e *customEndpoint) string {
	for _, a := range s.sortedAccounts() {
		if a.endpoints[e.id] == e {
			return fmt.Sprintf("%s.cluster-custom-%s.%s.rds.amazonaws.com", e.id, s.zone(a.id), s.w.Region)
		}
	}
	return ""
}

func (s *Service) hasEndpoint(c *cluster, host string) bool {
	return slices.ContainsFunc(c.account.endpointsOf(c), func(e *customEndpoint) bool { return s.customHost(e) == host })
}

func (s *Service) endpointARN(account string, e *customEndpoint) string {
	return s.w.ARN("rds", account, "cluster-endpoint:"+e.id)
}

// renameEndpoint gives a custom endpoint another identifier.
func (a *account) renameEndpoint(e *customEndpoint, to string) {
	delete(a.endpoints, e.id)
	e.id = to
	a.endpoints[to] = e
}

func (s *Service) describeEndpoints(c *awsworld.Call, in *rds.DescribeDBClusterEndpointsInput) (*rds.DescribeDBClusterEndpointsOutput, error) {
	if err := service.OnlyFields(c, "DBClusterIdentifier", "DBClusterEndpointIdentifier", "Marker", "MaxRecords"); err != nil {
		return nil, err
	}
	var all []types.DBClusterEndpoint
	found := false
	for _, cl := range sorted(s.account(c.Account.ID).clusters) {
		if in.DBClusterIdentifier != nil && cl.ID != shortID(*in.DBClusterIdentifier) {
			continue
		}
		found = true
		all = append(all, s.endpointViews(cl, shortID(aws.ToString(in.DBClusterEndpointIdentifier)))...)
	}
	if in.DBClusterIdentifier != nil && !found {
		return nil, clusterNotFound(*in.DBClusterIdentifier)
	}
	slices.SortFunc(all, func(a, b types.DBClusterEndpoint) int { return strings.Compare(*a.Endpoint, *b.Endpoint) })
	rows, next, err := page(all, func(e types.DBClusterEndpoint) string { return *e.Endpoint }, in.Marker, in.MaxRecords)
	return &rds.DescribeDBClusterEndpointsOutput{DBClusterEndpoints: rows, Marker: next}, err
}

// endpointViews lists a cluster's endpoints, or the custom one asked for.
func (s *Service) endpointViews(c *cluster, only string) []types.DBClusterEndpoint {
	status := available
	if s.writerOf(c) == nil {
		status = creating
	}
	var out []types.DBClusterEndpoint
	for _, e := range [][2]string{{s.endpoint(c), "WRITER"}, {s.readerEndpoint(c), "READER"}} {
		if only == "" {
			out = append(out, types.DBClusterEndpoint{
				DBClusterIdentifier: aws.String(c.ID), Endpoint: aws.String(e[0]), EndpointType: aws.String(e[1]), Status: aws.String(status),
			})
		}
	}
	for _, e := range c.account.endpointsOf(c) {
		if only == "" || only == e.id {
			out = append(out, types.DBClusterEndpoint{
				DBClusterIdentifier: aws.String(c.ID), Endpoint: aws.String(s.customHost(e)), EndpointType: aws.String("CUSTOM"), Status: aws.String(e.status),
				CustomEndpointType: aws.String(e.kind), DBClusterEndpointIdentifier: aws.String(e.id), DBClusterEndpointArn: aws.String(s.endpointARN(c.account.id, e)),
				DBClusterEndpointResourceIdentifier: aws.String(e.resourceID), StaticMembers: slices.Clone(e.members),
			})
		}
	}
	return out
}
