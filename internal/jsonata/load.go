package jsonata

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/dop251/goja"
)

// Version is the only JSONata that agrees with Step Functions, which documents
// 2.0.6: later ones accept operators that AWS refuses.
const Version = "2.0.6"

//go:embed prelude.js
var preludeSource string

var shared struct {
	sync.Mutex
	engine *Engine
}

// Load returns the engine of this process. It looks for node_modules/jsonata
// beside the go.mod found by walking up from the working directory, and
// refuses any version but Version.
func Load() (*Engine, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.engine != nil {
		return shared.engine, nil
	}
	dir, err := findModule()
	if err != nil {
		return nil, err
	}
	engine, err := LoadFrom(filepath.Join(dir, "node_modules", "jsonata"))
	if err == nil {
		shared.engine = engine
	}
	return engine, err
}

// LoadFrom returns a new engine that runs the npm package in dir.
func LoadFrom(dir string) (*Engine, error) {
	if err := checkVersion(dir); err != nil {
		return nil, err
	}
	source, err := os.ReadFile(filepath.Join(dir, "jsonata.js"))
	if err != nil {
		return nil, fmt.Errorf("jsonata: the npm package is incomplete: %w; run `make ready`", err)
	}
	library, err := goja.Compile("jsonata.js", "(function(module,exports){"+string(source)+"\n})", false)
	if err != nil {
		return nil, fmt.Errorf("jsonata: cannot read %s: %w", filepath.Join(dir, "jsonata.js"), err)
	}
	prelude, err := goja.Compile("prelude.js", preludeSource, true)
	if err != nil {
		return nil, fmt.Errorf("jsonata: prelude: %w", err)
	}
	return &Engine{library: library, prelude: prelude, limit: defaultLimit, cache: map[string]*Expr{}}, nil
}

func findModule() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("jsonata: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("jsonata: no go.mod in %s or above it; run this inside the repository", start)
		}
	}
}

func checkVersion(dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("jsonata: npm package jsonata %s is not installed in %s; run `make ready`", Version, dir)
	}
	if err != nil {
		return fmt.Errorf("jsonata: %w", err)
	}
	var pkg struct{ Version string }
	if err := json.Unmarshal(raw, &pkg); err != nil {
		return fmt.Errorf("jsonata: %s: %w", filepath.Join(dir, "package.json"), err)
	}
	if pkg.Version != Version {
		return fmt.Errorf("jsonata: %s is version %s, but Step Functions speaks %s; run `make ready`", dir, pkg.Version, Version)
	}
	return nil
}
