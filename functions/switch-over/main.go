// Command switch-over is a Lambda function. Called by: production-migrate, with a live approval.
// Account: production. It asks AWS to switch over and watches each second.
// Running it twice is safe: a switchover is asked for once a try.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
)

func main() { lambdafn.Start("switch-over", migrate.NewSwitchOver) }
