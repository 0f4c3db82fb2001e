package migrate

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

// AnswerInput is the body of the request to the approval URL.
type AnswerInput struct {
	Cluster   string `json:"cluster"`
	Migration string `json:"migration"`
	Gate      Gate   `json:"gate"`
	PlanHash  string `json:"planHash"`
	Approve   bool   `json:"approve"`
	Comment   string `json:"comment,omitempty"`
}

type answerApproval struct {
	*step
	sfn *sfn.Client
}

// NewAnswerApproval builds answer-approval, which stands behind a function URL
// that only callers with IAM credentials pass. It records who answered, and
// alone may answer the task token.
func NewAnswerApproval(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &answerApproval{base, sfn.NewFromConfig(rt.AWS)}
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		var req events.LambdaFunctionURLRequest
		if err := json.Unmarshal(payload, &req); err != nil {
			return nil, &fault.Error{Name: fault.BadRequest, Op: "read the request", Cause: err, Next: "call the function through its URL"}
		}
		status, text := s.answer(ctx, req)
		return json.Marshal(events.LambdaFunctionURLResponse{StatusCode: status,
			Headers: map[string]string{"content-type": "application/json"}, Body: text})
	}, nil
}

func (s *answerApproval) answer(ctx context.Context, req events.LambdaFunctionURLRequest) (status int, body string) {
	say := func(status int, format string, args ...any) (int, string) {
		raw, err := json.Marshal(map[string]string{"message": fmt.Sprintf(format, args...)})
		if err != nil {
			return http.StatusInternalServerError, "{}"
		}
		return status, string(raw)
	}
	if req.RequestContext.Authorizer == nil || req.RequestContext.Authorizer.IAM == nil || req.RequestContext.Authorizer.IAM.UserARN == "" {
		return say(http.StatusForbidden, "the request is not signed: nobody is known by it")
	}
	by := req.RequestContext.Authorizer.IAM.UserARN
	if req.RequestContext.HTTP.Method != http.MethodPost {
		return say(http.StatusMethodNotAllowed, "send the answer with POST; docs/migrate.md shows the body")
	}
	raw := []byte(req.Body)
	if req.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(req.Body)
		if err != nil {
			return say(http.StatusBadRequest, "the body is not base64")
		}
		raw = decoded
	}
	var in AnswerInput
	if err := lambdafn.Strict(raw, &in); err != nil {
		return say(http.StatusBadRequest, "the body is not an answer: %v", err)
	}
	if !s.conf.Approves(identity(by)) {
		s.Log.Warn("answer refused: not an approver", "by", by, "migration", in.Migration)
		return say(http.StatusForbidden, "%s is none of production.migrate.approvers", identity(by))
	}
	if err := s.record(ctx, in, by); err != nil {
		s.Log.Warn("answer not taken", "by", by, "migration", in.Migration, "err", err.Error())
		switch fault.NameOf(err) {
		case fault.BadRequest, fault.NotReady, fault.Stale:
			return say(http.StatusConflict, "%v", err)
		}
		return say(http.StatusServiceUnavailable, "%v", err)
	}
	return say(http.StatusOK, "recorded: approve=%v by %s", in.Approve, by)
}

// identity is the IAM role or user behind a caller: a session's ARN has the
// role's name without its path (IAM User Guide, "IAM identifiers").
func identity(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[2] != "sts" || !strings.HasPrefix(parts[5], "assumed-role/") {
		return arn
	}
	role, _, _ := strings.Cut(strings.TrimPrefix(parts[5], "assumed-role/"), "/")
	return "arn:" + parts[1] + ":iam::" + parts[4] + ":role/" + role
}

// record writes the answer down, and then tells the waiting task. A second,
// equal answer confirms; another one is refused.
func (s *answerApproval) record(ctx context.Context, in AnswerInput, by string) error {
	var a Approval
	key := approvalKey(in.Cluster, in.Migration, in.Gate)
	ver, found, err := s.ledger.Get(ctx, key, &a)
	if err != nil {
		return err
	}
	no := func(name fault.Name, format string, args ...any) error {
		return fault.New(name, "answer", in.Migration, "the latest message of this migration has the command to copy", format, args...)
	}
	switch {
	case !found:
		return no(fault.BadRequest, "no approval %s of migration %s of %s is asked for", in.Gate, in.Migration, in.Cluster)
	case a.PlanHash != in.PlanHash:
		return no(fault.Stale, "the approval that is asked for is of plan %s, not of %s", a.PlanHash, in.PlanHash)
	case a.Answer != nil && a.Answer.Approved != in.Approve:
		return no(fault.Stale, "%s has answered already, at %s", a.Answer.By, a.Answer.At)
	case a.Answer != nil:
		return s.pass(ctx, a, true)
	case s.Now().After(a.ExpiresAt):
		return no(fault.Stale, "it has expired at %s", a.ExpiresAt)
	}
	a.Answer = &Answer{Approved: in.Approve, By: by, At: s.Now().UTC(), Comment: in.Comment}
	if err := s.write(ctx, key, ver, true, a); err != nil {
		return err
	}
	return s.pass(ctx, a, false)
}

// pass answers the task token. That a repeated answer finds nobody who waits is
// no trouble: the first one was taken.
func (s *answerApproval) pass(ctx context.Context, a Approval, repeated bool) error {
	var err error
	if a.Answer.Approved {
		_, err = s.sfn.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &a.Token, Output: aws.String(`{"status":"APPROVED"}`)})
	} else {
		_, err = s.sfn.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{TaskToken: &a.Token, Error: aws.String(string(fault.NotApproved)),
			Cause: aws.String("refused by " + a.Answer.By + ": " + a.Answer.Comment)})
	}
	if fault.HasCode(err, "TaskTimedOut", "TaskDoesNotExist", "InvalidToken") {
		if repeated {
			return nil
		}
		return s.notTaken(ctx, a)
	}
	return fault.AWS("answer the waiting execution", a.Migration, err)
}

// notTaken takes back an answer that nobody waits for: the execution has ended,
// or a reminder was due this very moment and the task has a new token.
func (s *answerApproval) notTaken(ctx context.Context, a Approval) error {
	key := approvalKey(a.Cluster, a.Migration, a.Gate)
	var there Approval
	ver, found, err := s.ledger.Get(ctx, key, &there)
	if err != nil {
		return err
	}
	if found && there.Token == a.Token {
		there.Answer = nil
		if err := s.write(ctx, key, ver, true, there); err != nil {
			return err
		}
	}
	return fault.New(fault.Stale, "answer", a.Migration, "answer again; if this comes again, the execution has ended", "the execution does not wait for this answer any more")
}
