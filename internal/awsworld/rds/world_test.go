package rds_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/smithy-go"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/sim"
)

const (
	prod, staging = "111111111111", "222222222222"
	gigabyte      = 1_000_000_000
	allowRDS      = `{"Effect":"Allow","Action":"rds:*","Resource":"*"}`
	allowKMS      = `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`
	allowSLR      = `{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*"}`
	allowPass     = `{"Effect":"Allow","Action":"iam:PassRole","Resource":"*"}`
	// keyForStaging opens a production key to the staging account through RDS.
	keyForStaging = `{"Version":"2012-10-17","Statement":[
	 {"Sid":"Own","Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"kms:*","Resource":"*"},
	 {"Sid":"Use","Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":["kms:ReEncrypt*","kms:DescribeKey"],"Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"rds.eu-west-1.amazonaws.com"}}},
	 {"Sid":"Grant","Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"kms:CreateGrant","Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}]}`
)

var ctx = context.Background()

// rows is a Databases that keeps a number of rows and the master's password.
type rows struct {
	live, images map[string]content
	deleted      []string
	replication
}

type content struct {
	rows           int
	user, password string
}

func newRows() *rows {
	return &rows{live: map[string]content{}, images: map[string]content{}, replication: newReplication()}
}

func (r *rows) Create(_ context.Context, key, _, user, password string) error {
	r.live[key] = content{user: user, password: password}
	return nil
}

func (r *rows) Snapshot(_ context.Context, key string) (string, error) {
	name := fmt.Sprintf("image-%d", len(r.images)+1)
	r.images[name] = r.live[key]
	return name, nil
}

func (r *rows) Restore(_ context.Context, image, key, _ string) error {
	c, ok := r.images[image]
	if !ok {
		return errors.New("no image " + image)
	}
	r.live[key] = c
	return nil
}

func (r *rows) SetPassword(_ context.Context, key, user, password string) error {
	c := r.live[key]
	if c.user != user {
		return errors.New("no user " + user)
	}
	c.password = password
	r.live[key] = c
	return nil
}

func (r *rows) Delete(_ context.Context, key string) error {
	if _, ok := r.live[key]; !ok {
		return errors.New("no database " + key)
	}
	delete(r.live, key)
	r.deleted = append(r.deleted, key)
	return nil
}

func (r *rows) DeleteImage(_ context.Context, image string) error {
	r.deleted = append(r.deleted, image)
	return nil
}

func (r *rows) Addr(_ context.Context, key string) (string, error) { return "127.0.0.1:1/" + key, nil }

func (r *rows) write(key string, n int) {
	c := r.live[key]
	c.rows += n
	r.live[key] = c
}

type fixture struct {
	t    *testing.T
	w    *awsworld.World
	kms  *kms.Service
	rows *rows
	*rds.Service
}

