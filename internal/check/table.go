package check

import (
	"fmt"
	"strings"
)

// Table is docs/preflight.md: every check, one a row.
func Table() []byte {
	var b strings.Builder
	b.WriteString(tableHead)
	for _, group := range tableGroups {
		var rows []Check
		for _, c := range All() {
			if c.Side == group.side && c.Scope == group.scope {
				rows = append(rows, c)
			}
		}
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| check | proves | a pass does not promise |\n|---|---|---|\n", group.title, group.when)
		for _, c := range rows {
			fmt.Fprintf(&b, "| <a id=%q></a>`%s` | %s | %s |\n", c.Name, c.Name, tableCell(c.Proves), tableCell(c.NotPromised))
		}
	}
	return []byte(b.String())
}

func tableCell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

var tableGroups = []struct {
	side        Side
	scope       Scope
	title, when string
}{
	{Production, Ground, "Production, before any deployment", "Asked by `dbferry check` with production's profile, and by *check-ground* at the beginning of every refresh."},
	{Target, Ground, "Target, before any deployment", "Asked by `dbferry check` with the target's profile, and by `staging-ready` every 12 hours."},
	{Both, Ground, "Both sides together, before any deployment", "Production's facts beside the target's. `dbferry check` reads both; *check-ground* takes the target's from `ready.json`."},
	{Organization, Ground, "Organization", "Asked by `dbferry check` only, with `--management-profile`: no other account may read it."},
	{Production, Deployed, "Production, once its stack is deployed", "Asked by `dbferry check` when the stack is there, and by *check-ground*."},
	{Target, Deployed, "Target, once its stack is deployed", "Asked by `dbferry check` when the stack is there, and by `staging-ready`."},
}

const tableHead = `# Preflight

Generated from the checks (` + "`make golden`" + `); do not edit. One row is one file of [internal/check](../internal/check). Each check says, for every
resource, one of five things:

| | means | stops a refresh |
|---|---|---|
| proved | what was observed | no |
| problem | what is wrong, and the command that mends it | **yes**, before anything is begun |
| hinders | what would stop a switch of the target's applications, and what mends it | no |
| not proved | it could not be read or evaluated, and why; never counted as a pass | no |
| not asked | the stack is not deployed yet, or the configuration has nothing that the check is about | no |

Policies (of keys, vaults and roles) are evaluated with their conditions, by the same code as in the rehearsal; what a service control policy forbids, only
AWS's answer shows. Not asked, because it cannot be known beforehand or not with little permission: whether security groups and function subnets exist (no
step may look into EC2), free addresses in subnets, the quota of DynamoDB tables, and whether a restored name is free (it holds the id of a refresh that does not exist yet; a stranger's resource of that name
ends the restore in Ferry.NameTaken). Restored names fit into 63 and 255 characters by the way they are made.
`
