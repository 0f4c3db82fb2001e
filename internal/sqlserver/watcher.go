package sqlserver

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// watchVariable, when set, makes the program a watcher of the folder it names.
const watchVariable = "DBFERRY_WATCH_SERVERS"

// canBeWatched is set when this program would become a watcher if asked.
var canBeWatched bool

// RunWatcherIfAsked must be the first call of main, and of TestMain, in every
// program that makes a Farm. A farm starts its own program a second time as a
// watcher, which waits until the first one ends, for whatever reason and be it
// kill -9, and then ends the servers and removes their data. In that second
// start this function does not return.
func RunWatcherIfAsked() {
	canBeWatched = true
	folder := os.Getenv(watchVariable)
	if folder == "" {
		return
	}
	os.Exit(watch(folder, os.Stdin))
}

// watch waits for the end of its input, which the parent's death brings.
func watch(folder string, parent io.Reader) int {
	io.Copy(io.Discard, parent)
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		return 0 // closed in good order
	}
	if err := clearLeftover(folder); err != nil {
		return 1 // the next start sweeps
	}
	return 0
}

// clearLeftover ends a dead owner's servers and removes its folder and lock.
func clearLeftover(folder string) error {
	if err := endProcessesIn(folder); err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.Remove(folder + ".lock"); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// watcher is the parent's end of a watcher process.
type watcher struct {
	lifeline *os.File // closes with this process
	proc     *process
}

func startWatcher(folder string) (*watcher, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), watchVariable+"="+folder)
	cmd.Dir = "/"
	cmd.Stdin = theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // not for the terminal's interrupt
	proc, err := startProcess(cmd, os.DevNull)
	if err != nil {
		ours.Close()
		return nil, err
	}
	return &watcher{lifeline: ours, proc: proc}, nil
}

func (w *watcher) end() error {
	return errors.Join(w.lifeline.Close(), w.proc.wait(10*time.Second))
}
