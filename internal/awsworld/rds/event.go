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

// emit sends an event about a resource, given by its ARN.
func (s *Service) emit(account, arn string, e event) {
	if s.Emit == nil {
		return
	}
	parts := strings.SplitN(arn, ":", 7)
	kind, detailType := map[string]string{"cluster": "CLUSTER", "db": "DB_INSTANCE", "cluster-snapshot": "CLUSTER_SNAPSHOT", "db-proxy": "DB_PROXY"}[parts[5]],
		map[string]string{"cluster": "RDS DB Cluster Event", "db": "RDS DB Instance Event", "cluster-snapshot": "RDS DB Cluster Snapshot Event", "db-proxy": "RDS DB Proxy Event"}[parts[5]]
	s.Emit(account, "aws.rds", detailType, []string{arn}, map[string]any{
		"EventCategories": []any{e.category}, "SourceType": kind, "SourceArn": arn,
		"Date": s.w.Now().Format("2006-01-02T15:04:05.000Z"), "Message": e.message,
		"SourceIdentifier": parts[6], "EventID": e.id,
	})
}
