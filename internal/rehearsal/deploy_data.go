package rehearsal

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld/backup"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/s3"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/awsworld/sns"
	"github.com/dbferry/dbferry/internal/awsworld/sqs"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/template"
)

func (d deployer) key(v *template.Key) error {
	_, err := d.kms.PutKey(d.d.Account, kms.KeySpec{ID: v.ID, Aliases: v.Aliases, Policy: v.Policy, Disabled: !v.Enabled, Description: v.Description, Tags: v.Tags})
	return err
}

func (d deployer) vault(v *template.Vault) error {
	policy, err := service.Policy("vault policy of "+v.Name, d.d.Account, v.AccessPolicy)
	if err != nil {
		return err
	}
	if policy != nil {
		if err := iam.CheckVaultPolicy(policy.Doc); err != nil {
			return err
		}
	}
	spec := backup.VaultSpec{Name: v.Name, Key: v.KeyARN, Policy: policy, Tags: v.Tags}
	if v.Lock != nil {
		spec.Locked = true
		spec.MinRetentionDays, spec.MaxRetentionDays = days(v.Lock.MinRetentionDays), days(v.Lock.MaxRetentionDays)
	}
	return d.backup.PutVault(d.d.Account, spec)
}

func days(n *int) int64 {
	if n == nil {
		return 0
	}
	return int64(*n)
}

func (d deployer) bucket(v *template.Bucket, policy json.RawMessage) error {
	return d.s3.PutBucket(d.d.Account, s3.BucketSpec{
		Name: v.Name, Policy: policy, Versioned: v.Versioned, KeyARN: v.KeyARN, BucketKey: v.BucketKey, Notify: v.EventBridge, Tags: v.Tags,
	})
}

func (d deployer) queue(v *template.Queue, policy json.RawMessage) error {
	_, err := d.sqs.PutQueue(d.d.Account, sqs.QueueSpec{
		Name: v.Name, Policy: policy, KeyARN: v.KeyID, Tags: v.Tags,
		Visibility: time.Duration(v.Visibility) * time.Second, Retention: time.Duration(v.Retention) * time.Second,
	})
	return err
}

func (d deployer) topic(v *template.Topic, policy json.RawMessage) error {
	spec := sns.TopicSpec{Name: v.Name, Policy: policy, KeyARN: v.KeyID, Tags: v.Tags}
	for _, s := range v.Subscriptions {
		if s.Protocol != "email" {
			return fmt.Errorf("a subscription by %s is not simulated", s.Protocol)
		}
		spec.Emails = append(spec.Emails, s.Endpoint)
	}
	_, err := d.sns.PutTopic(d.d.Account, spec)
	return err
}

// resourcePolicy puts a policy on what it names; the template has joined them.
func (d deployer) resourcePolicy(p *template.ResourcePolicy) error {
	for _, on := range p.On {
		if err := d.putPolicy(on, p.Document); err != nil {
			return err
		}
	}
	return nil
}

func (d deployer) putPolicy(on string, document json.RawMessage) error {
	for _, b := range d.d.Buckets {
		if b.Name == on {
			return d.bucket(b, document)
		}
	}
	for _, q := range d.d.Queues {
		if q.URL == on {
			return d.queue(q, document)
		}
	}
	for _, t := range d.d.Topics {
		if t.ARN == on {
			return d.topic(t, document)
		}
	}
	return fmt.Errorf("nothing in the stack is called %s", on)
}

func (d deployer) securityGroup(v *template.SecurityGroup) {
	g := rds.SecurityGroup{ID: v.ID, Name: v.Name, VPC: v.VPC, Ingress: groupRules(v.Ingress), Egress: []rds.Rule{}}
	g.Egress = append(g.Egress, groupRules(v.Egress)...)
	d.rds.PutSecurityGroup(d.d.Account, g)
}

// groupRules keeps the rules that could admit TCP.
func groupRules(list []*template.GroupRule) []rds.Rule {
	var out []rds.Rule
	for _, r := range list {
		rule := rds.Rule{FromPort: int32(r.From), ToPort: int32(r.To), Group: r.Peer, CIDR: r.CIDR}
		switch strings.ToLower(r.Protocol) {
		case "-1":
			rule.FromPort, rule.ToPort = 0, 65535
		case "tcp", "6":
		default:
			continue
		}
		out = append(out, rule)
	}
	return out
}
