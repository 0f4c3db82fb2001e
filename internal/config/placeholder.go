package config

import (
	"fmt"
	"strings"
)

// What `dbferry init` writes where it found nothing. Each has the form that
// Validate asks for, so that the file can be read, and none can be a resource
// of an account: the preflight refuses a configuration that holds one.
const (
	PlaceholderVPC           = "vpc-00000000"
	PlaceholderSubnet        = "subnet-00000000"
	PlaceholderSecurityGroup = "sg-00000000"
	PlaceholderOrganization  = "o-0000000000"
	PlaceholderName          = "FILL-IN" // begins names: of a DB subnet group, a secret, a database user
)

// Placeholder is a value that init wrote and nobody has replaced.
type Placeholder struct{ Field, Value string }

// Placeholders lists the values that have still to be filled in.
func (c Config) Placeholders() []Placeholder {
	var out []Placeholder
	note := func(value, format string, args ...any) {
		switch {
		case value == PlaceholderVPC, value == PlaceholderSubnet, value == PlaceholderSecurityGroup, value == PlaceholderOrganization,
			strings.HasPrefix(value, PlaceholderName):
			out = append(out, Placeholder{fmt.Sprintf(format, args...), value})
		}
	}
	note(c.OrganizationID, "organizationId")
	for i, t := range c.Targets {
		at := fmt.Sprintf("targets[%d]", i)
		note(t.Network.VPC, "%s.network.vpc", at)
		note(t.Network.DBSubnetGroup, "%s.network.dbSubnetGroup", at)
		for j, id := range t.Network.FunctionSubnets {
			note(id, "%s.network.functionSubnets[%d]", at, j)
		}
		for j, id := range t.Network.DatabaseSecurityGroups {
			note(id, "%s.network.databaseSecurityGroups[%d]", at, j)
		}
		for j, set := range t.Clusters {
			note(set.MasterSecret, "%s.clusters[%d].masterSecret", at, j)
			for k, l := range set.Logins {
				note(l.User, "%s.clusters[%d].logins[%d].user", at, j, k)
				note(l.Secret, "%s.clusters[%d].logins[%d].secret", at, j, k)
			}
		}
	}
	return out
}
