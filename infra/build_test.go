package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// module makes a module with one function.
func module(t *testing.T) builder {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                     "module example.com/m\n\ngo 1.26\n",
		"dbferry.json":               "{}\n",
		"functions/do-thing/main.go": "package main\n\nfunc main() {}\n",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return builder{root: root, configFile: filepath.Join(root, "dbferry.json"), into: filepath.Join(root, ".build")}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestBuildIsReproducible: the same code must give the same bytes, or every
// deployment would replace every function.
func TestBuildIsReproducible(t *testing.T) {
	var programs [][]byte
	for range 2 {
		b := module(t) // another folder each time
		if err := b.build([]string{"do-thing"}); err != nil {
			t.Fatal(err)
		}
		programs = append(programs, read(t, filepath.Join(b.folder("do-thing"), "bootstrap")))
		if got := string(read(t, filepath.Join(b.folder("do-thing"), "dbferry.json"))); got != "{}\n" {
			t.Errorf("the configuration beside the program is %q", got)
		}
	}
	if !bytes.Equal(programs[0], programs[1]) {
		t.Error("two builds of the same code differ")
	}
	if arm64 := []byte{0x7f, 'E', 'L', 'F'}; !bytes.HasPrefix(programs[0], arm64) || programs[0][18] != 0xb7 {
		t.Error("the program is not for linux/arm64")
	}
}

func TestBuildNamesAMissingFolder(t *testing.T) {
	b := module(t)
	if err := b.build([]string{"do-thing", "forgotten"}); err == nil || !strings.Contains(err.Error(), "functions/forgotten") {
		t.Errorf("error = %v", err)
	}
}

func TestStub(t *testing.T) {
	b := module(t)
	dir, err := b.stub()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(read(t, filepath.Join(dir, "bootstrap")), []byte("DBFERRY_STUB_ASSETS")) {
		t.Error("the stub does not say what it is")
	}
	read(t, filepath.Join(dir, "dbferry.json"))
}

// Syntheses with different configurations may run in one module at once.
func TestStubsDoNotDisturbEachOther(t *testing.T) {
	b := module(t)
	var group sync.WaitGroup
	for i := range 16 {
		text := fmt.Sprintf("{\"n\":%d}\n", i%4)
		one := b
		one.configFile = filepath.Join(b.root, fmt.Sprintf("config-%d.json", i))
		if err := os.WriteFile(one.configFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			dir, err := one.stub()
			if err != nil {
				t.Error(err)
				return
			}
			raw, err := os.ReadFile(filepath.Join(dir, "dbferry.json"))
			if err != nil || string(raw) != text {
				t.Errorf("the stub carries %q, want %q: %v", raw, text, err)
			}
		})
	}
	group.Wait()
	left, err := filepath.Glob(filepath.Join(b.into, "stub-*"))
	if err != nil || len(left) != 4 {
		t.Errorf("%d stubs of four configurations are left: %q, %v", len(left), left, err)
	}
}
