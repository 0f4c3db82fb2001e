package dump

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// piece is one part of a script for psql: a statement, or a command of psql
// itself.
type piece struct {
	line    int
	text    string    // a statement without comments and semicolon, or a command with its backslash
	tokens  []psToken // the first mostTokens of a statement
	last    []psToken // its last three
	command bool
	within  bool // a command that stands within a statement
}

// psToken is one word, quoted name, text or mark of a statement.
type psToken struct {
	kind psKind
	text string // a word in lower case, a name without quotes; empty for a text
	at   int    // where in the statement it begins
}

type psKind int

const (
	psWord psKind = iota
	psName
	psText
	psMark
)

// mostTokens is how many tokens of a statement are kept: enough for every name
// in a COPY of the widest table.
const mostTokens = 4096

// psqlScanner splits a script for psql as psql does: quotes, dollar quotes,
// nested comments, parentheses, SQL function bodies, rows after COPY.
type psqlScanner struct {
	in   *bufio.Reader
	line int // of the next byte

	p      piece
	buf    []byte
	parens int
	begun  int // depth of BEGIN ATOMIC … END, and CASE within it
}

func newPsqlScanner(in io.Reader) *psqlScanner {
	return &psqlScanner{in: bufio.NewReaderSize(in, 1<<16), line: 1}
}

// next returns the next piece; io.EOF after the last.
func (s *psqlScanner) next() (piece, error) {
	s.p, s.buf, s.parens, s.begun = piece{line: s.line}, nil, 0, 0
	for {
		c, err := s.read()
		if errors.Is(err, io.EOF) {
			if s.empty() {
				return piece{}, io.EOF
			}
			return s.done(), nil // psql sends a last statement without its semicolon
		}
		if err != nil {
			return piece{}, err
		}
		switch {
		case c == ';' && s.parens == 0 && s.begun == 0:
			if !s.empty() {
				return s.done(), nil
			}
			s.buf = nil
		case c == '\\':
			return s.command()
		default:
			if err := s.take(c); err != nil {
				return piece{}, err
			}
		}
	}
}

func (s *psqlScanner) empty() bool { return len(s.p.tokens) == 0 }

func (s *psqlScanner) done() piece {
	s.p.text = string(s.buf)
	return s.p
}

// command reads to the end of the line, which psql takes as one or more
// commands with their arguments.
func (s *psqlScanner) command() (piece, error) {
	line := s.line
	rest, err := s.in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return piece{}, err
	}
	s.line += strings.Count(rest, "\n")
	return piece{line: line, text: `\` + strings.TrimSpace(rest), command: true, within: !s.empty()}, nil
}

// take adds one byte, and what belongs together with it, to the statement.
func (s *psqlScanner) take(c byte) error {
	next := s.peek()
	switch {
	case c == '-' && next == '-':
		return s.lineComment()
	case c == '/' && next == '*':
		return s.blockComment()
	case c == '\'':
		return s.quoted(c, false)
	case c == '"':
		return s.quoted(c, false)
	case c == '$':
		return s.dollar()
	case wordStart(c):
		return s.word(c)
	case isSpace(c):
		if !s.empty() {
			s.buf = append(s.buf, c)
		}
		return nil
	}
	switch c {
	case '(':
		s.parens++
	case ')':
		s.parens = max(0, s.parens-1)
	}
	s.token(psMark, string(c), len(s.buf))
	s.buf = append(s.buf, c)
	return nil
}

func (s *psqlScanner) token(kind psKind, text string, at int) {
	if s.empty() {
		s.p.line = s.line
	}
	t := psToken{kind, text, at}
	if len(s.p.tokens) < mostTokens {
		s.p.tokens = append(s.p.tokens, t)
	}
	if len(s.p.last) == 3 {
		s.p.last = append(s.p.last[:0], s.p.last[1:]...)
	}
	s.p.last = append(s.p.last, t)
}

// word reads an identifier or a number. E before a quote makes backslashes
// escape in it.
func (s *psqlScanner) word(c byte) error {
	at := len(s.buf)
	word := []byte{c}
	for {
		next, err := s.in.Peek(1)
		if err != nil || !wordStart(next[0]) && next[0] != '$' {
			break
		}
		word = append(word, next[0])
		s.in.Discard(1)
	}
	s.token(psWord, strings.ToLower(string(word)), at)
	s.buf = append(s.buf, word...)
	if (string(word) == "e" || string(word) == "E") && s.peek() == '\'' {
		q, err := s.read()
		if err != nil {
			return err
		}
		return s.quoted(q, true)
	}
	s.atomic(strings.ToLower(string(word)))
	return nil
}

// atomic follows psql's rule for function bodies in SQL: between BEGIN and END
// of a CREATE FUNCTION or PROCEDURE, semicolons do not end the statement.
func (s *psqlScanner) atomic(word string) {
	if s.parens > 0 || !s.makesRoutine() {
		return
	}
	switch {
	case word == "begin", word == "case" && s.begun > 0:
		s.begun++
	case word == "end" && s.begun > 0:
		s.begun--
	}
}

func (s *psqlScanner) makesRoutine() bool {
	t := s.p.tokens
	if len(t) > 3 && t[1].is("or") && t[2].is("replace") {
		return t[0].is("create") && t[3].is("function", "procedure")
	}
	return len(t) > 1 && t[0].is("create") && t[1].is("function", "procedure")
}

// quoted reads to the closing quote; a doubled quote stands for itself.
func (s *psqlScanner) quoted(quote byte, escapes bool) error {
	at, opened := len(s.buf), s.line
	text := []byte{quote}
	for {
		c, err := s.read()
		if err != nil {
			return unclosed(err, "quote", opened)
		}
		text = append(text, c)
		switch {
		case c == '\\' && escapes:
			if c, err = s.read(); err != nil {
				return unclosed(err, "quote", opened)
			}
			text = append(text, c)
		case c == quote && s.peek() == quote:
			s.in.Discard(1)
			text = append(text, quote)
		case c == quote:
			line := s.line
			s.line = opened // a statement begins where its first token does
			if quote == '"' {
				s.token(psName, strings.ReplaceAll(string(text[1:len(text)-1]), `""`, `"`), at)
			} else {
				s.token(psText, "", at)
			}
			s.line = line
			s.buf = append(s.buf, text...)
			return nil
		}
	}
}

