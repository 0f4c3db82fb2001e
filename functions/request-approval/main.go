// Command request-approval is a Lambda function. Called by: production-migrate.
// Account: production. It keeps the task token and tells people what there is to approve.
// Running it twice is safe: the latest token holds.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
)

func main() { lambdafn.Start("request-approval", migrate.NewRequestApproval) }
