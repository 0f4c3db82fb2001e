// Command close-run is a Lambda function. Called by: both machines at every end, and a rule for ends that cannot be caught.
// Account: both accounts. It records the verdict and frees locks.
// Running it twice is safe: a recorded end is confirmed, and only own locks are freed.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/refresh"
)

func main() { lambdafn.Start("close-run", refresh.NewCloseRun) }
