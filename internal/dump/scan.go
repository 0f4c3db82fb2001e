package dump

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Statement is one statement of a dump, without its delimiter.
type Statement struct {
	Line int // of its first character, counted from 1
	Text string
}

// maxStatement is the largest packet of the MySQL protocol.
const maxStatement = 1 << 30

// Scanner splits a dump into statements as the mysql client does: it knows
// strings, quoted names, the three kinds of comments and DELIMITER. It holds
// one statement at a time, so a dump may be larger than memory. Comments before
// a statement are left out, those inside stay.
type Scanner struct {
	in        *bufio.Reader
	line      int
	delimiter string
	text      bytes.Buffer
	start     int // line on which text begins
}

// NewScanner reads a dump from r.
func NewScanner(r io.Reader) *Scanner {
	return &Scanner{in: bufio.NewReaderSize(r, 256<<10), line: 1, delimiter: ";"}
}

// Next returns the next statement, or io.EOF after the last.
func (s *Scanner) Next() (Statement, error) {
	for {
		text, err := s.statement()
		if text != "" || err != nil {
			return Statement{Line: s.start, Text: text}, err
		}
	}
}

// statement reads up to the next delimiter; the text may be empty.
func (s *Scanner) statement() (string, error) {
	s.text.Reset()
	s.start = s.line
	for {
		if s.text.Len() > 0 {
			s.skim(func(c byte) bool { return ordinary[c] && c != s.delimiter[0] })
		}
		if s.text.Len() == 0 && s.startsWith("delimiter", true) {
			if err := s.setDelimiter(); err != nil {
				return "", err
			}
			s.start = s.line
			continue
		}
		if s.startsWith(s.delimiter, false) {
			s.in.Discard(len(s.delimiter))
			return strings.TrimSpace(s.text.String()), nil
		}
		c, err := s.in.ReadByte()
		if err == io.EOF && strings.TrimSpace(s.text.String()) != "" {
			return strings.TrimSpace(s.text.String()), nil
		}
		if err != nil {
			return "", err
		}
		if err := s.consume(c); err != nil {
			return "", err
		}
		if s.text.Len() > maxStatement {
			return "", fmt.Errorf("line %d: this statement is longer than 1 GiB, the most a server takes", s.start)
		}
	}
}

// ordinary are the characters that open nothing.
var ordinary = func() (table [256]bool) {
	for c := range table {
		table[c] = !strings.ContainsRune("'\"`#-/", rune(c))
	}
	return table
}()

// skim takes what is read ahead already as long as it is plain: nearly all of
// a dump goes this fast way.
func (s *Scanner) skim(plain func(byte) bool) {
	ahead, _ := s.in.Peek(s.in.Buffered())
	n := 0
	for n < len(ahead) && plain(ahead[n]) {
		if ahead[n] == '\n' {
			s.line++
		}
		n++
	}
	s.text.Write(ahead[:n])
	s.in.Discard(n)
}

// consume takes one character and, if it opens something, all of that.
func (s *Scanner) consume(c byte) error {
	switch {
	case c == '\'' || c == '"' || c == '`':
		return s.quoted(c)
	case c == '#', c == '-' && s.dashComment():
		return s.lineComment(c)
	case c == '/' && s.blockComment():
		return s.comment()
	}
	s.add(c)
	return nil
}

// add appends to the statement, which begins with its first visible character.
func (s *Scanner) add(c byte) {
	if s.text.Len() == 0 {
		s.start = s.line
	}
	if c == '\n' {
		s.line++
	}
	if s.text.Len() > 0 || !isSpace(c) {
		s.text.WriteByte(c)
	}
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// startsWith looks ahead, cheaply in the usual case of another first byte. A
// command must be followed by a space.
func (s *Scanner) startsWith(prefix string, command bool) bool {
	first, err := s.in.Peek(1)
	if err != nil || first[0]|0x20 != prefix[0]|0x20 {
		return false
	}
	if command {
		ahead, err := s.in.Peek(len(prefix) + 1)
		return err == nil && strings.EqualFold(string(ahead[:len(prefix)]), prefix) && isSpace(ahead[len(prefix)])
	}
	ahead, err := s.in.Peek(len(prefix))
	return err == nil && string(ahead) == prefix
}

// setDelimiter reads the rest of a DELIMITER line.
func (s *Scanner) setDelimiter() error {
	line, err := s.in.ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	fields := strings.Fields(line)
	if len(fields) < 2 || strings.Contains(fields[1], `\`) {
		return fmt.Errorf("line %d: DELIMITER needs a word without a backslash after it", s.line)
	}
	s.delimiter = fields[1]
	s.line += strings.Count(line, "\n")
	return nil
}

// quoted reads to the closing quote. A doubled quote closes and opens again,
// which comes to the same.
func (s *Scanner) quoted(quote byte) error {
	opened := s.line
	s.add(quote)
	for {
		s.skim(func(c byte) bool { return c != quote && c != '\\' })
		c, err := s.in.ReadByte()
		if err == io.EOF {
			return fmt.Errorf("line %d: the quote %c that opens here is never closed; is the file complete?", opened, quote)
		}
		if err != nil {
			return err
		}
		s.add(c)
		switch {
		case c == quote:
			return nil
		case c == '\\' && quote != '`':
			if c, err = s.in.ReadByte(); err == nil {
				s.add(c)
			}
		}
	}
}

// dashComment is true when "-" begins "-- " or "--" at a line's or file's end.
func (s *Scanner) dashComment() bool {
	ahead, _ := s.in.Peek(2)
	return len(ahead) > 0 && ahead[0] == '-' && (len(ahead) == 1 || ahead[1] <= ' ')
}

// lineComment reads to the end of the line, which stays.
func (s *Scanner) lineComment(first byte) error {
	text, err := s.in.ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	if s.text.Len() > 0 {
		s.text.WriteByte(first)
		s.text.WriteString(text)
	}
	s.line += strings.Count(text, "\n")
	return nil
}

// blockComment is true when "/" begins a comment that no server executes.
func (s *Scanner) blockComment() bool {
	ahead, _ := s.in.Peek(3)
	return len(ahead) > 0 && ahead[0] == '*' && !bytes.HasPrefix(ahead, []byte("*!")) && !bytes.HasPrefix(ahead, []byte("*M!"))
}

// comment reads a block comment, of which the "/" is read already.
func (s *Scanner) comment() error {
	opened, inside := s.line, s.text.Len() > 0
	last := byte('/')
	for n := 1; ; n++ {
		if inside {
			s.text.WriteByte(last)
		}
		c, err := s.in.ReadByte()
		if err == io.EOF {
			return fmt.Errorf("line %d: the comment that opens here is never closed; is the file complete?", opened)
		}
		if err != nil {
			return err
		}
		if c == '\n' {
			s.line++
		}
		if last == '*' && c == '/' && n > 2 { // "/*/" closes nothing
			if inside {
				s.text.WriteByte(c)
			}
			return nil
		}
		last = c
	}
}
