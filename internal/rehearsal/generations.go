package rehearsal

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/switchover"
)

// recordGenerations writes into the ledgers of targets what refreshes and a
// switch would have left there of the generations that the ground says they
// know. The first generation is the one that serves.
func (s *stage) recordGenerations(ctx context.Context) error {
	recorded := false
	for _, x := range s.applications() {
		for i, g := range x.app.Generations {
			if !g.Recorded {
				continue
			}
			recorded = true
			if err := s.recordGeneration(ctx, x, g, i == 0); err != nil {
				return fmt.Errorf("ground, generation %s of %s: %w", g.RefreshID, x.target.Name, err)
			}
		}
	}
	if !recorded {
		return nil
	}
	return s.w.Kernel.Sleep(ctx, settled)
}

// settled is after how long the clusters of earlier refreshes are as they were
// long ago: AWS applies what recordGeneration changed of them.
const settled = 15 * time.Minute

func (s *stage) recordGeneration(ctx context.Context, x site, g ground.Generation, serves bool) error {
	cfg := s.w.Config(s.w.GroundCaller(x.target.Account))
	l := ledger.New(cfg, s.config.Place(x.target).Ledger())
	at, err := time.Parse("200601021504", g.RefreshID[:12])
	if err != nil {
		return err
	}
	c := refresh.Candidate{RefreshID: g.RefreshID, Target: x.target.Name, RecordedAt: at.Add(2 * time.Hour), CutOff: refresh.CutOff{NotBefore: at, NotAfter: at.Add(time.Hour)}}
	for _, id := range g.Clusters {
		it := refresh.CandidateItem{Kind: refresh.Cluster, Source: id, Name: names.RestoredCluster(id, g.RefreshID), CutOff: c.CutOff}
		for _, l := range rotated(x.target, g, id) {
			if it.Secrets == nil {
				it.Secrets = map[string]string{}
			}
			it.Secrets[l.User], _ = s.secrets.ARN(x.target.Account, names.LoginSecret(x.target.Name, id, g.RefreshID, l.User))
		}
		c.Items = append(c.Items, it)
	}
	for _, id := range g.Tables {
		c.Items = append(c.Items, refresh.CandidateItem{Kind: refresh.Table, Source: id, Name: names.RestoredTable(id, g.RefreshID), CutOff: c.CutOff})
	}
	for _, it := range c.Items {
		if it.Kind == refresh.Cluster {
			if err := s.wearQuarantine(ctx, cfg, x.target, it.Name); err != nil {
				return err
			}
		}
		made, err := restoredAs(ctx, cfg, it)
		if err != nil {
			return err
		}
		if err := l.Put(ctx, refresh.RestoredKey(g.RefreshID, it.Kind, it.Source), made); err != nil {
			return err
		}
		if !serves {
			continue
		}
		v := switchover.Serving{Kind: it.Kind, Source: it.Source, Name: it.Name, RefreshID: g.RefreshID, Since: c.RecordedAt}
		if err := l.Put(ctx, switchover.ServingKey(it.Kind, it.Source), v); err != nil {
			return err
		}
	}
	return l.Put(ctx, refresh.CandidateKey(g.RefreshID), c)
}

// wearQuarantine gives a cluster the group by which dbferry's functions get in,
// as record-candidate leaves it on.
func (s *stage) wearQuarantine(ctx context.Context, cfg aws.Config, t config.Target, cluster string) error {
	groups := slices.Clone(t.Network.DatabaseSecurityGroups)
	for _, d := range s.deployments {
		for _, fn := range d.Functions {
			if g := fn.Environment[lambdafn.EnvQuarantine]; d.Account == t.Account && g != "" && !slices.Contains(groups, g) {
				groups = append(groups, g)
			}
		}
	}
	_, err := rds.NewFromConfig(cfg).ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: &cluster, VpcSecurityGroupIds: groups, ApplyImmediately: aws.Bool(true)})
	return err
}

// restoredAs is what the restore step would have noted of an item.
func restoredAs(ctx context.Context, cfg aws.Config, it refresh.CandidateItem) (refresh.Restored, error) {
	made := refresh.Restored{JobID: "restore-of-" + it.Name, Name: it.Name}
	if it.Kind == refresh.Cluster {
		out, err := rds.NewFromConfig(cfg).DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &it.Name})
		if err != nil {
			return made, err
		}
		made.ARN, made.ResourceID = aws.ToString(out.DBClusters[0].DBClusterArn), aws.ToString(out.DBClusters[0].DbClusterResourceId)
		return made, nil
	}
	out, err := dynamodb.NewFromConfig(cfg).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &it.Name})
	if err != nil {
		return made, err
	}
	made.ARN, made.ResourceID = aws.ToString(out.Table.TableArn), aws.ToString(out.Table.TableId)
	return made, nil
}
