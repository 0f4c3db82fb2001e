package iam

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// ParseDocument reads a policy document and refuses, by name, whatever it could
// not evaluate faithfully: unknown elements and condition operators, repeated
// keys, wildcards where AWS takes none. What it accepts, Evaluate understands
// in full. Document.Check adds what depends on where the policy stands.
func ParseDocument(raw []byte) (Document, error) {
	var d Document
	var statements json.RawMessage
	err := eachMember(raw, func(key string, value json.RawMessage) error {
		switch key {
		case "Version":
			return readVersion(value, &d.Version)
		case "Id":
			return readString(value, &d.ID)
		case "Statement":
			statements = value
			return nil
		}
		return errors.New("is not an element of a policy document")
	})
	if err != nil {
		return Document{}, fmt.Errorf("policy document: %w", err)
	}
	if statements == nil {
		return Document{}, errors.New("policy document: has no Statement")
	}
	if d.Statements, err = parseStatements(statements, d.Version == Version2012); err != nil {
		return Document{}, fmt.Errorf("policy document: %w", err)
	}
	return d, nil
}

func readVersion(raw json.RawMessage, into *string) error {
	if err := readString(raw, into); err != nil {
		return err
	}
	if *into != Version2012 && *into != Version2008 {
		return fmt.Errorf("%q is not a version of the policy language; use %s", *into, Version2012)
	}
	return nil
}

func parseStatements(raw json.RawMessage, variables bool) ([]Statement, error) {
	list := []json.RawMessage{raw}
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, fmt.Errorf("statements: %w", err)
		}
	}
	var out []Statement
	seen := map[string]bool{}
	for i, one := range list {
		s, err := parseStatement(one, variables)
		if err == nil && s.Sid != "" && seen[s.Sid] {
			err = errors.New("its Sid stands twice; a Sid is unique within a policy")
		}
		if err != nil {
			return nil, fmt.Errorf("statement %d%s: %w", i+1, inParentheses(s.Sid), err)
		}
		seen[s.Sid] = true
		out = append(out, s)
	}
	return out, nil
}

func inParentheses(sid string) string {
	if sid == "" {
		return ""
	}
	return " (" + strconv.Quote(sid) + ")"
}

func parseStatement(raw json.RawMessage, variables bool) (Statement, error) {
	var s Statement
	err := eachMember(raw, func(key string, value json.RawMessage) error {
		switch key {
		case "Sid":
			return readString(value, &s.Sid)
		case "Effect":
			return readString(value, (*string)(&s.Effect))
		case "Principal":
			return readPrincipals(value, &s.Principal)
		case "NotPrincipal":
			return readPrincipals(value, &s.NotPrincipal)
		case "Action":
			return readList(value, &s.Action, checkAction)
		case "NotAction":
			return readList(value, &s.NotAction, checkAction)
		case "Resource":
			return readList(value, &s.Resource, checkResource(variables))
		case "NotResource":
			return readList(value, &s.NotResource, checkResource(variables))
		case "Condition":
			return readConditions(value, &s.Condition, variables)
		}
		return errors.New("is not an element of a statement")
	})
	if err != nil {
		return s, err
	}
	return s, s.checkElements()
}

func (s Statement) checkElements() error {
	switch {
	case s.Effect != Allow && s.Effect != Deny:
		return fmt.Errorf("Effect %q is neither Allow nor Deny", s.Effect)
	case (s.Action == nil) == (s.NotAction == nil):
		return errors.New("needs exactly one of Action and NotAction")
	case s.Resource != nil && s.NotResource != nil:
		return errors.New("has both Resource and NotResource")
	case s.Principal != nil && s.NotPrincipal != nil:
		return errors.New("has both Principal and NotPrincipal")
	case s.NotPrincipal != nil && s.Effect == Allow:
		return errors.New("NotPrincipal with Allow is not supported by AWS; name the principals instead")
	}
	return nil
}

// Check tells whether the document can stand on the given side: only resource
// policies name principals, and only they may leave the resource out.
func (d Document) Check(side PolicyType) error {
	for i, s := range d.Statements {
		where := fmt.Sprintf("%s, statement %d%s", side, i+1, inParentheses(s.Sid))
		named := s.Principal != nil || s.NotPrincipal != nil
		switch {
		case side == ResourcePolicy && !named:
			return fmt.Errorf("%s: has no Principal; a resource policy says whom it is about", where)
		case side != ResourcePolicy && named:
			return fmt.Errorf("%s: names a principal; the policy applies to whom it is attached to", where)
		case side != ResourcePolicy && s.Resource == nil && s.NotResource == nil:
			return fmt.Errorf("%s: has no Resource", where)
		}
	}
	return nil
}

// eachMember walks the members of a JSON object in order. It exists because
// encoding/json lets the last of two equal keys win, silently, and ignores case.
func eachMember(raw []byte, visit func(key string, value json.RawMessage) error) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return cmp.Or(err, errors.New("is not a JSON object"))
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
		if seen[key] {
			return fmt.Errorf("%q: stands twice", key)
		}
		seen[key] = true
		if err := visit(key, value); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("has text after the JSON object")
	}
	return nil
}

func readString(raw json.RawMessage, into *string) error {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("%s is not a string", raw)
	}
	*into = s
	return nil
}

// readList reads a string or a list of strings, at least one.
func readList(raw json.RawMessage, into *[]string, check func(string) error) error {
	list, err := scalars(raw, false)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("lists nothing")
	}
	for _, s := range list {
		if err := check(s); err != nil {
			return err
		}
	}
	*into = list
	return nil
}

// scalars reads one scalar or a list of them as strings; booleans and numbers
// (which AWS takes in conditions, as written) only when allowed.
func scalars(raw json.RawMessage, loose bool) ([]string, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []string
	for _, v := range list {
		s, ok := scalar(v, loose)
		if !ok {
			return nil, fmt.Errorf("%s is not a string or a list of strings", raw)
		}
		out = append(out, s)
	}
	return out, nil
}

func scalar(v any, loose bool) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), loose
	case json.Number:
		return v.String(), loose
	}
	return "", false
}

func readConditions(raw json.RawMessage, into *[]Condition, variables bool) error {
	var list []Condition
	err := eachMember(raw, func(operator string, keys json.RawMessage) error {
		op, err := parseOperator(operator)
		if err != nil {
			return err
		}
		return eachMember(keys, func(key string, values json.RawMessage) error {
			if key == "" {
				return errors.New("is not a condition key")
			}
			vs, err := scalars(values, true)
			if err != nil {
				return err
			}
			list = append(list, Condition{operator, key, vs})
			return op.checkValues(vs, variables)
		})
	})
	slices.SortFunc(list, compareConditions)
	*into = list
	return err
}

func compareConditions(a, b Condition) int {
	return cmp.Or(cmp.Compare(a.Operator, b.Operator), cmp.Compare(a.Key, b.Key))
}
