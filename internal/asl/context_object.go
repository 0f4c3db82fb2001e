package asl

import (
	"time"

	"github.com/dbferry/dbferry/internal/jsonata"
)

type field = jsonata.Field

func timestamp(t time.Time) *jsonata.Value {
	return jsonata.NewString(t.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// identity is the Execution node of the context object (Developer Guide,
// "Accessing execution data from the Context object").
func identity(meta Meta, input *jsonata.Value, started time.Time) *jsonata.Value {
	return jsonata.NewObject(
		field{Name: "Id", Value: jsonata.NewString(meta.ExecutionArn)},
		field{Name: "Input", Value: input},
		field{Name: "StartTime", Value: timestamp(started)},
		field{Name: "Name", Value: jsonata.NewString(meta.Name)},
		field{Name: "RoleArn", Value: jsonata.NewString(meta.RoleArn)},
		field{Name: "RedriveCount", Value: jsonata.NewNumber(0)},
	)
}

// item is the Map.Item of the context object.
type item struct {
	index int
	value *jsonata.Value
}

// contextObject is $states.context as this visit sees it.
func (v *visit) contextObject() *jsonata.Value {
	x := v.b.x
	fields := []field{
		{Name: "Execution", Value: x.identity},
		{Name: "StateMachine", Value: jsonata.NewObject(
			field{Name: "Id", Value: jsonata.NewString(x.StateMachineArn)},
			field{Name: "Name", Value: jsonata.NewString(x.StateMachineName)},
		)},
		{Name: "State", Value: jsonata.NewObject(
			field{Name: "Name", Value: jsonata.NewString(v.state.Name)},
			field{Name: "EnteredTime", Value: timestamp(v.entered)},
			field{Name: "RetryCount", Value: jsonata.NewNumber(float64(v.retries))},
		)},
	}
	if v.token != "" {
		fields = append(fields, field{Name: "Task", Value: jsonata.NewObject(field{Name: "Token", Value: jsonata.NewString(v.token)})})
	}
	if it := v.item; it != nil {
		fields = append(fields, field{Name: "Map", Value: jsonata.NewObject(field{Name: "Item", Value: jsonata.NewObject(
			field{Name: "Index", Value: jsonata.NewNumber(float64(it.index))},
			field{Name: "Value", Value: it.value},
		)})})
	}
	return jsonata.NewObject(fields...)
}
