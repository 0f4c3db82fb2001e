// Command prepare-cluster is a Lambda function. Called by: staging-restore, in a loop, once a cluster.
// Account: a target account. It sets what must be set before instances exist.
// Running it twice is safe: it changes only what differs.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("prepare-cluster", refresh.NewPrepareCluster) }
