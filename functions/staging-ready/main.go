// Command staging-ready is a Lambda function. Called by: a schedule, and an operator by hand.
// Account: a target account. It writes ready.json into the inbox.
// Running it twice is safe: it writes what it finds now.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("staging-ready", refresh.NewStagingReady) }
