// Command restore-cluster is a Lambda function. Called by: staging-restore, in a loop, once a cluster.
// Account: a target account. It starts one restore job and tags the cluster.
// Running it twice is safe: the attempt's token always asks for the same job.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("restore-cluster", refresh.NewRestoreCluster) }
