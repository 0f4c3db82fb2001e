// Package lambdafn is the edge of every function: it reads the settings, builds
// the step, decodes its input strictly, names its errors for the state machine
// and logs once. A step itself knows nothing of Lambda, so the rehearsal runs
// the same code by calling Load, the constructor and Invoke.
package lambdafn

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/names"
)

// Runtime is what a step may use of the outside.
type Runtime struct {
	AWS      aws.Config
	Config   config.Config
	Side     string // names.ProductionSide or the target's name
	Ledger   string // bucket name
	Function string // folder name, such as "back-up"

	// Quarantine is the security group that a restored cluster wears until it
	// is opened; only the functions that need it have it.
	Quarantine string

	Now func() time.Time
	// Sleep waits inside an invocation; only for waits of seconds in which
	// applications are cut off, others are the state machine's.
	Sleep func(ctx context.Context, d time.Duration) error
	// Limit ends a context after a time; nil: the context package's.
	Limit  func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
	Dialer dbconn.Dialer
	Log    *slog.Logger
	Fork   Fork // how Each runs; nil: goroutines
}

// Within gives a call no longer than d.
func (r Runtime) Within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if r.Limit != nil {
		return r.Limit(ctx, d)
	}
	return context.WithTimeout(ctx, d)
}

// Place is the account in which the function runs.
func (r Runtime) Place() names.Place {
	if r.Side == names.ProductionSide {
		return r.Config.ProductionPlace()
	}
	return names.Place{Side: r.Side, Account: r.targetAccount(), Region: r.Config.Region}
}

func (r Runtime) targetAccount() string {
	t, err := r.Config.Target(r.Side)
	if err != nil {
		return ""
	}
	return t.Account
}

// Handler runs a step on one JSON payload.
type Handler func(ctx context.Context, payload []byte) ([]byte, error)

// Constructor builds a step; the rehearsal calls the same one as Lambda does.
type Constructor func(Runtime) (Handler, error)

// The environment variables that every function has.
const (
	EnvConfig   = "DBFERRY_CONFIG"   // file with the configuration, beside the binary
	EnvSide     = "DBFERRY_SIDE"     // "production" or the target's name
	EnvLedger   = "DBFERRY_LEDGER"   // bucket
	EnvFunction = "DBFERRY_FUNCTION" // folder name

	// EnvQuarantine is set only where a cluster is restored or opened.
	EnvQuarantine = "DBFERRY_QUARANTINE_GROUP"
)

// Load reads the settings from the environment and the configuration file,
// reporting all that is missing at once. The caller fills AWS, Now, Dialer and
// Log.
func Load(getenv func(string) string, readFile func(string) ([]byte, error)) (Runtime, error) {
	var missing []string
	get := func(name string) string {
		v := getenv(name)
		if v == "" {
			missing = append(missing, name)
		}
		return v
	}
	r := Runtime{Side: get(EnvSide), Ledger: get(EnvLedger), Function: get(EnvFunction), Quarantine: getenv(EnvQuarantine)}
	file := get(EnvConfig)
	if len(missing) > 0 {
		return Runtime{}, fmt.Errorf("environment variables %s are missing; deploy the stack again with `npx cdk deploy`", strings.Join(missing, ", "))
	}
	raw, err := readFile(file)
	if err != nil {
		return Runtime{}, fmt.Errorf("configuration beside the function: %w", err)
	}
	if r.Config, err = config.Parse(raw); err != nil {
		return Runtime{}, err
	}
	if r.Side != names.ProductionSide {
		if _, err := r.Config.Target(r.Side); err != nil {
			return Runtime{}, err
		}
	}
	return r, nil
}

// Typed makes a handler of a function on typed input and output. An unknown
// field in the input is refused: it would be a misspelt wish.
func Typed[In, Out any](step func(context.Context, In) (Out, error)) Handler {
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		var in In
		if err := Strict(payload, &in); err != nil {
			return nil, &fault.Error{Name: fault.BadRequest, Op: "read the input", Cause: err,
				Next: "correct the input; docs/operations.md shows every form"}
		}
		out, err := step(ctx, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
}

// Strict decodes one JSON value and nothing after it, refusing unknown fields.
func Strict(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("text after the JSON value")
	}
	return nil
}
