package rehearsal

import (
	"encoding/json"
	"fmt"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/iam/awsmanaged"
	"github.com/dbferry/dbferry/internal/template"
)

// deployer is CloudFormation in small: it creates the resources of one stack in
// their order. What a service refuses, such as a policy that names a principal
// which does not exist yet, ends the deployment.
type deployer struct {
	*stage
	d *template.Deployment
}

// deploy creates every stack, in the scenario's order.
func (s *stage) deploy() error {
	for _, d := range s.deployments {
		if s.w.Account(d.Account) == nil {
			return fmt.Errorf("deploy %s: the ground has no account %s", d.Stack, d.Account)
		}
		dep := deployer{s, d}
		for _, res := range d.Resources {
			if err := dep.create(res); err != nil {
				return fmt.Errorf("deploy %s: %s (%s): %w", d.Stack, res.LogicalID, res.Type, err)
			}
		}
		s.tell("deployed %s into account %s: %d resources", d.Stack, d.Account, len(d.Resources))
	}
	return nil
}

func (d deployer) create(res *template.Resource) error {
	switch v := res.View.(type) {
	case *template.Role:
		return d.role(v)
	case *template.ServiceLinkedRole:
		return d.serviceLinkedRole(d.d.Account, v.Service)
	case *template.Key:
		return d.key(v)
	case *template.Vault:
		return d.vault(v)
	case *template.SecurityGroup:
		d.securityGroup(v)
		return nil
	case *template.Function:
		return d.function(v)
	case *template.FunctionURL:
		return d.lambda.PutURL(v.Function, v.AuthType)
	case *template.Machine:
		return d.machine(v)
	case *template.Alarm:
		return d.alarm(v)
	case *template.Schedule:
		return d.schedule(v)
	case *template.Rule:
		return d.rule(v)
	}
	return d.createHolder(res)
}

// createHolder makes what carries a policy that stands in a resource of its
// own, which comes later and may name principals that come between.
func (d deployer) createHolder(res *template.Resource) error {
	switch v := res.View.(type) {
	case *template.Bucket:
		return d.bucket(v, nil)
	case *template.Queue:
		return d.queue(v, nil)
	case *template.Topic:
		return d.topic(v, nil)
	case *template.Bus:
		return d.bus(v, nil)
	case *template.BusPolicy:
		return d.busPolicy(v)
	case *template.ResourcePolicy:
		return d.resourcePolicy(v)
	}
	if joined[res.Type] {
		return nil
	}
	return fmt.Errorf("the rehearsal does not know how to deploy this type; add it to internal/rehearsal")
}

// joined are the types that are created together with what they belong to, and
// those that nothing in a rehearsal can see.
var joined = map[string]bool{
	"AWS::IAM::Policy": true, "AWS::IAM::ManagedPolicy": true, "AWS::KMS::Alias": true, "AWS::Lambda::Permission": true,
	"AWS::Lambda::EventInvokeConfig": true, "AWS::SNS::Subscription": true, "AWS::EC2::SecurityGroupIngress": true, "AWS::EC2::SecurityGroupEgress": true,
	"AWS::Logs::LogGroup": true, "AWS::Logs::MetricFilter": true, "AWS::CloudWatch::Dashboard": true, "AWS::SSM::Parameter": true,
}

// role creates a role with everything that is attached to it.
func (d deployer) role(v *template.Role) error {
	trust, err := d.policy("trust of "+v.Name, v.Trust)
	if err != nil {
		return err
	}
	if who := service.MissingPrincipal(d.w, trust); who != "" {
		return awsworld.Errorf("MalformedPolicyDocument", "Invalid principal in policy: %s of role %s does not exist", who, v.Name)
	}
	role := &awsworld.Role{ARN: v.ARN, Name: v.Name, Account: d.d.Account, Trust: *trust}
	for _, p := range v.Policies {
		doc, err := d.policy(inlineName(d.d.Account, v.Name, p.Name), p.Document)
		if err != nil {
			return err
		}
		role.Policies = append(role.Policies, *doc)
	}
	for _, arn := range v.ManagedPolicies {
		doc, err := d.managed(v.Name, arn)
		if err != nil {
			return err
		}
		role.Policies = append(role.Policies, doc)
	}
	d.w.Account(d.d.Account).PutRole(role)
	return nil
}

// inlineName is unique over all accounts, as decisions name policies by it.
func inlineName(account, role, policy string) string { return account + "/" + role + "/" + policy }

func (d deployer) managed(role, arn string) (iam.Policy, error) {
	if doc, _, ok := awsmanaged.Policy(arn); ok {
		return iam.Policy{Name: arn + " on " + d.d.Account + "/" + role, Account: d.d.Account, Doc: doc}, nil
	}
	for _, m := range d.d.ManagedPolicies {
		if m.ARN == arn {
			doc, err := d.policy(inlineName(d.d.Account, role, m.Name), m.Document)
			if err != nil {
				return iam.Policy{}, err
			}
			return *doc, nil
		}
	}
	return iam.Policy{}, awsworld.Errorf("NoSuchEntity", "Policy %s does not exist or is not attachable.", arn)
}

func (d deployer) policy(name string, raw json.RawMessage) (*iam.Policy, error) {
	p, err := service.Policy(name, d.d.Account, raw)
	if err == nil && p == nil {
		p = &iam.Policy{Name: name, Account: d.d.Account}
	}
	return p, err
}

// serviceLinked are AWS's policies of the service-linked roles.
var serviceLinked = map[string]struct{ name, policy string }{
	"backup.amazonaws.com": {"AWSServiceRoleForBackup", "arn:aws:iam::aws:policy/aws-service-role/AWSBackupServiceLinkedRolePolicyForBackup"},
	"rds.amazonaws.com":    {"AWSServiceRoleForRDS", "arn:aws:iam::aws:policy/aws-service-role/AmazonRDSServiceRolePolicy"},
}

// serviceLinkedRole creates a role that a service owns.
func (s *stage) serviceLinkedRole(account, of string) error {
	known, ok := serviceLinked[of]
	if !ok {
		return fmt.Errorf("the service-linked role of %s is not simulated", of)
	}
	doc, _, ok := awsmanaged.Policy(known.policy)
	if !ok {
		return fmt.Errorf("policy %s is not among the AWS-managed documents", known.policy)
	}
	trust, err := service.Policy("trust of "+known.name, account, []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"`+of+`"},"Action":"sts:AssumeRole"}]}`))
	if err != nil {
		return err
	}
	s.w.Account(account).PutRole(&awsworld.Role{
		ARN: "arn:aws:iam::" + account + ":role/aws-service-role/" + of + "/" + known.name, Name: known.name, Account: account, Service: of, Trust: *trust,
		Policies: []iam.Policy{{Name: known.policy + " on " + account + "/" + known.name, Account: account, Doc: doc}},
	})
	return nil
}
