// Command answer-approval is a Lambda function. Called by: people, through its URL with IAM credentials.
// Account: production. It records who approved or refused, and lets the machine go on.
// Running it twice is safe: an equal answer confirms.
package main

import (
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/migrate"
)

func main() { lambdafn.Start("answer-approval", migrate.NewAnswerApproval) }
