package rehearsal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

// left lists what a run that did not succeed leaves behind: restored clusters
// and tables of this refresh, and recovery points with their expiry. What
// cannot be listed says so.
func (s *stage) left(t config.Target, refreshID string) []string {
	var out []string
	listed := false
	s.w.Kernel.Go(func() {
		ctx := context.Background()
		out = append(out, s.leftClusters(ctx, t, refreshID)...)
		out = append(out, s.leftTables(ctx, t, refreshID)...)
		for _, p := range []names.Place{s.config.ProductionPlace(), s.config.Place(t)} {
			out = append(out, s.leftPoints(ctx, p)...)
		}
		listed = true
	})
	if err := s.w.Kernel.Run(func() bool { return listed }, s.w.Now().Add(time.Hour)); err != nil {
		out = append(out, "could not be listed: "+err.Error())
	}
	return out
}

func (s *stage) leftClusters(ctx context.Context, t config.Target, refreshID string) []string {
	client := rds.NewFromConfig(s.w.Config(s.w.GroundCaller(t.Account)))
	res, err := client.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{})
	if err != nil {
		return []string{"clusters of account " + t.Account + " could not be listed: " + err.Error()}
	}
	var out []string
	for _, c := range res.DBClusters {
		if id := aws.ToString(c.DBClusterIdentifier); refreshID != "" && strings.Contains(id, "-"+refreshID) {
			out = append(out, fmt.Sprintf("cluster %s in account %s (%s); it stays until somebody deletes it", id, t.Account, aws.ToString(c.Status)))
		}
	}
	return out
}

func (s *stage) leftTables(ctx context.Context, t config.Target, refreshID string) []string {
	client := dynamodb.NewFromConfig(s.w.Config(s.w.GroundCaller(t.Account)))
	var out []string
	pages := dynamodb.NewListTablesPaginator(client, &dynamodb.ListTablesInput{})
	for pages.HasMorePages() {
		res, err := pages.NextPage(ctx)
		if err != nil {
			return []string{"tables of account " + t.Account + " could not be listed: " + err.Error()}
		}
		for _, name := range res.TableNames {
			if refreshID != "" && strings.Contains(name, "-"+refreshID) {
				out = append(out, fmt.Sprintf("table %s in account %s; it stays until somebody deletes it", name, t.Account))
			}
		}
	}
	return out
}

func (s *stage) leftPoints(ctx context.Context, p names.Place) []string {
	client := backup.NewFromConfig(s.w.Config(s.w.GroundCaller(p.Account)))
	var out []string
	pages := backup.NewListRecoveryPointsByBackupVaultPaginator(client, &backup.ListRecoveryPointsByBackupVaultInput{BackupVaultName: aws.String(p.Vault())})
	for pages.HasMorePages() {
		res, err := pages.NextPage(ctx)
		if err != nil {
			return []string{"recovery points of vault " + p.Vault() + " could not be listed: " + err.Error()}
		}
		for _, point := range res.RecoveryPoints {
			text := "does not expire"
			if l := point.CalculatedLifecycle; l != nil && l.DeleteAt != nil {
				text = "expires " + l.DeleteAt.UTC().Format(time.RFC3339)
			}
			out = append(out, fmt.Sprintf("recovery point %s in vault %s of account %s; it %s", aws.ToString(point.RecoveryPointArn), p.Vault(), p.Account, text))
		}
	}
	return out
}
