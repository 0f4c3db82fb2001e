// Command publish-manifest is a Lambda function. Called by: production-backup, last.
// Account: production account. It puts the manifest into the target's inbox.
// Running it twice is safe: the inbox is write-once and the bytes are fixed in the ledger.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("publish-manifest", refresh.NewPublishManifest) }
