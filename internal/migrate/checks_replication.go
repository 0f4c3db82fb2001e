package migrate

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/dbferry/dbferry/internal/dbconn"
)

// wayBack is what a way back needs (docs/migration.md §1.11, §4.3, §4.4).
func wayBack(f *facts) finding {
	off := "take wayBack out of production.migrate.clusters[] and deploy, or "
	switch soak, r := f.limits.Soak(), f.sql.retention; {
	case f.set.WayBack == nil:
		return proved("none is asked for")
	case f.engine() != dbconn.AuroraMySQL:
		return problem(off+"migrate without it", "there is a way back for Aurora MySQL only")
	case f.sql.masterTrouble != "":
		return notRead()
	case f.groupMissing():
		return proved("not looked at: the cluster parameter group is not there")
	case f.sql.backTrouble != "":
		return problem("`CREATE USER … ; GRANT REPLICATION SLAVE ON *.* TO …` on the writer, before green is created, and keep its secret true", "%s", f.sql.backTrouble)
	case strings.EqualFold(f.later["binlog_format"], "OFF") || f.later["binlog_format"] == "":
		return problem(off+"give clusterParameterGroup one with binlog_format ROW", "the new production would write no binary log: binlog_format of its group is %q", f.later["binlog_format"])
	case strings.HasPrefix(f.wanted(), "5.7") || oldMinor(f.wanted()):
		return problem(off+"migrate to 3.06 or later", "version %s has no mysql.rds_set_read_only, by which writes are stopped before returning", f.wanted())
	case r != nil && *r*60 < soak:
		return problem("`CALL mysql.rds_set_configuration('binlog retention hours', …)`", "binary logs are kept for %d h, the way back is open for %d min", *r, soak)
	case f.familyChanges():
		return warning(off+"rehearse it with a clone", "rows go back to an older major version, which MySQL does not promise; from 8.4, which asks for TLS by default, not at all unless require_secure_transport is off")
	}
	return proved("%d min, as %s", f.limits.Soak(), f.set.WayBack.User)
}

// oldMinor says whether a version of Aurora MySQL 3 is before 3.06.
func oldMinor(version string) bool {
	_, aurora, found := strings.Cut(version, "mysql_aurora.3.")
	minor, _, _ := strings.Cut(aurora, ".")
	n, err := strconv.Atoi(minor)
	return found && err == nil && n < 6
}

