package dump

import (
	"slices"
	"strings"
)

// leftOut keeps track of the schema and tells whether the whole statement is
// not for this server.
func (e *edit) leftOut() bool {
	switch {
	case e.is(0, "USE"):
		return e.use()
	case e.is(0, "CREATE", "DATABASE"), e.is(0, "CREATE", "SCHEMA"), e.is(0, "DROP", "DATABASE"), e.is(0, "DROP", "SCHEMA"),
		e.is(0, "ALTER", "DATABASE"), e.is(0, "ALTER", "SCHEMA"):
		return slices.Contains(systemSchemas, strings.ToLower(e.schemaNamed()))
	case e.inSystemSchema():
		return true
	case e.isAny(0, "SET"):
		return e.serverSetting()
	case e.administration():
		return true
	}
	if !e.isAny(0, "LOCK", "UNLOCK", "START", "COMMIT", "BEGIN", "FLUSH") {
		e.needsSchema(e.line)
	}
	return false
}

func (e *edit) use() bool {
	e.schema = unquote(e.at(1).text)
	if e.inSystemSchema() {
		e.note(e.line, "the server's own schema left out", e.schema, "")
		return true
	}
	e.schemas[e.schema] = true
	return false
}

// schemaNamed is the name after CREATE DATABASE IF NOT EXISTS and the like.
func (e *edit) schemaNamed() string {
	for k := 2; k < len(e.live); k++ {
		if t := e.at(k); t.kind == name || !e.isAny(k, "IF", "NOT", "EXISTS") {
			return unquote(t.text)
		}
	}
	return ""
}

// serverSetting finds the SET statements that belong to replication. MariaDB
// does not know them, and on MySQL they would change what the server is.
func (e *edit) serverSetting() bool {
	for k := range e.live {
		for _, setting := range []string{"GTID_PURGED", "SQL_LOG_BIN", "GTID_MODE"} {
			if e.is(k, setting) {
				e.note(e.line, "replication setting left out", e.String(), "")
				return true
			}
		}
	}
	return e.is(1, "PASSWORD") && e.account()
}

