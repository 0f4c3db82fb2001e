package dynamodb

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

func (s *Service) describeTable(c *awsworld.Call, in *dynamodb.DescribeTableInput) (*dynamodb.DescribeTableOutput, error) {
	t, err := s.find(c.Account.ID, aws.ToString(in.TableName))
	if err != nil {
		return nil, err
	}
	s.notice(c, &t.settled)
	return &dynamodb.DescribeTableOutput{Table: s.view(t)}, nil
}

func (s *Service) listTables(c *awsworld.Call, in *dynamodb.ListTablesInput) (*dynamodb.ListTablesOutput, error) {
	limit := 100
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	if limit < 1 || limit > 100 {
		return nil, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: 1 to 100", limit)
	}
	names := s.account(c.Account.ID).names()
	if in.ExclusiveStartTableName != nil {
		i, found := slices.BinarySearch(names, *in.ExclusiveStartTableName)
		if found {
			i++
		}
		names = names[i:]
	}
	out := &dynamodb.ListTablesOutput{TableNames: names}
	if len(names) > limit {
		out.TableNames = names[:limit]
		out.LastEvaluatedTableName = aws.String(names[limit-1])
	}
	return out, nil
}

// updateTable changes settings of an ACTIVE table, which is UPDATING until
// they hold. Throughput is not changed together with anything else.
func (s *Service) updateTable(c *awsworld.Call, in *dynamodb.UpdateTableInput) (*dynamodb.UpdateTableOutput, error) {
	if err := service.OnlyFields(c, "TableName", "DeletionProtectionEnabled", "StreamSpecification", "BillingMode", "ProvisionedThroughput", "TableClass", "GlobalSecondaryIndexUpdates"); err != nil {
		return nil, err
	}
	t, err := s.find(c.Account.ID, aws.ToString(in.TableName))
	if err != nil {
		return nil, err
	}
	if err := t.mayUpdate(in); err != nil {
		return nil, err
	}
	t.status = types.TableStatusUpdating
	wait := s.beginWait(t, "update")
	s.after(t, s.draw(s.Timing.Update), func() {
		t.status = types.TableStatusActive
		s.settle(&t.settled, wait)
	})
	s.applyUpdate(t, in)
	return &dynamodb.UpdateTableOutput{TableDescription: s.view(t)}, nil
}

