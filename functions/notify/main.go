// Command notify is a Lambda function. Called by: both machines at every end, and a rule for ends that cannot be caught.
// Account: both accounts. It sends one message.
// Running it twice is safe: a message that was sent is not sent again.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("notify", refresh.NewNotify) }
