package migrate

import (
	"fmt"
	"strings"
)

// CheckTable is docs/migrate-checks.md: every check of a migration, one a row.
func CheckTable() []byte {
	var b strings.Builder
	b.WriteString(tableHead)
	for _, g := range checkGroups {
		fmt.Fprintf(&b, "\n## %s\n\n| check | of | proves | a pass does not promise | source |\n|---|---|---|---|---|\n", g.title)
		for _, c := range g.checks {
			of := "both"
			if c.Engine != "" {
				of = map[string]string{"aurora-mysql": "MySQL", "aurora-postgresql": "PostgreSQL"}[c.Engine]
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", c.Name, of, c.Proves, c.NotPromised, c.Source)
		}
	}
	return []byte(b.String())
}

// CheckNames are the names of all checks, in the order in which they are asked.
func CheckNames() (all []string) {
	for _, c := range checks() {
		all = append(all, c.Name)
	}
	return all
}

const tableHead = `# Checks of a migration

Generated from the checks (` + "`make golden`" + `); do not edit. *Plan the migration* asks all of them before anything is changed, and the plan has every answer with what was observed.
A problem refuses the migration; a warning stands in the plan; both come with the command that mends it. Sources are sections of [migration.md](migration.md).
`
