package migrate

import (
	"fmt"
	"strings"
)

// Costs lists what a migration has left that AWS charges for, with what ends it.
// It is told from the record, not from AWS: what somebody else has made beside it
// is not in it.
func (m Migration) Costs() []string {
	members := func(verb string) string {
		return fmt.Sprintf("its %d instances (%s) and %s", len(m.Plan.Blue.Members), strings.Join(m.Plan.Blue.Members, ", "), verb)
	}
	switch m.Phase {
	case Building, Settling, Verified, Switching:
		return []string{
			"green, until the switchover or {\"mode\":\"abandon\"}: as many instances as blue has (" + fmt.Sprint(len(m.Plan.Blue.Members)) + "), and the pages of its volume that differ from blue's",
			"blue's binary log or replication slots, which grow its volume as long as green follows",
		}
	case Switched, Proved:
		return []string{"the old cluster (resource " + m.Plan.Blue.ResourceID + ", named …-old1), until {\"mode\":\"retire\"}: " + members("its whole volume")}
	case Returning: // whether the new one still has production's name is not certain
		return []string{fmt.Sprintf("both clusters (resources %s and %s), %d instances and a whole volume each: delete neither before {\"cluster\":%q,\"mode\":\"back\"} has said Succeeded", m.Plan.Blue.ResourceID, m.greenResource(), len(m.Plan.Blue.Members), m.Plan.Cluster)}
	case Returned:
		return []string{"the cluster that is left (resource " + m.greenResource() + ", named " + m.Plan.left() + "), until you delete it: as many instances as production has (" + fmt.Sprint(len(m.Plan.Blue.Members)) + ") and its whole volume"}
	case Retired:
		return []string{"the final snapshot " + m.Snapshot + ", by GB and month, until you delete it: `aws rds delete-db-cluster-snapshot --db-cluster-snapshot-identifier " + m.Snapshot + "`"}
	}
	return nil
}
