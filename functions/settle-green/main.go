// Command settle-green is a Lambda function. Called by: production-migrate.
// Account: production. It reboots what runs without its parameters and reads every member several times.
// Running it twice is safe: readings go on where they were.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
)

func main() { lambdafn.Start("settle-green", migrate.NewSettleGreen) }
