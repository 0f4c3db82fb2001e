// Command set-proxies is a Lambda function. Called by: production-migrate, around the switchover.
// Account: production. It takes proxies off that Blue/Green cannot lead over, and puts them back.
// Running it twice is safe: what is off is recorded, and what leads where it should is left alone.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
)

func main() { lambdafn.Start("set-proxies", migrate.NewSetProxies) }