// administration finds statements about accounts, replication and the server.
func (e *edit) administration() bool {
	switch {
	case e.isAny(0, "GRANT", "REVOKE"):
		return e.account()
	case e.isAny(0, "CREATE", "ALTER", "DROP", "RENAME") && e.isAny(1, "USER", "ROLE"):
		return e.account()
	case e.is(0, "CHANGE"), e.isAny(0, "START", "STOP", "RESET") && e.isAny(1, "SLAVE", "REPLICA", "MASTER"):
		e.note(e.line, "replication setting left out", e.String(), "")
		return true
	case e.isAny(0, "SOURCE", "SYSTEM", "PAGER", "TEE", `\`):
		e.refuse(e.line, "a command of the mysql client, which only that program executes; take it out")
		return true
	case e.isAny(0, "SHUTDOWN", "RESTART", "INSTALL", "UNINSTALL", "CLONE", "IMPORT", "LOAD", "KILL"):
		e.refuse(e.line, e.at(0).text+" changes the server or reads its files; a dump to load holds tables and rows; take it out")
		return true
	}
	return false
}

func (e *edit) account() bool {
	e.note(e.line, "account left out (accounts come from the configuration)", accountWords(e), "")
	return true
}

// accountWords is the statement without what could be a password or its hash.
func accountWords(e *edit) string {
	var words []string
	for k := range e.live {
		if e.isAny(k, "IDENTIFIED", "PASSWORD", "BY", "AS") {
			break
		}
		words = append(words, e.at(k).text)
	}
	return strings.ReplaceAll(strings.Join(words, " "), " @ ", "@")
}

// apply changes what differs inside a statement that is loaded.
func (e *edit) apply() {
	e.stripDefiner()
	if !e.target.MariaDB {
		return
	}
	e.collations()
	if table := e.is(0, "CREATE", "TABLE") || e.is(0, "CREATE", "TEMPORARY", "TABLE"); table || e.is(0, "ALTER", "TABLE") ||
		e.is(0, "CREATE", "DATABASE") || e.is(0, "CREATE", "SCHEMA") || e.is(0, "ALTER", "DATABASE") {
		e.options()
		if table {
			e.index()
			e.createTable()
		}
	}
	e.functionalIndex()
	for _, t := range e.tokens {
		if t.text == notEnforced {
			e.refuse(t.line, "a check that is not enforced can be left out of CREATE TABLE only; take it out")
		}
	}
}

// stripDefiner lets views, triggers and routines belong to who loads them: the
// account they name is not there.
func (e *edit) stripDefiner() {
	if !e.isAny(0, "CREATE", "ALTER") {
		return
	}
	for k := 1; k < len(e.live); k++ {
		if e.isAny(k, "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "TABLE") {
			return
		}
		if !e.is(k, "DEFINER", "=") {
			continue
		}
		end := k + 3
		switch {
		case e.is(end, "@"):
			end += 2
		case e.is(end, "(", ")"): // CURRENT_USER()
			end += 2
		}
		line := e.at(k).line
		e.note(line, "definer left out", strings.ReplaceAll(e.erase(k, end), " ", ""), "")
		e.index()
		return
	}
}

// collations renames those the server lacks, where a name of one can stand.
func (e *edit) collations() {
	for k, i := range e.live {
		t := &e.tokens[i]
		if t.kind != word && !(t.kind == text && (e.is(k-1, "COLLATE") || e.is(k-1, "="))) {
			continue
		}
		was := unquote(t.text)
		if nearest, ok := e.target.nearestCollation(was); ok {
			e.note(t.line, "collation", was, nearest)
			t.text = strings.Replace(t.text, was, nearest, 1)
		}
	}
}

// mysqlOptions are options of tables and schemas that MariaDB lacks and that
// say nothing about rows.
var mysqlOptions = []string{"ENCRYPTION", "COMPRESSION", "AUTOEXTEND_SIZE", "SECONDARY_ENGINE", "ENGINE_ATTRIBUTE",
	"SECONDARY_ENGINE_ATTRIBUTE"}

// options takes out "[DEFAULT] NAME = value". Without the equals sign it is a
// column of that name, except for COLUMN_FORMAT.
func (e *edit) options() {
	for k := 0; k < len(e.live); k++ {
		from, to := k, k+3
		switch {
		case e.is(k, "COLUMN_FORMAT") && e.isAny(k+1, "FIXED", "DYNAMIC", "DEFAULT"):
			to--
		case e.isAny(k, mysqlOptions...) && e.is(k+1, "="):
		default:
			continue
		}
		if e.is(k-1, "DEFAULT") {
			from--
		}
		what := "option left out"
		if e.is(k, "ENCRYPTION") {
			what = "encryption left out"
		}
		line := e.at(k).line
		e.note(line, what, e.erase(from, to), "")
	}
}

// functionalIndex refuses a key part that is an expression; leaving it out
// would let rows in that a unique one forbids.
func (e *edit) functionalIndex() {
	if !e.is(0, "CREATE", "INDEX") && !e.is(0, "CREATE", "UNIQUE", "INDEX") && !e.is(0, "ALTER", "TABLE") {
		return
	}
	for k := range e.live {
		if e.isAny(k, "INDEX", "KEY") && !e.is(k-1, "DROP") {
			e.refuseExpressionPart(k, len(e.live))
		}
	}
}

// refuseExpressionPart looks at the parenthesis that follows a key's name.
func (e *edit) refuseExpressionPart(from, to int) {
	for k := from; k < to; k++ {
		if !e.is(k, "(") {
			continue
		}
		end := e.closing(k)
		for part := k; part < end; part++ {
			if (part == k || e.is(part, ",")) && e.is(part+1, "(") {
				e.refuse(e.at(part).line, "an index on an expression, which MariaDB does not have; use a generated column, or load into MySQL 8 (a mysqld in PATH is preferred)")
				return
			}
			if part > k && e.is(part, "(") {
				part = e.closing(part)
			}
		}
		return
	}
}
