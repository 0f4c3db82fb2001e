// Command check-backups is a Lambda function. Called by: production-backup, after all backups.
// Account: production account. It changes nothing.
// Running it twice is safe: it only reads.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("check-backups", refresh.NewCheckBackups) }
