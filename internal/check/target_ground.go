package check

import (
	"fmt"
	"maps"
	"slices"
)

// The services whose service-linked roles a target needs.
const (
	BackupService = "backup.amazonaws.com"
	RDSService    = "rds.amazonaws.com"
)

var serviceLinkedRoles = Check{
	Name: "service-linked-roles", Side: Target,
	Proves:      "the service-linked roles of AWS Backup and RDS exist; a virgin account may lack them, and copies and restores then fail",
	NotPromised: "that no service control policy binds what they do",
	Run: func(f Facts) []Problem {
		need := []string{BackupService}
		if len(f.Config.DataSet.Clusters) > 0 {
			need = append(need, RDSService)
		}
		return each(need, func(service string) *Problem {
			if f.Roles[service] {
				return nil
			}
			return &Problem{Resource: "account " + f.Target.Account, What: "the service-linked role of " + service + " is missing",
				Fix: "`aws iam create-service-linked-role --aws-service-name " + service + "`"}
		})
	},
}

var subnetGroup = Check{
	Name: "subnet-group", Side: Target,
	Proves:      "the DB subnet group exists in the configured VPC and spans at least two Availability Zones",
	NotPromised: "free addresses in its subnets",
	Run: func(f Facts) []Problem {
		if len(f.Config.DataSet.Clusters) == 0 {
			return nil
		}
		n := f.Target.Network
		switch {
		case f.Subnets == nil:
			return one(&Problem{Resource: n.DBSubnetGroup, What: "there is no such DB subnet group in account " + f.Target.Account, Fix: "create it, or correct network.dbSubnetGroup in dbferry.json"})
		case f.Subnets.VPC != n.VPC:
			return one(&Problem{Resource: n.DBSubnetGroup, What: "it lies in " + f.Subnets.VPC + ", not in " + n.VPC, Fix: "correct network.vpc or network.dbSubnetGroup in dbferry.json"})
		case f.Subnets.Zones < 2:
			return one(&Problem{Resource: n.DBSubnetGroup, What: "it spans fewer than two Availability Zones", Fix: "add a subnet of another zone"})
		}
		return nil
	},
}

var parameterGroups = Check{
	Name: "parameter-groups", Side: Target,
	Proves:      "every configured parameter group exists in the target",
	NotPromised: "that its family is the cluster's; the restore refuses that",
	Run: func(f Facts) []Problem {
		return each(slices.Sorted(maps.Keys(f.ParameterGroups)), func(name string) *Problem {
			if f.ParameterGroups[name] {
				return nil
			}
			return &Problem{Resource: name, What: "there is no such parameter group in account " + f.Target.Account, Fix: "create it, or correct targets[].clusters[] in dbferry.json"}
		})
	},
}

var clusterQuota = Check{
	Name: "cluster-quota", Side: Target,
	Proves:      "the quota of DB clusters leaves room for the configured clusters (counted by id; those found by prefix or tag are not known here)",
	NotPromised: "room for what others create meanwhile",
	Run: func(f Facts) []Problem {
		need := len(f.Config.DataSet.Clusters)
		if f.ClusterLimit == 0 || f.ClusterCount+need <= f.ClusterLimit {
			return nil
		}
		return one(&Problem{Resource: "account " + f.Target.Account, What: fmt.Sprintf("%d of %d DB clusters exist and %d more are needed", f.ClusterCount, f.ClusterLimit, need),
			Fix: "remove old generations, or raise the quota: `aws service-quotas request-service-quota-increase --service-code rds --quota-code L-952B80B8 --desired-value N`"})
	},
}

var secretsExist = Check{
	Name: "secrets-exist", Side: Target,
	Proves:      "every secret that replaces a production password exists in the target",
	NotPromised: "that its value is a usable password; reset-credentials refuses that before it changes anything",
	Run: func(f Facts) []Problem {
		return each(slices.Sorted(maps.Keys(f.Secrets)), func(name string) *Problem {
			if f.Secrets[name] == "" {
				return nil
			}
			return &Problem{Resource: name, What: f.Secrets[name], Fix: "`aws secretsmanager create-secret --name " + name + " --secret-string file://…` with {\"username\",\"password\"}"}
		})
	},
}

var endpointsReachable = Check{
	Name: "endpoints-reachable", Side: Target,
	Proves:      "the functions' subnets reach the AWS APIs that they need, within three seconds, from inside",
	NotPromised: "that they reach a database that does not exist yet; its quarantine group admits them",
	Run: func(f Facts) []Problem {
		return each(slices.Sorted(maps.Keys(f.Endpoints)), func(name string) *Problem {
			if f.Endpoints[name] == "" {
				return nil
			}
			return &Problem{Resource: name, What: f.Endpoints[name], Fix: "give the function subnets a NAT gateway or VPC endpoints for it"}
		})
	},
}
