// Command point-proxy is a Lambda function. Called by: staging-switch.
// Account: target. It replaces the target of every serving proxy.
// Running it twice is safe: what is registered is confirmed.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/switchover"
)

func main() { lambdafn.Start("point-proxy", switchover.NewPointProxy) }
