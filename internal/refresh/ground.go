package refresh

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
)

// groundReader gathers the facts of production. It only reads.
type groundReader struct {
	rt     lambdafn.Runtime
	rds    *rds.Client
	ddb    *dynamodb.Client
	kms    *kms.Client
	backup *backup.Client
	cw     *cloudwatch.Client
	s3     *s3.Client
}

func newGroundReader(rt lambdafn.Runtime) *groundReader {
	return &groundReader{rt: rt, rds: rds.NewFromConfig(rt.AWS), ddb: dynamodb.NewFromConfig(rt.AWS), kms: kms.NewFromConfig(rt.AWS),
		backup: backup.NewFromConfig(rt.AWS), cw: cloudwatch.NewFromConfig(rt.AWS), s3: s3.NewFromConfig(rt.AWS)}
}

// gather finds the items of a refresh and the facts that the preflight asks.
func (g *groundReader) gather(ctx context.Context, t config.Target, only []string) (check.Facts, []Planned, error) {
	f := check.Facts{Config: g.rt.Config, Target: t, Now: g.rt.Now().UTC()}
	var items []Planned
	clusters, err := g.clusters(ctx, only, &f)
	if err != nil {
		return f, nil, err
	}
	items = append(items, clusters...)
	tables, err := g.tables(ctx, only, &f)
	if err != nil {
		return f, nil, err
	}
	items = append(items, tables...)
	if names := unknown(only, items); names != "" {
		return f, nil, fault.New(fault.BadRequest, "choose the items", names, "correct only", "the data set has no such cluster or table")
	}
	if len(items) == 0 {
		return f, nil, fault.New(fault.BadRequest, "choose the items", t.Name, "correct dataSet in dbferry.json", "the selectors match nothing")
	}
	if err := g.backupSettings(ctx, &f); err != nil {
		return f, nil, err
	}
	return f, items, g.readReady(ctx, t, &f)
}

// clusters finds the clusters that the selectors name.
func (g *groundReader) clusters(ctx context.Context, only []string, f *check.Facts) ([]Planned, error) {
	if len(g.rt.Config.DataSet.Clusters) == 0 {
		return nil, nil
	}
	var all []rdstypes.DBCluster
	pages := rds.NewDescribeDBClustersPaginator(g.rds, &rds.DescribeDBClustersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("list the clusters", g.rt.Config.Production.Account, err)
		}
		all = append(all, page.DBClusters...)
	}
	var items []Planned
	taken := map[string]bool{}
	for _, sel := range g.rt.Config.DataSet.Clusters {
		found := false
		for _, c := range all {
			id := aws.ToString(c.DBClusterIdentifier)
			if taken[id] || !sel.Matches(id, rdsTags(c.TagList)) {
				continue
			}
			found, taken[id] = true, true
			if !wanted(only, id) {
				continue
			}
			facts, err := g.clusterFacts(ctx, c)
			if err != nil {
				return nil, err
			}
			f.Clusters = append(f.Clusters, facts)
			bytes, err := g.volumeBytes(ctx, id, f.Now)
			if err != nil {
				return nil, err
			}
			items = append(items, Planned{Kind: Cluster, ID: id, ARN: facts.ARN, Bytes: bytes})
		}
		if !found && sel.ID != "" && !taken[sel.ID] && wanted(only, sel.ID) {
			f.Clusters = append(f.Clusters, check.ClusterFacts{ID: sel.ID, Missing: true})
			items = append(items, Planned{Kind: Cluster, ID: sel.ID})
		}
	}
	return items, nil
}

func (g *groundReader) clusterFacts(ctx context.Context, c rdstypes.DBCluster) (check.ClusterFacts, error) {
	f := check.ClusterFacts{
		ID: aws.ToString(c.DBClusterIdentifier), ARN: aws.ToString(c.DBClusterArn), Status: aws.ToString(c.Status),
		Engine: aws.ToString(c.Engine), Encrypted: aws.ToBool(c.StorageEncrypted), KeyARN: aws.ToString(c.KmsKeyId),
	}
	if f.KeyARN == "" {
		return f, nil
	}
	var err error
	f.KeyManager, f.KeyEnabled, err = describeKey(ctx, g.kms, f.KeyARN)
	return f, err
}

