package rehearsal

import (
	"database/sql"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/backup"
	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
	"github.com/dbferry/dbferry/internal/awsworld/ecs"
	"github.com/dbferry/dbferry/internal/awsworld/elbv2"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/route53"
	"github.com/dbferry/dbferry/internal/awsworld/secretsmanager"
	"github.com/dbferry/dbferry/internal/awsworld/ssm"
	"github.com/dbferry/dbferry/internal/iam"
)

// RDS, DynamoDB, Backup, Keys and SecretValues give hold of the services whose
// ground a script changes half-way.
func (o *Operator) RDS() *rds.Service             { return o.s.rds }
func (o *Operator) DynamoDB() *dynamodb.Service   { return o.s.dynamodb }
func (o *Operator) Backup() *backup.Service       { return o.s.backup }
func (o *Operator) Keys() *kms.Service            { return o.s.kms }
func (o *Operator) Services() *ecs.Service        { return o.s.ecs }
func (o *Operator) Systems() *ssm.Service         { return o.s.ssm }
func (o *Operator) LoadBalancing() *elbv2.Service { return o.s.elb }
func (o *Operator) Zones() *route53.Service       { return o.s.route53 }
func (o *Operator) Superuser(account, cluster string) (*sql.DB, error) {
	server, err := o.s.databases.server(account + "/" + cluster)
	if err != nil {
		return nil, err
	}
	return server.Superuser(o.ctx, "")
}
func (o *Operator) SecretValues() *secretsmanager.Service { return o.s.secrets }

// AsFunction is an SDK configuration with the credentials of a step's function,
// for attempts at what it may not do.
func (o *Operator) AsFunction(account, step string) (aws.Config, error) {
	for _, f := range o.s.lambda.Functions() {
		if f.Account == account && f.Name == "dbferry-"+step {
			return o.as("lambda.amazonaws.com", f.RoleARN, o.s.w.ARN("lambda", account, "function:"+f.Name))
		}
	}
	return aws.Config{}, fmt.Errorf("account %s has no function of step %s", account, step)
}

// AsStranger is an SDK configuration with the credentials of a role that may do
// everything that its own account can allow. The account is made if need be, in
// no organization.
func (o *Operator) AsStranger(account string) (aws.Config, error) {
	if o.s.w.Account(account) == nil {
		o.s.w.AddAccount(account, "stranger", "o-stranger")
	}
	arn := "arn:aws:iam::" + account + ":role/stranger"
	trust, err := policy(account, `"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"`)
	if err != nil {
		return aws.Config{}, err
	}
	all, err := policy(account, `"Action":"*","Resource":"*"`)
	if err != nil {
		return aws.Config{}, err
	}
	o.s.w.Account(account).PutRole(&awsworld.Role{ARN: arn, Name: "stranger", Account: account, Trust: trust, Policies: []iam.Policy{all}})
	return o.as("ec2.amazonaws.com", arn, "")
}

func policy(account, allow string) (iam.Policy, error) {
	doc, err := iam.ParseDocument([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + allow + `}]}`))
	return iam.Policy{Name: "stranger", Account: account, Doc: doc}, err
}

func (o *Operator) as(service, role, source string) (aws.Config, error) {
	caller, err := o.s.w.AssumeAsService(service, role, "script", source)
	return o.s.w.Config(caller), err
}
