package scheduler

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Expression is a parsed schedule expression: rate(…), cron(…) or at(…), in
// the forms of the EventBridge Scheduler guide, "Schedule types". The day
// specials L, W and # of cron are refused by name.
type Expression struct {
	every time.Duration // rate
	once  time.Time     // at
	cron  *cron
	zone  *time.Location
}

type cron struct {
	minute, hour, dom, month, dow, year set
	anyDom, anyDow                      bool // "?" or "*": the other one decides
}

// set holds the allowed values of one field.
type set map[int]bool

var (
	rateForm = regexp.MustCompile(`^rate\(\s*([0-9]+)\s+(minute|minutes|hour|hours|day|days)\s*\)$`)
	cronForm = regexp.MustCompile(`^cron\((.*)\)$`)
	atForm   = regexp.MustCompile(`^at\(\s*([0-9T:-]+)\s*\)$`)
)

var units = map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}

// ParseExpression reads an expression whose times are in the named zone (IANA
// name; empty for UTC).
func ParseExpression(text, zone string) (*Expression, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("time zone %q of %s: %w", zone, text, err)
	}
	e := &Expression{zone: loc}
	switch m := []string(nil); {
	case match(rateForm, text, &m):
		e.every, err = parseRate(m[1], m[2])
	case match(atForm, text, &m):
		e.once, err = time.ParseInLocation("2006-01-02T15:04:05", m[1], loc)
	case match(cronForm, text, &m):
		e.cron, err = parseCron(m[1])
	default:
		err = fmt.Errorf("want rate(value unit), cron(minutes hours day month weekday year) or at(yyyy-mm-ddThh:mm:ss)")
	}
	if err != nil {
		return nil, fmt.Errorf("schedule expression %q: %w", text, err)
	}
	return e, nil
}

func match(re *regexp.Regexp, text string, m *[]string) bool {
	*m = re.FindStringSubmatch(text)
	return *m != nil
}

func parseRate(value, unit string) (time.Duration, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > 1_000_000 {
		return 0, fmt.Errorf("%q is not a rate", value)
	}
	return time.Duration(n) * units[strings.TrimSuffix(unit, "s")], nil
}

// Next is the first time after t at which the schedule fires; false when there
// is none. A rate counts from began. A time that a change to summer time skips
// does not come; one that is repeated comes once.
func (e *Expression) Next(began, t time.Time) (time.Time, bool) {
	switch {
	case e.every > 0:
		n := max(t.Sub(began)/e.every+1, 1)
		return began.Add(n * e.every), true
	case e.cron == nil:
		return e.once.UTC(), e.once.After(t)
	}
	local := t.In(e.zone)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, e.zone)
	for ; day.Year() <= maxYear; day = time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, e.zone) {
		if !e.cron.onDay(day) {
			continue
		}
		if at, ok := e.cron.within(day, t); ok {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

func (c *cron) onDay(d time.Time) bool {
	if !c.year[d.Year()] || !c.month[int(d.Month())] {
		return false
	}
	return (c.anyDom || c.dom[d.Day()]) && (c.anyDow || c.dow[int(d.Weekday())+1])
}

// within finds the first time of a day that is after t.
func (c *cron) within(day, t time.Time) (time.Time, bool) {
	for h := range 24 {
		for m := range 60 {
			if !c.hour[h] || !c.minute[m] {
				continue
			}
			at := firstOf(time.Date(day.Year(), day.Month(), day.Day(), h, m, 0, 0, day.Location()))
			if at.Hour() == h && at.Minute() == m && at.After(t) {
				return at, true
			}
		}
	}
	return time.Time{}, false
}

// firstOf is the first of two times that the clock shows alike when summer
// time ends.
func firstOf(t time.Time) time.Time {
	if before := t.Add(-time.Hour); before.Hour() == t.Hour() {
		return before
	}
	return t
}