func (t *table) mayUpdate(in *dynamodb.UpdateTableInput) error {
	throughput := in.BillingMode != "" || in.ProvisionedThroughput != nil || len(in.GlobalSecondaryIndexUpdates) > 0
	switch {
	case t.status != types.TableStatusActive:
		return inUse(t)
	case !throughput && in.DeletionProtectionEnabled == nil && in.StreamSpecification == nil && in.TableClass == "":
		return invalid("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, TableClass or DeletionProtectionEnabled is required")
	case throughput && (in.StreamSpecification != nil || in.TableClass != ""):
		return invalid("Only 1 of throughput, stream and table class can be changed in one UpdateTable")
	case in.BillingMode == types.BillingModeProvisioned && in.ProvisionedThroughput == nil:
		return invalid("One or more parameter values were invalid: ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
	case in.BillingMode == types.BillingModePayPerRequest && in.ProvisionedThroughput != nil:
		return invalid("One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	}
	if p := in.ProvisionedThroughput; p != nil {
		if err := t.mayProvision(in.BillingMode, aws.ToInt64(p.ReadCapacityUnits), aws.ToInt64(p.WriteCapacityUnits)); err != nil {
			return err
		}
	}
	if err := t.mayIndex(in.GlobalSecondaryIndexUpdates); err != nil {
		return err
	}
	return t.mayStream(in.StreamSpecification)
}

// mayIndex: indexes change their throughput and nothing else.
func (t *table) mayIndex(list []types.GlobalSecondaryIndexUpdate) error {
	for _, u := range list {
		if u.Update == nil || u.Update.ProvisionedThroughput == nil {
			return &awsworld.Unsimulated{Service: "DynamoDB", Operation: "UpdateTable that creates or deletes an index"}
		}
		i, p := t.index(aws.ToString(u.Update.IndexName)), u.Update.ProvisionedThroughput
		switch {
		case i == nil:
			return &types.ResourceNotFoundException{Message: aws.String("Requested resource not found: Index: " + aws.ToString(u.Update.IndexName) + " of table " + t.Name)}
		case t.onDemand():
			return invalid("One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
		case aws.ToInt64(p.ReadCapacityUnits) < 1 || aws.ToInt64(p.WriteCapacityUnits) < 1:
			return invalid("1 validation error detected: ReadCapacityUnits and WriteCapacityUnits must be at least 1")
		}
	}
	return nil
}

// index finds a global secondary index; nil when there is none.
func (t *table) index(name string) *Index {
	for i := range t.Indexes {
		if t.Indexes[i].Name == name && !t.Indexes[i].Local {
			return &t.Indexes[i]
		}
	}
	return nil
}

func (t *table) mayProvision(mode types.BillingMode, read, write int64) error {
	switch {
	case mode == "" && t.onDemand():
		return invalid("One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	case read < 1 || write < 1:
		return invalid("1 validation error detected: ReadCapacityUnits and WriteCapacityUnits must be at least 1")
	case read == t.Read && write == t.Write:
		return invalid("The provisioned throughput for the table will not change. The requested value equals the current value. "+
			"Current ReadCapacityUnits provisioned for the table: %d. Current WriteCapacityUnits provisioned for the table: %d.", t.Read, t.Write)
	}
	return nil
}

func (t *table) mayStream(in *types.StreamSpecification) error {
	if in == nil {
		return nil
	}
	on := aws.ToBool(in.StreamEnabled)
	switch {
	case on && t.Stream != "":
		return invalid("Table already has an enabled stream: TableName: %s", t.Name)
	case !on && t.Stream == "":
		return invalid("Table has no stream to disable: TableName: %s", t.Name)
	case on && !slices.Contains(in.StreamViewType.Values(), in.StreamViewType):
		return invalid("One or more parameter values were invalid: StreamViewType %q", in.StreamViewType)
	}
	return nil
}

func (s *Service) applyUpdate(t *table, in *dynamodb.UpdateTableInput) {
	if in.DeletionProtectionEnabled != nil {
		t.DeletionProtection = *in.DeletionProtectionEnabled
	}
	if in.TableClass != "" {
		t.Class = in.TableClass
	}
	if in.BillingMode == types.BillingModePayPerRequest {
		t.Read, t.Write = 0, 0
		for i := range t.Indexes {
			t.Indexes[i].Read, t.Indexes[i].Write = 0, 0
		}
	}
	if p := in.ProvisionedThroughput; p != nil {
		t.Read, t.Write = *p.ReadCapacityUnits, *p.WriteCapacityUnits
	}
	for _, u := range in.GlobalSecondaryIndexUpdates {
		i := t.index(*u.Update.IndexName)
		i.Read, i.Write = *u.Update.ProvisionedThroughput.ReadCapacityUnits, *u.Update.ProvisionedThroughput.WriteCapacityUnits
	}
	if st := in.StreamSpecification; st != nil {
		t.Stream = ""
		if aws.ToBool(st.StreamEnabled) {
			t.Stream, t.streamLabel = st.StreamViewType, s.w.Now().Format("2006-01-02T15:04:05.000")
		}
	}
}

func (s *Service) deleteTable(c *awsworld.Call, in *dynamodb.DeleteTableInput) (*dynamodb.DeleteTableOutput, error) {
	t, err := s.find(c.Account.ID, aws.ToString(in.TableName))
	switch {
	case err != nil:
		return nil, err
	case t.DeletionProtection:
		return nil, invalid("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
	case t.status != types.TableStatusActive:
		return nil, inUse(t)
	}
	t.status = types.TableStatusDeleting
	t.epoch++
	s.after(t, s.draw(s.Timing.Delete), func() {
		delete(t.account.tables, t.Name)
		s.kms.Retire(t.KeyARN, t.grant)
	})
	return &dynamodb.DeleteTableOutput{TableDescription: s.view(t)}, nil
}
