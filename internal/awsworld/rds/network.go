package rds

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// PutSubnet adds a subnet to an account.
func (s *Service) PutSubnet(account string, subnet Subnet) {
	s.account(account).subnets[subnet.ID] = subnet
}

// PutSubnetGroup adds a DB subnet group; its subnets must exist in its VPC.
func (s *Service) PutSubnetGroup(account string, g SubnetGroup) error {
	a := s.account(account)
	g.Name = strings.ToLower(g.Name)
	for _, id := range g.Subnets {
		if a.subnets[id].VPC != g.VPC {
			return fmt.Errorf("DB subnet group %s in account %s: subnet %s is not in %s; put it first", g.Name, account, id, g.VPC)
		}
	}
	g.Subnets = slices.Clone(g.Subnets)
	a.subnetGroups[g.Name] = &g
	return nil
}

// PutSecurityGroup adds or replaces a security group.
func (s *Service) PutSecurityGroup(account string, g SecurityGroup) {
	g.Ingress, g.Egress = slices.Clone(g.Ingress), slices.Clone(g.Egress)
	s.account(account).securityGroups[g.ID] = &g
}

// DeleteSecurityGroup removes a security group.
func (s *Service) DeleteSecurityGroup(account, id string) {
	delete(s.account(account).securityGroups, id)
}

// PutParameterGroup adds a DB cluster parameter group.
func (s *Service) PutParameterGroup(account string, g ParameterGroup) {
	g.Name = strings.ToLower(g.Name)
	s.account(account).clusterGroups[g.Name] = &g
}

// PutInstanceParameterGroup adds a DB parameter group.
func (s *Service) PutInstanceParameterGroup(account string, g ParameterGroup) {
	g.Name = strings.ToLower(g.Name)
	s.account(account).instanceGroups[g.Name] = &g
}

// defaultGroup is the VPC's default security group, which lets its members
// reach each other and everything out. Every VPC has one.
func (s *Service) defaultGroup(a *account, vpc string) string {
	for _, g := range sorted(a.securityGroups) {
		if g.VPC == vpc && g.Name == "default" {
			return g.ID
		}
	}
	sum := sha256.Sum256([]byte(a.id + vpc))
	id := "sg-" + hex.EncodeToString(sum[:])[:17]
	a.securityGroups[id] = &SecurityGroup{ID: id, Name: "default", VPC: vpc, Ingress: []Rule{{0, 65535, id, ""}}}
	return id
}

// zones are the Availability Zones a subnet group covers.
func (a *account) zones(g *SubnetGroup) []string {
	var out []string
	for _, id := range g.Subnets {
		if az := a.subnets[id].AZ; az != "" && !slices.Contains(out, az) {
			out = append(out, az)
		}
	}
	slices.Sort(out)
	return out
}

// checkGroups: security groups must exist and be of the cluster's VPC.
func (a *account) checkGroups(ids []string, vpc string) error {
	for _, id := range ids {
		g := a.securityGroups[id]
		switch {
		case g == nil:
			return invalidValue("Invalid security group , groupId= %s, groupName=. It does not exist in account %s.", id, a.id)
		case g.VPC != vpc:
			return &types.InvalidVPCNetworkStateFault{Message: aws.String(fmt.Sprintf(
				"The DB instance and EC2 security group are in different VPCs. The DB instance is in %s and the EC2 security group %s is in %s", vpc, id, g.VPC))}
		}
	}
	return nil
}

func checkParameterGroup(groups map[string]*ParameterGroup, name, family string) error {
	name = strings.ToLower(name)
	if name == "default."+family {
		return nil
	}
	g := groups[name]
	switch {
	case g == nil:
		return &types.DBParameterGroupNotFoundFault{Message: aws.String("DBParameterGroup not found: " + name)}
	case g.Family != family:
		return invalidCombination("The parameter group %s with DBParameterGroupFamily %s cannot be used for this cluster. Please use a parameter group with DBParameterGroupFamily %s", name, g.Family, family)
	}
	return nil
}

// NetworkPlace is where a connection comes from: a function in its VPC.
type NetworkPlace struct {
	Account        string
	VPC            string
	Subnets        []string
	SecurityGroups []string
}

// admits tells whether the groups let the place through to a port: one of the
// place's groups must let it out, one of the cluster's must let it in.
func (a *account) admits(from NetworkPlace, to, toSubnets []string, port int32) bool {
	out := slices.ContainsFunc(from.SecurityGroups, func(id string) bool {
		g := a.securityGroups[id]
		return g != nil && (g.Egress == nil || slices.ContainsFunc(g.Egress, func(r Rule) bool {
			return r.covers(port) && (slices.Contains(to, r.Group) || a.within(toSubnets, r.CIDR))
		}))
	})
	in := slices.ContainsFunc(to, func(id string) bool {
		g := a.securityGroups[id]
		return g != nil && slices.ContainsFunc(g.Ingress, func(r Rule) bool {
			return r.covers(port) && (slices.Contains(from.SecurityGroups, r.Group) || a.within(from.Subnets, r.CIDR))
		})
	})
	return out && in
}

func (r Rule) covers(port int32) bool { return r.FromPort <= port && port <= r.ToPort }

// within tells whether a CIDR block covers one of the subnets whole.
func (a *account) within(subnets []string, cidr string) bool {
	block, err := netip.ParsePrefix(cidr)
	if err != nil {
		return false
	}
	if block.Bits() == 0 {
		return true
	}
	return slices.ContainsFunc(subnets, func(id string) bool {
		own, err := netip.ParsePrefix(a.subnets[id].CIDR)
		return err == nil && block.Bits() <= own.Bits() && block.Contains(own.Addr())
	})
}
