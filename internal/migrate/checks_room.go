package migrate

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
)

// longestName is RDS's limit; green's suffix and the old one's must fit.
const (
	longestName = 63
	greenSuffix = len("-green-abcdef")
)

func (f *facts) quota(name string, more int64) finding {
	q, ok := f.quotas[name]
	if !ok {
		return warning("look at it in Service Quotas", "the quota %s is not known", name)
	}
	if used, most := aws.ToInt64(q.Used), aws.ToInt64(q.Max); used+more > most {
		return problem("raise the quota in Service Quotas", "%s: %d of %d used, %d more needed", name, used, most, more)
	}
	return proved("%d of %d used", aws.ToInt64(q.Used), aws.ToInt64(q.Max))
}

var roomChecks = []check{
	{Name: "cluster-quota", Proves: "there is room for one more cluster", NotPromised: "that nobody takes it", Source: "§1.7",
		Ask: func(f *facts) finding { return f.quota("DBClusters", 1) }},
	{Name: "instance-quota", Proves: "there is room for green's instances", NotPromised: "that AWS has the capacity", Source: "§1.7",
		Ask: func(f *facts) finding { return f.quota("DBInstances", int64(len(f.members))) }},
	{Name: "names-fit", Proves: "AWS can give green its names without cutting them", NotPromised: "anything about custom endpoints", Source: "§1.2",
		Ask: func(f *facts) finding {
			var long []string
			ids := []string{f.id()}
			for _, m := range f.members {
				ids = append(ids, aws.ToString(m.DBInstanceIdentifier))
			}
			for _, id := range ids {
				if len(id)+greenSuffix > longestName {
					long = append(long, id)
				}
			}
			if len(long) > 0 {
				return warning("rename before, if tools depend on the names", "%s: with green's suffix longer than %d characters; AWS cuts it", strings.Join(long, ", "), longestName)
			}
			return proved("all fit in %d characters", longestName)
		}},
	{Name: "old-names-free", Proves: "the old members' names are free", NotPromised: "that they stay free", Source: "§1.2",
		Ask: func(f *facts) finding {
			if len(f.taken) > 0 {
				return problem("retire or rename what an earlier migration has left", "%s exist(s) already", strings.Join(f.taken, ", "))
			}
			return proved("no …-old1")
		}},
}

var proxyChecks = []check{
	{Name: "proxy-lane", Proves: "how RDS Proxy will follow", NotPromised: "that no proxy is registered later; such a one is found before the approval and taken off for the switchover", Source: "§2.1",
		Ask: func(f *facts) finding {
			if len(f.proxies) == 0 {
				return proved("no proxy leads to the cluster: applications follow DNS, which AWS changes some 35 s after the switchover")
			}
			var names []string
			for _, p := range f.proxies {
				names = append(names, p.name)
			}
			if f.set.Proxies != config.ProxiesFollow {
				return warning("leave production.migrate.clusters[].proxies out where AWS leads the proxy over", "%s will be taken off the cluster and put back, as production.migrate says (%s): applications have no way through it meanwhile", strings.Join(names, ", "), f.set.Proxies)
			}
			return proved("%s: AWS leads the proxy over by itself", strings.Join(names, ", "))
		}},
	{Name: "proxy-healthy", Proves: "every proxy's targets are available", NotPromised: "that every secret of the proxy fits", Source: "§2.2",
		Ask: func(f *facts) finding {
			for _, p := range f.proxies {
				if p.state != "" && p.state != "AVAILABLE" {
					return problem("`aws rds describe-db-proxy-targets --db-proxy-name "+p.name+"` says more", "proxy %s is %s (%s)", p.name, p.state, p.reason)
				}
			}
			return proved("%d proxy(s)", len(f.proxies))
		}},
}

var carryChecks = []check{
	{Name: "backtrack", Engine: dbconn.AuroraMySQL, Proves: "what green can do is known", NotPromised: "that the old cluster's history helps", Source: "§1.7",
		Ask: func(f *facts) finding {
			if w := aws.ToInt64(f.cluster.BacktrackWindow); w > 0 {
				return warning("plan without it, or restore to a point in time instead", "backtrack is on (%d h); the new production has none", w/3600)
			}
			return proved("off")
		}},
	{Name: "iam-roles", Proves: "roles of the cluster are put back", NotPromised: "that policies which name the old resource id still hold", Source: "§1.11",
		Ask: func(f *facts) finding {
			return proved("%d role(s) will be added again", len(f.cluster.AssociatedRoles))
		}},
	{Name: "iam-authentication", Proves: "whether rds-db:connect policies must be changed is known", NotPromised: "that they are", Source: "§1.11",
		Ask: func(f *facts) finding {
			if aws.ToBool(f.cluster.IAMDatabaseAuthenticationEnabled) {
				return warning("add the new resource id to policies with rds-db:connect before the switchover; the plan's evidence has it once green is there", "IAM database authentication is on, and the resource id changes")
			}
			return proved("off")
		}},
	{Name: "auto-scaling", Proves: "replica auto scaling is put back", NotPromised: "that the number of readers is right at once", Source: "§1.11, §9",
		Ask: func(f *facts) finding {
			return proved("%d scalable target(s) will be registered again", len(f.scaling))
		}},
}

