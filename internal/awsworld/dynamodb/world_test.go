package dynamodb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/sim"
)

const (
	prod, staging = "111111111111", "222222222222"
	allowAll      = `{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}`
	allowKMS      = `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`
	carts         = "arn:aws:dynamodb:eu-west-1:111111111111:table/shop-carts"
)

var ctx = context.Background()

type fixture struct {
	t   *testing.T
	w   *awsworld.World
	kms *kms.Service
	*dynamodb.Service
}

// inWorld runs the test as a process of a world with two accounts.
func inWorld(t *testing.T, test func(f fixture)) {
	t.Helper()
	w := awsworld.New(sim.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), "eu-west-1", 1)
	w.AddAccount(prod, "production", "o-example")
	w.AddAccount(staging, "staging", "o-example")
	keys := kms.New(w)
	f := fixture{t: t, w: w, kms: keys, Service: dynamodb.New(w, keys)}
	w.Kernel.Go(func() { test(f) })
	if err := w.Kernel.Run(nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	w.Kernel.Stop()
}

func (f fixture) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f fixture) sleep(d time.Duration) { f.ok(f.w.Kernel.Sleep(ctx, d)) }

// role makes a role with these statements and returns its session.
func (f fixture) role(account string, statements ...string) awsworld.Caller {
	f.t.Helper()
	if len(statements) == 0 {
		statements = []string{allowAll, allowKMS}
	}
	parse := func(text string) iam.Policy {
		doc, err := iam.ParseDocument([]byte(text))
		f.ok(err)
		return iam.Policy{Name: "tester", Account: account, Doc: doc}
	}
	arn := fmt.Sprintf("arn:aws:iam::%s:role/tester", account)
	f.w.Account(account).PutRole(&awsworld.Role{
		ARN: arn, Name: "tester", Account: account,
		Trust:    parse(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"backup.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
		Policies: []iam.Policy{parse(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`)},
	})
	c, err := f.w.AssumeAsService("backup.amazonaws.com", arn, "test", "")
	f.ok(err)
	return c
}

func (f fixture) client(account string, statements ...string) *sdk.Client {
	return sdk.NewFromConfig(f.w.Config(f.role(account, statements...)))
}

// code is the AWS error code, "denied" for a refusal by policy, or "ok".
func code(err error) string {
	if _, denied := awsworld.IsDenied(err); denied {
		return "denied"
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func str(s string) types.AttributeValue    { return &types.AttributeValueMemberS{Value: s} }
func num(s string) types.AttributeValue    { return &types.AttributeValueMemberN{Value: s} }
func set(s ...string) types.AttributeValue { return &types.AttributeValueMemberSS{Value: s} }

func attr(name string, t types.ScalarAttributeType) dynamodb.Attribute {
	return dynamodb.Attribute{Name: name, Type: t}
}

// cart is an item of the shop's table.
func cart(n int) dynamodb.Item {
	return dynamodb.Item{"customer": str(fmt.Sprintf("c%04d", n)), "line": num("1"), "sku": str("sku-1"), "tags": set("b", "a")}
}

// shop puts the table with everything on that a restore loses.
func (f fixture) shop(items int, change func(*dynamodb.TableSpec)) {
	f.t.Helper()
	spec := dynamodb.TableSpec{
		Name: "shop-carts", Hash: attr("customer", "S"), Range: attr("line", "N"),
		Indexes: []dynamodb.Index{
			{Name: "by-sku", Hash: attr("sku", "S"), Read: 3, Write: 4},
			{Name: "by-date", Local: true, Hash: attr("customer", "S"), Range: attr("date", "S"), Projection: types.ProjectionTypeKeysOnly},
		},
		Read: 5, Write: 6, TTLAttribute: "expires", Stream: types.StreamViewTypeNewImage, PointInTime: true, DeletionProtection: true,
		Class: types.TableClassStandardInfrequentAccess, Tags: map[string]string{"owner": "shop"},
	}
	for i := range items {
		spec.Items = append(spec.Items, cart(i))
	}
	if change != nil {
		change(&spec)
	}
	f.ok(f.PutTable(prod, spec))
}
