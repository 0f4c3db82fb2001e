// Command verify-manifest is a Lambda function. Called by: staging-restore calls it first.
// Account: a target account. It claims the refresh and writes the target's ledger.
// Running it twice is safe: a second call of the same execution confirms the claim.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("verify-manifest", refresh.NewVerifyManifest) }
