package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Table is the Markdown table of every field, for docs/configuration.md.
func Table() string {
	var b strings.Builder
	b.WriteString("| field | type | needed | meaning |\n|---|---|---|---|\n")
	writeRows(&b, reflect.TypeFor[Config](), "")
	return b.String()
}

func writeRows(b *strings.Builder, t reflect.Type, path string) {
	for _, f := range fieldsOf(t) {
		if f.name == "$schema" {
			continue
		}
		needed := ""
		if f.required {
			needed = "yes"
		}
		at := join(path, f.name)
		name, inner := typeName(f.typ)
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", at, name, needed, strings.ReplaceAll(f.doc, "|", `\|`))
		if inner == nil {
			continue
		}
		if strings.HasPrefix(name, "list") {
			at += "[]"
		}
		writeRows(b, inner, at)
	}
}

// typeName is a type in the reader's words, and the struct within it, if any.
func typeName(t reflect.Type) (name string, inner reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Slice:
		of, inner := typeName(t.Elem())
		return "list of " + plural[of], inner
	case reflect.Struct:
		return "object", t
	case reflect.Int:
		return "number", nil
	case reflect.Bool:
		return "true or false", nil
	}
	return "text", nil
}

var plural = map[string]string{"object": "objects", "text": "text"}
