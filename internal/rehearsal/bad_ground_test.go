package rehearsal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	sdkrds "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/asl"
	awsddb "github.com/dbferry/dbferry/internal/awsworld/dynamodb"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/secretsmanager"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"

	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// mishap is ground that goes bad: at once, or when a state is entered.
type mishap struct {
	only          []string
	machine, at   string // half-way: the state whose entry starts it
	cause, mend   func(*border)
	verdict       string
	says          []string
	notResumable  bool // the mail says to start a new refresh
	clusterJobs   int  // restore jobs of shop-orders, after resume
	tableJobs     int
	check         func(*border, rehearsal.Outcome) // after all
	settleBetween time.Duration                    // before resume
}

const (
	staging    = "222222222222"
	production = "111111111111"
)

// TestBadGroundBefore: what the preflight can see is refused before anything is
// begun; mended, the same input works.
func TestBadGroundBefore(t *testing.T) {
	group := "staging-databases"
	play(t, rehearsal.Scenario{}, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		b := atBorder(t, o)
		subnets := b.subnetGroup(group)
		for name, m := range map[string]mishap{
			"no room for clusters": {cause: func(b *border) { b.cluster("serving"); b.RDS().SetQuota(staging, rds.QuotaClusters, 1) }, mend: func(b *border) { b.RDS().SetQuota(staging, rds.QuotaClusters, 40) },
				says: []string{"[cluster-quota]", "request-service-quota-increase"}},
			"no subnet group": {cause: func(b *border) { b.RDS().DropSubnetGroup(staging, group) }, mend: func(b *border) { b.must(b.RDS().PutSubnetGroup(staging, subnets)) },
				says: []string{"[subnet-group]", group}},
			"the target's vault key is disabled": {cause: func(b *border) { b.key(b.vaultKey(), kmstypes.KeyStateDisabled) }, mend: func(b *border) { b.key(b.vaultKey(), kmstypes.KeyStateEnabled) },
				says: []string{"[target-vault-key]"}},
			"the cluster's key is disabled": {cause: func(b *border) { b.key(b.clusterKey(), kmstypes.KeyStateDisabled) }, mend: func(b *border) { b.key(b.clusterKey(), kmstypes.KeyStateEnabled) },
				says: []string{"[cluster-", "shop-orders"}},
			"the table is gone": {cause: func(b *border) { b.dropTable("shop-carts") }, mend: func(b *border) { b.table(production, "shop-carts") },
				says: []string{"[table-exists]", "shop-carts"}},
		} {
			m.cause(b)
			b.ready()
			arn, err := o.Start(o.BackupMachine("staging"), refresh.BackupInput{})
			b.must(err)
			r, err := o.Await(arn)
			b.must(err)
			says(t, r, rehearsal.VerdictRefused, append(m.says, "nothing was begun")...)
			b.quiet()
			m.mend(b)
			if t.Failed() {
				t.Logf("it was: %s", name)
			}
		}
		if n := len(jobs(o, b.World().Start(), "backup")); n != 0 {
			t.Errorf("%d backups of refused refreshes", n)
		}
		out, err := o.Refresh("staging", refresh.BackupInput{Only: []string{"shop-carts"}})
		if out.Verdict != rehearsal.VerdictSucceeded {
			t.Errorf("mended: %s %s", out.Verdict, out.Cause)
		}
		return err
	})
}

