package iam

import (
	"encoding/json"
)

// Versions of the policy language. Policy variables exist only in the newer.
const (
	Version2012 = "2012-10-17"
	Version2008 = "2008-10-17"
)

// Effect is Allow or Deny.
type Effect string

// The two effects.
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// Document is a policy document. The zero value allows nothing.
type Document struct {
	Version    string // empty means Version2008, as in AWS
	ID         string
	Statements []Statement
}

// Statement is one statement. Of each pair X and NotX at most one is set.
type Statement struct {
	Sid          string
	Effect       Effect
	Principal    *Principals
	NotPrincipal *Principals
	Action       []string
	NotAction    []string
	Resource     []string
	NotResource  []string
	Condition    []Condition // sorted by operator, then key
}

// Principals is a Principal element: "*", or lists by type.
type Principals struct {
	Anyone  bool     // written as "*"
	AWS     []string // account ids, ARNs, or "*"
	Service []string // "backup.amazonaws.com"
}

// Condition is one operator applied to one key. All conditions of a statement
// must hold; of the values one must match (for a negated operator, none).
type Condition struct {
	Operator string // "ForAnyValue:StringLikeIfExists"
	Key      string // "aws:PrincipalOrgID"
	Values   []string
}

type jsonStatement struct {
	Sid          string `json:",omitempty"`
	Effect       Effect
	Principal    any                       `json:",omitempty"`
	NotPrincipal any                       `json:",omitempty"`
	Action       any                       `json:",omitempty"`
	NotAction    any                       `json:",omitempty"`
	Resource     any                       `json:",omitempty"`
	NotResource  any                       `json:",omitempty"`
	Condition    map[string]map[string]any `json:",omitempty"`
}

// MarshalJSON writes the statement as AWS reads it: single values without a
// list, conditions as nested objects.
func (s Statement) MarshalJSON() ([]byte, error) {
	out := jsonStatement{
		Sid: s.Sid, Effect: s.Effect,
		Principal: s.Principal.element(), NotPrincipal: s.NotPrincipal.element(),
		Action: oneOrMany(s.Action), NotAction: oneOrMany(s.NotAction),
		Resource: oneOrMany(s.Resource), NotResource: oneOrMany(s.NotResource),
	}
	for _, c := range s.Condition {
		if out.Condition == nil {
			out.Condition = map[string]map[string]any{}
		}
		if out.Condition[c.Operator] == nil {
			out.Condition[c.Operator] = map[string]any{}
		}
		if len(c.Values) == 0 {
			out.Condition[c.Operator][c.Key] = []string{}
			continue
		}
		out.Condition[c.Operator][c.Key] = oneOrMany(c.Values)
	}
	return json.Marshal(out)
}

// String is the statement as one line of JSON, to paste into a policy.
func (s Statement) String() string {
	b, err := s.MarshalJSON()
	if err != nil {
		return err.Error() // cannot happen: only strings are written
	}
	return string(b)
}

// MarshalJSON writes the document as AWS reads it.
func (d Document) MarshalJSON() ([]byte, error) {
	statements := d.Statements
	if statements == nil {
		statements = []Statement{}
	}
	return json.Marshal(struct {
		Version   string `json:",omitempty"`
		ID        string `json:"Id,omitempty"`
		Statement []Statement
	}{d.Version, d.ID, statements})
}

// UnmarshalJSON is ParseDocument, so that stored policies can be read back.
func (d *Document) UnmarshalJSON(raw []byte) error {
	parsed, err := ParseDocument(raw)
	if err == nil {
		*d = parsed
	}
	return err
}

func (p *Principals) element() any {
	switch {
	case p == nil:
		return nil
	case p.Anyone:
		return "*"
	}
	out := map[string]any{}
	if len(p.AWS) > 0 {
		out["AWS"] = oneOrMany(p.AWS)
	}
	if len(p.Service) > 0 {
		out["Service"] = oneOrMany(p.Service)
	}
	return out
}

func oneOrMany(list []string) any {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return list
}
