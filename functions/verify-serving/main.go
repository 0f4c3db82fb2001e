// Command verify-serving is a Lambda function. Called by: staging-switch, last.
// Account: target. It proves that every pointer leads to the candidate and the application gets in.
// Running it twice is safe: it proves again.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/switchover"
)

func main() { lambdafn.Start("verify-serving", switchover.NewVerifyServing) }
