package check

import "strings"

var subnetGroup = Check{
	Name: "subnet-group", Side: Target, Scope: Ground, Needs: []Source{FromSubnetGroup},
	Proves:      "the DB subnet group exists in the configured VPC and spans at least two Availability Zones",
	NotPromised: "free addresses in its subnets",
	Run: func(f Facts) []Finding {
		if len(f.Config.DataSet.Clusters) == 0 {
			return nil
		}
		n := f.Target.Network
		switch {
		case f.Subnets == nil:
			return one(wrong(n.DBSubnetGroup, "there is no such DB subnet group in account "+f.Target.Account, "create it, or correct network.dbSubnetGroup in dbferry.json"))
		case f.Subnets.VPC != n.VPC:
			return one(wrong(n.DBSubnetGroup, "it lies in "+f.Subnets.VPC+", not in "+n.VPC, "correct network.vpc or network.dbSubnetGroup in dbferry.json"))
		case len(f.Subnets.Zones) < 2:
			return one(wrong(n.DBSubnetGroup, "it spans fewer than two Availability Zones", "add a subnet of another zone"))
		}
		return one(proved(n.DBSubnetGroup, "it lies in %s and spans %s", n.VPC, strings.Join(f.Subnets.Zones, ", ")))
	},
}
