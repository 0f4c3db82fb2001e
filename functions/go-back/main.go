// Command go-back is a Lambda function. Called by: production-migrate, in mode back.
// Account: production. It gives production's name back to the old cluster, without losing a row.
// Running it twice is safe: it looks how far it has come.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
)

func main() { lambdafn.Start("go-back", migrate.NewGoBack) }
