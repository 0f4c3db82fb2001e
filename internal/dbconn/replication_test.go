package dbconn

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReplicaOf: the columns have names of two generations, which some versions
// mix (docs/migration.md §4.5).
func TestReplicaOf(t *testing.T) {
	follows := Replica{Configured: true, Receiving: true, Applying: true, Behind: 3, Applied: LogPosition{"mysql-bin-changelog.000007", 4278}}
	broken := Replica{Configured: true, Receiving: true, Behind: -1, Applied: LogPosition{"mysql-bin-changelog.000007", 4278}, Error: "error 1062: Duplicate entry '1' for key 'PRIMARY'"}
	for name, x := range map[string]struct {
		row  map[string]string
		want Replica
	}{
		"none": {nil, Replica{Behind: -1}},
		"new": {map[string]string{"Source_Host": "a", "Replica_IO_Running": "Yes", "Replica_SQL_Running": "Yes", "Seconds_Behind_Source": "3",
			"Relay_Source_Log_File": "mysql-bin-changelog.000007", "Exec_Source_Log_Pos": "4278", "Last_SQL_Errno": "0", "Last_IO_Errno": "0"}, follows},
		"old": {map[string]string{"Master_Host": "a", "Slave_IO_Running": "Yes", "Slave_SQL_Running": "Yes", "Seconds_Behind_Master": "3",
			"Relay_Master_Log_File": "mysql-bin-changelog.000007", "Exec_Master_Log_Pos": "4278"}, follows},
		"mixed": {map[string]string{"Source_Host": "a", "Replica_IO_Running": "Yes", "Replica_SQL_Running": "Yes", "Seconds_Behind_Master": "3",
			"Relay_Source_Log_File": "mysql-bin-changelog.000007", "Exec_Source_Log_Pos": "4278"}, follows},
		"broken": {map[string]string{"Source_Host": "a", "Replica_IO_Running": "Yes", "Replica_SQL_Running": "No", "Seconds_Behind_Source": "",
			"Relay_Source_Log_File": "mysql-bin-changelog.000007", "Exec_Source_Log_Pos": "4278", "Last_SQL_Errno": "1062", "Last_SQL_Error": "Duplicate entry '1' for key 'PRIMARY'"}, broken},
		"nonsense": {map[string]string{"Source_Host": "a", "Seconds_Behind_Source": "x", "Exec_Source_Log_Pos": "y"}, Replica{Configured: true, Behind: -1}},
	} {
		got := replicaOf(x.row)
		if diff := cmp.Diff(x.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if want := name != "none" && name != "broken" && name != "nonsense"; got.Healthy() != want {
			t.Errorf("%s: healthy %t", name, got.Healthy())
		}
	}
}

func TestProcedure(t *testing.T) {
	for version, want := range map[string]string{"5.7.mysql_aurora.2.12.3": "rds_set_external_master", "8.0.mysql_aurora.3.10.1": "rds_set_external_source"} {
		if got := procedure(version, "rds_set_external_source"); got != want {
			t.Errorf("%s: %s", version, got)
		}
	}
}
