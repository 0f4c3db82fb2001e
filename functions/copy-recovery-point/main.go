// Command copy-recovery-point is a Lambda function. Called by: production-backup, in a loop, once an item.
// Account: production account. It starts one copy job into the target's vault.
// Running it twice is safe: the attempt's token always asks for the same job.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("copy-recovery-point", refresh.NewCopyRecoveryPoint) }
