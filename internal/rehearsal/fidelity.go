package rehearsal

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/jsonata"
	"github.com/dbferry/dbferry/internal/sim"
)

// Fidelity renders FIDELITY.md from the table of operations: what is simulated,
// after which source, and where it differs from AWS.
func Fidelity() ([]byte, error) {
	engine, err := jsonata.Load()
	if err != nil {
		return nil, err
	}
	s := &stage{w: awsworld.New(sim.New(begin), "eu-west-1", 0)}
	s.services(engine)
	var b bytes.Buffer
	b.WriteString(fidelityHead)
	service := ""
	for _, op := range s.w.Ops() {
		if op.Service != service {
			service = op.Service
			fmt.Fprintf(&b, "\n## %s\n\n| operation | action asked | source | differs from AWS |\n|---|---|---|---|\n", service)
		}
		name := op.Name
		if op.Internal {
			name += " (between services)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, cell(op.Action), cell(op.Source), cell(op.Differs))
	}
	return b.Bytes(), nil
}

const fidelityHead = `# Fidelity of the rehearsal

Generated from the table of operations (` + "`make golden`" + `); do not edit. Every call a
handler or a simulated service makes is one of these rows; any other fails by
name. Do not trust the rehearsal for durations (modelled), prices, texts of
messages that are marked unverified, and permissions that AWS asks for behind the
scenes and this table does not know.
`

func cell(text string) string {
	if text == "" {
		return "–"
	}
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}
