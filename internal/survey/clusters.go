package survey

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
)

// clusters finds the clusters that the selectors name.
func (v *visit) clusters(ctx context.Context) error {
	if len(v.config.DataSet.Clusters) == 0 {
		return nil
	}
	all, err := v.allClusters(ctx)
	if err != nil {
		return err
	}
	taken := map[string]bool{}
	for i, sel := range v.config.DataSet.Clusters {
		found := 0
		for _, c := range all {
			id := aws.ToString(c.DBClusterIdentifier)
			if !sel.Matches(id, tagMap(c.TagList)) {
				continue
			}
			found++
			switch {
			case taken[id]:
			case !v.wanted(id):
				v.f.LeftOut = append(v.f.LeftOut, check.Item{Kind: "cluster", ID: id})
			default:
				if err := v.cluster(ctx, c); err != nil {
					return err
				}
			}
			taken[id] = true
		}
		v.selected("clusters", i, sel, found)
		if found > 0 || sel.ID == "" {
			continue
		}
		if !v.wanted(sel.ID) {
			v.f.LeftOut = append(v.f.LeftOut, check.Item{Kind: "cluster", ID: sel.ID})
		} else {
			v.f.Clusters = append(v.f.Clusters, check.ClusterFacts{ID: sel.ID, Missing: true})
		}
	}
	return nil
}

// selected notes what a prefix or tag finds; one that names an id has checks of
// its own.
func (v *visit) selected(list string, i int, sel config.Selector, found int) {
	text := "prefix " + sel.Prefix
	switch {
	case sel.ID != "":
		return
	case sel.Tag != nil:
		text = "tag " + sel.Tag.Key + "=" + sel.Tag.Value
	}
	v.f.Selectors = append(v.f.Selectors, check.SelectorFacts{Where: fmt.Sprintf("dataSet.%s[%d]", list, i), Text: text, Found: found})
}

func (v *visit) allClusters(ctx context.Context) ([]rdstypes.DBCluster, error) {
	var all []rdstypes.DBCluster
	pages := rds.NewDescribeDBClustersPaginator(v.rds, &rds.DescribeDBClustersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("list the clusters", v.here.Account, err)
		}
		all = append(all, page.DBClusters...)
	}
	return all, nil
}

func (v *visit) cluster(ctx context.Context, c rdstypes.DBCluster) error {
	id := aws.ToString(c.DBClusterIdentifier)
	f := check.ClusterFacts{
		ID: id, ARN: aws.ToString(c.DBClusterArn), Status: aws.ToString(c.Status), Engine: aws.ToString(c.Engine),
		EngineVersion: aws.ToString(c.EngineVersion), Storage: string(c.StorageEncryptionType),
		Encrypted: aws.ToBool(c.StorageEncrypted), KeyARN: aws.ToString(c.KmsKeyId), Tags: userTags(tagMap(c.TagList)),
	}
	if !v.Tolerant { // no check needs it, the plan of a refresh does
		var err error
		if f.Bytes, err = v.volumeBytes(ctx, id); err != nil {
			return err
		}
	}
	if f.KeyARN != "" {
		if err := v.key(ctx, f.KeyARN, true); err != nil {
			return err
		}
	}
	v.f.Clusters = append(v.f.Clusters, f)
	return nil
}

// volumeBytes is the size of a cluster's volume: the latest point of the last
// hour of CloudWatch's VolumeBytesUsed; 0 when there is none yet.
func (v *visit) volumeBytes(ctx context.Context, id string) (int64, error) {
	out, err := v.cw.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(v.f.Now.Add(-time.Hour)), EndTime: aws.Time(v.f.Now), ScanBy: cwtypes.ScanByTimestampDescending,
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

func tagMap(list []rdstypes.Tag) map[string]string {
	tags := map[string]string{}
	for _, t := range list {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags
}

// userTags counts the tags that are not AWS's own; only those count towards
// the limit (docs/aws.md §11, "user tags").
func userTags(tags map[string]string) int {
	n := 0
	for k := range tags {
		if !strings.HasPrefix(k, "aws:") {
			n++
		}
	}
	return n
}
