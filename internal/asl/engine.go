package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"github.com/dbferry/dbferry/internal/jsonata"
	"github.com/dbferry/dbferry/internal/sim"
)

// Engine runs executions on one kernel.
type Engine struct {
	Kernel  *sim.Kernel
	JSONata *jsonata.Engine
	Env     Env
	Seed    uint64  // of $random, $uuid, jitter and generated names
	Tokens  *Tokens // answers to .waitForTaskToken

	// Orphans lets the children of a Distributed Map run on when the execution
	// that started them is stopped or times out. Whether AWS ends them, and how
	// soon, is not written down.
	Orphans bool

	// OnEvent, when set, is told of each history event as it happens; OnEnd of
	// each execution that has ended. Neither may sleep.
	OnEvent func(x *Execution, e Event)
	OnEnd   func(x *Execution)
}

// NewEngine returns an engine whose tasks are performed by env.
func NewEngine(k *sim.Kernel, j *jsonata.Engine, env Env, seed uint64) *Engine {
	return &Engine{Kernel: k, JSONata: j, Env: env, Seed: seed, Tokens: newTokens()}
}

// Start begins an execution; its first state runs after everything already
// queued for this moment. It refuses an input that is not JSON or too large.
func (e *Engine) Start(m *Machine, input json.RawMessage, meta Meta) (*Execution, error) {
	v, err := jsonata.Parse(input)
	if err != nil {
		return nil, &Error{Name: "InvalidExecutionInput", Cause: err.Error()}
	}
	if n := v.Size(); n > MaxPayload {
		return nil, &Error{Name: "InvalidExecutionInput", Cause: fmt.Sprintf("the input has %d bytes; Step Functions allows %d", n, MaxPayload)}
	}
	x := &Execution{
		Meta: meta, Machine: m, Status: Running, Input: v.JSON(), StartDate: e.Kernel.Now(), Largest: v.Size(),
		engine: e, gate: e.Kernel.NewGate(), scope: e.Kernel.NewScope(context.Background()),
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(meta.ExecutionArn))
	x.rng = rand.New(rand.NewPCG(e.Seed, h.Sum64()))
	x.identity = identity(meta, v, x.StartDate)
	e.Kernel.Go(func() { x.run(v) })
	return x, nil
}
