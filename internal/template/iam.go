package template

import "encoding/json"

// Role is an IAM role with all that is attached to it.
type Role struct {
	LogicalID       string
	Name            string
	ARN             string
	Path            string          // "/" by default
	Trust           json.RawMessage // trust policy
	Policies        []InlinePolicy
	ManagedPolicies []string // ARNs
	MaxSession      int      // seconds
	Tags            map[string]string
}

// InlinePolicy is one inline policy of a role. LogicalID is that of the
// AWS::IAM::Policy it comes from, empty if it is written in the role.
type InlinePolicy struct {
	LogicalID string
	Name      string
	Document  json.RawMessage
}

// Policy is an AWS::IAM::Policy: an inline policy put on roles, by name.
type Policy struct {
	LogicalID string
	Name      string
	Document  json.RawMessage
	Roles     []string
}

// ManagedPolicy is a customer managed policy.
type ManagedPolicy struct {
	LogicalID string
	Name      string
	ARN       string
	Document  json.RawMessage
	Roles     []string // names of roles it is attached to here
}

// ServiceLinkedRole is a role that a service owns; its policies are AWS's.
type ServiceLinkedRole struct {
	LogicalID string
	Service   string // for example backup.amazonaws.com
	Name      string
	ARN       string
}

func roleView(f *fields, r *Resource) any {
	v := &Role{LogicalID: r.LogicalID, Name: r.Ref, ARN: r.Attributes["Arn"], Path: f.str("Path"),
		Trust: f.needDocument("AssumeRolePolicyDocument"), ManagedPolicies: f.texts("ManagedPolicyArns"),
		MaxSession: f.number("MaxSessionDuration", 3600), Tags: f.tags("Tags")}
	if v.Path == "" {
		v.Path = "/"
	}
	f.objects("Policies", func(p *fields) {
		v.Policies = append(v.Policies, InlinePolicy{Name: p.need("PolicyName"), Document: p.needDocument("PolicyDocument")})
	})
	f.harmless("RoleName", "Description")
	return v
}

func policyView(f *fields, r *Resource) any {
	return &Policy{LogicalID: r.LogicalID, Name: f.need("PolicyName"), Document: f.needDocument("PolicyDocument"), Roles: f.texts("Roles")}
}

func managedPolicyView(f *fields, r *Resource) any {
	v := &ManagedPolicy{LogicalID: r.LogicalID, Name: f.str("ManagedPolicyName"), ARN: r.Ref,
		Document: f.needDocument("PolicyDocument"), Roles: f.texts("Roles")}
	if v.Name == "" {
		v.Name = afterLast(r.Ref, "/")
	}
	f.harmless("Path", "Description")
	return v
}

func serviceLinkedRoleView(f *fields, r *Resource) any {
	service := f.need("AWSServiceName")
	f.harmless("CustomSuffix", "Description")
	return &ServiceLinkedRole{LogicalID: r.LogicalID, Service: service, Name: r.Ref}
}

// joinIAM puts policies on their roles.
func (d *Deployment) joinIAM(p *problems) {
	for _, s := range d.ServiceLinkedRoles {
		s.ARN = "arn:" + d.Partition + ":iam::" + d.Account + ":role/aws-service-role/" + s.Service + "/" + s.Name
	}
	for _, pol := range d.Policies {
		if len(pol.Roles) == 0 {
			p.add("%s: the policy is on no role", d.byID[pol.LogicalID].where())
		}
		for _, name := range pol.Roles {
			if role := d.role(name, pol.LogicalID, p); role != nil {
				role.addPolicy(InlinePolicy{LogicalID: pol.LogicalID, Name: pol.Name, Document: pol.Document}, d, p)
			}
		}
	}
	for _, pol := range d.ManagedPolicies {
		for _, name := range pol.Roles {
			if role := d.role(name, pol.LogicalID, p); role != nil && !contains(role.ManagedPolicies, pol.ARN) {
				role.ManagedPolicies = append(role.ManagedPolicies, pol.ARN)
			}
		}
	}
}

func (d *Deployment) role(name, user string, p *problems) *Role {
	for _, r := range d.Roles {
		if r.Name == name {
			return r
		}
	}
	p.add("%s: role %q is not made by this stack; dbferry only changes its own roles", d.byID[user].where(), name)
	return nil
}

// addPolicy refuses a second policy of one name, which would replace the first.
func (r *Role) addPolicy(pol InlinePolicy, d *Deployment, p *problems) {
	for _, have := range r.Policies {
		if have.Name == pol.Name {
			p.add("%s: role %s has an inline policy named %q already", d.byID[pol.LogicalID].where(), r.Name, pol.Name)
			return
		}
	}
	r.Policies = append(r.Policies, pol)
}
