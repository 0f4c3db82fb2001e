package template

import (
	"encoding/json"
	"strings"
)

// policyDocument is a whole policy of the given statements.
func policyDocument(statements []any) []byte {
	return encode(map[string]any{"Version": "2012-10-17", "Statement": statements})
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

func accountRoot(account, partition string) string {
	return "arn:" + partition + ":iam::" + account + ":root"
}

func afterLast(s, separator string) string {
	return s[strings.LastIndex(s, separator)+1:]
}

func bucketPolicyView(f *fields, r *Resource) any {
	return &ResourcePolicy{LogicalID: r.LogicalID, On: []string{f.need("Bucket")}, Document: f.needDocument("PolicyDocument")}
}

func queuePolicyView(f *fields, r *Resource) any {
	return &ResourcePolicy{LogicalID: r.LogicalID, On: f.texts("Queues"), Document: f.needDocument("PolicyDocument")}
}

func topicPolicyView(f *fields, r *Resource) any {
	return &ResourcePolicy{LogicalID: r.LogicalID, On: f.texts("Topics"), Document: f.needDocument("PolicyDocument")}
}

// joinPolicies puts resource policies, aliases and subscriptions on what they
// belong to.
func (d *Deployment) joinPolicies(p *problems) {
	holders := map[string]*json.RawMessage{}
	for _, b := range d.Buckets {
		holders[b.Name] = &b.Policy
	}
	for _, q := range d.Queues {
		holders[q.URL] = &q.Policy
	}
	for _, t := range d.Topics {
		holders[t.ARN] = &t.Policy
	}
	for _, list := range [][]*ResourcePolicy{d.BucketPolicies, d.QueuePolicies, d.TopicPolicies} {
		for _, pol := range list {
			d.putPolicy(pol, holders, p)
		}
	}
	d.joinAliases(p)
	d.joinSubscriptions(p)
}

func (d *Deployment) putPolicy(pol *ResourcePolicy, holders map[string]*json.RawMessage, p *problems) {
	for _, on := range pol.On {
		holder := holders[on]
		switch {
		case holder == nil:
			p.add("%s: %q is not made by this stack", d.byID[pol.LogicalID].where(), on)
		case *holder != nil:
			p.add("%s: %q has a policy already, and AWS keeps only one", d.byID[pol.LogicalID].where(), on)
		default:
			*holder = pol.Document
		}
	}
}

func (d *Deployment) joinAliases(p *problems) {
	for _, a := range d.Aliases {
		found := false
		for _, k := range d.Keys {
			if a.Target == k.ID || a.Target == k.ARN {
				k.Aliases = append(k.Aliases, a.Name)
				a.Target, found = k.ID, true
			}
		}
		if !found {
			p.add("%s: key %q is not made by this stack", d.byID[a.LogicalID].where(), a.Target)
		}
	}
}

func (d *Deployment) joinSubscriptions(p *problems) {
	for _, s := range d.Subscriptions {
		found := false
		for _, t := range d.Topics {
			if t.ARN == s.TopicARN {
				t.Subscriptions = append(t.Subscriptions, s)
				found = true
			}
		}
		if !found {
			p.add("%s: topic %q is not made by this stack", d.byID[s.LogicalID].where(), s.TopicARN)
		}
	}
}
