package dump

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// scanAll reads every statement.
func scanAll(r io.Reader) ([]Statement, error) {
	var found []Statement
	s := NewScanner(r)
	for {
		statement, err := s.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		found = append(found, statement)
	}
}

func TestScanner(t *testing.T) {
	cases := []struct {
		name, in string
		want     []Statement
	}{
		{"empty", "", nil},
		{"only blanks and comments", " \n-- a; b\n# c; d\n/* e; f */ ;;\n", nil},
		{"two", "a;\nb ;", []Statement{{1, "a"}, {2, "b"}}},
		{"no delimiter at the end", "a;b", []Statement{{1, "a"}, {1, "b"}}},
		{"delimiter in strings", "a 'x;''y;' \"z;\" `q;`;b", []Statement{{1, "a 'x;''y;' \"z;\" `q;`"}, {1, "b"}}},
		{"escaped quote", `a 'x\';y';b`, []Statement{{1, `a 'x\';y'`}, {1, "b"}}},
		{"backslash means nothing in a quoted name", "a `x\\`;b", []Statement{{1, "a `x\\`"}, {1, "b"}}},
		{"escaped backslash", `a 'x\\';b`, []Statement{{1, `a 'x\\'`}, {1, "b"}}},
		{"comment inside stays", "a -- x;\n b # y;\n /* z; */ c;", []Statement{{1, "a -- x;\n b # y;\n /* z; */ c"}}},
		{"minus is no comment", "a --1;b", []Statement{{1, "a --1"}, {1, "b"}}},
		{"comment without text", "a --\n;b", []Statement{{1, "a --"}, {2, "b"}}},
		{"version comment is text", "/*!40101 SET x */;\n/*M!100616 y */;", []Statement{{1, "/*!40101 SET x */"}, {2, "/*M!100616 y */"}}},
		{"quote in a comment", "/* it's */ a; -- it's\nb;", []Statement{{1, "a"}, {2, "b"}}},
		{"short comments", "/**/a/*/ ; */;b", []Statement{{1, "a/*/ ; */"}, {1, "b"}}},
		{"delimiter command", "DELIMITER ;;\na;b\n;;\ndelimiter ;\nc;", []Statement{{2, "a;b"}, {5, "c"}}},
		{"delimiter with words after it", "DELIMITER // x\na//b//", []Statement{{2, "a"}, {2, "b"}}},
		{"delimiter of letters", "delimiter end\na end b END end", []Statement{{2, "a"}, {2, "b END"}}},
		{"line of a statement after a comment", "-- 1\n\n/* 3\n */\n  a\n;\nb;", []Statement{{5, "a"}, {7, "b"}}},
		{"line counted in strings", "a '\n\n';b", []Statement{{1, "a '\n\n'"}, {3, "b"}}},
		{"carriage returns", "a;\r\nb;\r\n", []Statement{{1, "a"}, {2, "b"}}},
		{"bytes that are no UTF-8", "a '\xff\x00;';b", []Statement{{1, "a '\xff\x00;'"}, {1, "b"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := scanAll(iotest.OneByteReader(strings.NewReader(c.in)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScannerRefuses(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"open string":             {"a;\nb 'c", "line 2: the quote '"},
		"open name":               {"a `c", "line 1: the quote `"},
		"open comment":            {"a;\n\n/* c", "line 3: the comment"},
		"delimiter without word":  {"delimiter \na;", "line 1: DELIMITER"},
		"delimiter of backslashs": {"\ndelimiter \\\\\na;", "line 2: DELIMITER"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := scanAll(strings.NewReader(c.in))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
	failing := errors.New("the disk is on fire")
	if _, err := scanAll(io.MultiReader(strings.NewReader("a 'b"), iotest.ErrReader(failing))); !errors.Is(err, failing) {
		t.Errorf("got %v, want the reader's error", err)
	}
}

// FuzzScanner: no input makes it fail to end, lose its line count, or hand out
// an empty statement, and the rewriter takes whatever comes out.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		"a;b", "DELIMITER ;;\nCREATE x;;", "/*!50003 CREATE*/ /*!80016 x */ 'a;\\'' `b`", "-- x\n#y\n/*z*/;",
		"CREATE TABLE t (a int /*!80023 INVISIBLE */, CONSTRAINT c CHECK ((a>1)) /*!80016 NOT ENFORCED */) ENCRYPTION='Y'",
		"CREATE DEFINER=`a`@`b` VIEW v AS SELECT 1", "CREATE TABLE t (KEY k ((a+1)", "USE `mysql`; INSERT INTO x", "/*!80016", "'\\",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		found, err := scanAll(strings.NewReader(in))
		lines := strings.Count(in, "\n") + 1
		last := 1
		for _, s := range found {
			if s.Text == "" || s.Line < last || s.Line > lines {
				t.Fatalf("statement %q on line %d after line %d of %d", s.Text, s.Line, last, lines)
			}
			last = s.Line
			for _, target := range []Target{{true, "10.11.19"}, {true, "10.6.1"}, {false, "8.0.36"}} {
				newRewriter(target).rewrite(s)
			}
			var again strings.Builder
			for _, token := range tokenize(s) {
				again.WriteString(token.text)
			}
			if again.String() != s.Text {
				t.Fatalf("the tokens of %q are %q", s.Text, again.String())
			}
		}
		if err != nil && !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("an error without a line: %v", err)
		}
	})
}
