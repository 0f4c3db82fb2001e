package switchover

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/refresh"
)

// generation is what the placeholders of a switch stand for.
type generation struct {
	refreshID string
	target    config.Target
	clusters  map[string]*rdstypes.DBCluster // by source
	endpoints map[string]string              // by source: where applications reach it after the switch
	tables    map[string]tableFacts          // by source
	secrets   map[string]map[string]string   // by source and user: ARNs, where the refresh made some
}

type tableFacts struct{ name, arn, stream string }

// fill gives a parameter's or record's value in the generation.
func (g generation) fill(value string) (string, error) {
	return config.Fill(value, func(p config.Reference) (string, error) {
		if p.What == config.AskRefresh {
			return g.refreshID, nil
		}
		if p.OfTable() {
			return g.table(p)
		}
		c := g.clusters[p.Item]
		if c == nil {
			return "", unknownItem(p)
		}
		if p.What == config.AskSecret {
			return g.secret(p)
		}
		return map[string]string{
			config.AskEndpoint: g.endpoints[p.Item], config.AskWriter: aws.ToString(c.Endpoint), config.AskReader: aws.ToString(c.ReaderEndpoint),
			config.AskPort: fmt.Sprint(aws.ToInt32(c.Port)), config.AskCluster: aws.ToString(c.DBClusterIdentifier),
		}[p.What], nil
	})
}

// secret is where a login's password is: a secret that the refresh made, or the
// one that stays.
func (g generation) secret(p config.Reference) (string, error) {
	if made := g.secrets[p.Item][p.User]; made != "" {
		return made, nil
	}
	set, err := g.target.ClusterSettings(p.Item)
	for _, l := range set.Logins {
		if l.User == p.User {
			return l.Secret, nil
		}
	}
	return "", fault.New(fault.BadRequest, "fill "+p.String(), p.Item, "add the login to targets[].clusters[].logins and deploy again", "the target has no such login: %v", err)
}

func (g generation) table(p config.Reference) (string, error) {
	t, ok := g.tables[p.Item]
	switch {
	case !ok:
		return "", unknownItem(p)
	case p.What == config.AskTable:
		return t.name, nil
	case p.What == config.AskTableARN:
		return t.arn, nil
	case t.stream == "":
		return "", fault.New(fault.BadRequest, "fill "+p.String(), t.name, "switch the stream on in production, or take the placeholder out", "the restored table has no stream")
	}
	return t.stream, nil
}

func unknownItem(p config.Reference) error {
	return fault.New(fault.BadRequest, "fill "+p.String(), p.Item,
		"refresh it, or take it out of the value", "neither this refresh nor an earlier switch has %s", p.Item)
}

// has says whether a value is about an item of the candidate. One that is not
// stays as it is: a partial refresh inherits what serves.
func (g generation) about(value string, items []Item) bool {
	for _, p := range config.References(value) {
		if p.What == config.AskRefresh {
			return true
		}
		for _, it := range items {
			if it.Source == p.Item && (it.Kind == refresh.Table) == p.OfTable() {
				return true
			}
		}
	}
	return false
}

// cluster reads a cluster; nil when there is none.
func (s *step) cluster(ctx context.Context, id string) (*rdstypes.DBCluster, error) {
	out, err := s.rds.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &id})
	if fault.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.AWS("look at the cluster", id, err)
	}
	return &out.DBClusters[0], nil
}

// table reads a table; found is false when there is none.
func (s *step) table(ctx context.Context, name string) (t tableFacts, status string, found bool, err error) {
	out, err := s.ddb.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if fault.IsNotFound(err) {
		return t, "", false, nil
	}
	if err != nil {
		return t, "", false, fault.AWS("look at the table", name, err)
	}
	d := out.Table
	return tableFacts{aws.ToString(d.TableName), aws.ToString(d.TableArn), aws.ToString(d.LatestStreamArn)}, string(d.TableStatus), true, nil
}