// TestBadGroundHalfWay: ground that goes bad while a refresh is under way. The
// end is Failed and says what, where and what to do; locks are free; what serves
// and what strangers own is untouched; mended, resume does only what is left.
func TestBadGroundHalfWay(t *testing.T) {
	table, cluster := []string{"shop-carts"}, []string{"shop-orders"}
	for name, m := range map[string]mishap{
		"the quota of clusters is used up": {only: cluster, machine: "staging-restore", at: "Restore the clusters", clusterJobs: 2,
			cause: func(b *border) { b.RDS().SetQuota(staging, rds.QuotaClusters, 0) }, mend: func(b *border) { b.RDS().SetQuota(staging, rds.QuotaClusters, 40) },
			says: []string{"reached the limit", "quota"}},
		"the subnet group is gone": {only: cluster, machine: "staging-restore", at: "Restore the clusters", clusterJobs: 2,
			cause: func(b *border) {
				b.saved = b.subnetGroup("staging-databases")
				b.RDS().DropSubnetGroup(staging, "staging-databases")
			},
			mend: func(b *border) { b.must(b.RDS().PutSubnetGroup(staging, b.saved)) },
			says: []string{"staging-databases", "subnet group"}},
		"the cluster's key is disabled while it is copied": {only: cluster, machine: "production-backup", at: "Copied? (cluster)", clusterJobs: 1,
			cause: func(b *border) { b.key(b.clusterKey(), kmstypes.KeyStateDisabled) }, mend: func(b *border) { b.key(b.clusterKey(), kmstypes.KeyStateEnabled) },
			says: []string{"shop-orders", "key"}},
		"the vault's key is disabled while a cluster is restored": {only: cluster, machine: "staging-restore", at: "Restored? (cluster)", clusterJobs: 2,
			cause: func(b *border) { b.must(b.Sleep(5 * time.Minute)); b.key(b.vaultKey(), kmstypes.KeyStateDisabled) },
			mend:  func(b *border) { b.key(b.vaultKey(), kmstypes.KeyStateEnabled) },
			says:  []string{"inaccessible-encryption-credentials", "it left the cluster shop-orders-", "resume restores under another name"}},
		"the table is deleted before its backup": {only: table, machine: "production-backup", at: "Back up every item", tableJobs: 0, notResumable: true,
			cause: func(b *border) { b.dropTable("shop-carts") },
			says:  []string{"shop-carts not found", "start a new refresh"}},
		"a failed restore leaves its table": {only: table, machine: "staging-restore", at: "Restore the tables", tableJobs: 2,
			cause: func(b *border) { b.Backup().SpoilNextRestore(staging, "shop-carts", "Internal error") },
			mend:  func(*border) {},
			says:  []string{"Internal error", "it left the table shop-carts-", "resume restores under another name"},
			check: func(b *border, out rehearsal.Outcome) { b.bothStand("shop-carts", out.RefreshID) }},
		"a stranger has the table's name": {only: table, machine: "production-backup", at: "Back up every item", tableJobs: 1,
			cause: func(b *border) { b.table(staging, names.RestoredTable("shop-carts", b.id())) }, mend: func(*border) {},
			says:  []string{"that dbferry did not make has this name", "dbferry leaves it alone", "which restores under another name"},
			check: func(b *border, out rehearsal.Outcome) { b.bothStand("shop-carts", out.RefreshID) }},
		"a stranger takes the table's name at the last moment": {only: table, machine: "staging-restore", at: "Restore the tables", tableJobs: 2,
			cause: func(b *border) { b.table(staging, names.RestoredTable("shop-carts", b.id())) }, mend: func(*border) {},
			says:  []string{"already exists", "is older than the job and was not touched"},
			check: func(b *border, out rehearsal.Outcome) { b.bothStand("shop-carts", out.RefreshID) }},
		"a stranger has the cluster's name": {only: cluster, machine: "production-backup", at: "Back up every item", clusterJobs: 1,
			cause: func(b *border) { b.cluster(names.RestoredCluster("shop-orders", b.id())) }, mend: func(*border) {},
			says: []string{"that dbferry did not make has this name", "dbferry leaves it alone"}},
		"the secret is gone": {only: cluster, machine: "staging-restore", at: "Reset the credentials (cluster)", clusterJobs: 1,
			cause: func(b *border) { b.SecretValues().DropSecret(staging, "staging/shop/app") }, mend: func(b *border) {
				b.secret("staging/shop/app", `{"username":"shop_app","password":"Mended-password-1"}`)
			},
			says: []string{"staging/shop/app", "there is no such secret", "quarantine"}},
		"the secret holds a bad password": {only: cluster, machine: "staging-restore", at: "Reset the credentials (cluster)", clusterJobs: 1,
			cause: func(b *border) { b.secret("staging/shop/master", `{"username":"admin","password":"Bad/password-1"}`) }, mend: func(b *border) {
				b.secret("staging/shop/master", `{"username":"admin","password":"Mended-password-1"}`)
			},
			says: []string{"staging/shop/master", "8 to 41"}},
		"the secret is of another master user": {only: cluster, machine: "staging-restore", at: "Reset the credentials (cluster)", clusterJobs: 1,
			cause: func(b *border) { b.secret("staging/shop/master", `{"username":"root","password":"Mended-password-1"}`) }, mend: func(b *border) {
				b.secret("staging/shop/master", `{"username":"admin","password":"Mended-password-1"}`)
			},
			says: []string{`user "root"`, `master user is "admin"`}},
		"the database security group is gone": {only: cluster, machine: "staging-restore", at: "Record the candidate", clusterJobs: 1,
			cause: func(b *border) { b.RDS().DeleteSecurityGroup(staging, "sg-0a1b2c3d4e5f60003") },
			mend: func(b *border) {
				b.RDS().PutSecurityGroup(staging, rds.SecurityGroup{ID: "sg-0a1b2c3d4e5f60003", Name: "databases", VPC: "vpc-0a1b2c3d4e5f60718"})
			},
			says: []string{"sg-0a1b2c3d4e5f60003"}},
		"another backup holds the table": {only: table, machine: "production-backup", at: "Back up every item", tableJobs: 1,
			cause: func(b *border) {
				_, err := b.Backup().RunForeignBackup(production, b.Config().ProductionPlace().Table("shop-carts"), 3*time.Hour)
				b.must(err)
			},
			mend: func(*border) {}, settleBetween: 3 * time.Hour,
			says: []string{"EXPIRED", "running job for the same resource", "resume"}},
		"the copy stays in CREATED": {only: table, machine: "production-backup", at: "Back up every item", tableJobs: 1,
			cause: func(b *border) { b.Backup().HoldCopiesInCreated(12 * time.Hour) }, mend: func(*border) {},
			says: []string{"not done by", "is CREATED since", "AWS Backup console", "resume"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, rehearsal.Scenario{}, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
				return m.play(atBorder(t, o))
			})
		})
	}
}

