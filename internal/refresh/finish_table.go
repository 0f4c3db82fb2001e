package refresh

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

type finishTable struct {
	tableStep
	scaling *aas.Client
	cw      *cloudwatch.Client
}

// NewFinishTable builds finish-table: what a restore loses, as recorded in
// production and with the target's own overrides; then a comparison of what is
// there with what production has.
func NewFinishTable(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newTableStep(rt)
	s := &finishTable{tableStep: base, scaling: aas.NewFromConfig(rt.AWS), cw: cloudwatch.NewFromConfig(rt.AWS)}
	return s.perItem(s.do), err
}

func (s *finishTable) do(ctx context.Context, in ItemInput) (converge.Answer, any, error) {
	it, err := s.item(ctx, in)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	var made Restored
	if err := s.fact(ctx, in, "restore-table", &made); err != nil {
		return converge.Answer{}, nil, err
	}
	name := made.Name
	table, err := s.describe(ctx, name)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	if table == nil {
		return converge.Answer{}, nil, fault.New(fault.RestoreFailed, "finish "+name, name, "somebody deleted it; start a new refresh", "the restored table is gone")
	}
	if table.TableStatus != ddbtypes.TableStatusActive {
		return quickWait, nil, nil
	}
	over := s.t.TableSettings(in.Item.ID)
	want, why := wishTable(*it.Settings.Table, over)
	alarms := alarmer{client: s.cw, restored: name, mode: over.Alarms, topic: s.here.TopicARN()}
	changed, err := s.apply(ctx, in, table, want, alarms)
	if err != nil {
		return converge.Answer{}, nil, err
	}
	if changed {
		return quickWait, nil, nil // the next look compares
	}
	fact, err := s.compare(ctx, name, it.Settings.Table, want, why, alarms)
	return converge.DoneNow(), fact, err
}

// compare reads back what is there.
func (s *finishTable) compare(ctx context.Context, name string, production *TableSettings, want TableSettings, why map[string]string, alarms alarmer) (Finished, error) {
	here, err := tableReader{s.ddb, s.scaling}.read(ctx, name)
	if err != nil {
		return Finished{}, err
	}
	here.Alarms, err = alarms.recorded(ctx, want.Alarms)
	return compareTable(*production, want, *here, why, alarms.mode), err
}

// apply makes the first setting that differs as wished; changed says that it
// did. One change at a time, because DynamoDB refuses a second one meanwhile.
// The last two wait for what may still be done to the rows.
func (s *finishTable) apply(ctx context.Context, in ItemInput, table *ddbtypes.TableDescription, want TableSettings, alarms alarmer) (changed bool, err error) {
	tags := ownTags(in, s.t.Name)
	for _, one := range []func() (bool, error){
		func() (bool, error) { return s.tags(ctx, in, table, want.Tags) },
		func() (bool, error) { return s.billing(ctx, table, want.OnDemand) },
		func() (bool, error) { return s.class(ctx, table, want.Class) },
		func() (bool, error) { return s.protection(ctx, table, want.DeletionProtection) },
		func() (bool, error) { return s.ttl(ctx, table, want.TTLAttribute) },
		func() (bool, error) {
			return scaler{client: s.scaling, name: aws.ToString(table.TableName), kind: Table}.apply(ctx, want.Scaling, tags)
		},
		func() (bool, error) { return alarms.apply(ctx, want.Alarms, tags) },
		func() (bool, error) { return s.recovery(ctx, table, want.PointInTime, want.RecoveryDays) },
		func() (bool, error) { return s.stream(ctx, table, want.StreamView) },
	} {
		changed, err := one()
		if busy(err) {
			return true, nil
		}
		if err != nil || changed {
			return changed, named("finish the table", aws.ToString(table.TableName), err)
		}
	}
	return false, nil
}

// busy is what AWS answers while another change is under way.
func busy(err error) bool {
	return fault.HasCode(err, "ResourceInUseException", "LimitExceededException", "ContinuousBackupsUnavailableException", "ConcurrentUpdateException")
}

// named names an error that its caller has not named yet.
func named(op, resource string, err error) error {
	if err == nil || fault.NameOf(err) != fault.Bug {
		return err
	}
	return fault.AWS(op, resource, err)
}