var replicationChecks = []check{
	{Name: "custom-parameter-group", Proves: "the cluster has a parameter group of its own", NotPromised: "what is in it", Source: "§1.7",
		Ask: func(f *facts) finding {
			name := aws.ToString(f.cluster.DBClusterParameterGroup)
			if strings.HasPrefix(name, "default.") {
				return problem("make one with replication on, attach it and reboot the writer", "the cluster has %s, which cannot be changed", name)
			}
			return proved("%s", name)
		}},
	{Name: "writer-in-sync", Proves: "the writer runs with its cluster parameter group", NotPromised: "that readers do", Source: "§1.7",
		Ask: func(f *facts) finding {
			for _, m := range f.cluster.DBClusterMembers {
				if st := aws.ToString(m.DBClusterParameterGroupStatus); aws.ToBool(m.IsClusterWriter) && st != "in-sync" {
					id := aws.ToString(m.DBInstanceIdentifier)
					return problem("`aws rds reboot-db-instance --db-instance-identifier "+id+"`, which interrupts production for some seconds", "writer %s is %s with its cluster parameter group; AWS refuses to build green", id, st)
				}
			}
			return proved("in-sync")
		}},
	{Name: "binlog-on", Engine: dbconn.AuroraMySQL, Proves: "binary logging is on in the parameter group", NotPromised: "the format that your CDC tools want", Source: "§1.7",
		Ask: func(f *facts) finding {
			switch v := f.parameters["binlog_format"]; strings.ToUpper(v) {
			case "OFF", "":
				return problem("set binlog_format to ROW in "+aws.ToString(f.cluster.DBClusterParameterGroup)+" and reboot the writer", "binlog_format is %q", v)
			case "ROW":
				return proved("ROW")
			default:
				return warning("ROW is what AWS recommends", "binlog_format is %s", v)
			}
		}},
	{Name: "logical-replication-on", Engine: dbconn.AuroraPostgres, Proves: "logical replication is on in the parameter group", NotPromised: "that no client writes what is not replicated: DDL, large objects", Source: "§1.7",
		Ask: func(f *facts) finding {
			if v := f.parameters["rds.logical_replication"]; v != "1" {
				return problem("set rds.logical_replication to 1 in "+aws.ToString(f.cluster.DBClusterParameterGroup)+" and reboot the writer", "rds.logical_replication is %q", v)
			}
			return proved("on")
		}},
	{Name: "replication-slots", Engine: dbconn.AuroraPostgres, Proves: "there are replication slots and workers for every database", NotPromised: "that nobody else takes them meanwhile", Source: "§1.7",
		Ask: func(f *facts) finding {
			if f.sql.masterTrouble != "" {
				return notRead()
			}
			for _, name := range []string{"max_replication_slots", "max_logical_replication_workers"} {
				if n, err := strconv.Atoi(f.parameters[name]); err == nil && n < f.sql.databases {
					return problem("raise "+name+" in "+aws.ToString(f.cluster.DBClusterParameterGroup)+" and reboot the writer", "%s is %d, and there are %d databases, each of which needs one", name, n, f.sql.databases)
				}
			}
			return proved("enough for %d database(s)", f.sql.databases)
		}},
	{Name: "synchronous-commit", Engine: dbconn.AuroraPostgres, Proves: "acknowledged rows are replicated", NotPromised: "anything about sessions that set it themselves", Source: "§1.7",
		Ask: func(f *facts) finding {
			if v := f.parameters["synchronous_commit"]; v != "on" && v != "" {
				return problem("set synchronous_commit to on", "synchronous_commit is %s", v)
			}
			return proved("on")
		}},
	{Name: "binlog-retention", Engine: dbconn.AuroraMySQL, Proves: "binary logs stay long enough for green to catch up", NotPromised: "that the storage for them is cheap", Source: "§1.7, §4.3",
		Ask: func(f *facts) finding {
			switch r := f.sql.retention; {
			case f.sql.masterTrouble != "":
				return notRead()
			case r == nil:
				return problem("`CALL mysql.rds_set_configuration('binlog retention hours', 24)` on the writer", "binlog retention hours is NULL: logs may be purged before green has them")
			default:
				return proved("%d h", *r)
			}
		}},
	{Name: "not-fed-from-outside", Engine: dbconn.AuroraMySQL, Proves: "the writer replicates from no external source", NotPromised: "that none is set up and stopped", Source: "§1.7, §1.11",
		Ask: func(f *facts) finding {
			switch {
			case f.sql.masterTrouble != "":
				return notRead()
			case f.sql.following:
				return problem("`CALL mysql.rds_stop_replication`; a switchover is refused otherwise", "it is an external replica that replicates")
			}
			return proved("no replication into blue")
		}},
	{Name: "way-back", Proves: "the old cluster can follow the new one after the switchover", NotPromised: "that the security groups let the old cluster reach the new one", Source: "§1.11, §4.3, §4.4", Ask: wayBack},
	{Name: "event-scheduler-off", Engine: dbconn.AuroraMySQL, Proves: "no event runs on green and writes there", NotPromised: "that nobody turns it on", Source: "§1.7",
		Ask: func(f *facts) finding {
			switch {
			case f.sql.masterTrouble != "":
				return notRead()
			case on(f.sql.scheduler) || on(f.parameters["event_scheduler"]): // the group is green's as well, and its servers start with it
				return problem("set event_scheduler to OFF for the time of the migration", "the event scheduler is on: events would write on green and break replication")
			}
			return proved("%s", strings.ToUpper(f.sql.scheduler))
		}},
	{Name: "no-tmp-schema", Engine: dbconn.AuroraMySQL, Proves: "no schema is silently left behind", NotPromised: "anything about temporary tables", Source: "§1.7",
		Ask: func(f *facts) finding {
			switch {
			case f.sql.masterTrouble != "":
				return notRead()
			case f.sql.tmpSchema:
				return problem("rename it: `RENAME TABLE tmp.… TO …`", "there is a schema named tmp, which AWS does not copy")
			}
			return proved("no schema named tmp")
		}},
	{Name: "no-prepared-transactions", Proves: "no transaction is prepared and waiting", NotPromised: "that no transaction manager prepares one later", Source: "§8",
		Ask: func(f *facts) finding {
			switch {
			case f.sql.masterTrouble != "":
				return notRead()
			case f.sql.prepared > 0:
				return problem("commit or roll them back: `XA RECOVER`, or pg_prepared_xacts", "%d prepared transaction(s) are open", f.sql.prepared)
			}
			return proved("none")
		}},
	{Name: "no-long-transaction", Proves: "no transaction is open for longer than the limit now", NotPromised: "that none is when green is created or switched to", Source: "§1.5, §1.11",
		Ask: func(f *facts) finding {
			switch {
			case f.sql.masterTrouble != "":
				return notRead()
			case f.sql.oldest > f.limits.Transaction():
				return problem("end it; building green waits for it (RDS-EVENT-0426), and a switchover is refused", "a transaction is open for %d s, the limit is %d s", f.sql.oldest, f.limits.Transaction())
			}
			return proved("the oldest is open for %d s", f.sql.oldest)
		}},
	{Name: "hostile-extensions", Engine: dbconn.AuroraPostgres, Proves: "no extension that AWS excludes is installed", NotPromised: "that others are harmless", Source: "§1.7",
		Ask: func(f *facts) finding {
			switch {
			case f.sql.masterTrouble != "":
				return notRead()
			case len(f.sql.extensions) > 0:
				return problem("drop or disable them for the time of the migration", "extension(s) %s", strings.Join(f.sql.extensions, ", "))
			}
			return proved("none of pg_partman, pglogical, pgactive")
		}},
	{Name: "no-large-objects", Engine: dbconn.AuroraPostgres, Proves: "whether there are large objects, changes to which are not replicated, is known", NotPromised: "that none is created meanwhile", Source: "§1.7",
		Ask: func(f *facts) finding {
			switch {
			case f.sql.masterTrouble != "":
				return notRead()
			case f.sql.largeObject:
				return warning("do not change large objects while the deployment exists", "there are large objects; changes to them are not replicated")
			}
			return proved("none")
		}},
}

// on says whether a switch of MySQL is on.
func on(value string) bool { return strings.EqualFold(value, "on") || value == "1" }

// notRead is the finding of a check whose facts could not be had; why is told
// once, by master-login.
func notRead() finding {
	return problem("see [master-login]", "not known, because the master user could not look")
}