// inWorld runs the test as a process of a world with two accounts, each with a
// network for databases and RDS's service-linked role.
func inWorld(t *testing.T, test func(f fixture)) {
	t.Helper()
	w := awsworld.New(sim.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), "eu-west-1", 1)
	keys := kms.New(w)
	f := fixture{t: t, w: w, kms: keys, rows: newRows(), Service: rds.New(w, keys)}
	f.Databases = f.rows
	for id, name := range map[string]string{prod: "production", staging: "staging"} {
		w.AddAccount(id, name, "o-example")
	}
	for i, id := range []string{prod, staging} {
		vpc := fmt.Sprintf("vpc-%d", i+1)
		for j, az := range []string{"eu-west-1a", "eu-west-1b"} {
			f.PutSubnet(id, rds.Subnet{ID: fmt.Sprintf("subnet-%d%d", i+1, j+1), VPC: vpc, AZ: az, CIDR: fmt.Sprintf("10.%d.%d.0/24", i+1, j+1)})
		}
		f.ok(f.PutSubnetGroup(id, rds.SubnetGroup{Name: "databases", VPC: vpc, Subnets: []string{fmt.Sprintf("subnet-%d1", i+1), fmt.Sprintf("subnet-%d2", i+1)}}))
		w.Account(id).PutRole(&awsworld.Role{ARN: "arn:aws:iam::" + id + ":role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS", Account: id, Service: "rds.amazonaws.com"})
	}
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
func (f fixture) role(account, name string, statements ...string) awsworld.Caller {
	f.t.Helper()
	parse := func(text string) iam.Policy {
		doc, err := iam.ParseDocument([]byte(text))
		f.ok(err)
		return iam.Policy{Name: name, Account: account, Doc: doc}
	}
	arn := fmt.Sprintf("arn:aws:iam::%s:role/%s", account, name)
	f.w.Account(account).PutRole(&awsworld.Role{
		ARN: arn, Name: name, Account: account,
		Trust:    parse(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
		Policies: []iam.Policy{parse(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`)},
	})
	c, err := f.w.AssumeAsService("lambda.amazonaws.com", arn, "test", "")
	f.ok(err)
	return c
}

// client is an SDK client of a role with these statements; RDS and KMS in full
// when there are none.
func (f fixture) client(account string, statements ...string) *sdk.Client {
	if len(statements) == 0 {
		statements = []string{allowRDS, allowKMS, allowPass}
	}
	return sdk.NewFromConfig(f.w.Config(f.role(account, "tester", statements...)))
}

func (f fixture) key(account, policy string) string {
	arn, err := f.kms.PutKey(account, kms.KeySpec{Policy: []byte(policy)})
	f.ok(err)
	return arn
}

// shop puts a cluster with a writer into production.
func (f fixture) shop(change func(*rds.ClusterSpec)) {
	f.t.Helper()
	spec := rds.ClusterSpec{
		ID: "shop-orders", Engine: rds.AuroraMySQL, SubnetGroup: "databases", MasterPassword: "production-secret",
		VolumeBytes: 100 * gigabyte, Tags: map[string]string{"owner": "shop"},
	}
	if change != nil {
		change(&spec)
	}
	f.ok(f.PutCluster(prod, spec))
	class := "db.r6g.large"
	if spec.Serverless != (rds.Scaling{}) {
		class = "db.serverless"
	}
	f.ok(f.PutInstance(prod, rds.InstanceSpec{ID: "shop-orders-1", Cluster: "shop-orders", Class: class}))
}

func (f fixture) cluster(c *sdk.Client, id string) types.DBCluster {
	f.t.Helper()
	out, err := c.DescribeDBClusters(ctx, &sdk.DescribeDBClustersInput{DBClusterIdentifier: aws.String(id)})
	f.ok(err)
	return out.DBClusters[0]
}

func (f fixture) clusterStatus(c *sdk.Client, id string) string { return *f.cluster(c, id).Status }

func (f fixture) instanceStatus(c *sdk.Client, id string) string {
	f.t.Helper()
	out, err := c.DescribeDBInstances(ctx, &sdk.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String(id)})
	f.ok(err)
	return *out.DBInstances[0].DBInstanceStatus
}

func (f fixture) snapshot(c *sdk.Client, id string) types.DBClusterSnapshot {
	f.t.Helper()
	out, err := c.DescribeDBClusterSnapshots(ctx, &sdk.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: aws.String(id)})
	f.ok(err)
	return out.DBClusterSnapshots[0]
}

// until waits for a status on the simulated clock and returns how long it took.
func (f fixture) until(want string, status func() string) time.Duration {
	f.t.Helper()
	begun := f.w.Now()
	for range 2000 {
		if status() == want {
			return f.w.Now().Sub(begun)
		}
		f.sleep(10 * time.Second)
	}
	f.t.Fatalf("still %s after %s, want %s", status(), f.w.Now().Sub(begun), want)
	return 0
}

// code is the AWS error code, or "ok".
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func tags(list []types.Tag) map[string]string {
	out := map[string]string{}
	for _, t := range list {
		out[*t.Key] = *t.Value
	}
	return out
}

// backUp makes an available snapshot of the shop cluster and returns its ARN.
func (f fixture) backUp(c *sdk.Client, id string) string {
	f.t.Helper()
	out, err := c.CreateDBClusterSnapshot(ctx, &sdk.CreateDBClusterSnapshotInput{
		DBClusterIdentifier: aws.String("shop-orders"), DBClusterSnapshotIdentifier: aws.String(id),
	})
	f.ok(err)
	f.until("available", func() string { return *f.snapshot(c, id).Status })
	return *out.DBClusterSnapshot.DBClusterSnapshotArn
}

// ferry brings a snapshot into staging, under a staging key when it is
// encrypted, and returns its identifier there.
func (f fixture) ferry(source string) string {
	f.t.Helper()
	p, s := f.client(prod), f.client(staging)
	_, err := p.ModifyDBClusterSnapshotAttribute(ctx, &sdk.ModifyDBClusterSnapshotAttributeInput{
		DBClusterSnapshotIdentifier: aws.String(source), AttributeName: aws.String("restore"), ValuesToAdd: []string{staging},
	})
	f.ok(err)
	in := &sdk.CopyDBClusterSnapshotInput{SourceDBClusterSnapshotIdentifier: aws.String(source), TargetDBClusterSnapshotIdentifier: aws.String("ferried")}
	if f.snapshot(p, source).KmsKeyId != nil {
		in.KmsKeyId = aws.String(f.key(staging, ""))
	}
	_, err = s.CopyDBClusterSnapshot(ctx, in)
	f.ok(err)
	f.until("available", func() string { return *f.snapshot(s, "ferried").Status })
	return "ferried"
}

// restore makes a cluster in staging from a snapshot there.
func (f fixture) restore(c *sdk.Client, from, id string, change func(*sdk.RestoreDBClusterFromSnapshotInput)) error {
	in := &sdk.RestoreDBClusterFromSnapshotInput{
		DBClusterIdentifier: aws.String(id), SnapshotIdentifier: aws.String(from), Engine: aws.String(rds.AuroraMySQL), DBSubnetGroupName: aws.String("databases"),
	}
	if change != nil {
		change(in)
	}
	_, err := c.RestoreDBClusterFromSnapshot(ctx, in)
	return err
}

func (f fixture) addWriter(c *sdk.Client, cluster string) {
	f.t.Helper()
	_, err := c.CreateDBInstance(ctx, &sdk.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String(cluster + "-1"), DBClusterIdentifier: aws.String(cluster),
		Engine: aws.String(rds.AuroraMySQL), DBInstanceClass: aws.String("db.r6g.large"),
	})
	f.ok(err)
	f.until("available", func() string { return f.instanceStatus(c, cluster+"-1") })
}

// tagged makes a tag list from keys and values.
func tagged(kv ...string) []types.Tag {
	var out []types.Tag
	for i := 0; i < len(kv); i += 2 {
		out = append(out, types.Tag{Key: aws.String(kv[i]), Value: aws.String(kv[i+1])})
	}
	return out
}
