// Command close-migration is a Lambda function. Called by: production-migrate at every end, and a rule when it could not.
// Account: production. It records the verdict, bundles the evidence, frees the lock, tells people.
// Running it twice is safe: it confirms.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
)

func main() { lambdafn.Start("close-migration", migrate.NewCloseMigration) }
