package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// Schema is the JSON Schema of dbferry.json, for editors: field names, meaning,
// forms and limits. It is made from the types and their doc tags; Validate
// remains the judge, since a schema cannot say "no account twice".
func Schema() []byte {
	root := schemaOf(reflect.TypeFor[Config](), "")
	root.Dialect = "http://json-schema.org/draft-07/schema#"
	root.Title = "dbferry configuration"
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		panic(err) // our own types
	}
	return out.Bytes()
}

// schema is one node of a JSON Schema of draft 7, the newest that common
// editors know.
type schema struct {
	Dialect     string     `json:"$schema,omitempty"`
	Title       string     `json:"title,omitempty"`
	Description string     `json:"description,omitempty"`
	Type        string     `json:"type"`
	Pattern     string     `json:"pattern,omitempty"`
	Enum        []string   `json:"enum,omitempty"`
	Minimum     *int       `json:"minimum,omitempty"`
	Maximum     *int       `json:"maximum,omitempty"`
	MinItems    int        `json:"minItems,omitempty"`
	Items       *schema    `json:"items,omitempty"`
	Properties  properties `json:"properties,omitempty"`
	Required    []string   `json:"required,omitempty"`
	OneOf       []oneOf    `json:"oneOf,omitempty"`
	Additional  *bool      `json:"additionalProperties,omitempty"`
}

type oneOf struct {
	Required []string `json:"required"`
}

// properties keep the order of the struct, in which the fields are explained.
type properties []property

type property struct {
	name string
	node *schema
}

// MarshalJSON writes an object in the list's order.
func (p properties) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, f := range p {
		if i > 0 {
			out.WriteByte(',')
		}
		var value bytes.Buffer
		e := json.NewEncoder(&value)
		e.SetEscapeHTML(false)
		if err := e.Encode(f.node); err != nil {
			return nil, err
		}
		name, err := json.Marshal(f.name)
		if err != nil {
			return nil, err
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(value.Bytes())
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// schemaOf describes a type that stands at a path such as
// "targets[].network.vpc".
func schemaOf(t reflect.Type, path string) *schema {
	node := &schema{}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem(), path)
	case reflect.Struct:
		node.Type, node.Additional = "object", new(bool)
		for _, f := range fieldsOf(t) {
			child := schemaOf(f.typ, join(path, f.name))
			child.Description = f.doc
			node.Properties = append(node.Properties, property{f.name, child})
			if f.required {
				node.Required = append(node.Required, f.name)
			}
		}
	case reflect.Slice:
		node.Type, node.Items = "array", schemaOf(t.Elem(), path+"[]")
	case reflect.Int:
		node.Type = "integer"
	case reflect.Bool:
		node.Type = "boolean"
	default:
		node.Type = "string"
	}
	if limit, ok := limits[path]; ok {
		limit(node)
	}
	return node
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// field is a field of a configuration struct, as JSON has it.
type field struct {
	name     string
	doc      string
	typ      reflect.Type
	required bool
}

func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		out = append(out, field{name: name, doc: f.Tag.Get("doc"), typ: f.Type, required: !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero")})
	}
	return out
}

// limits are what Validate checks and a schema can say, by path. The regular
// expressions are Validate's own.
var limits = map[string]func(*schema){
	"region":                                     pattern(region.String()),
	"organizationId":                             pattern(orgID.String()),
	"production.account":                         pattern(accountID.String()),
	"production.notify[]":                        pattern("@"),
	"targets":                                    atLeastOne,
	"targets[].name":                             pattern(targetName.String()),
	"targets[].account":                          pattern(accountID.String()),
	"targets[].bus":                              func(s *schema) { s.Enum = []string{"", "default"} },
	"targets[].notify[]":                         pattern("@"),
	"targets[].schedule":                         pattern("^$|" + scheduleExp.String()),
	"targets[].network.vpc":                      pattern(vpcID.String()),
	"targets[].network.dbSubnetGroup":            pattern("."),
	"targets[].network.functionSubnets":          atLeastOne,
	"targets[].network.functionSubnets[]":        pattern(subnetID.String()),
	"targets[].network.databaseSecurityGroups":   atLeastOne,
	"targets[].network.databaseSecurityGroups[]": pattern(groupID.String()),
	"targets[].clusters[].match":                 pattern("."),
	"targets[].clusters[].instanceClass":         pattern(`^$|^db\.`),
	"targets[].clusters[].instances":             between(0, 16),
	"targets[].clusters[].masterSecret":          pattern("."),
	"targets[].clusters[].logins[].user":         pattern("."),
	"targets[].clusters[].logins[].secret":       pattern("."),
	"targets[].clusters[].backupRetentionDays":   between(0, 35),
	"targets[].clusters[].backtrackHours":        between(0, 72),
	"targets[].clusters[].storageType":           oneOfThese(storageTypes),
	"targets[].clusters[].maxACU":                between(0, 256),
	"targets[].clusters[].maxReplicas":           between(0, 15),
	"targets[].clusters[].monitoringRole":        pattern("^$|" + roleARN.String()),
	"targets[].clusters[].databaseInsights":      oneOfThese(insights),
	"targets[].clusters[].roles[].role":          pattern(roleARN.String()),
	"targets[].clusters[].alarms":                oneOfThese(alarmModes),
	"targets[].tables[].match":                   pattern("."),
	"targets[].tables[].tableClass":              oneOfThese(tableClasses),
	"targets[].tables[].billingMode":             oneOfThese(billingModes),
	"targets[].tables[].maxCapacity":             func(s *schema) { s.Minimum = new(int) },
	"targets[].tables[].alarms":                  oneOfThese(alarmModes),
	"dataSet.clusters[]":                         exactlyOne,
	"dataSet.clusters[].id":                      pattern(clusterID.String()),
	"dataSet.tables[]":                           exactlyOne,
	"dataSet.tables[].id":                        pattern(tableName.String()),
	"dataSet.clusters[].tag.key":                 pattern("."),
	"dataSet.tables[].tag.key":                   pattern("."),
	"limits.spreadMinutes":                       between(0, 1440),
	"limits.retentionDays":                       between(0, 365),
}

func pattern(p string) func(*schema) { return func(s *schema) { s.Pattern = p } }

func between(low, high int) func(*schema) {
	return func(s *schema) { s.Minimum, s.Maximum = &low, &high }
}

func oneOfThese(values []string) func(*schema) { return func(s *schema) { s.Enum = values } }

func atLeastOne(s *schema) { s.MinItems = 1 }

// exactlyOne asks for one field and no second one.
func exactlyOne(s *schema) {
	for _, p := range s.Properties {
		s.OneOf = append(s.OneOf, oneOf{Required: []string{p.name}})
	}
}
