package sqlserver

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// DefaultMaxRunning is how many servers of a farm run at the same time unless
// FarmOptions say otherwise: about 90 MB of memory each.
const DefaultMaxRunning = 12

// FarmOptions change how a farm is made. The zero value is right for most.
type FarmOptions struct {
	// Root is the folder under which farms live; default
	// os.TempDir()/dbferry-<uid>. Keep it short: the path of a Unix socket
	// below it may not exceed 103 bytes.
	Root string
	// MaxRunning bounds the servers that run at once; the least recently
	// dialled one is stopped to let another start. Default DefaultMaxRunning.
	MaxRunning int
}

// Farm owns the servers and images of one rehearsal. Its methods and those of
// its servers may be used from several goroutines; starts, stops and copies
// happen one after another.
type Farm struct {
	tools      Tools
	folder     string
	owner      identity
	max        int
	lockFile   *os.File
	watcher    *watcher
	busy       chan struct{} // holds a token while nobody changes the farm
	servers    map[string]*Server
	folders    int    // numbers the folders of servers and images
	dials      uint64 // orders the dials
	noReflink  bool   // the file system was found unable to share blocks
	foundError error  // of Find
	closed     bool
}

// NewFarm sweeps what killed processes left behind, makes the farm's folder
// and starts its watcher. The program must have called RunWatcherIfAsked
// before. A missing database server is reported by Create, for its engine.
func NewFarm(ctx context.Context, o FarmOptions) (*Farm, error) {
	if !canBeWatched {
		return nil, errors.New("sqlserver: main or TestMain must call RunWatcherIfAsked first; without it servers could outlive the program")
	}
	if o.Root == "" {
		o.Root = filepath.Join(os.TempDir(), fmt.Sprintf("dbferry-%d", os.Geteuid()))
	}
	if o.MaxRunning <= 0 {
		o.MaxRunning = DefaultMaxRunning
	}
	f := &Farm{max: o.MaxRunning, busy: make(chan struct{}, 1), servers: map[string]*Server{}}
	f.busy <- struct{}{}
	f.tools, f.foundError = Find()
	var err error
	if f.owner, err = unprivileged(); err != nil {
		return nil, err
	}
	if err := f.claimFolder(ctx, o.Root); err != nil {
		return nil, fmt.Errorf("folder for database servers: %w", err)
	}
	if f.watcher, err = startWatcher(f.folder); err != nil {
		f.removeFolder()
		return nil, fmt.Errorf("watcher of database servers: %w", err)
	}
	return f, nil
}

// claimFolder makes root, sweeps it and makes the farm's own folder in it,
// locked for as long as this process lives.
func (f *Farm) claimFolder(ctx context.Context, root string) error {
	if err := makeRoot(root); err != nil {
		return err
	}
	if n := len(filepath.Join(root, "f000000/s0000/data/.s.PGSQL.65535")); n > 103 {
		return fmt.Errorf("%s is too long a path by %d bytes for a Unix socket below it; set TMPDIR to a shorter one", root, n-103)
	}
	release, err := lockRoot(ctx, root)
	if err != nil {
		return err
	}
	defer release()
	if err := sweep(root); err != nil {
		return err
	}
	f.folder = filepath.Join(root, "f"+randomHex(3))
	if f.lockFile, err = lockNew(f.folder + ".lock"); err != nil {
		return err
	}
	return os.Mkdir(f.folder, 0o711)
}

// Create adds a server without starting it or using the disk: its data folder
// is made when something first dials it.
func (f *Farm) Create(name string, e Engine, o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("server %s: %w", name, err)
	}
	return f.add(&Server{name: name, engine: e, options: o, superPassword: randomHex(16)})
}

// add registers a server under its name with a folder of its own.
func (f *Farm) add(s *Server) (*Server, error) {
	var err error
	if s.dialect, err = f.tools.dialectOf(s.engine); err != nil {
		return nil, fmt.Errorf("server %s: %w", s.name, err)
	}
	if err := f.acquire(context.Background()); err != nil {
		return nil, err
	}
	defer f.release()
	if f.servers[s.name] != nil {
		return nil, fmt.Errorf("server %s exists already in this farm; remove it or choose another name", s.name)
	}
	s.farm, s.dir = f, f.nextFolder()
	f.servers[s.name] = s
	return s, nil
}

func (f *Farm) nextFolder() string {
	f.folders++
	return filepath.Join(f.folder, fmt.Sprintf("s%d", f.folders))
}

// Running is the number of servers that run at the moment.
func (f *Farm) Running() int {
	if f.acquire(context.Background()) != nil {
		return 0
	}
	defer f.release()
	return f.running()
}

func (f *Farm) running() int {
	n := 0
	for _, s := range f.servers {
		if s.alive() {
			n++
		}
	}
	return n
}

// makeRoom stops the least recently dialled server, one without open
// connections if there is such a one, when as many run as may. Servers that
// replicate stay.
func (f *Farm) makeRoom(starting *Server) error {
	if f.running() < f.max {
		return nil
	}
	var victim *Server
	for _, s := range f.servers {
		if s != starting && s.alive() && s.pins.Load() == 0 && (victim == nil || s.before(victim)) {
			victim = s
		}
	}
	if victim == nil {
		return nil
	}
	return victim.stop()
}

// Close ends every server at once, without a clean shutdown, and removes all
// data. It may be called again.
func (f *Farm) Close() error {
	<-f.busy
	defer f.release()
	if f.closed {
		return nil
	}
	f.closed = true
	errs := []error{endProcessesIn(f.folder)}
	for _, s := range f.servers {
		if s.proc != nil {
			errs = append(errs, s.proc.wait(stopTimeout))
		}
	}
	errs = append(errs, f.removeFolder())
	return errors.Join(append(errs, f.watcher.end())...)
}

func (f *Farm) removeFolder() error {
	err := os.RemoveAll(f.folder)
	if f.lockFile != nil {
		err = errors.Join(err, os.Remove(f.lockFile.Name()), f.lockFile.Close())
	}
	return err
}

var errClosed = errors.New("sqlserver: the farm is closed")

// acquire waits for its turn to change the farm.
func (f *Farm) acquire(ctx context.Context) error {
	select {
	case <-f.busy:
	case <-ctx.Done():
		return fmt.Errorf("waiting for another database server's start or copy: %w", ctx.Err())
	}
	if f.closed {
		f.release()
		return errClosed
	}
	return nil
}

func (f *Farm) release() { f.busy <- struct{}{} }

// run executes a short-lived program as the servers' user, at most a minute.
func (f *Farm) run(ctx context.Context, env []string, in *bytes.Buffer, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Dir = env, f.folder
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = attributes(f.owner, 0)
	if in != nil {
		cmd.Stdin = io.Reader(in)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(name), err, tail(out))
	}
	return nil
}

// tail is the end of a log on one line, for an error message.
func tail(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-6):], " | ")
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