func (m mishap) play(b *border) error {
	t := b.t
	happened := false
	b.OnEnter(entering(m.machine, m.at), func() { m.cause(b); happened = true })
	out, err := b.Refresh("staging", refresh.BackupInput{Only: m.only})
	if err != nil {
		return err
	}
	if !happened {
		t.Fatalf("%s never entered %s", m.machine, m.at)
	}
	if out.Verdict != rehearsal.VerdictFailed {
		t.Errorf("%s: %s", out.Verdict, out.Cause)
	}
	for _, p := range append(m.says, out.RefreshID) {
		if !strings.Contains(out.Cause, p) {
			t.Errorf("the cause does not say %q: %s", p, out.Cause)
		}
	}
	if c := b.records("candidates/"); len(c) > 0 {
		t.Errorf("opened nevertheless: %v", c)
	}
	b.quiet()
	if m.notResumable {
		return nil
	}
	m.mend(b)
	b.must(b.Sleep(m.settleBetween))
	if err := b.resume(&out); err != nil {
		return err
	}
	if out.Verdict != rehearsal.VerdictSucceeded || len(b.records("candidates/")) != 1 {
		t.Errorf("resumed: %s %s, %v", out.Verdict, out.Cause, b.records("candidates/"))
	}
	if c, tb := b.jobs("shop-orders"), b.jobs("shop-carts"); c != m.clusterJobs || tb != m.tableJobs {
		t.Errorf("%d restores of the cluster, want %d, %d of the table, want %d", c, m.clusterJobs, tb, m.tableJobs)
	}
	if m.check != nil {
		m.check(b, out)
	}
	b.quiet()
	return nil
}

// resume continues the machine that failed, to the end of the restore.
func (b *border) resume(out *rehearsal.Outcome) error {
	if out.Restore != nil {
		r, err := b.Resume(b.RestoreMachine("staging"), out.RefreshID)
		out.Restore, out.Verdict, out.Cause = &r, verdict(r), r.Cause
		return err
	}
	r, err := b.Resume(b.BackupMachine("staging"), out.RefreshID)
	if err != nil || r.Status != asl.Succeeded {
		out.Verdict, out.Cause = verdict(r), r.Cause
		return err
	}
	*out, err = b.AwaitRestore(*out)
	return err
}

