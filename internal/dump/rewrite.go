package dump

import (
	"slices"
	"strings"
)

// Rewrite is one place where a dump was changed to fit the server.
type Rewrite struct {
	Line int
	What string // the kind of change, the same words for each of a kind
	From string // as in the dump, shortened
	To   string // empty when it was left out
}

// Refusal is one place that the server would not take, or not take alike.
type Refusal struct {
	Line int
	What string // what is wrong and what to do
}

// rewriter adapts statements to a target, one after another.
type rewriter struct {
	target   Target
	rewrites []Rewrite
	refusals []Refusal
	schema   string          // chosen by the last USE
	schemas  map[string]bool // every one used
	homeless int             // line of the first statement that needs a schema before any USE; 0: none
}

// systemSchemas belong to the server, not to the user's data.
var systemSchemas = []string{"mysql", "sys", "performance_schema", "information_schema"}

// rewrite returns the statement for the target; empty when it is left out.
func (r *rewriter) rewrite(s Statement) string {
	if isData(s.Text) { // the bulk of a dump: nothing in it differs
		r.needsSchema(s.Line)
		if r.inSystemSchema() {
			return ""
		}
		return s.Text
	}
	e := edit{rewriter: r, tokens: tokenize(s), line: s.Line}
	before := len(r.rewrites)
	e.resolveComments()
	parts := len(r.rewrites)
	e.index()
	if len(e.live) == 0 {
		return ""
	}
	if e.leftOut() {
		r.rewrites = slices.Delete(r.rewrites, before, parts) // of its parts nobody needs to know
		return ""
	}
	e.apply()
	return e.String()
}

// isData tells an INSERT or REPLACE from everything else, without tokens.
func isData(text string) bool {
	return len(text) > 7 && (strings.EqualFold(text[:6], "INSERT") && isSpace(text[6]) ||
		strings.EqualFold(text[:7], "REPLACE") && isSpace(text[7]))
}

func (r *rewriter) inSystemSchema() bool {
	return slices.Contains(systemSchemas, strings.ToLower(r.schema))
}

func (r *rewriter) needsSchema(line int) {
	if r.schema == "" && r.homeless == 0 {
		r.homeless = line
	}
}

func (r *rewriter) note(line int, what, from, to string) {
	r.rewrites = append(r.rewrites, Rewrite{line, what, shorten(from, 70), to})
}

func (r *rewriter) refuse(line int, what string) {
	r.refusals = append(r.refusals, Refusal{line, what})
}

// shorten puts a text on one line of at most n characters.
func shorten(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return s
}

// edit is one statement being rewritten.
type edit struct {
	*rewriter
	tokens []token
	live   []int // indexes of the tokens that are neither blank nor comment marks
	line   int
}

func (e *edit) index() {
	e.live = e.live[:0]
	for i, t := range e.tokens {
		if t.kind == word || t.kind == name || t.kind == text || t.kind == mark {
			e.live = append(e.live, i)
		}
	}
}

func (e *edit) String() string {
	var b strings.Builder
	for _, t := range e.tokens {
		b.WriteString(t.text)
	}
	return b.String()
}

// at is the live token number k; past the end it is blank.
func (e *edit) at(k int) token {
	if k < 0 || k >= len(e.live) {
		return token{}
	}
	return e.tokens[e.live[k]]
}

// is tells whether live tokens from k on are these words or marks.
func (e *edit) is(k int, words ...string) bool {
	for i, w := range words {
		t := e.at(k + i)
		if t.kind != word && t.kind != mark || !strings.EqualFold(t.text, w) {
			return false
		}
	}
	return true
}

// isAny tells whether live token k is one of these words.
func (e *edit) isAny(k int, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return e.is(k, w) })
}

// erase takes out the live tokens from up to, not including, to, and returns
// what they were. Comment marks between them stay.
func (e *edit) erase(from, to int) string {
	var was []string
	for k := from; k < min(to, len(e.live)); k++ {
		t := &e.tokens[e.live[k]]
		was = append(was, t.text)
		*t = token{kind: blank, line: t.line}
	}
	return strings.Join(was, " ")
}

// closing is the number of the live token that closes the parenthesis at k.
func (e *edit) closing(k int) int {
	depth := 0
	for ; k < len(e.live); k++ {
		switch {
		case e.is(k, "("):
			depth++
		case e.is(k, ")"):
			depth--
			if depth == 0 {
				return k
			}
		}
	}
	return len(e.live)
}

// resolveComments takes out the version comments that this server must not
// execute. Which a MariaDB executes by itself depends on its release: newer
// ones skip those for MySQL 5.7 and later, older ones only those for 5.7.
func (e *edit) resolveComments() {
	for i := 0; i < len(e.tokens); i++ {
		if e.tokens[i].kind != opens || e.target.executes(e.tokens[i].text) {
			continue
		}
		open, content := i, ""
		for depth := 1; depth > 0 && i+1 < len(e.tokens); {
			i++
			switch e.tokens[i].kind {
			case opens:
				depth++
			case closes:
				depth--
			}
			if depth > 0 {
				content += e.tokens[i].text
			}
			e.tokens[i] = token{kind: blank, line: e.tokens[i].line}
		}
		e.dead(open, content)
	}
}

// dead replaces an opening mark whose content was taken out. The content that
// changes what the rest means stays as a plain word and is dealt with by its
// own rule.
func (e *edit) dead(open int, content string) {
	t := &e.tokens[open]
	mark, line := t.text, t.line
	*t = token{kind: blank, text: " ", line: line}
	switch upper := strings.ToUpper(shorten(content, 200)); {
	case strings.HasPrefix(content, `\-`): // the sandbox mark of mariadb-dump, for its own client
	case upper == "NOT ENFORCED" && e.target.MariaDB:
		*t = token{kind: word, text: notEnforced, line: line}
	case upper == "INVISIBLE":
		e.note(line, "made visible", content, "")
	case strings.Contains(upper, "ENCRYPTION"):
		e.note(line, "encryption left out", content, "")
	default:
		e.note(line, "part for another server left out", mark+content+"*/", "")
	}
}

// notEnforced stands in a token list for NOT ENFORCED; no name looks like it.
const notEnforced = "\x00NOT ENFORCED"

// executes is MySQL's and MariaDB's rule for "/*!" and a version.
func (t Target) executes(open string) bool {
	version := versionOf(open)
	if strings.HasPrefix(open, "/*M") {
		return t.MariaDB && version <= t.number()
	}
	if t.MariaDB && version >= 50700 && version <= 99999 {
		return false
	}
	return version <= t.number()
}
