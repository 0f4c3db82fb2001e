// Command roll-services is a Lambda function. Called by: staging-switch.
// Account: target. It starts new tasks of every ECS service and runs the hooks.
// Running it twice is safe: a deployment that was begun is looked at, not begun again.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/switchover"
)

func main() { lambdafn.Start("roll-services", switchover.NewRollServices) }
