package sqlserver

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func setParentDeathSignal(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }

// processTable reads /proc; what ends meanwhile is left out.
func processTable() []systemProcess {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var table []systemProcess
	for _, path := range stats {
		state, parent := readStat(path)
		if state == 0 || state == 'Z' {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		command, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil {
			continue
		}
		text := string(bytes.ReplaceAll(bytes.TrimRight(command, "\x00"), []byte{0}, []byte{' '}))
		table = append(table, systemProcess{pid: pid, parent: parent, command: text})
	}
	return table
}

// readStat returns the state letter and parent in a stat file of /proc, or
// zeros when the process is gone. The name before them may hold anything.
func readStat(path string) (state byte, parent int) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 2 {
		return 0, 0
	}
	parent, _ = strconv.Atoi(fields[1])
	return fields[0][0], parent
}

// isSuspended is true when every thread stands still: SIGSTOP reaches them one
// after another.
func isSuspended(pid int) bool {
	threads, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task/[0-9]*/stat"))
	for _, path := range threads {
		switch state, _ := readStat(path); state {
		case 'T', 't', 'Z', 'X', 0:
		default:
			return false
		}
	}
	return true
}

// reflink lets the copy share the original's blocks where the file system can.
func reflink(to, from *os.File) error { return unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) }
