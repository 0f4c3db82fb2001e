package states

import (
	"encoding/json"
	"fmt"

	"github.com/dbferry/dbferry/internal/asl"
)

// maxEventData is what input and output, escaped, may have in an event; what
// is larger is left out rather than cut (docs/aws.md §5.3).
const maxEventData = 248 << 10

// announce sends the status change to the account's default bus. Executions of
// a Distributed Map's children are not announced.
func (s *Service) announce(e *execution) {
	if s.Emit == nil {
		return
	}
	x := e.x
	detail := map[string]any{
		"executionArn": x.ExecutionArn, "stateMachineArn": e.machine.arn, "name": x.Name, "status": string(x.Status),
		"startDate": x.StartDate.UnixMilli(), "stopDate": nil, "output": nil, "outputDetails": nil,
		"stateMachineVersionArn": nil, "stateMachineAliasArn": nil, "redriveCount": 0, "redriveDate": nil,
		"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": nil, "error": nil, "cause": nil,
	}
	if !x.StopDate.IsZero() {
		detail["stopDate"] = x.StopDate.UnixMilli()
	}
	addData(detail, x)
	addRedrive(detail, x)
	if x.Error != "" {
		detail["error"] = x.Error
	}
	if x.Cause != "" {
		detail["cause"] = x.Cause
	}
	s.Emit(e.machine.Account, "aws.states", "Step Functions Execution Status Change", []string{x.ExecutionArn}, detail)
}

// addData puts input and output in as text. If both are too large together the
// input goes; if the output alone is too large it goes too.
func addData(detail map[string]any, x *asl.Execution) {
	in, out := escaped(x.Input), escaped(x.Output)
	keep := func(name string, data json.RawMessage, fits bool) {
		detail[name], detail[name+"Details"] = nil, map[string]any{"included": fits}
		if fits {
			detail[name] = string(data)
		}
	}
	keep("input", x.Input, in+out <= maxEventData)
	if x.Status == asl.Succeeded {
		keep("output", x.Output, out <= maxEventData)
	}
}

func escaped(data json.RawMessage) int {
	raw, err := json.Marshal(string(data))
	if err != nil {
		return len(data)
	}
	return len(raw)
}

func addRedrive(detail map[string]any, x *asl.Execution) {
	switch x.Status {
	case asl.Running, asl.Succeeded:
		detail["redriveStatusReason"] = fmt.Sprintf("Execution is %s and cannot be redriven", x.Status)
	default:
		detail["redriveStatus"] = "REDRIVABLE"
	}
}
