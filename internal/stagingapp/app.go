// Package stagingapp is the application that uses a target's data while a
// switch goes on under it: a real client that logs in through the simulated
// network, reads DynamoDB with the SDK, and notes how long it could not.
package stagingapp

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/dbferry/dbferry/internal/awsworld/ecs"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/sim"
)

// How often the application calls. It would call several times a second all
// day; to keep hours cheap it does so only while something moves.
const (
	Fast   = 250 * time.Millisecond // while it is watched, and after a failure
	Sparse = 30 * time.Second
	look   = 5 * time.Second // how often a slow wait looks whether it should end
)

// DefaultTimeout is how long a call may take.
const DefaultTimeout = 10 * time.Second

// Database is a database that every task uses over one connection that it keeps.
// Each field has a value, or the name of the variable that holds it in a task's
// environment.
type Database struct {
	Name      string // in reports
	Engine    string
	Host      string
	HostVar   Variable
	Port      int
	SecretVar string // the variable with {"username","password"}
	SecretAt  string // or the variable that says which secret to read
	Query     string // answers one value
}

// Variable names an entry of a task's environment; of its value only what lies
// between two texts counts, as the host does in a URL.
type Variable struct{ Name, Before, After string }

// Table is a DynamoDB table from which every task reads an item.
type Table struct {
	Name     string // in reports
	Table    string
	TableVar Variable
	Key      map[string]string // attribute → text
	// Hash, when set, is read by a Query as well: attribute and text.
	Hash [2]string
}

// Config is what the application is and where it runs.
type Config struct {
	Kernel    *sim.Kernel
	AWS       aws.Config // of its task role
	Dialer    dbconn.Dialer
	Tasks     func() []ecs.Task // what serves now
	Databases []Database
	Tables    []Table
	Timeout   time.Duration // of one call; 0 for DefaultTimeout

	// AtWork tells whether the simulated AWS has not finished what it was asked
	// to change under the application; nil never is.
	AtWork func() bool
}

// Task makes what Config.Tasks wants of an application outside ECS: one process
// with a fixed environment.
func Task(env map[string]string) func() []ecs.Task {
	return func() []ecs.Task { return []ecs.Task{{ID: "process", Env: env}} }
}

// App is the application at work.
type App struct {
	Config
	dynamodb *dynamodb.Client
	secrets  *secretsmanager.Client
	pools    map[string]*pool
	turn     int
	watched  int
	stopped  bool
	failing  bool
	record   record
}

// New makes an application that does not run yet.
func New(c Config) *App {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	return &App{Config: c, dynamodb: dynamodb.NewFromConfig(c.AWS), secrets: secretsmanager.NewFromConfig(c.AWS), pools: map[string]*pool{}, record: newRecord()}
}

// Start lets it work until Stop, as processes of the kernel.
func (a *App) Start() {
	a.Kernel.Go(a.serve)
	a.Kernel.Go(a.observe)
}

// Stop ends it; what it has noted stays.
func (a *App) Stop() {
	a.stopped = true
	for _, key := range slices.Sorted(maps.Keys(a.pools)) {
		a.forget(key)
	}
}

// Watch makes it call at the fast rate until the function that it returns is
// called; so a switch is seen from its first second on.
func (a *App) Watch() (end func()) {
	a.watched++
	done := false
	return func() {
		if !done {
			done = true
			a.watched--
		}
	}
}

// serve calls everything in turn.
func (a *App) serve() {
	for !a.stopped {
		a.failing = false
		for i := range a.Databases {
			a.call(a.Databases[i].Name, func(ctx context.Context, t ecs.Task) error { return a.query(ctx, t, a.Databases[i]) })
		}
		for i := range a.Tables {
			a.call(a.Tables[i].Name, func(ctx context.Context, t ecs.Task) error { return a.read(ctx, t, a.Tables[i]) })
		}
		a.tidy()
		if a.pause() != nil {
			return
		}
	}
}

// pause waits for the next round; a slow wait ends when something moves.
func (a *App) pause() error {
	for waited := time.Duration(0); waited < Sparse; waited += Fast {
		if a.stopped || a.fast() {
			return a.Kernel.Sleep(context.Background(), Fast)
		}
		step := min(look, Sparse-waited)
		if err := a.Kernel.Sleep(context.Background(), step); err != nil {
			return err
		}
		waited += step - Fast
	}
	return nil
}

func (a *App) fast() bool { return a.watched > 0 || a.failing }

func (a *App) atWork() bool { return a.AtWork != nil && a.AtWork() }

// observe notes when AWS is at work.
func (a *App) observe() {
	for !a.stopped {
		a.record.work(a.Kernel.Now(), a.atWork())
		every := look
		if a.fast() {
			every = Fast
		}
		if a.Kernel.Sleep(context.Background(), every) != nil {
			return
		}
	}
}

var errTimeout = errors.New("the call took longer than the application waits")

// call makes one call of the next task and notes how it went. A call that takes
// too long is given up in simulated time.
func (a *App) call(dependency string, do func(context.Context, ecs.Task) error) {
	if a.stopped {
		return
	}
	began := a.Kernel.Now()
	err := a.within(func(ctx context.Context) error {
		t, err := a.next()
		if err != nil {
			return err
		}
		return do(ctx, t)
	})
	if errors.Is(err, sim.ErrStopped) || a.stopped {
		return
	}
	a.failing = a.failing || err != nil
	a.record.call(dependency, began, a.Kernel.Now(), err)
}

// within bounds a call. Its context has no Done channel: a driver would watch
// that from a goroutine that the kernel does not know.
func (a *App) within(do func(context.Context) error) error {
	scope := a.Kernel.NewScope(context.Background())
	defer scope.Close()
	cancel := a.Kernel.After(a.Timeout, func() { scope.Cancel(errTimeout) })
	defer cancel()
	return do(context.WithoutCancel(scope))
}

var errNoTask = errors.New("no task serves")

// next is the task whose turn it is.
func (a *App) next() (ecs.Task, error) {
	tasks := a.Tasks()
	if len(tasks) == 0 {
		return ecs.Task{}, errNoTask
	}
	a.turn++
	return tasks[a.turn%len(tasks)], nil
}

// Healthy is a task's health check: it calls everything once with the task's
// environment, over connections of its own.
func (a *App) Healthy(env map[string]string) error {
	t := ecs.Task{ID: "health check", Env: env}
	return a.within(func(ctx context.Context) error {
		var errs []error
		for _, d := range a.Databases {
			errs = append(errs, a.query(ctx, t, d))
			a.forget(poolKey(t, d))
		}
		for _, table := range a.Tables {
			errs = append(errs, a.read(ctx, t, table))
		}
		return errors.Join(errs...)
	})
}

// Report is what the application has noted so far.
func (a *App) Report() Report { return a.record.report() }

// Outages lists the interruptions so far, in order of their beginning.
func (a *App) Outages() []Outage { return a.record.all() }
