// Command roll-back is a Lambda function. Called by: staging-switch, after a failure or by wish.
// Account: target. It puts every pointer back and proves it.
// Running it twice is safe: what is back is confirmed.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/switchover"
)

func main() { lambdafn.Start("roll-back", switchover.NewRollBack) }
