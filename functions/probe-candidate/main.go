// Command probe-candidate is a Lambda function. Called by: staging-switch, before anything that serves moves.
// Account: target. It logs in to the candidate as the application does; in the pair lane through the idle proxy.
// Running it twice is safe: it looks again.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/switchover"
)

func main() { lambdafn.Start("probe-candidate", switchover.NewProbeCandidate) }
