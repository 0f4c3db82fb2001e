// Command plan-switch is a Lambda function. Called by: staging-switch, first.
// Account: target. It takes the locks, reads every live pointer and writes the plan.
// Running it twice is safe: a switch that has not ended is continued.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/switchover"
)

func main() { lambdafn.Start("plan-switch", switchover.NewPlanSwitch) }
