package sqlserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// beVictim starts one server of each engine, one of them suspended as during a
// snapshot, says so, and waits to be killed.
func beVictim(root string) {
	ctx := context.Background()
	f, err := NewFarm(ctx, FarmOptions{Root: root})
	if err != nil {
		fmt.Println("failed:", err)
		return
	}
	for _, e := range engines {
		for _, suffix := range []string{"-runs", "-stands"} {
			s, err := f.Create(string(e)+suffix, e, admin)
			if err == nil {
				_, err = s.Addr(ctx)
			}
			if err == nil && suffix == "-stands" {
				_, err = suspend(s.proc.cmd.Process.Pid)
			}
			if err != nil {
				fmt.Println("failed:", err)
				return
			}
		}
	}
	fmt.Println(f.folder, f.watcher.proc.cmd.Process.Pid)
	time.Sleep(time.Minute)
}

// startVictim runs beVictim in another process and returns it and what it says.
func startVictim(t *testing.T, root string) (victim *os.Process, folder string, watcherPid int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimVariable+"="+root)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal("the victim said nothing:", err)
	}
	if _, err := fmt.Sscan(line, &folder, &watcherPid); err != nil || strings.HasPrefix(line, "failed") {
		t.Fatal("the victim says:", line)
	}
	if n := len(serversIn(folder)); n != 4 {
		t.Fatalf("the victim has %d servers, want 4", n)
	}
	return cmd.Process, folder, watcherPid
}

func TestServersEndWithTheirOwner(t *testing.T) {
	root := shortRoot(t)
	victim, folder, _ := startVictim(t, root)
	start := time.Now()
	if err := victim.Kill(); err != nil {
		t.Fatal(err)
	}
	for {
		_, err := os.Stat(folder + ".lock")
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		if time.Since(start) > 5*time.Second {
			t.Fatal("5 s after kill -9 these are left:", folder, serversIn(folder))
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("cleared after %v", time.Since(start))
	if left := serversIn(folder); len(left) > 0 {
		t.Error("servers left:", left)
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder is left:", err)
	}
	if children := orphanedPostgres(); len(children) > 0 {
		t.Error("PostgreSQL children without a parent:", children)
	}
}

// TestNextFarmSweeps kills the watcher too, as a reboot or a container's end
// would, and looks whether the next farm clears up.
func TestNextFarmSweeps(t *testing.T) {
	root := shortRoot(t)
	victim, folder, watcherPid := startVictim(t, root)
	watcher, err := os.FindProcess(watcherPid)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(watcher.Kill(), victim.Kill()); err != nil {
		t.Fatal(err)
	}
	f := sweepUntilGone(t, root, folder)
	if left := serversIn(folder); len(left) > 0 {
		t.Error("servers left:", left)
	}
	if found, _ := filepath.Glob(filepath.Join(root, "f*")); len(found) != 2 {
		t.Errorf("only the new farm %s should be there: %v", f.folder, found)
	}
}

// sweepUntilGone makes farms until the victim's lock is free: killing is not
// waiting.
func sweepUntilGone(t *testing.T, root, folder string) *Farm {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; {
		f := newFarm(t, t.Context(), FarmOptions{Root: root})
		if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
			return f
		}
		if time.Now().After(deadline) {
			t.Fatal("the leftover is still there")
		}
		f.Close()
	}
}

func TestSweepSparesTheLiving(t *testing.T) {
	root := shortRoot(t)
	first := newFarm(t, t.Context(), FarmOptions{Root: root})
	s, err := first.Create("a", MySQL, admin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Addr(t.Context()); err != nil {
		t.Fatal(err)
	}
	newFarm(t, t.Context(), FarmOptions{Root: root})
	if !s.alive() {
		t.Error("a new farm ended a living one's server")
	}
	execute(t, super(t, s, ""), "SELECT 1")
}

// orphanedPostgres lists PostgreSQL worker processes whose server is gone.
func orphanedPostgres() []systemProcess {
	var found []systemProcess
	for _, p := range processTable() {
		if p.parent == 1 && strings.HasPrefix(p.command, "postgres: ") {
			found = append(found, p)
		}
	}
	return found
}

func TestFarmNeedsTheWatcher(t *testing.T) {
	defer func(was bool) { canBeWatched = was }(canBeWatched)
	canBeWatched = false
	if _, err := NewFarm(t.Context(), FarmOptions{Root: shortRoot(t)}); err == nil || !strings.Contains(err.Error(), "RunWatcherIfAsked") {
		t.Errorf("got %v", err)
	}
}
