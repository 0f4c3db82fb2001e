package jsonata

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/dop251/goja"
)

// maxFrames bounds the function calls of one evaluation. Step Functions stops
// after one second or a deep stack; this is more than it could do in either.
const maxFrames = 20_000

// machine is one JavaScript runtime with JSONata loaded. It is used by one
// evaluation at a time.
type machine struct {
	js   *goja.Runtime
	tree goja.Callable
	run  goja.Callable
	now  time.Time
	seed uint64
	rng  *rand.Rand

	outcome string // what the last run delivered: "", value, undefined, function, error
	answer  []string
	dead    bool // interrupted or overflowed: promises no longer settle
	runs    int
}

func newMachine(library, prelude *goja.Program) (*machine, error) {
	m := &machine{js: goja.New()}
	m.js.SetTimeSource(func() time.Time { return m.now })
	m.js.SetRandSource(func() float64 { return m.random().Float64() })
	jsonata, err := m.load(library)
	if err != nil {
		return nil, fmt.Errorf("jsonata: loading the library: %w", err)
	}
	start, err := m.js.RunProgram(prelude)
	if err != nil {
		return nil, fmt.Errorf("jsonata: loading the prelude: %w", err)
	}
	call, _ := goja.AssertFunction(start)
	api, err := call(goja.Undefined(), jsonata, m.js.ToValue(m.host()))
	if err != nil {
		return nil, fmt.Errorf("jsonata: starting the prelude: %w", err)
	}
	m.tree, _ = goja.AssertFunction(api.ToObject(m.js).Get("tree"))
	m.run, _ = goja.AssertFunction(api.ToObject(m.js).Get("run"))
	return m, nil
}

// load runs the browserified library as a CommonJS module, then defines the
// window in which its base64 functions look for btoa and atob.
func (m *machine) load(library *goja.Program) (goja.Value, error) {
	wrapper, err := m.js.RunProgram(library)
	if err != nil {
		return nil, err
	}
	module := m.js.NewObject()
	exports := m.js.NewObject()
	if err := module.Set("exports", exports); err != nil {
		return nil, err
	}
	call, _ := goja.AssertFunction(wrapper)
	if _, err := call(goja.Undefined(), module, exports); err != nil {
		return nil, err
	}
	window := map[string]any{"btoa": m.btoa, "atob": m.atob}
	return module.Get("exports"), m.js.Set("window", window)
}

func (m *machine) host() map[string]any {
	return map[string]any{
		"frames": maxFrames,
		"exhausted": func() {
			m.js.Interrupt(fmt.Sprintf("more than %d function calls in one evaluation", maxFrames))
		},
		"hash":   m.hash,
		"uuid":   m.uuid,
		"seeded": func(seed float64) float64 { return rand.New(rand.NewPCG(math.Float64bits(seed), 1)).Float64() },
	}
}

// random is created on the first use in an evaluation, since hardly any
// expression needs it.
func (m *machine) random() *rand.Rand {
	if m.rng == nil {
		m.rng = rand.New(rand.NewPCG(m.seed, 0x6a736f6e617461))
	}
	return m.rng
}

func (m *machine) uuid() string {
	hi, lo := m.random().Uint64(), m.random().Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 1<<63
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
}

func (m *machine) hash(text, algorithm string) goja.Value {
	b := []byte(text)
	var sum []byte
	switch algorithm {
	case "MD5":
		s := md5.Sum(b)
		sum = s[:]
	case "SHA-1":
		s := sha1.Sum(b)
		sum = s[:]
	case "SHA-256":
		s := sha256.Sum256(b)
		sum = s[:]
	case "SHA-384":
		s := sha512.Sum384(b)
		sum = s[:]
	case "SHA-512":
		s := sha512.Sum512(b)
		sum = s[:]
	default:
		return goja.Undefined()
	}
	return m.js.ToValue(hex.EncodeToString(sum))
}

// btoa encodes the characters of a string, each of them one byte.
func (m *machine) btoa(text string) string {
	b := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xff {
			panic(m.js.NewTypeError("a string with characters outside of Latin-1 cannot be encoded as base64"))
		}
		b = append(b, byte(r))
	}
	return base64.StdEncoding.EncodeToString(b)
}

func (m *machine) atob(text string) string {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(m.js.NewTypeError("the string is not base64: " + err.Error()))
	}
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// done receives the outcome of a run from JavaScript.
func (m *machine) done(call goja.FunctionCall) goja.Value {
	m.outcome = call.Argument(0).String()
	for _, a := range call.Arguments[1:] {
		m.answer = append(m.answer, a.String())
	}
	return goja.Undefined()
}

// eval runs one expression. input "" stands for no input. It gives up after
// limit of real time; the machine is then dead.
func (m *machine) eval(text, input, variables string, opt Options, limit time.Duration) error {
	m.now, m.seed, m.rng = opt.Now.UTC(), opt.Seed, nil
	m.outcome, m.answer = "", m.answer[:0]
	m.runs++
	data := goja.Undefined()
	if input != "" {
		data = m.js.ToValue(input)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { m.js.Interrupt("time limit") })
	_, err := m.run(goja.Undefined(), m.js.ToValue(text), data, m.js.ToValue(variables), m.js.ToValue(m.done))
	if !stop() || err != nil || m.outcome == "" {
		m.dead = true
	}
	return err
}