// describeKey reads who manages a key; empty when there is no such key.
func describeKey(ctx context.Context, client *kms.Client, arn string) (manager string, enabled bool, err error) {
	out, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &arn})
	if fault.IsNotFound(err) || fault.HasCode(err, "NotFoundException") {
		return "", false, nil
	}
	if err != nil {
		return "", false, fault.AWS("describe the key", arn, err)
	}
	return string(out.KeyMetadata.KeyManager), out.KeyMetadata.Enabled, nil
}

// volumeBytes is the size of a cluster's volume: the latest point of the last
// hour of CloudWatch's VolumeBytesUsed; 0 when there is none yet.
func (g *groundReader) volumeBytes(ctx context.Context, id string, now time.Time) (int64, error) {
	out, err := g.cw.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(now.Add(-time.Hour)), EndTime: aws.Time(now), ScanBy: cwtypes.ScanByTimestampDescending,
		MetricDataQueries: []cwtypes.MetricDataQuery{{
			Id: aws.String("bytes"),
			MetricStat: &cwtypes.MetricStat{Period: aws.Int32(300), Stat: aws.String("Maximum"), Metric: &cwtypes.Metric{
				Namespace: aws.String("AWS/RDS"), MetricName: aws.String("VolumeBytesUsed"),
				Dimensions: []cwtypes.Dimension{{Name: aws.String("DBClusterIdentifier"), Value: &id}},
			}},
		}},
	})
	if err != nil {
		return 0, fault.AWS("read the size of the cluster", id, err)
	}
	for _, r := range out.MetricDataResults {
		if len(r.Values) > 0 {
			return int64(r.Values[0]), nil
		}
	}
	return 0, nil
}

// tables finds the tables that the selectors name.
func (g *groundReader) tables(ctx context.Context, only []string, f *check.Facts) ([]Planned, error) {
	names, err := g.tableNames(ctx)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !wanted(only, name) })
	items, facts := make([]Planned, len(names)), make([]check.TableFacts, len(names))
	err = g.rt.Each(ctx, len(names), func(ctx context.Context, i int) error {
		out, err := g.ddb.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &names[i]})
		items[i], facts[i] = Planned{Kind: Table, ID: names[i]}, check.TableFacts{Name: names[i]}
		if fault.IsNotFound(err) {
			facts[i].Missing = true
			return nil
		}
		if err != nil {
			return fault.AWS("describe the table", names[i], err)
		}
		facts[i].ARN, facts[i].Status = aws.ToString(out.Table.TableArn), string(out.Table.TableStatus)
		items[i].ARN, items[i].Bytes = facts[i].ARN, aws.ToInt64(out.Table.TableSizeBytes)
		return nil
	})
	f.Tables = append(f.Tables, facts...)
	return items, err
}

// tableNames resolves the selectors. Tables are listed only when a prefix or a
// tag asks for it; tags are read only when a tag does.
func (g *groundReader) tableNames(ctx context.Context) ([]string, error) {
	var listed []string
	var out []string
	add := func(name string) {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, sel := range g.rt.Config.DataSet.Tables {
		if sel.ID != "" {
			add(sel.ID)
			continue
		}
		if listed == nil {
			var err error
			if listed, err = g.listTables(ctx); err != nil {
				return nil, err
			}
		}
		for _, name := range listed {
			ok, err := g.tableMatches(ctx, sel, name)
			if err != nil {
				return nil, err
			}
			if ok {
				add(name)
			}
		}
	}
	return out, nil
}

func (g *groundReader) listTables(ctx context.Context) ([]string, error) {
	var all []string
	pages := dynamodb.NewListTablesPaginator(g.ddb, &dynamodb.ListTablesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("list the tables", g.rt.Config.Production.Account, err)
		}
		all = append(all, page.TableNames...)
	}
	return all, nil
}

