// Command check-ground is a Lambda function. Called by: production-backup calls it first.
// Account: production account. It reads production; writes the plan and the locks into its own ledger.
// Running it twice is safe: the refresh id belongs to the execution, and a plan that exists is used as it is.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("check-ground", refresh.NewCheckGround) }
