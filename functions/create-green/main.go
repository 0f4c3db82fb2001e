// Command create-green is a Lambda function. Called by: production-migrate.
// Account: production. It asks for the Blue/Green deployment and waits for it.
// Running it twice is safe: the deployment is found by its name.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
)

func main() { lambdafn.Start("create-green", migrate.NewCreateGreen) }
