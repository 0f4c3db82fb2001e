// Command verify-green is a Lambda function. Called by: production-migrate.
// Account: production. It compares green with the plan and with blue.
// Running it twice is safe: it changes nothing.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
)

func main() { lambdafn.Start("verify-green", migrate.NewVerifyGreen) }
