// Command restore-table is a Lambda function. Called by: staging-restore, in a loop, once a table.
// Account: a target account. It starts one restore job and tags the table.
// Running it twice is safe: the attempt's token always asks for the same job.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("restore-table", refresh.NewRestoreTable) }