// tags puts production's tags on the table, beside dbferry's own.
func (s *finishTable) tags(ctx context.Context, in ItemInput, table *ddbtypes.TableDescription, recorded map[string]string) (bool, error) {
	have, err := TableTags(ctx, s.ddb, aws.ToString(table.TableArn))
	if err != nil {
		return false, err
	}
	missing := missingTags(have, recorded, ownTags(in, s.t.Name))
	if len(missing) == 0 {
		return false, nil
	}
	_, err = s.ddb.TagResource(ctx, &dynamodb.TagResourceInput{ResourceArn: table.TableArn, Tags: ddbTags(missing)})
	return true, err
}

// missingTags are those that a resource lacks; dbferry's own win.
func missingTags(have, recorded, own map[string]string) map[string]string {
	missing := map[string]string{}
	for _, tags := range []map[string]string{recorded, own} {
		for k, v := range tags {
			if have[k] != v {
				missing[k] = v
			}
		}
	}
	return missing
}

// billing only ever goes to on demand: a restore brings the capacity back.
func (s *finishTable) billing(ctx context.Context, table *ddbtypes.TableDescription, demand bool) (bool, error) {
	if !demand || onDemand(table) {
		return false, nil
	}
	_, err := s.ddb.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: table.TableName, BillingMode: ddbtypes.BillingModePayPerRequest})
	return true, err
}

func (s *finishTable) class(ctx context.Context, table *ddbtypes.TableDescription, class string) (bool, error) {
	if tableClass(table) == class {
		return false, nil
	}
	_, err := s.ddb.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: table.TableName, TableClass: ddbtypes.TableClass(class)})
	return true, err
}

func (s *finishTable) protection(ctx context.Context, table *ddbtypes.TableDescription, protect bool) (bool, error) {
	if aws.ToBool(table.DeletionProtectionEnabled) == protect {
		return false, nil
	}
	_, err := s.ddb.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: table.TableName, DeletionProtectionEnabled: &protect})
	return true, err
}

func (s *finishTable) ttl(ctx context.Context, table *ddbtypes.TableDescription, attribute string) (bool, error) {
	if attribute == "" {
		return false, nil
	}
	is, err := s.ttlIs(ctx, table, attribute)
	if err != nil || is {
		return false, err
	}
	_, err = s.ddb.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: table.TableName,
		TimeToLiveSpecification: &ddbtypes.TimeToLiveSpecification{AttributeName: &attribute, Enabled: aws.Bool(true)}})
	if fault.HasCode(err, "ValidationException") {
		// DynamoDB refuses to switch on what is on: an earlier call of ours may
		// have done it and only its reply was lost.
		if is, lookErr := s.ttlIs(ctx, table, attribute); lookErr == nil && is {
			return true, nil
		}
	}
	return true, err
}

func (s *finishTable) ttlIs(ctx context.Context, table *ddbtypes.TableDescription, attribute string) (bool, error) {
	out, err := s.ddb.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: table.TableName})
	if err != nil {
		return false, err
	}
	return ttlAttribute(out.TimeToLiveDescription) == attribute, nil
}

// recovery sets how far back, too; a record without it leaves AWS's default.
func (s *finishTable) recovery(ctx context.Context, table *ddbtypes.TableDescription, on bool, days int32) (bool, error) {
	is, has, err := pointInTime(ctx, s.ddb, aws.ToString(table.TableName))
	if err != nil || is == on && (!on || days == 0 || days == has) {
		return false, err
	}
	spec := &ddbtypes.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: &on}
	if on && days > 0 {
		spec.RecoveryPeriodInDays = &days
	}
	_, err = s.ddb.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{TableName: table.TableName, PointInTimeRecoverySpecification: spec})
	return true, err
}

func (s *finishTable) stream(ctx context.Context, table *ddbtypes.TableDescription, view string) (bool, error) {
	if view == "" || table.StreamSpecification != nil && aws.ToBool(table.StreamSpecification.StreamEnabled) {
		return false, nil
	}
	_, err := s.ddb.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: table.TableName,
		StreamSpecification: &ddbtypes.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: ddbtypes.StreamViewType(view)}})
	return true, err
}
