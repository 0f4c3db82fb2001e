package scheduler

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	minYear = 1970
	maxYear = 2199
)

var (
	monthNames = map[string]int{"JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6, "JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12}
	dayNames   = map[string]int{"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
)

// field is one of the six fields of a cron expression.
type field struct {
	name      string
	low, high int
	names     map[string]int
}

// parseCron reads the six fields between the brackets.
func parseCron(text string) (*cron, error) {
	parts := strings.Fields(text)
	if len(parts) != 6 {
		return nil, fmt.Errorf("cron has %d fields, want six: minutes hours day-of-month month day-of-week year", len(parts))
	}
	c := &cron{anyDom: parts[2] == "?" || parts[2] == "*", anyDow: parts[4] == "?" || parts[4] == "*"}
	if (parts[2] == "?") == (parts[4] == "?") {
		return nil, fmt.Errorf("exactly one of day-of-month and day-of-week must be ?")
	}
	fields := []struct {
		field
		into *set
	}{
		{field{"minutes", 0, 59, nil}, &c.minute},
		{field{"hours", 0, 23, nil}, &c.hour},
		{field{"day-of-month", 1, 31, nil}, &c.dom},
		{field{"month", 1, 12, monthNames}, &c.month},
		{field{"day-of-week", 1, 7, dayNames}, &c.dow},
		{field{"year", minYear, maxYear, nil}, &c.year},
	}
	for i, f := range fields {
		got, err := f.parse(parts[i])
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", f.name, parts[i], err)
		}
		*f.into = got
	}
	return c, nil
}

func (f field) parse(text string) (set, error) {
	out := set{}
	if text == "?" {
		if f.name != "day-of-month" && f.name != "day-of-week" {
			return nil, fmt.Errorf("? is for days only")
		}
		return out, nil
	}
	for _, item := range strings.Split(text, ",") {
		if err := f.item(item, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// item adds one of: *, value, low-high, and any of them with /step.
func (f field) item(text string, out set) error {
	span, stepText, stepped := strings.Cut(text, "/")
	step := 1
	if stepped {
		n, err := strconv.Atoi(stepText)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is not a step", stepText)
		}
		step = n
	}
	low, high, err := f.span(span, stepped)
	if err != nil {
		return err
	}
	for v := low; v <= high; v += step {
		out[v] = true
	}
	return nil
}

func (f field) span(text string, stepped bool) (low, high int, err error) {
	if text == "*" {
		return f.low, f.high, nil
	}
	from, to, isRange := strings.Cut(text, "-")
	if low, err = f.value(from); err != nil {
		return 0, 0, err
	}
	switch {
	case isRange:
		high, err = f.value(to)
	case stepped:
		high = f.high
	default:
		high = low
	}
	if err == nil && high < low {
		err = fmt.Errorf("%s runs backward", text)
	}
	return low, high, err
}

func (f field) value(text string) (int, error) {
	if v, ok := f.names[strings.ToUpper(text)]; ok {
		return v, nil
	}
	v, err := strconv.Atoi(text)
	switch {
	case err != nil && strings.ContainsAny(text, "LW#"):
		return 0, fmt.Errorf("the specials L, W and # are not simulated; name the day")
	case err != nil:
		return 0, fmt.Errorf("%q is no value of %s", text, f.name)
	case v < f.low || v > f.high:
		return 0, fmt.Errorf("%d is not from %d to %d", v, f.low, f.high)
	}
	return v, nil
}
