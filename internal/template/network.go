package template

// SecurityGroup is a VPC security group with all its rules.
type SecurityGroup struct {
	LogicalID   string
	ID          string // sg-…
	Name        string
	Description string
	VPC         string
	Ingress     []*GroupRule
	Egress      []*GroupRule
	Tags        map[string]string
}

// GroupRule lets traffic in or out. Of CIDR, CIDRv6 and Peer one is set.
type GroupRule struct {
	LogicalID   string // empty if written in the group itself
	Egress      bool
	Group       string // id of the group it belongs to
	Protocol    string // "-1" for all
	From, To    int    // ports; -1 for all
	CIDR        string
	CIDRv6      string
	Peer        string // id of the other security group
	Description string
}

func groupView(f *fields, r *Resource) any {
	v := &SecurityGroup{LogicalID: r.LogicalID, ID: r.Ref, Name: r.Attributes["GroupName"], Description: f.need("GroupDescription"),
		VPC: f.str("VpcId"), Tags: f.tags("Tags")}
	f.objects("SecurityGroupIngress", func(g *fields) { v.Ingress = append(v.Ingress, readGroupRule(g, v.ID, false)) })
	f.objects("SecurityGroupEgress", func(g *fields) { v.Egress = append(v.Egress, readGroupRule(g, v.ID, true)) })
	f.harmless("GroupName")
	return v
}

func ingressView(f *fields, r *Resource) any {
	v := readGroupRule(f, f.need("GroupId"), false)
	v.LogicalID = r.LogicalID
	return v
}

func egressView(f *fields, r *Resource) any {
	v := readGroupRule(f, f.need("GroupId"), true)
	v.LogicalID = r.LogicalID
	return v
}

func readGroupRule(f *fields, group string, egress bool) *GroupRule {
	v := &GroupRule{Egress: egress, Group: group, Protocol: f.need("IpProtocol"), From: f.number("FromPort", -1), To: f.number("ToPort", -1),
		CIDR: f.str("CidrIp"), CIDRv6: f.str("CidrIpv6"), Description: f.str("Description")}
	if egress {
		v.Peer = f.str("DestinationSecurityGroupId")
	} else {
		v.Peer = f.str("SourceSecurityGroupId")
	}
	sources := 0
	for _, s := range []string{v.CIDR, v.CIDRv6, v.Peer} {
		if s != "" {
			sources++
		}
	}
	if sources != 1 {
		f.p.add("%s: one of CidrIp, CidrIpv6 and a security group is required", f.at)
	}
	return v
}

// joinGroups adds the rules that stand alone, except those on groups that the
// stack does not make, and then EC2's own rule: a group for which no egress is
// written lets everything out.
func (d *Deployment) joinGroups() {
	for _, g := range d.SecurityGroups {
		for _, rule := range d.IngressRules {
			if rule.Group == g.ID {
				g.Ingress = append(g.Ingress, rule)
			}
		}
		for _, rule := range d.EgressRules {
			if rule.Group == g.ID {
				g.Egress = append(g.Egress, rule)
			}
		}
		if len(g.Egress) == 0 {
			g.Egress = []*GroupRule{{Egress: true, Group: g.ID, Protocol: "-1", From: -1, To: -1, CIDR: "0.0.0.0/0"}}
		}
	}
}
