// Command add-instances is a Lambda function. Called by: staging-restore, in a loop, once a cluster.
// Account: a target account. It creates the instances.
// Running it twice is safe: an instance that is ours is confirmed.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("add-instances", refresh.NewAddInstances) }
