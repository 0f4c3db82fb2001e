// Command keep-way-back is a Lambda function. Called by: production-migrate, while the new production soaks.
// Account: production. It lets the old cluster follow the new production, and ends that when its time is over.
// Running it twice is safe: what follows already is only looked at.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
)

func main() { lambdafn.Start("keep-way-back", migrate.NewKeepWayBack) }
