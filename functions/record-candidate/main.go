// Command record-candidate is a Lambda function. Called by: staging-restore, last, in a loop.
// Account: a target account. It takes the clusters out of quarantine and records the candidate.
// Running it twice is safe: it changes only what differs.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("record-candidate", refresh.NewRecordCandidate) }
