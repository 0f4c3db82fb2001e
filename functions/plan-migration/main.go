// Command plan-migration is a Lambda function. Called by: production-migrate, first.
// Account: production. It takes the cluster's lock, asks every check and writes the plan.
// Running it twice is safe: an open migration is continued.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
)

func main() { lambdafn.Start("plan-migration", migrate.NewPlanMigration) }
