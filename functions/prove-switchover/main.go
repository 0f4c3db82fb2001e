// Command prove-switchover is a Lambda function. Called by: production-migrate.
// Account: production. It proves the new production and puts back what Blue/Green loses.
// Running it twice is safe: it confirms.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
)

func main() { lambdafn.Start("prove-switchover", migrate.NewProveSwitchover) }
