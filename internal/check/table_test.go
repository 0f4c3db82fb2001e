package check

import (
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/golden"
)

func TestTable(t *testing.T) {
	got := Table()
	golden.Equal(t, "../../docs/preflight.md", got)
	for _, c := range All() {
		if !strings.Contains(string(got), "`"+c.Name+"` |") {
			t.Errorf("docs/preflight.md has no row for %s", c.Name)
		}
	}
}
