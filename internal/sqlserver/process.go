package sqlserver

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a running server.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it ended
}

// spawner is one thread that starts every server and never ends: the kernel
// sends the parent-death signal when the *thread* that started a child ends.
var spawner = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for do := range work {
			do()
		}
	}()
	return work
})

func startProcess(cmd *exec.Cmd, logPath string) (*process, error) {
	logFile, err := os.Create(logPath)
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	cmd.Stdout, cmd.Stderr = logFile, logFile
	started := make(chan error)
	spawner() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		cmd.Wait() // how it ended is in its log
		close(p.done)
	}()
	return p, nil
}

func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// end sends a signal and waits for the end.
func (p *process) end(sig syscall.Signal, within time.Duration) error {
	p.cmd.Process.Signal(sig) // an error means that it has ended
	return p.wait(within)
}

func (p *process) wait(within time.Duration) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		return fmt.Errorf("process %d did not end within %v", p.cmd.Process.Pid, within)
	}
}

// identity is the user that servers run as; the zero value means this one.
type identity struct {
	set      bool
	uid, gid uint32
}

// unprivileged is nobody when this process is root: PostgreSQL refuses to run
// as root, and no server needs to.
func unprivileged() (identity, error) {
	if os.Geteuid() != 0 {
		return identity{}, nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		return identity{}, fmt.Errorf("database servers do not run as root, and there is no user to run them as: %w", err)
	}
	uid, err1 := strconv.ParseInt(u.Uid, 10, 64)
	gid, err2 := strconv.ParseInt(u.Gid, 10, 64)
	if err1 != nil || err2 != nil {
		return identity{}, fmt.Errorf("user nobody has the ids %q and %q", u.Uid, u.Gid)
	}
	return identity{set: true, uid: uint32(uid), gid: uint32(gid)}, nil
}

func (id identity) own(path string) error {
	if !id.set {
		return nil
	}
	return os.Lchown(path, int(id.uid), int(id.gid))
}

// attributes start a program as owner in a session of its own, so that an
// interrupt at the terminal reaches this program alone.
func attributes(owner identity, onParentDeath syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if owner.set {
		attr.Credential = &syscall.Credential{Uid: owner.uid, Gid: owner.gid}
	}
	setParentDeathSignal(attr, onParentDeath)
	return attr
}

// systemProcess is what the process table says about one process.
type systemProcess struct {
	pid, parent int
	command     string // program and arguments, separated by spaces
}

// isServer tells a database program from, say, a pager that shows its log.
func (p systemProcess) isServer() bool {
	program, _, _ := strings.Cut(p.command, " ")
	switch filepath.Base(program) {
	case "mysqld", "mariadbd", "postgres", "initdb":
		return true
	}
	return false
}

// serversIn lists the database programs that were started on a folder.
func serversIn(folder string) []systemProcess {
	var found []systemProcess
	for _, p := range processTable() {
		if p.isServer() && strings.Contains(p.command, folder+"/") {
			found = append(found, p)
		}
	}
	return found
}

// childrenOf lists the pids whose parent is pid.
func childrenOf(pid int) []int {
	var found []int
	for _, p := range processTable() {
		if p.parent == pid {
			found = append(found, p.pid)
		}
	}
	return found
}

// endProcessesIn ends every server on a folder within about three seconds: at
// first as each engine likes it, then by force. Stopped ones are continued,
// for only then they see another signal than SIGKILL.
func endProcessesIn(folder string) error {
	for _, p := range serversIn(folder) {
		sig := syscall.SIGKILL
		if strings.Contains(p.command, "postgres") {
			sig = syscall.SIGQUIT
		}
		syscall.Kill(p.pid, sig)
		for _, child := range append(childrenOf(p.pid), p.pid) {
			syscall.Kill(child, syscall.SIGCONT)
		}
	}
	if awaitNone(folder, 2*time.Second) {
		return nil
	}
	for _, p := range serversIn(folder) {
		children := childrenOf(p.pid)
		syscall.Kill(p.pid, syscall.SIGKILL)
		for _, child := range children {
			syscall.Kill(child, syscall.SIGKILL)
		}
	}
	if !awaitNone(folder, time.Second) {
		return fmt.Errorf("database servers on %s do not end", folder)
	}
	return nil
}

func awaitNone(folder string, within time.Duration) bool {
	for deadline := time.Now().Add(within); ; time.Sleep(10 * time.Millisecond) {
		if len(serversIn(folder)) == 0 {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// suspend stops a server and its children and returns what continues them.
// When it returns, none of them is in the middle of a write.
func suspend(pid int) (resume func(), err error) {
	pids := []int{pid}
	resume = func() {
		for i := len(pids) - 1; i >= 0; i-- {
			syscall.Kill(pids[i], syscall.SIGCONT)
		}
	}
	if err := suspendOne(pid); err != nil {
		return resume, err
	}
	for _, child := range childrenOf(pid) { // the stopped parent makes no more
		pids = append(pids, child)
		if err := suspendOne(child); err != nil {
			return resume, err
		}
	}
	return resume, nil
}

func suspendOne(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		if err == syscall.ESRCH {
			return nil // a child that ended by itself
		}
		return fmt.Errorf("stop process %d: %w", pid, err)
	}
	for deadline := time.Now().Add(5 * time.Second); !isSuspended(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d did not stop within 5 s", pid)
		}
	}
	return nil
}
