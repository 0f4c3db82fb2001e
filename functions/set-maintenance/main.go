// Command set-maintenance is a Lambda function. Called by: production-migrate, before and after the switchover.
// Account: production. It turns the maintenance hooks on or off.
// Running it twice is safe: what a hook has done is recorded.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
)

func main() { lambdafn.Start("set-maintenance", migrate.NewSetMaintenance) }