func verdict(r states.Report) string {
	if r.Status == asl.Succeeded {
		return rehearsal.VerdictSucceeded
	}
	return r.Error
}

// id is the refresh that production works on now.
func (b *border) id() string {
	all := b.States().Executions(production)
	return b.RefreshOf(b.Config().ProductionPlace(), all[len(all)-1].ARN)
}

// ready lets staging-ready look again, whatever it finds.
func (b *border) ready() {
	b.t.Helper()
	_, err := b.Ready("staging")
	b.must(err)
}

func (b *border) key(arn string, state kmstypes.KeyState) { b.must(b.Keys().SetState(arn, state)) }

func (b *border) vaultKey() string {
	arn, ok := b.Keys().KeyARN(staging, b.place.KeyAlias())
	if !ok {
		b.t.Fatal("staging's vault has no key")
	}
	return arn
}

func (b *border) clusterKey() string {
	arn, ok := b.Keys().KeyARN(production, "alias/shop-orders")
	if !ok {
		b.t.Fatal("the cluster has no key")
	}
	return arn
}

func (b *border) secret(name, value string) {
	_, err := b.SecretValues().PutSecret(staging, secretsmanager.SecretSpec{Name: name, Value: value})
	b.must(err)
}

func (b *border) dropTable(name string) {
	client := dynamodb.NewFromConfig(b.AWS(production))
	_, err := client.UpdateTable(b.t.Context(), &dynamodb.UpdateTableInput{TableName: &name, DeletionProtectionEnabled: aws.Bool(false)})
	b.must(err)
	for range 60 { // as soon as DynamoDB lets it go: a backup may begin at any moment
		b.must(b.Sleep(time.Second))
		if _, err = client.DeleteTable(b.t.Context(), &dynamodb.DeleteTableInput{TableName: &name}); err == nil {
			break
		}
	}
	b.must(err)
	b.must(b.Sleep(time.Minute))
}

func (b *border) table(account, name string) {
	b.must(b.DynamoDB().PutTable(account, awsddb.TableSpec{Name: name, Hash: awsddb.Attribute{Name: "id", Type: ddbtypes.ScalarAttributeTypeS}, Tags: map[string]string{"stranger": "yes"}}))
}

// cluster makes a stranger's cluster in staging.
func (b *border) cluster(id string) {
	b.must(b.RDS().PutCluster(staging, rds.ClusterSpec{ID: id, Engine: rds.AuroraMySQL, MasterUser: "stranger", MasterPassword: "Strangers-own-1", SubnetGroup: "staging-databases", KeyARN: b.vaultKey()}))
}

func (b *border) subnetGroup(name string) rds.SubnetGroup {
	out, err := sdkrds.NewFromConfig(b.AWS(staging)).DescribeDBSubnetGroups(b.t.Context(), &sdkrds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: &name})
	b.must(err)
	g := rds.SubnetGroup{Name: name, VPC: aws.ToString(out.DBSubnetGroups[0].VpcId)}
	for _, s := range out.DBSubnetGroups[0].Subnets {
		g.Subnets = append(g.Subnets, aws.ToString(s.SubnetIdentifier))
	}
	return g
}

// bothStand says that the first name is there, without dbferry's tags, and that
// the second attempt's is there, with them.
func (b *border) bothStand(source, id string) {
	for name, tagged := range map[string]bool{
		names.RestoredTable(source, id): false, names.RestoredTable(source, names.Attempt(id, 2)): true,
	} {
		arn := b.place.Table(name)
		out, err := dynamodb.NewFromConfig(b.AWS(staging)).ListTagsOfResource(b.t.Context(), &dynamodb.ListTagsOfResourceInput{ResourceArn: &arn})
		if err != nil {
			b.t.Errorf("%s: %v", name, err)
			continue
		}
		ours := false
		for _, tag := range out.Tags {
			ours = ours || aws.ToString(tag.Key) == names.TagOwner
		}
		if ours != tagged {
			b.t.Errorf("%s carries dbferry's tag: %v", name, ours)
		}
	}
}
