package eventpattern

import (
	"encoding/json"
	"fmt"
	"strings"
)

// numericLimit bounds what EventBridge compares as a number: values from -5e9
// to 5e9 inclusive. Beyond it only the written text of a number counts.
const numericLimit = 5e9

func inRange(f float64) bool { return -numericLimit <= f && f <= numericLimit }

// bound is one comparison of a numeric expression.
type bound struct {
	op    string
	value float64
}

func (b bound) holds(f float64) bool {
	switch b.op {
	case "<":
		return f < b.value
	case "<=":
		return f <= b.value
	case ">":
		return f > b.value
	case ">=":
		return f >= b.value
	}
	return f == b.value
}

// numeric reads ["=", n], ["<", n] and ranges like [">", 0, "<=", 5].
func numeric(arg any) (test, error) {
	list, ok := arg.([]any)
	if !ok || (len(list) != 2 && len(list) != 4) {
		return test{}, fmt.Errorf(`numeric takes ["<", 10] or [">", 0, "<=", 5]`)
	}
	var bounds []bound
	var words []string
	for i := 0; i < len(list); i += 2 {
		b, err := newBound(list[i], list[i+1])
		if err != nil {
			return test{}, err
		}
		bounds = append(bounds, b)
		words = append(words, b.op+" "+render(list[i+1]))
	}
	if err := checkRange(bounds); err != nil {
		return test{}, err
	}
	return test{text: "a number " + strings.Join(words, " and "), holds: func(v any) bool {
		n, ok := v.(json.Number)
		if !ok {
			return false
		}
		f, err := n.Float64()
		if err != nil || !inRange(f) {
			return false
		}
		for _, b := range bounds {
			if !b.holds(f) {
				return false
			}
		}
		return true
	}}, nil
}

func newBound(op, value any) (bound, error) {
	o, _ := op.(string)
	switch o {
	case "=", "<", "<=", ">", ">=":
	default:
		return bound{}, fmt.Errorf("numeric does not know the comparison %s", render(op))
	}
	n, ok := value.(json.Number)
	if !ok {
		return bound{}, fmt.Errorf("numeric %s takes a number, not %s", o, render(value))
	}
	f, err := n.Float64()
	if err != nil || !inRange(f) {
		return bound{}, fmt.Errorf("numeric %s %s is outside -5e9 to 5e9, EventBridge's limit", o, n)
	}
	return bound{o, f}, nil
}

// checkRange: a range goes from a lower to a higher bound, in this order.
func checkRange(b []bound) error {
	if len(b) == 1 {
		return nil
	}
	if b[0].op[0] != '>' || b[1].op[0] != '<' || b[0].value >= b[1].value {
		return fmt.Errorf("numeric range must be > or >= a number, then < or <= a higher one")
	}
	return nil
}
