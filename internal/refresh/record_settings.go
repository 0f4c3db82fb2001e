package refresh

import (
	"context"
	"maps"
	"slices"

	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

type recordSettings struct {
	step
	clusters clusterReader
	tables   tableReader
}

// NewRecordSettings builds record-settings: it writes down, for one item, the
// settings that AWS Backup would lose.
func NewRecordSettings(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	scaling := aas.NewFromConfig(rt.AWS)
	s := &recordSettings{step: newStep(rt),
		clusters: clusterReader{rds.NewFromConfig(rt.AWS), scaling}, tables: tableReader{dynamodb.NewFromConfig(rt.AWS), scaling}}
	return s.perItem(s.do), nil
}

func (s *recordSettings) do(ctx context.Context, in ItemInput) (converge.Answer, any, error) {
	settings := Settings{Schema: SettingsSchema}
	var err error
	if in.Item.Kind == Cluster {
		settings.Cluster, err = s.cluster(ctx, in)
	} else {
		settings.Table, err = s.table(ctx, in)
	}
	return converge.DoneNow(), settings, err
}

func (s *recordSettings) cluster(ctx context.Context, in ItemInput) (*ClusterSettings, error) {
	out, instances, err := s.clusters.read(ctx, in.Item.ID)
	if err != nil {
		return nil, err
	}
	var found foundAlarms
	if _, _, err := s.ledger.Get(ctx, alarmsKey(in.RefreshID), &found); err != nil {
		return nil, err
	}
	alarms, others := found.ofTheCluster(in.Item.ID, instances)
	out.Alarms, out.Others = alarms, append(out.Others, others...)
	return out, nil
}

func (s *recordSettings) table(ctx context.Context, in ItemInput) (*TableSettings, error) {
	out, err := s.tables.read(ctx, in.Item.ID)
	if err != nil {
		return nil, err
	}
	others, err := s.tables.others(ctx, in.Item.ID)
	if err != nil {
		return nil, err
	}
	var found foundAlarms
	if _, _, err := s.ledger.Get(ctx, tableAlarmsKey(in.RefreshID, in.Item.ID), &found); err != nil {
		return nil, err
	}
	out.Alarms, out.Others = found.Alarms, slices.Concat(out.Others, others, found.Others)
	return out, nil
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
