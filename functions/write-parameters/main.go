// Command write-parameters is a Lambda function. Called by: staging-switch.
// Account: target. It writes SSM parameters and CNAME records.
// Running it twice is safe: a value that is right is left alone.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/switchover"
)

func main() { lambdafn.Start("write-parameters", switchover.NewWriteParameters) }
