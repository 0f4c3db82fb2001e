package stack

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/jsii-runtime-go"
)

// network is where the functions that log in to databases run.
type network struct {
	subnets    []string
	functions  string // security group of the functions
	quarantine string // security group of a restored cluster until it is opened
}

// databasePorts are Aurora MySQL's and Aurora PostgreSQL's. Both stay open in
// quarantine, as one target may receive both engines.
var databasePorts = map[string]float64{"MySql": 3306, "PostgreSql": 5432}

// addNetwork makes the two security groups. A quarantined cluster is reached by
// the functions only, and reaches nothing: restored triggers and extensions
// must not call out with production's data, and what a migration has replaced
// must not serve. The functions are let out to more groups, which are the user's.
func (s *side) addNetwork(vpc string, subnets, alsoTo []string) {
	functions := s.securityGroup("FunctionsSecurityGroup", s.place.FunctionsSecurityGroup(), vpc,
		"dbferry: functions that log in to databases",
		egress(443, "AWS APIs", "0.0.0.0/0"))
	quarantine := s.securityGroup("QuarantineSecurityGroup", s.place.QuarantineSecurityGroup(), vpc,
		"dbferry: clusters that nothing may reach", nowhere())
	for _, engine := range []string{"MySql", "PostgreSql"} {
		s.allow(engine, databasePorts[engine], functions, quarantine)
	}
	s.letOutTo(functions, alsoTo)
	s.shared.network = &network{subnets: subnets, functions: functions, quarantine: quarantine}
}

// letOutTo lets the functions reach proxies and clusters that are the user's; the
// groups must let them in.
func (s *side) letOutTo(functions string, groups []string) {
	for i, group := range groups {
		for _, engine := range []string{"MySql", "PostgreSql"} {
			port := databasePorts[engine]
			awsec2.NewCfnSecurityGroupEgress(s.Stack, text(fmt.Sprintf("FunctionsToProxies%s%d", engine, i)), &awsec2.CfnSecurityGroupEgressProps{
				GroupId: functions, DestinationSecurityGroupId: text(group), Description: text("databases of this account"),
				IpProtocol: text("tcp"), FromPort: jsii.Number(port), ToPort: jsii.Number(port),
			})
		}
	}
}

// securityGroup returns the group's id. Its egress is always given, because EC2
// opens everything when it is not.
func (s *side) securityGroup(id, name, vpc, description string, out *awsec2.CfnSecurityGroup_EgressProperty) string {
	group := awsec2.NewCfnSecurityGroup(s.Stack, text(id), &awsec2.CfnSecurityGroupProps{
		GroupName: text(name), GroupDescription: text(description), VpcId: vpc, SecurityGroupEgress: []any{out},
	})
	return *group.AttrGroupId()
}

func egress(port float64, what, cidr string) *awsec2.CfnSecurityGroup_EgressProperty {
	return &awsec2.CfnSecurityGroup_EgressProperty{
		IpProtocol: text("tcp"), FromPort: jsii.Number(port), ToPort: jsii.Number(port), CidrIp: text(cidr), Description: text(what),
	}
}

// nowhere is a rule that no packet meets.
func nowhere() *awsec2.CfnSecurityGroup_EgressProperty {
	return &awsec2.CfnSecurityGroup_EgressProperty{
		IpProtocol: text("icmp"), FromPort: jsii.Number(252), ToPort: jsii.Number(86), CidrIp: text("255.255.255.255/32"),
		Description: text("nothing leaves quarantine"),
	}
}

// allow opens one port from the functions to quarantine, on both sides. The
// rules are resources of their own because the groups name each other.
func (s *side) allow(engine string, port float64, from, to string) {
	awsec2.NewCfnSecurityGroupEgress(s.Stack, text("FunctionsTo"+engine), &awsec2.CfnSecurityGroupEgressProps{
		GroupId: from, DestinationSecurityGroupId: to, Description: text("restored clusters"),
		IpProtocol: text("tcp"), FromPort: jsii.Number(port), ToPort: jsii.Number(port),
	})
	awsec2.NewCfnSecurityGroupIngress(s.Stack, text("QuarantineAdmits"+engine), &awsec2.CfnSecurityGroupIngressProps{
		GroupId: to, SourceSecurityGroupId: from, Description: text("functions of dbferry"),
		IpProtocol: text("tcp"), FromPort: jsii.Number(port), ToPort: jsii.Number(port),
	})
}
