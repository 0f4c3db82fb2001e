// Command retire-blue is a Lambda function. Called by: production-migrate, with the second approval.
// Account: production. It quarantines and removes the old cluster, after a final snapshot.
// Running it twice is safe: it goes on where it was.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
)

func main() { lambdafn.Start("retire-blue", migrate.NewRetireBlue) }