var databaseChecks = []check{
	{Name: "master-login", Proves: "the master secret logs in and may look", NotPromised: "that the password does not change", Source: "§1.9",
		Ask: func(f *facts) finding {
			if f.sql.masterTrouble != "" {
				return problem("correct production.migrate.clusters[].masterSecret, or let dbferry's functions in", "the master user could not look: %s", f.sql.masterTrouble)
			}
			return proved("logged in")
		}},
	{Name: "application-login", Proves: "the login of the proofs works", NotPromised: "that applications use it", Source: "§5",
		Ask: func(f *facts) finding {
			if f.sql.loginTrouble != "" {
				return problem("correct production.migrate.clusters[].login, or let dbferry's functions in", "%s", f.sql.loginTrouble)
			}
			return proved("logged in as %s", f.set.Login.User)
		}},
	{Name: "login-not-admin", Proves: "the login cannot write on a read-only green by accident", NotPromised: "that other administrators do not", Source: "§1.9",
		Ask: func(f *facts) finding {
			if f.sql.loginAdmin {
				return problem("name an account without administration rights in production.migrate.clusters[].login", "read_only does not bind %s", f.set.Login.User)
			}
			return proved("%s is bound by read_only", f.set.Login.User)
		}},
	{Name: "smoke-queries", Proves: "the smoke queries return rows on blue", NotPromised: "that they say something", Source: "§5",
		Ask: func(f *facts) finding {
			if len(f.sql.smokeTrouble) > 0 {
				return problem("correct production.migrate.clusters[].smoke", "%s", strings.Join(f.sql.smokeTrouble, "; "))
			}
			if len(f.set.Smoke) == 0 {
				return warning("add some to production.migrate.clusters[].smoke", "there are no smoke queries")
			}
			return proved("%d of %d", len(f.set.Smoke), len(f.set.Smoke))
		}},
	{Name: "audit-log", Proves: "logins on green reach its audit log in CloudWatch Logs", NotPromised: "that other events do", Source: "§5", Ask: auditLog},
	{Name: "checksum-tables", Proves: "the tables to compare exist", NotPromised: "anything about tables that are not listed", Source: "§4.6",
		Ask: func(f *facts) finding {
			switch {
			case f.sql.masterTrouble != "":
				return notRead()
			case len(f.sql.missing) > 0:
				return problem("correct production.migrate.clusters[].checksums", "no such table: %s", strings.Join(f.sql.missing, ", "))
			case len(f.set.Checksums) == 0:
				return warning("list the tables that matter in production.migrate.clusters[].checksums", "no table is compared")
			}
			return proved("%d table(s)", len(f.set.Checksums))
		}},
	{Name: "primary-keys", Proves: "every table has a primary key", NotPromised: "that keys are never changed", Source: "§1.7, §4.4",
		Ask: func(f *facts) finding {
			switch none := f.sql.withoutKey; {
			case f.sql.masterTrouble != "":
				return notRead()
			case len(none) == 0:
				return proved("all tables")
			case f.engine() == dbconn.AuroraPostgres:
				return problem("add primary keys; logical replication needs them", "no primary key: %s", few(none))
			default:
				return warning("replication cannot apply them in parallel", "no primary key: %s", few(none))
			}
		}},
	{Name: "innodb-only", Engine: dbconn.AuroraMySQL, Proves: "every table is replicated safely", NotPromised: "anything about temporary tables", Source: "§4.4",
		Ask: func(f *facts) finding {
			switch {
			case f.sql.masterTrouble != "":
				return notRead()
			case len(f.sql.notInnoDB) > 0:
				return problem("`ALTER TABLE … ENGINE=InnoDB`", "not InnoDB: %s", few(f.sql.notInnoDB))
			}
			return proved("all tables")
		}},
}

// few names at most ten.
func few(all []string) string {
	const most = 10
	if len(all) <= most {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
}
