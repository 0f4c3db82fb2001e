package rds

import "strings"

// event describes one RDS event (docs/aws.md §5.4).
type event struct {
	id, category, message string
}

var (
	clusterCreated    = event{"RDS-EVENT-0170", "creation", "DB cluster created"}
	clusterDeleted    = event{"RDS-EVENT-0171", "deletion", "DB cluster deleted"}
	passwordReset     = event{"RDS-EVENT-0016", "configuration change", "Reset master credentials"}
	instanceCreated   = event{"RDS-EVENT-0005", "creation", "DB instance created"}
	instanceDeleted   = event{"RDS-EVENT-0003", "deletion", "DB instance deleted"}
	snapshotCreating  = event{"RDS-EVENT-0074", "backup", "Creating manual cluster snapshot"}
	snapshotAvailable = event{"RDS-EVENT-0075", "backup", "Manual cluster snapshot created"}
)

// emit keeps an event about a resource, given by its ARN, for DescribeEvents,
// and sends it to the account's bus.
func (s *Service) emit(account, arn string, e event) {
	parts := strings.SplitN(arn, ":", 7)
	s.keepEvent(account, arn, parts[5], parts[6], e)
	if s.Emit == nil {
		return
	}
	kind, detailType := map[string]string{"cluster": "CLUSTER", "db": "DB_INSTANCE", "cluster-snapshot": "CLUSTER_SNAPSHOT", "db-proxy": "DB_PROXY", "deployment": "BLUE_GREEN_DEPLOYMENT"}[parts[5]],
		map[string]string{"cluster": "RDS DB Cluster Event", "db": "RDS DB Instance Event", "cluster-snapshot": "RDS DB Cluster Snapshot Event",
			"db-proxy": "RDS DB Proxy Event", "deployment": "RDS Blue Green Deployment Event"}[parts[5]]
	s.Emit(account, "aws.rds", detailType, []string{arn}, map[string]any{
		"EventCategories": []any{e.category}, "SourceType": kind, "SourceArn": arn,
		"Date": s.w.Now().Format("2006-01-02T15:04:05.000Z"), "Message": e.message,
		"SourceIdentifier": parts[6], "EventID": e.id,
	})
}
