package dump

import (
	"strconv"
	"strings"
)

// kind of a token. Spaces and comments are tokens too, so that the tokens of a
// statement put together again are the statement.
type kind byte

const (
	blank  kind = iota // spaces, comments, and what was taken out
	word               // keyword, plain name or number
	name               // `quoted name`
	text               // 'string' or "string"
	mark               // one character of punctuation
	opens              // "/*!50003" or "/*M!100100": what follows is executed
	closes             // its "*/"
)

type token struct {
	kind kind
	text string
	line int
}

// tokenize never fails: what is malformed becomes marks, and the server says so.
func tokenize(s Statement) []token {
	var tokens []token
	line, depth := s.Line, 0
	for rest := s.Text; rest != ""; {
		k, n := nextToken(rest, depth > 0)
		switch k {
		case opens:
			depth++
		case closes:
			depth--
		}
		tokens = append(tokens, token{k, rest[:n], line})
		line += strings.Count(rest[:n], "\n")
		rest = rest[n:]
	}
	return tokens
}

func nextToken(s string, executed bool) (kind, int) {
	switch c := s[0]; {
	case isSpace(c):
		return blank, len(s) - len(strings.TrimLeft(s, " \t\n\v\f\r"))
	case c == '#', strings.HasPrefix(s, "--") && (len(s) == 2 || s[2] <= ' '):
		return blank, until(s, "\n", 1)
	case strings.HasPrefix(s, "/*!"), strings.HasPrefix(s, "/*M!"):
		return opens, openLength(s)
	case strings.HasPrefix(s, "/*"):
		return blank, until(s, "*/", 2)
	case executed && strings.HasPrefix(s, "*/"):
		return closes, 2
	case c == '`':
		return name, quotedLength(s)
	case c == '\'' || c == '"':
		return text, quotedLength(s)
	case isWordByte(c):
		n := 1
		for n < len(s) && isWordByte(s[n]) {
			n++
		}
		return word, n
	}
	return mark, 1
}

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// until is the length up to and including end, or to the end of s.
func until(s, end string, from int) int {
	i := strings.Index(s[from:], end)
	if i < 0 {
		return len(s)
	}
	return from + i + len(end)
}

// openLength is that of "/*!" or "/*M!" with the five or six digits after it.
func openLength(s string) int {
	n := strings.IndexByte(s, '!') + 1
	digits := n
	for n < len(s) && n < digits+6 && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n < digits+5 {
		return digits // fewer digits are not a version
	}
	return n
}

func quotedLength(s string) int {
	quote := s[0]
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quote != '`':
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return len(s)
}

// unquote returns what a name or a string stands for.
func unquote(s string) string {
	if len(s) < 2 || !strings.ContainsRune("`'\"", rune(s[0])) {
		return s
	}
	quote := s[:1]
	return strings.ReplaceAll(s[1:len(s)-1], quote+quote, quote)
}

// versionOf is the number in an opening token; 0 when it has none.
func versionOf(open string) int {
	n, _ := strconv.Atoi(open[strings.IndexByte(open, '!')+1:])
	return n
}
