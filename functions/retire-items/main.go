// Command retire-items is a Lambda function. Called by: staging-switch, after a success or by wish.
// Account: target. It deletes generations that are no longer kept and provably dbferry's own.
// Running it twice is safe: what is gone is confirmed.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/switchover"
)

func main() { lambdafn.Start("retire-items", switchover.NewRetireItems) }
