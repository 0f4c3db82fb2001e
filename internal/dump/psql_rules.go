package dump

import (
	"fmt"
	"slices"
	"strings"
)

// PostgresTarget is the server that a PostgreSQL dump is loaded into.
type PostgresTarget struct {
	Settings map[string]bool // the names that SET takes
	// Extensions are those that are there, and whether a user who is no
	// superuser may create them.
	Extensions map[string]bool
}

// psAction is what becomes of one piece of a dump.
type psAction struct {
	sql      string // the statement to send; empty when it is left out
	rows     bool   // rows follow, to send or to skip
	database string // another database to connect to
}

// psRewriter adapts the pieces of a dump to the target, one after another.
type psRewriter struct {
	rewriter
	postgres  PostgresTarget
	database  string
	databases map[string]bool // that hold something of the dump
}

// mainDatabase is where a session begins; every cluster has it.
const mainDatabase = "postgres"

// serverDatabases belong to AWS or to the server.
var serverDatabases = []string{"rdsadmin", "template0", "template1"}

func newPsRewriter(t PostgresTarget) *psRewriter {
	return &psRewriter{postgres: t, database: mainDatabase, databases: map[string]bool{}}
}

func (r *psRewriter) inServerDatabase() bool { return slices.Contains(serverDatabases, r.database) }

// rewrite decides about one piece. What is impossible goes to refusals.
func (r *psRewriter) rewrite(p piece) psAction {
	if p.command {
		return r.command(p)
	}
	a := psAction{sql: p.text}
	switch first := p.tokens[0]; {
	case first.is("insert", "update", "delete", "select", "with"): // the bulk, and what only the server can judge
	case first.is("copy"):
		a = r.copy(p)
	case r.leftOut(p):
		a.sql = ""
	default:
		a.sql = r.adapt(p)
	}
	aboutDatabase := len(p.tokens) > 1 && p.tokens[0].is("create", "alter", "drop") && p.tokens[1].is("database")
	if r.inServerDatabase() && !aboutDatabase { // pg_dumpall makes databases from within template1
		return psAction{rows: a.rows}
	}
	if a.sql != "" && p.tokens[0].is("insert", "create", "copy") && !aboutDatabase {
		r.databases[r.database] = true
	}
	return a
}

// harmless are commands of psql that change what it prints.
var harmless = []string{`\echo`, `\qecho`, `\warn`, `\timing`, `\pset`, `\x`, `\t`, `\a`, `\restrict`, `\unrestrict`}

