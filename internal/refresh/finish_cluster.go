package refresh

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

// Difference is one setting of a restored resource that is not as recorded in
// production, and why.
type Difference struct {
	Setting    string `json:"setting"`
	Production string `json:"production"`
	Here       string `json:"here"`
	Why        string `json:"why"`
}

// Finished is the fact that finish-cluster and finish-table leave.
type Finished struct {
	Differences []Difference `json:"differences,omitempty"`
}

type finishCluster struct{ clusterStep }

// NewFinishCluster builds finish-cluster: tags, log exports and protection as
// recorded, with the target's own overrides, and a comparison of the result.
func NewFinishCluster(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newClusterStep(rt)
	s := &finishCluster{base}
	return s.perItem(s.do), err
}

func (s *finishCluster) do(ctx context.Context, in ItemInput) (converge.Answer, any, error) {
	it, err := s.item(ctx, in)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	set, err := s.t.ClusterSettings(in.Item.ID)
	if err != nil {
		return converge.Answer{}, nil, &fault.Error{Name: fault.BadRequest, Op: "finish " + in.Item.ID, Cause: err}
	}
	c, err := s.restored(ctx, in)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	if err := s.tag(ctx, in, it, c); err != nil {
		return converge.Answer{}, nil, err
	}
	change, differs := s.change(c, it.Settings.Cluster, set.DeletionProtection)
	a, err := s.modify(ctx, c, change, differs)
	if err != nil || a.Status == converge.Waiting {
		return a, nil, err
	}
	return a, Finished{Differences: clusterDifferences(c, it.Settings.Cluster, set.InstanceClass)}, nil
}

// tag puts production's tags on the cluster, beside dbferry's own.
func (s *finishCluster) tag(ctx context.Context, in ItemInput, it ManifestItem, c *rdstypes.DBCluster) error {
	have, want := rdsTags(c.TagList), ownTags(in, s.t.Name)
	for k, v := range it.Settings.Cluster.Tags {
		want[k] = v
	}
	missing := map[string]string{}
	for k, v := range want {
		if have[k] != v {
			missing[k] = v
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err := s.rds.AddTagsToResource(ctx, &rds.AddTagsToResourceInput{ResourceName: c.DBClusterArn, Tags: rdsTagList(missing)})
	return fault.AWS("tag the cluster", aws.ToString(c.DBClusterArn), err)
}

// change is what must be modified so that the cluster is as wished.
func (s *finishCluster) change(c *rdstypes.DBCluster, want *ClusterSettings, protect bool) (*rds.ModifyDBClusterInput, bool) {
	in := &rds.ModifyDBClusterInput{DBClusterIdentifier: c.DBClusterIdentifier, ApplyImmediately: aws.Bool(true)}
	differs := false
	if missing := without(want.LogExports, c.EnabledCloudwatchLogsExports); len(missing) > 0 {
		differs = true
		in.CloudwatchLogsExportConfiguration = &rdstypes.CloudwatchLogsExportConfiguration{EnableLogTypes: missing}
	}
	if aws.ToBool(c.DeletionProtection) != protect {
		differs = true
		in.DeletionProtection = &protect
	}
	return in, differs
}

func without(want, have []string) []string {
	var out []string
	for _, v := range want {
		if !slices.Contains(have, v) {
			out = append(out, v)
		}
	}
	return out
}

// clusterDifferences names what a reader of the report should know.
func clusterDifferences(c *rdstypes.DBCluster, want *ClusterSettings, class string) []Difference {
	var out []Difference
	if v := aws.ToString(c.EngineVersion); v != want.EngineVersion {
		out = append(out, Difference{"engine version", want.EngineVersion, v, "AWS restored it with another version"})
	}
	if class != "" && class != want.InstanceClass {
		out = append(out, Difference{"instance class", want.InstanceClass, class, "the target's configuration says so"})
	}
	return out
}
