package config

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/golden"
)

// TestSchemaFile keeps dbferry.schema.json, which editors read.
func TestSchemaFile(t *testing.T) {
	golden.Equal(t, "../../dbferry.schema.json", Schema())
}

func TestTable(t *testing.T) {
	golden.Equal(t, "testdata/table.golden.md", []byte(Table()))
	doc, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), strings.TrimSpace(Table())) {
		t.Error("docs/configuration.md does not hold the table of testdata/table.golden.md")
	}
}

func TestEveryFieldIsExplained(t *testing.T) {
	for _, line := range strings.Split(strings.TrimSpace(Table()), "\n") {
		if strings.HasSuffix(line, "|  |") {
			t.Errorf("no doc tag: %s", line)
		}
	}
}

// TestLimitsAreUsed: a limit on a path that no longer exists limits nothing.
func TestLimitsAreUsed(t *testing.T) {
	known := map[string]bool{}
	var walk func(path string, s *schema)
	walk = func(path string, s *schema) {
		known[path] = true
		if s.Items != nil {
			walk(path+"[]", s.Items)
		}
		for _, p := range s.Properties {
			walk(join(path, p.name), p.node)
		}
	}
	walk("", rootSchema(t))
	for _, path := range slices.Sorted(maps.Keys(limits)) {
		if !known[path] {
			t.Errorf("there is no field %s", path)
		}
	}
}

func rootSchema(t *testing.T) *schema {
	t.Helper()
	var root schema
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	return &root
}

// UnmarshalJSON reads properties back, for the tests that look into a schema.
func (p *properties) UnmarshalJSON(raw []byte) error {
	var m map[string]*schema
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		*p = append(*p, property{name, m[name]})
	}
	return nil
}

// TestShippedExampleFitsTheSchema checks what the schema can say of the example:
// known fields, required ones, patterns and ranges.
func TestShippedExampleFitsTheSchema(t *testing.T) {
	raw, err := os.ReadFile("../../dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		t.Fatal(err)
	}
	fits(t, "", rootSchema(t), value)
}

func fits(t *testing.T, path string, s *schema, value any) {
	t.Helper()
	switch v := value.(type) {
	case map[string]any:
		fitsObject(t, path, s, v)
	case []any:
		if len(v) < s.MinItems || s.Items == nil {
			t.Errorf("%s: %d items", path, len(v))
			return
		}
		for _, x := range v {
			fits(t, path+"[]", s.Items, x)
		}
	case string:
		if s.Type != "string" || !regexp.MustCompile(s.Pattern).MatchString(v) || s.Enum != nil && !slices.Contains(s.Enum, v) {
			t.Errorf("%s: %q does not fit %+v", path, v, s)
		}
	case float64:
		if s.Type != "integer" || s.Minimum != nil && (int(v) < *s.Minimum || int(v) > *s.Maximum) {
			t.Errorf("%s: %v does not fit", path, v)
		}
	}
}

func fitsObject(t *testing.T, path string, s *schema, v map[string]any) {
	t.Helper()
	for _, name := range s.Required {
		if v[name] == nil {
			t.Errorf("%s has no %s", path, name)
		}
	}
	for name, x := range v {
		i := slices.IndexFunc(s.Properties, func(p property) bool { return p.name == name })
		if i < 0 {
			t.Errorf("%s: the schema does not know %s", path, name)
			continue
		}
		fits(t, join(path, name), s.Properties[i].node, x)
	}
}
