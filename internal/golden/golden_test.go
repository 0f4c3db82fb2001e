package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder stands in for a test that may fail.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestEqual(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "a.golden")
	write(t, path, []byte("one\n"))
	for name, c := range map[string]struct {
		path, got string
		fails     bool
	}{
		"same":         {path, "one\n", false},
		"different":    {path, "two\n", true},
		"extra line":   {path, "one\n\n", true},
		"missing file": {path + ".no", "one\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			if Equal(r, c.path, []byte(c.got)); r.failed != c.fails {
				t.Errorf("failed = %v, want %v", r.failed, c.fails)
			}
		})
	}
}

func TestUpdateWritesTheFile(t *testing.T) {
	before := *update
	*update = true
	defer func() { *update = before }()
	path := filepath.Join(t.TempDir(), "new", "a.golden")
	Equal(t, path, []byte("one\n"))
	if got, err := os.ReadFile(path); err != nil || string(got) != "one\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestHideHashes(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	for name, c := range map[string]struct{ in, want string }{
		"asset":       {`"S3Key": "` + hash + `.zip"`, `"S3Key": "<hash>.zip"`},
		"two":         {hash + " " + hash, "<hash> <hash>"},
		"63 digits":   {hash[1:], hash[1:]},
		"66 digits":   {hash + "0a", hash + "0a"},
		"upper case":  {strings.ToUpper(hash), strings.ToUpper(hash)},
		"short words": {"a face", "a face"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(HideHashes([]byte(c.in))); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
