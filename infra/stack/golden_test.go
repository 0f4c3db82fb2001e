package stack

import (
	"testing"

	"github.com/dbferry/dbferry/internal/golden"
)

// TestTemplates keeps what would be deployed. Asset hashes change with the
// code and machines have their own goldens, so both are left out.
func TestTemplates(t *testing.T) {
	for _, stack := range []string{"dbferry-production", "dbferry-staging"} {
		raw := golden.HideHashes(load(t, stack).raw)
		raw = definitionString.ReplaceAll(raw, []byte(`"DefinitionString": "<statemachines>"`))
		golden.Equal(t, "../testdata/"+stack+".golden.json", append(raw, '\n'))
	}
}
