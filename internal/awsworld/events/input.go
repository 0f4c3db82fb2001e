package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/dbferry/dbferry/internal/awsworld"
)

var (
	pathForm    = regexp.MustCompile(`^\$(\.[A-Za-z0-9_-]+)*$`)
	placeholder = regexp.MustCompile(`<(aws\.events\.[a-z.-]+|[A-Za-z0-9_-]+)>`)
)

// check refuses a transformer that PutTargets would refuse, and paths beyond
// plain field names.
func (t *Transformer) check() error {
	if t == nil {
		return nil
	}
	if len(t.Paths) > maxPaths || len(t.Template) > maxTemplate {
		return awsworld.Errorf("ValidationException", "an input transformer has at most %d paths and a template of %d characters", maxPaths, maxTemplate)
	}
	for name, path := range t.Paths {
		if !pathForm.MatchString(path) {
			return &awsworld.Unsimulated{Service: serviceID, Operation: fmt.Sprintf("the path %s of %s in an input transformer", path, name)}
		}
	}
	for _, m := range placeholder.FindAllStringSubmatch(t.Template, -1) {
		if _, ok := t.Paths[m[1]]; !ok && !strings.HasPrefix(m[1], "aws.events.") {
			return awsworld.Errorf("ValidationException", "InputTemplate uses <%s>, which InputPathsMap does not define", m[1])
		}
	}
	return nil
}

// input is what the target receives.
func (t Target) input(r *rule, e Event) ([]byte, error) {
	raw := e.JSON()
	switch {
	case t.Input != "":
		return []byte(t.Input), nil
	case t.InputPath != "":
		got, ok := lookUp(raw, t.InputPath)
		if !ok {
			return nil, fmt.Errorf("the event has no %s", t.InputPath)
		}
		return got, nil
	case t.Transformer != nil:
		return t.Transformer.render(r, e, raw), nil
	}
	return raw, nil
}

// render fills the template. A value inside quotes goes in as text without its
// own quotes, elsewhere as JSON; a path that finds nothing gives an empty text
// (EventBridge guide, "Input transformation").
func (t *Transformer) render(r *rule, e Event, raw []byte) []byte {
	var out bytes.Buffer
	last, quoted := 0, false
	for _, at := range placeholder.FindAllStringSubmatchIndex(t.Template, -1) {
		before := t.Template[last:at[0]]
		quoted = quotes(before, quoted)
		out.WriteString(before)
		out.Write(t.fill(t.Template[at[2]:at[3]], quoted, r, e, raw))
		last = at[1]
	}
	out.WriteString(t.Template[last:])
	return out.Bytes()
}

// quotes tells whether text ends inside a JSON string.
func quotes(text string, inside bool) bool {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == '"':
			inside = !inside
		}
	}
	return inside
}

func (t *Transformer) fill(name string, quoted bool, r *rule, e Event, raw []byte) []byte {
	var value []byte
	switch name {
	case "aws.events.event", "aws.events.event.json":
		value = raw
	case "aws.events.rule-arn":
		value = fmt.Appendf(nil, "%q", r.arn)
	case "aws.events.rule-name":
		value = fmt.Appendf(nil, "%q", r.Name)
	case "aws.events.event.ingestion-time":
		value = fmt.Appendf(nil, "%q", e.Time.Format("2006-01-02T15:04:05Z"))
	default:
		value, _ = lookUp(raw, t.Paths[name])
	}
	if !quoted {
		return value
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		text = string(value)
	}
	escaped, err := json.Marshal(text)
	if err != nil {
		return nil
	}
	return escaped[1 : len(escaped)-1]
}

// lookUp follows a path of field names.
func lookUp(raw []byte, path string) (json.RawMessage, bool) {
	value := json.RawMessage(raw)
	for _, name := range strings.Split(strings.TrimPrefix(strings.TrimPrefix(path, "$"), "."), ".") {
		if name == "" {
			continue
		}
		var fields map[string]json.RawMessage
		if json.Unmarshal(value, &fields) != nil {
			return nil, false
		}
		next, ok := fields[name]
		if !ok {
			return nil, false
		}
		value = next
	}
	return value, true
}
