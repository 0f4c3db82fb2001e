package stack

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
)

// addMigration builds production-migrate with the URL behind which approvals are
// answered. Its machine is started by hand only.
func (s *side) addMigration() {
	answer := s.shared.functions["answer-approval"]
	url := awslambda.NewCfnUrl(s.Stack, text("ApprovalUrl"), &awslambda.CfnUrlProps{TargetFunctionArn: text(answer.arn), AuthType: text("AWS_IAM")})
	m := s.addMachine(productionMigrate, "")
	s.addMachineAlarms(m)
	s.addEndRules(m, endRule{"CloseAfter", "close", "close-migration", "Records the verdict and the evidence, frees the lock, tells people"})
	s.output(pascalOf(m)+"Arn", `Migrate a cluster here, with the input {"cluster":"…","targetEngineVersion":"…","mode":"plan"} first`, m.ref)
	s.output("ApprovalAddress", "Where approvers answer, with IAM credentials: `dbferry approve`", *url.AttrFunctionUrl())
	s.output("ApproverStatements", "Give these to the roles and users of production.migrate.approvers", approverStatements(answer.name, s))
}

// approverStatements are what a caller of a function URL needs since October
// 2025: both, the second only through the URL (Lambda Developer Guide, "Control
// access to Lambda function URLs").
func approverStatements(function string, s *side) string {
	arn := s.arn("lambda", "function:"+function)
	raw, err := json.Marshal([]any{
		allow("AnswerApprovals", []string{"lambda:InvokeFunctionUrl"}, arn).when(condition{"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}}).json(),
		allow("AnswerApprovalsThroughUrl", []string{"lambda:InvokeFunction"}, arn).when(condition{"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}).json(),
		allow("FindApprovalUrl", []string{"lambda:GetFunctionUrlConfig"}, arn).json(),
	})
	if err != nil {
		panic(err) // texts only
	}
	return string(raw)
}