// command follows \connect; no other command of psql is ever executed, because
// psql is not there.
func (r *psRewriter) command(p piece) psAction {
	name, rest, _ := strings.Cut(p.text, " ")
	connects := name == `\c` || name == `\connect`
	switch {
	case p.within || strings.Contains(rest, `\`) && !(connects && strings.HasSuffix(rest, `"`)):
		r.refuse(p.line, "a command of psql within a statement, or two on one line; write each on a line of its own")
	case connects:
		database, err := connectName(rest)
		if err != nil {
			r.refuse(p.line, err.Error())
			return psAction{}
		}
		r.database = database
		if r.inServerDatabase() {
			r.note(p.line, "the server's own database left out", database, "")
			return psAction{}
		}
		return psAction{database: database}
	case name == `\restrict` || name == `\unrestrict`: // they keep psql from executing what is refused here anyway
	case slices.Contains(harmless, name), name == `\set` && strings.HasPrefix(rest, "ON_ERROR_"), name == `\set` && rest == "QUIET on":
		r.note(p.line, "command of psql left out", p.text, "")
	default:
		r.refuse(p.line, name+" is a command of psql, which only that program executes; take it out")
	}
	return psAction{}
}

// connectName reads the arguments of \connect: a name, plain or in double
// quotes, or the form that pg_dump writes for unusual names.
func connectName(args string) (string, error) {
	args = strings.TrimRight(strings.TrimSpace(args), "; \t")
	info := strings.HasPrefix(args, "-reuse-previous=on ")
	args = strings.TrimSpace(strings.TrimPrefix(args, "-reuse-previous=on "))
	name := args
	if inner, ok := strings.CutPrefix(args, `"`); ok && strings.HasSuffix(inner, `"`) && !strings.Contains(strings.ReplaceAll(inner[:len(inner)-1], `""`, ""), `"`) {
		name = strings.ReplaceAll(inner[:len(inner)-1], `""`, `"`)
	} else if strings.ContainsAny(args, " \t\"'") {
		return "", fmt.Errorf(`\connect takes the name of a database and nothing else here: who loads is the master user of this cluster`)
	}
	if info {
		value, ok := strings.CutPrefix(name, "dbname=")
		if !ok {
			return "", fmt.Errorf(`\connect takes the name of a database and nothing else here`)
		}
		if len(value) > 1 && value[0] == '\'' && value[len(value)-1] == '\'' {
			value = strings.NewReplacer(`\\`, `\`, `\'`, `'`).Replace(value[1 : len(value)-1])
		}
		return value, nil
	}
	if name == "" || name == "-" || strings.Contains(name, "=") || strings.Contains(name, "://") {
		return "", fmt.Errorf(`\connect needs the plain name of a database`)
	}
	return name, nil
}

// copy lets rows in from the dump itself and from nowhere else.
func (r *psRewriter) copy(p piece) psAction {
	depth := 0
	for i, t := range p.tokens {
		switch {
		case t.kind == psMark && t.text == "(":
			depth++
		case t.kind == psMark && t.text == ")":
			depth--
		case depth == 0 && t.is("from") && i+1 < len(p.tokens) && p.tokens[i+1].is("stdin"):
			if slices.ContainsFunc(p.tokens[i:], func(t psToken) bool { return t.is("binary") }) {
				r.refuse(p.line, "COPY in binary format; write the dump as text")
			}
			return psAction{sql: p.text, rows: true}
		case depth == 0 && t.is("from", "to"):
			r.refuse(p.line, "COPY reads or writes a file or a program; a dump to load brings its rows with FROM stdin; take it out")
			return psAction{}
		}
	}
	r.refuse(p.line, "COPY without FROM stdin; take it out")
	return psAction{}
}

// psRule leaves out, or refuses, statements that begin with these words; a word
// may have alternatives.
type psRule struct{ begins, what string }

const (
	accountLeftOut = "account left out (accounts come from the configuration)"
	policyLeftOut  = "row-level security left out (its roles come from the configuration)"
	foreignLeftOut = "foreign data left out (it lies outside this cluster)"
	replicationOut = "replication left out"
)

var psLeftOut = []psRule{
	{"create|alter|drop|import foreign", foreignLeftOut},
	{"create|alter|drop server", foreignLeftOut},
	{"create|alter|drop user mapping", foreignLeftOut},
	{"comment on server|foreign", foreignLeftOut},
	{"grant|revoke", accountLeftOut},
	{"create|alter|drop role|user|group", accountLeftOut},
	{"comment on role", accountLeftOut},
	{"alter default privileges", accountLeftOut},
	{"reassign|drop owned", accountLeftOut},
	{"set|reset session authorization", accountLeftOut},
	{"set|reset role", accountLeftOut},
	{"set local|session role", accountLeftOut},
	{"security label", "security label left out"},
	{"create|alter|drop event trigger", "event trigger left out (Aurora's master user may have them, a plain server's may not)"},
	{"comment on event trigger", "event trigger left out (Aurora's master user may have them, a plain server's may not)"},
	{"create|alter|drop publication|subscription", replicationOut},
	{"comment on publication|subscription", replicationOut},
	{"create|alter|drop policy", policyLeftOut},
	{"comment on policy", policyLeftOut},
	{"create|alter|drop tablespace", "tablespace left out"},
	{"comment on tablespace|extension", "comment on a part of the server left out"},
}

var psRefused = []psRule{
	{"alter system", "ALTER SYSTEM changes the server; a dump to load holds tables and rows; take it out"},
	{"load", "LOAD loads code into the server; take it out"},
}

func (r psRule) matches(tokens []psToken) bool {
	for i, alternatives := range strings.Fields(r.begins) {
		if i >= len(tokens) || !tokens[i].is(strings.Split(alternatives, "|")...) {
			return false
		}
	}
	return true
}

// leftOut finds the statements about what is not the data: accounts, and what
// belongs to the server or to others.
func (r *psRewriter) leftOut(p piece) bool {
	for _, rule := range psRefused {
		if rule.matches(p.tokens) {
			r.refuse(p.line, rule.what)
			return true
		}
	}
	for _, rule := range psLeftOut {
		if rule.matches(p.tokens) {
			r.note(p.line, rule.what, withoutPassword(p), "")
			return true
		}
	}
	if p.tokens[0].is("alter") && len(p.last) == 3 {
		switch l := p.last; {
		case l[0].is("owner") && l[1].is("to"):
			r.note(p.line, "owner left out (who loads owns it)", p.text, "")
			return true
		case l[0].is("row") && l[1].is("level") && l[2].is("security"):
			r.note(p.line, policyLeftOut, p.text, "")
			return true
		}
	}
	return false
}

// withoutPassword is a statement up to what could be a password.
func withoutPassword(p piece) string {
	for _, t := range p.tokens {
		if t.is("password", "options") {
			return strings.TrimSpace(p.text[:t.at])
		}
	}
	return p.text
}

// adapt changes what differs inside a statement that is loaded; empty leaves it
// out.
func (r *psRewriter) adapt(p piece) string {
	t := p.tokens
	is := func(i int, words ...string) bool { return i < len(t) && t[i].is(words...) }
	switch {
	case is(0, "set"):
		return r.setting(p)
	case is(0, "create") && is(1, "database"):
		return r.createDatabase(p)
	case is(0, "drop") && is(1, "database") && t[len(t)-1].text == mainDatabase:
		r.note(p.line, "the server's own database kept", p.text, "")
		return ""
	case is(0, "create") && is(1, "extension"):
		return r.createExtension(p)
	case is(0, "create") && is(1, "schema"):
		return r.createSchema(p)
	}
	return p.text
}

// notSettings are the words after SET that are not a setting's name.
var notSettings = []string{"time", "names", "transaction", "characteristics", "constraints", "schema", "xml", "seed"}

// setting leaves out what this server has no setting for: a newer pg_dump sets
// more than an older server knows.
func (r *psRewriter) setting(p piece) string {
	i := 1
	if len(p.tokens) > 2 && p.tokens[1].is("session", "local") {
		i = 2
	}
	if len(p.tokens) <= i+1 {
		return p.text
	}
	name, next := p.tokens[i].text, p.tokens[i+1]
	switch {
	case slices.Contains(notSettings, name), next.text == ".": // a customized setting
	case name == "standard_conforming_strings" && !strings.Contains(strings.ToLower(p.text[next.at:]), "on"):
		r.refuse(p.line, "a dump with backslashes in plain quotes; write it with standard_conforming_strings = on")
	case name == "default_tablespace" && !strings.HasSuffix(strings.TrimSpace(p.text), "''"):
		r.note(p.line, "tablespace left out", p.text, "")
		return ""
	case !r.postgres.Settings[name]:
		r.note(p.line, "setting that this server lacks left out", p.text, "")
		return ""
	}
	return p.text
}

// createDatabase keeps name, encoding and template; locales are this machine's,
// and sort orders are not rows.
func (r *psRewriter) createDatabase(p piece) string {
	t := p.tokens
	if len(t) < 3 {
		return p.text
	}
	if slices.Contains(append(serverDatabases, mainDatabase), t[2].text) {
		r.note(p.line, "the server's own database kept", p.text, "")
		return ""
	}
	out := "CREATE DATABASE " + quotePs(t[2].text) + " TEMPLATE template0"
	for i := 3; i < len(t); i++ {
		if t[i].kind != psWord || t[i].is("with") || i > 3 && t[i-1].text == "=" {
			continue
		}
		value := i + 1
		if value < len(t) && t[value].text == "=" {
			value++
		}
		if value >= len(t) {
			break
		}
		end := len(p.text)
		if value+1 < len(t) {
			end = t[value+1].at
		}
		option := strings.TrimSpace(p.text[t[i].at:end])
		switch {
		case t[i].is("encoding"):
			out += " " + option
		case !t[i].is("template"):
			r.note(p.line, "database option left out", option, "")
		}
		i = value
	}
	return out
}

// createExtension leaves out what this machine lacks or only a superuser may
// create, and takes the version that is there.
func (r *psRewriter) createExtension(p piece) string {
	i := 2
	for i < len(p.tokens) && p.tokens[i].is("if", "not", "exists") {
		i++
	}
	if i >= len(p.tokens) {
		return p.text
	}
	name := p.tokens[i].text
	trusted, there := r.postgres.Extensions[name]
	switch {
	case !there:
		r.note(p.line, "extension left out: this machine's server does not have it", name, "")
		return ""
	case !trusted:
		r.note(p.line, "extension left out: a plain server wants a superuser for it", name, "")
		return ""
	}
	out := "CREATE EXTENSION IF NOT EXISTS " + quotePs(name)
	for ; i+1 < len(p.tokens); i++ {
		switch {
		case p.tokens[i].is("schema"):
			out += " SCHEMA " + quotePs(p.tokens[i+1].text)
		case p.tokens[i].is("version"):
			r.note(p.line, "extension in the version of this server", name, "")
		}
	}
	return out
}

// createSchema lets public be there already, and every schema belong to who loads.
func (r *psRewriter) createSchema(p piece) string {
	t := p.tokens
	i := 2
	for i < len(t) && t[i].is("if", "not", "exists") {
		i++
	}
	if i >= len(t) {
		return p.text
	}
	if t[i].is("authorization") && i+1 < len(t) {
		r.note(p.line, "owner left out (who loads owns it)", p.text, "")
		return "CREATE SCHEMA IF NOT EXISTS " + quotePs(t[i+1].text)
	}
	text := p.text
	if i+2 < len(t) && t[i+1].is("authorization") {
		r.note(p.line, "owner left out (who loads owns it)", p.text, "")
		end := len(text)
		if i+3 < len(t) {
			end = t[i+3].at
		}
		text = text[:t[i+1].at] + text[end:]
	}
	if t[i].text == "public" && i == 2 {
		r.note(p.line, "schema that is there already", "public", "")
		text = "CREATE SCHEMA IF NOT EXISTS " + text[t[i].at:]
	}
	return text
}

func quotePs(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
