package eventpattern

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// object keeps the members of a JSON object in their written order, so that
// explanations follow the pattern as its author reads it.
type object []member

type member struct {
	name  string
	value any
}

// decode reads JSON into object, []any, string, json.Number, bool and nil. It
// refuses repeated names, which a Go map would silently merge.
func decode(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return decodeValue(d)
}

func decodeValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		return decodeObject(d)
	case json.Delim('['):
		return decodeArray(d)
	}
	return t, nil
}

func decodeObject(d *json.Decoder) (any, error) {
	obj := object{}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if seen[name] {
			return nil, fmt.Errorf("field %q is given twice", name)
		}
		seen[name] = true
		v, err := decodeValue(d)
		if err != nil {
			return nil, err
		}
		obj = append(obj, member{name, v})
	}
	_, err := d.Token()
	return obj, err
}

func decodeArray(d *json.Decoder) (any, error) {
	list := []any{}
	for d.More() {
		v, err := decodeValue(d)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.Token()
	return list, err
}

// render is the JSON text of a scalar, for messages.
func render(v any) string {
	switch v.(type) {
	case object:
		return "{…}"
	case []any:
		return "[…]"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	text := []rune(string(bytes.TrimSpace(b.Bytes())))
	if len(text) > 120 {
		return string(text[:119]) + "…"
	}
	return string(text)
}
