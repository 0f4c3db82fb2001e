package rds

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

func clusterNotFound(id string) error {
	return &types.DBClusterNotFoundFault{Message: aws.String(fmt.Sprintf("DBCluster %s not found.", id))}
}

func instanceNotFound(id string) error {
	return &types.DBInstanceNotFoundFault{Message: aws.String(fmt.Sprintf("DBInstance %s not found.", id))}
}

func snapshotNotFound(id string) error {
	return &types.DBClusterSnapshotNotFoundFault{Message: aws.String(fmt.Sprintf("DBClusterSnapshot not found: %s", id))}
}

func clusterState(format string, args ...any) error {
	return &types.InvalidDBClusterStateFault{Message: aws.String(fmt.Sprintf(format, args...))}
}

func instanceState(format string, args ...any) error {
	return &types.InvalidDBInstanceStateFault{Message: aws.String(fmt.Sprintf(format, args...))}
}

func snapshotState(format string, args ...any) error {
	return &types.InvalidDBClusterSnapshotStateFault{Message: aws.String(fmt.Sprintf(format, args...))}
}
