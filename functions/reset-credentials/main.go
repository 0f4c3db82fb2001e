// Command reset-credentials is a Lambda function. Called by: staging-restore, in a loop, once a cluster.
// Account: a target account. It replaces or locks every database account.
// Running it twice is safe: passwords are the target's own and are proved by logging in.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("reset-credentials", refresh.NewResetCredentials) }