func (g *groundReader) tableMatches(ctx context.Context, sel config.Selector, name string) (bool, error) {
	if sel.Tag == nil {
		return sel.Matches(name, nil), nil
	}
	tags, err := tableTags(ctx, g.ddb, g.rt.Place().Table(name))
	return err == nil && sel.Matches(name, tags), err
}

func (g *groundReader) backupSettings(ctx context.Context, f *check.Facts) error {
	region, err := g.backup.DescribeRegionSettings(ctx, &backup.DescribeRegionSettingsInput{})
	if err != nil {
		return fault.AWS("read AWS Backup's settings of the Region", g.rt.Config.Region, err)
	}
	f.OptIn, f.Management = region.ResourceTypeOptInPreference, region.ResourceTypeManagementPreference
	f.Vault, err = vaultFacts(ctx, g.backup, g.rt.Place())
	return err
}

// vaultFacts reads a side's own vault; nil when there is none. AWS Backup
// answers AccessDenied for a vault that does not exist.
func vaultFacts(ctx context.Context, client *backup.Client, p names.Place) (*check.VaultFacts, error) {
	name := p.Vault()
	out, err := client.DescribeBackupVault(ctx, &backup.DescribeBackupVaultInput{BackupVaultName: &name})
	if fault.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.AWS("describe the vault", p.VaultARN(), err)
	}
	return &check.VaultFacts{Name: name, ARN: aws.ToString(out.BackupVaultArn), KeyARN: aws.ToString(out.EncryptionKeyArn)}, nil
}

// readReady reads what the target says of itself. That it cannot be read is a
// fact for the preflight, not an error.
func (g *groundReader) readReady(ctx context.Context, t config.Target, f *check.Facts) error {
	inbox := g.rt.Config.Place(t).Inbox()
	out, err := g.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &inbox, Key: aws.String(names.ReadyKey)})
	if err != nil {
		named := fault.AWS("read ready.json", inbox, err)
		if fault.Is(named, fault.Throttled) || fault.Is(named, fault.Unavailable) {
			return named
		}
		f.ReadyError = err.Error()
		return nil
	}
	defer out.Body.Close()
	var r check.Ready
	if err := json.NewDecoder(io.LimitReader(out.Body, 1<<20)).Decode(&r); err != nil {
		f.ReadyError = fmt.Sprintf("it is not what staging-ready writes: %v", err)
		return nil
	}
	f.Ready = &r
	return nil
}

func rdsTags(list []rdstypes.Tag) map[string]string {
	tags := map[string]string{}
	for _, t := range list {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags
}

// tableTags reads all tags of a table.
func tableTags(ctx context.Context, client *dynamodb.Client, arn string) (map[string]string, error) {
	tags := map[string]string{}
	in := &dynamodb.ListTagsOfResourceInput{ResourceArn: &arn}
	for {
		page, err := client.ListTagsOfResource(ctx, in)
		if err != nil {
			return nil, fault.AWS("read the tags of the table", arn, err)
		}
		for _, t := range page.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		if page.NextToken == nil {
			break
		}
		in.NextToken = page.NextToken
	}
	return tags, nil
}

// ddbTags makes a tag list in the order of the keys.
func ddbTags(tags map[string]string) []ddbtypes.Tag {
	var out []ddbtypes.Tag
	for _, k := range sortedKeys(tags) {
		out = append(out, ddbtypes.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out
}

// keepable drops the tags that must not travel: AWS's own, and dbferry's.
func keepable(tags map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range tags {
		if !strings.HasPrefix(k, "aws:") && !strings.HasPrefix(k, names.Prefix+":") {
			out[k] = v
		}
	}
	return out
}