// dollar reads a text in dollar quotes, or takes the mark of a parameter.
func (s *psqlScanner) dollar() error {
	tag := []byte{'$'}
	for n := 1; ; n++ {
		ahead, err := s.in.Peek(n)
		if err != nil || n > 64 || !(wordStart(ahead[n-1]) || ahead[n-1] == '$') || n == 1 && ahead[0] >= '0' && ahead[0] <= '9' {
			s.token(psMark, "$", len(s.buf))
			s.buf = append(s.buf, '$')
			return nil
		}
		tag = append(tag, ahead[n-1])
		if ahead[n-1] == '$' {
			s.in.Discard(n)
			break
		}
	}
	opened := s.line
	s.token(psText, "", len(s.buf))
	s.buf = append(s.buf, tag...)
	for from := len(s.buf); ; {
		c, err := s.read()
		if err != nil {
			return unclosed(err, "quote "+string(tag), opened)
		}
		s.buf = append(s.buf, c)
		if c == '$' && len(s.buf)-from >= len(tag) && bytes.HasSuffix(s.buf, tag) {
			return nil
		}
	}
}

func (s *psqlScanner) lineComment() error {
	rest, err := s.in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.HasSuffix(rest, "\n") {
		s.line++
		s.newline()
	}
	return nil
}

// blockComment leaves the line breaks of a comment, so that lines can be counted.
func (s *psqlScanner) blockComment() error {
	opened, depth := s.line, 1
	s.in.Discard(1)
	for depth > 0 {
		c, err := s.read()
		if err != nil {
			return unclosed(err, "comment", opened)
		}
		switch {
		case c == '/' && s.peek() == '*':
			depth++
			s.in.Discard(1)
		case c == '*' && s.peek() == '/':
			depth--
			s.in.Discard(1)
		case c == '\n':
			s.newline()
		}
	}
	if !s.empty() {
		s.buf = append(s.buf, ' ')
	}
	return nil
}

func (s *psqlScanner) newline() {
	if !s.empty() {
		s.buf = append(s.buf, '\n')
	}
}

// rows gives what follows COPY … FROM stdin, up to the line \. , which it takes.
// It must be read to its end before next is called again.
func (s *psqlScanner) rows() (io.Reader, error) {
	rest, err := s.in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if text := strings.TrimSpace(rest); text != "" && !strings.HasPrefix(text, "--") {
		return nil, fmt.Errorf("line %d: text after COPY … FROM stdin; its rows begin on the next line", s.line)
	}
	s.line++
	return &copyRows{s: s, opened: s.line}, nil
}

// copyRows reads the rows of one COPY.
type copyRows struct {
	s       *psqlScanner
	opened  int
	pending []byte
	partial bool // the last read ended within a line
	ended   bool
}

func (r *copyRows) Read(p []byte) (int, error) {
	if len(r.pending) == 0 && !r.ended {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	if len(r.pending) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.pending)
	r.pending = r.pending[n:]
	return n, nil
}

// fill reads one line, or as much of a long one as the buffer holds.
func (r *copyRows) fill() error {
	part, err := r.s.in.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(part) == 0 || err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return unclosed(err, "list of rows", r.opened)
	}
	whole := bytes.HasSuffix(part, []byte("\n"))
	if whole {
		r.s.line++
	}
	if !r.partial && string(bytes.TrimRight(part, "\r\n")) == `\.` {
		r.ended = true
		return nil
	}
	r.partial = !whole
	r.pending = slices.Clone(part)
	return nil
}

func unclosed(err error, what string, line int) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the %s that begins on line %d does not end; the dump is cut off", what, line)
	}
	return err
}

func (s *psqlScanner) read() (byte, error) {
	c, err := s.in.ReadByte()
	if c == '\n' {
		s.line++
	}
	return c, err
}

// peek is the next byte; 0 at the end.
func (s *psqlScanner) peek() byte {
	next, err := s.in.Peek(1)
	if err != nil {
		return 0
	}
	return next[0]
}

func wordStart(c byte) bool {
	return c == '_' || c >= 0x80 || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// is tells whether a token is one of these words.
func (t psToken) is(words ...string) bool { return t.kind == psWord && slices.Contains(words, t.text) }
