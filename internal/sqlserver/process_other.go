//go:build !linux

package sqlserver

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// setParentDeathSignal does nothing: only Linux has that signal. The watcher
// does its work here.
func setParentDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}

// processTable asks ps, which macOS and the BSDs always have.
func processTable() []systemProcess {
	out, err := exec.Command("ps", "-axww", "-o", "pid=,ppid=,state=,command=").Output()
	if err != nil {
		return nil
	}
	var table []systemProcess
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || strings.HasPrefix(fields[2], "Z") {
			continue
		}
		pid, _ := strconv.Atoi(fields[0])
		parent, _ := strconv.Atoi(fields[1])
		table = append(table, systemProcess{pid: pid, parent: parent, command: strings.Join(fields[3:], " ")})
	}
	return table
}

func isSuspended(pid int) bool {
	out, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output()
	return err != nil || strings.HasPrefix(strings.TrimSpace(string(out)), "T")
}

func reflink(_, _ *os.File) error { return errors.ErrUnsupported }
