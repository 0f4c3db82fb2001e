// Package discover is `dbferry init`: it looks into production and one target,
// with a person's credentials, and writes the configuration of what it finds.
// It only reads. Where it finds nothing, it writes a placeholder that the
// preflight refuses, and says so.
package discover

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/preflight"
	"github.com/dbferry/dbferry/internal/survey"
)

// Wish is what a person wants a configuration for.
type Wish struct {
	Production, Target aws.Config
	TargetName         string
	Region             string
	Prefix             string // of clusters and tables; empty: all that are there
}

// Found is what was found.
type Found struct {
	Config config.Config
	Chosen []string // what was written, and why, where there was a choice
	Left   []string // what the person has to do
}

func (f *Found) chose(format string, args ...any) {
	f.Chosen = append(f.Chosen, fmt.Sprintf(format, args...))
}

func (f *Found) leave(format string, args ...any) {
	f.Left = append(f.Left, fmt.Sprintf(format, args...))
}

// look is one run of init.
type look struct {
	Wish
	*Found
	target *config.Target
	own    []rdstypes.DBCluster // production's, that are to be refreshed
	theirs []rdstypes.DBCluster // the target's
}

// Look finds out what a configuration needs. The configuration validates; an
// error says why there is nothing to write.
func Look(ctx context.Context, w Wish) (Found, error) {
	l := &look{Wish: w, Found: &Found{Config: config.Config{Schema: "./dbferry.schema.json", Region: w.Region, Targets: []config.Target{{Name: w.TargetName}}}}}
	l.target = &l.Config.Targets[0]
	for _, step := range []func(context.Context) error{l.accounts, l.organization, l.clusters, l.tables, l.network, l.settings} {
		if err := step(ctx); err != nil {
			return *l.Found, err
		}
	}
	l.leave("production.notify, targets[0].notify: the addresses that are told how each run ended; until then nobody is")
	return *l.Found, l.Config.Validate()
}

func (l *look) accounts(ctx context.Context) (err error) {
	if l.Config.Production.Account, err = preflight.AccountOf(ctx, l.Production); err != nil {
		return err
	}
	l.target.Account, err = preflight.AccountOf(ctx, l.Target)
	if err == nil && l.target.Account == l.Config.Production.Account {
		err = fmt.Errorf("both profiles are of account %s; a target is never in production's account", l.target.Account)
	}
	return err
}

func (l *look) organization(ctx context.Context) error {
	id, err := survey.OrganizationOf(ctx, organizations.NewFromConfig(l.Production))
	if err != nil && !fault.Is(err, fault.Denied) {
		return err
	}
	l.Config.OrganizationID = id
	if id == "" {
		l.Config.OrganizationID = config.PlaceholderOrganization
		l.leave("organizationId: account %s belongs to no organization, or may not say to which; AWS Backup copies only inside one", l.Config.Production.Account)
	}
	return nil
}

// restorable are the engines that dbferry refreshes.
func restorable(engine string) bool { return engine == "aurora-mysql" || engine == "aurora-postgresql" }

func (l *look) clusters(ctx context.Context) error {
	all, err := allClusters(ctx, l.Production, l.Config.Production.Account)
	if err != nil {
		return err
	}
	for _, c := range all {
		id := aws.ToString(c.DBClusterIdentifier)
		switch {
		case !strings.HasPrefix(id, l.Prefix):
		case !restorable(aws.ToString(c.Engine)):
			l.chose("cluster %s is left out: its engine is %s", id, aws.ToString(c.Engine))
		default:
			l.own = append(l.own, c)
			l.Config.DataSet.Clusters = append(l.Config.DataSet.Clusters, config.Selector{ID: id})
		}
	}
	l.theirs, err = allClusters(ctx, l.Target, l.target.Account)
	return err
}

func allClusters(ctx context.Context, cfg aws.Config, account string) ([]rdstypes.DBCluster, error) {
	var all []rdstypes.DBCluster
	pages := rds.NewDescribeDBClustersPaginator(rds.NewFromConfig(cfg), &rds.DescribeDBClustersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("list the clusters", account, err)
		}
		all = append(all, page.DBClusters...)
	}
	return all, nil
}

// tables writes every table by its name; with a prefix the selector itself, so
// that tables which are added later are refreshed too.
func (l *look) tables(ctx context.Context) error {
	found := 0
	pages := dynamodb.NewListTablesPaginator(dynamodb.NewFromConfig(l.Production), &dynamodb.ListTablesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fault.AWS("list the tables", l.Config.Production.Account, err)
		}
		for _, name := range page.TableNames {
			if !strings.HasPrefix(name, l.Prefix) {
				continue
			}
			if found++; l.Prefix == "" {
				l.Config.DataSet.Tables = append(l.Config.DataSet.Tables, config.Selector{ID: name})
			}
		}
	}
	if l.Prefix != "" && found > 0 {
		l.Config.DataSet.Tables = []config.Selector{{Prefix: l.Prefix}}
		l.chose("dataSet.tables: prefix %s, which finds %d now and those that are added later", l.Prefix, found)
	}
	if found+len(l.own) == 0 {
		return fmt.Errorf("account %s has no Aurora cluster and no DynamoDB table in %s whose name begins with %q", l.Config.Production.Account, l.Region, l.Prefix)
	}
	return nil
}

// secretNames lists the target's secrets; none when that is denied.
func (l *look) secretNames(ctx context.Context) ([]string, error) {
	var out []string
	pages := secretsmanager.NewListSecretsPaginator(secretsmanager.NewFromConfig(l.Target), &secretsmanager.ListSecretsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if fault.IsDenied(err) {
			l.leave("targets[0].clusters[].masterSecret: the secrets of account %s may not be listed", l.target.Account)
			return nil, nil
		}
		if err != nil {
			return nil, fault.AWS("list the secrets", l.target.Account, err)
		}
		for _, s := range page.SecretList {
			out = append(out, aws.ToString(s.Name))
		}
	}
	return out, nil
}
