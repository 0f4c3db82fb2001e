package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
)

// Template is one CloudFormation template, read but not yet resolved.
type Template struct {
	parameters map[string]parameter
	mappings   map[string]map[string]map[string]any
	conditions map[string]any
	rules      map[string]rule
	resources  map[string]rawResource
	outputs    map[string]rawOutput
}

type parameter struct {
	Type          string
	Default       any
	AllowedValues []any
}

type rule struct {
	RuleCondition any
	Assertions    []struct {
		Assert            any
		AssertDescription string
	}
}

type rawResource struct {
	Type                string
	Properties          map[string]any
	DependsOn           any
	DeletionPolicy      string
	UpdateReplacePolicy string
	Condition           string
	Metadata            map[string]any
}

type rawOutput struct {
	Value     any
	Export    map[string]any
	Condition string
}

// ParseTemplate reads a template in JSON. Sections and resource attributes
// that are not supported are refused by name, all at once.
func ParseTemplate(raw []byte) (*Template, error) {
	var sections map[string]json.RawMessage
	if err := decode(raw, &sections); err != nil {
		return nil, fmt.Errorf("the template is not a JSON object: %w", err)
	}
	t := &Template{}
	var p problems
	for _, name := range sortedKeys(sections) {
		if err := t.section(name, sections[name]); err != nil {
			p.add("%v", err)
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Template) section(name string, raw json.RawMessage) error {
	switch name {
	case "AWSTemplateFormatVersion", "Description", "Metadata":
		return nil
	case "Parameters":
		return each(name, raw, &t.parameters, "Type", "Default", "AllowedValues", "Description", "NoEcho",
			"AllowedPattern", "ConstraintDescription", "MinLength", "MaxLength", "MinValue", "MaxValue")
	case "Mappings":
		return within(name, decode(raw, &t.mappings))
	case "Conditions":
		return within(name, decode(raw, &t.conditions))
	case "Rules":
		return each(name, raw, &t.rules, "RuleCondition", "Assertions")
	case "Resources":
		return each(name, raw, &t.resources, "Type", "Properties", "DependsOn", "DeletionPolicy",
			"UpdateReplacePolicy", "Condition", "Metadata")
	case "Outputs":
		return each(name, raw, &t.outputs, "Value", "Export", "Condition", "Description")
	}
	return fmt.Errorf("section %s of the template is not supported", name)
}

// each reads a section of named entries whose attributes must be allowed ones.
func each[T any](section string, raw json.RawMessage, into *map[string]T, allowed ...string) error {
	var entries map[string]json.RawMessage
	if err := decode(raw, &entries); err != nil {
		return within(section, err)
	}
	*into = map[string]T{}
	var p problems
	for _, name := range sortedKeys(entries) {
		var attributes map[string]json.RawMessage
		if err := decode(entries[name], &attributes); err != nil {
			p.add("%s.%s: %v", section, name, err)
			continue
		}
		for _, a := range sortedKeys(attributes) {
			if !contains(allowed, a) {
				p.add("%s.%s: attribute %s is not supported", section, name, a)
			}
		}
		var entry T
		if err := decode(entries[name], &entry); err != nil {
			p.add("%s.%s: %v", section, name, err)
		}
		(*into)[name] = entry
	}
	return p.err()
}

func within(section string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", section, err)
	}
	return nil
}

// decode keeps numbers as they are written: 12 digits of an account must not
// become a float.
func decode(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is text after the JSON value")
	}
	return nil
}

// encode is compact JSON with sorted keys and nothing escaped for HTML.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil // only values that came from JSON are encoded here
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// problems collects everything that is wrong, so that one run shows it all.
type problems []string

func (p *problems) add(format string, args ...any) {
	*p = append(*p, fmt.Sprintf(format, args...))
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return errors.New(strings.Join(p, "\n"))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
