// Command finish-table is a Lambda function. Called by: staging-restore, in a loop, once a table.
// Account: a target account. It applies recorded settings.
// Running it twice is safe: it changes only what differs.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("finish-table", refresh.NewFinishTable) }
