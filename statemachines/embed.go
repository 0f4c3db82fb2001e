// Package statemachines carries the Amazon States Language of every machine, as
// it is deployed. The files hold no ARN, account or Region: ${Name} stands for
// what the stack substitutes.
package statemachines

import (
	"embed"
	"strings"
)

//go:embed *.asl.json
var files embed.FS

// Names lists the machines, sorted.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // embedded
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), ".asl.json"))
	}
	return out
}

// Definition is the text of a machine; a name that does not exist panics.
func Definition(name string) string {
	raw, err := files.ReadFile(name + ".asl.json")
	if err != nil {
		panic("statemachines: there is no machine " + name)
	}
	return string(raw)
}
