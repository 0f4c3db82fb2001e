// Command record-settings is a Lambda function. Called by: production-backup, once an item, before its backup.
// Account: production account. It writes one fact into the ledger.
// Running it twice is safe: a recorded fact is confirmed.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("record-settings", refresh.NewRecordSettings) }
