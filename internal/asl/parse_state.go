package asl

import (
	"strings"
	"unicode/utf8"

	"github.com/dbferry/dbferry/internal/jsonata"
)

func (p *parser) state(o *object, name string) *State {
	s := &State{Name: name, Path: o.path}
	if o.value.Kind() != jsonata.Object {
		o.wrong("a state must be an object, not a %s", o.value.Kind())
		return s
	}
	if n := utf8.RuneCountInString(name); n == 0 || n > MaxName {
		o.wrong("a state's name must have 1 to %d characters, not %d", MaxName, n)
	}
	if other, taken := p.names[name]; taken {
		o.wrong("the name %q is taken (%s); names are unique in the whole machine", name, other)
	}
	p.names[name] = o.path
	s.Type = o.needText("Type")
	s.Comment = o.text("Comment")
	if language := o.text("QueryLanguage"); language != "" && language != "JSONata" {
		o.wrong("QueryLanguage must be JSONata, not %q", language)
	}
	p.typed(o, s)
	o.done()
	return s
}

func (p *parser) typed(o *object, s *State) {
	switch s.Type {
	case "Pass":
		p.common(o, s)
	case "Task":
		p.common(o, s)
		p.errorHandling(o, s)
		s.Task = readTask(o)
	case "Choice":
		s.Choice = readChoice(o, s)
	case "Wait":
		p.common(o, s)
		s.Wait = readWait(o)
	case "Succeed":
		s.Output = o.template("Output", "Output")
	case "Fail":
		s.Fail = &Fail{
			Error: o.template("Error", "Error", jsonata.String),
			Cause: o.template("Cause", "Cause", jsonata.String),
		}
	case "Parallel":
		p.common(o, s)
		p.errorHandling(o, s)
		s.Parallel = p.readParallel(o)
	case "Map":
		p.common(o, s)
		p.errorHandling(o, s)
		s.Map = p.readMap(o)
	default:
		o.wrong("unknown Type %q", s.Type)
	}
}

// common reads the fields of every state that goes on to another.
func (p *parser) common(o *object, s *State) {
	s.Next, s.End = o.constant("Next"), o.bool("End")
	if (s.Next == "") != s.End {
		o.wrong("exactly one of Next and \"End\": true is needed")
	}
	s.Assign = o.assign("Assign")
	s.Output = o.template("Output", "Output")
}

func readTask(o *object) *Task {
	t := &Task{
		Resource:         o.needText("Resource"),
		Arguments:        o.template("Arguments", "Arguments"),
		Credentials:      o.template("Credentials", "Credentials", jsonata.Object),
		TimeoutSeconds:   o.seconds("TimeoutSeconds", 1),
		HeartbeatSeconds: o.seconds("HeartbeatSeconds", 1),
	}
	limit, beat := t.TimeoutSeconds, t.HeartbeatSeconds
	if limit != nil && beat != nil && limit.literal != nil && beat.literal != nil &&
		beat.literal.Number() >= limit.literal.Number() {
		o.wrong("HeartbeatSeconds must be smaller than TimeoutSeconds")
	}
	return t
}

func readChoice(o *object, s *State) *Choice {
	c := &Choice{Default: o.constant("Default")}
	s.Assign = o.assign("Assign")
	s.Output = o.template("Output", "Output")
	for i, r := range o.list("Choices") {
		field := "Choices[" + itoa(i) + "]/"
		r.text("Comment")
		rule := Rule{
			Condition: r.template("Condition", field+"Condition", jsonata.Bool),
			Next:      r.needText("Next"),
			Assign:    r.assign(field + "Assign"),
			Output:    r.template("Output", field+"Output"),
		}
		if rule.Condition == nil {
			r.wrong("Condition is missing")
		}
		r.done()
		c.Rules = append(c.Rules, rule)
	}
	if len(c.Rules) == 0 {
		o.wrong("Choices needs at least one rule")
	}
	return c
}

func readWait(o *object) *Wait {
	w := &Wait{Seconds: o.seconds("Seconds", 0), Timestamp: o.template("Timestamp", "Timestamp", jsonata.String)}
	if (w.Seconds == nil) == (w.Timestamp == nil) {
		o.wrong("exactly one of Seconds and Timestamp is needed")
	}
	if w.Timestamp != nil && w.Timestamp.literal != nil {
		if _, err := readTimestamp(w.Timestamp.literal.Text()); err != nil {
			o.wrong("Timestamp: %v", err)
		}
	}
	return w
}

func (p *parser) readParallel(o *object) *Parallel {
	out := &Parallel{Arguments: o.template("Arguments", "Arguments")}
	for _, b := range o.list("Branches") {
		out.Branches = append(out.Branches, p.machine(b, false))
	}
	if len(out.Branches) == 0 {
		o.wrong("Branches needs at least one branch")
	}
	return out
}

func (p *parser) errorHandling(o *object, s *State) {
	retries, catches := o.list("Retry"), o.list("Catch")
	for i, r := range retries {
		r.text("Comment")
		s.Retry = append(s.Retry, readRetrier(r, i == len(retries)-1))
		r.done()
	}
	for i, c := range catches {
		field := "Catch[" + itoa(i) + "]/"
		c.text("Comment")
		s.Catch = append(s.Catch, Catcher{
			ErrorEquals: readErrorEquals(c, i == len(catches)-1),
			Next:        c.needText("Next"),
			Assign:      c.assign(field + "Assign"),
			Output:      c.template("Output", field+"Output"),
		})
		c.done()
	}
}

func readRetrier(o *object, last bool) Retrier {
	r := Retrier{
		ErrorEquals:     readErrorEquals(o, last),
		IntervalSeconds: o.whole("IntervalSeconds", 1, maxSeconds, 1),
		MaxAttempts:     o.whole("MaxAttempts", 0, maxSeconds, 3),
		BackoffRate:     o.number("BackoffRate", 1, 2),
		MaxDelaySeconds: o.whole("MaxDelaySeconds", 1, maxDelaySeconds, 0),
		FullJitter:      o.oneOf("JitterStrategy", "NONE", "FULL") == "FULL",
	}
	if r.MaxDelaySeconds > 0 && r.MaxDelaySeconds <= r.IntervalSeconds {
		o.wrong("MaxDelaySeconds must be larger than IntervalSeconds")
	}
	return r
}

// readErrorEquals reads the names; States.ALL must stand alone and last.
func readErrorEquals(o *object, last bool) []string {
	v := o.get("ErrorEquals")
	if v == nil || v.Kind() != jsonata.Array || len(v.Items()) == 0 {
		o.wrong("ErrorEquals must be an array of error names, at least one")
		return nil
	}
	var names []string
	for _, item := range v.Items() {
		name := item.Text()
		if name == "" || strings.HasPrefix(name, "{%") {
			o.wrong("ErrorEquals holds %s, which is not an error name", item.JSON())
		}
		names = append(names, name)
		if name == ErrALL && (len(v.Items()) > 1 || !last) {
			o.wrong("States.ALL must stand alone and in the last place")
		}
	}
	return names
}
