// Command abandon-green is a Lambda function. Called by: production-migrate, before a switchover.
// Account: production. It removes green and proves that production is what it was.
// Running it twice is safe: it goes on where it was.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
)

func main() { lambdafn.Start("abandon-green", migrate.NewAbandonGreen) }
