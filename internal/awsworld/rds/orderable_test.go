package rds_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/awsworld/kms"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

func TestOrderableOptions(t *testing.T) {
	f := worldtest.New(t)
	s := rds.New(f.W, kms.New(f.W))
	cfg := f.As(worldtest.Staging, "reader", worldtest.Allow("rds:DescribeOrderableDBInstanceOptions", "*"))
	ask := func(engine, class string) (versions int, code string) {
		f.Run(func() {
			out, err := sdk.NewFromConfig(cfg).DescribeOrderableDBInstanceOptions(ctx, &sdk.DescribeOrderableDBInstanceOptionsInput{Engine: &engine, DBInstanceClass: &class})
			if code = service.Code(err); err == nil {
				versions = len(out.OrderableDBInstanceOptions)
			}
		})
		return versions, code
	}
	for _, c := range []struct {
		engine, class string
		versions      int
		code          string
	}{
		{rds.AuroraMySQL, "db.r6g.large", 3, ""},
		{rds.AuroraPostgreSQL, "db.serverless", 4, ""},
		{rds.AuroraMySQL, "db.x9.enormous", 0, ""},
		{"oracle", "db.r6g.large", 0, "InvalidParameterValue"},
	} {
		if n, code := ask(c.engine, c.class); n != c.versions || code != c.code {
			t.Errorf("%s %s: %d versions, code %q", c.engine, c.class, n, code)
		}
	}
	s.WithdrawClass("db.r6g.large")
	s.WithdrawVersion(rds.AuroraPostgreSQL, "16.8")
	if n, _ := ask(rds.AuroraMySQL, "db.r6g.large"); n != 0 {
		t.Errorf("a withdrawn class is offered for %d versions", n)
	}
	if n, _ := ask(rds.AuroraPostgreSQL, "db.serverless"); n != 3 {
		t.Errorf("a withdrawn version is offered: %d", n)
	}
	f.Run(func() {
		client, all, pages := sdk.NewFromConfig(cfg), 0, 0
		p := sdk.NewDescribeOrderableDBInstanceOptionsPaginator(client, &sdk.DescribeOrderableDBInstanceOptionsInput{Engine: aws.String(rds.AuroraPostgreSQL), MaxRecords: aws.Int32(20)})
		for p.HasMorePages() {
			out, err := p.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			all, pages = all+len(out.OrderableDBInstanceOptions), pages+1
		}
		if all != 5*3 || pages != 1 {
			t.Errorf("%d options on %d pages", all, pages)
		}
	})
}
