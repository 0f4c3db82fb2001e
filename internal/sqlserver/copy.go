package sqlserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// leaveOut tells files that belong to a running process, not to the data, by
// their path below the server's folder; databases may have any name.
func leaveOut(below string, kind fs.FileMode) bool {
	if kind&(fs.ModeSocket|fs.ModeNamedPipe) != 0 || strings.HasPrefix(below, "data/.s.PGSQL.") {
		return true
	}
	switch below {
	case "log.txt", "tmp",
		"data/postmaster.pid", "data/postmaster.opts", "data/server.pid", "data/sock.lock",
		"data/ibtmp1",   // made anew by each start
		"data/auto.cnf": // MySQL's server id: a copy is another server
		return true
	}
	return false
}

// isReplicaState tells the files in which a replica keeps its source and what
// it has received: a copy follows nobody.
func isReplicaState(below string) bool {
	switch below {
	case "data/master.info", "data/relay-log.info", "data/multi-master.info":
		return true
	}
	return strings.HasPrefix(below, "data/"+relayLog+".")
}

// removeStale removes what a killed process left, so that the next start is
// not stopped by a process id that now belongs to something else.
func removeStale(dir string) {
	entries, _ := os.ReadDir(filepath.Join(dir, "data"))
	for _, entry := range entries {
		below := "data/" + entry.Name()
		if leaveOut(below, entry.Type()) && below != "data/auto.cnf" {
			os.Remove(filepath.Join(dir, below))
		}
	}
}

// copyTree copies a server's folder, owned by the servers' user. Zeros become
// holes: a fresh data folder of 20 MB takes 4.
func (f *Farm) copyTree(to, from string) error {
	buffer := make([]byte, 256<<10)
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if leaveOut(filepath.ToSlash(below), entry.Type()) || isReplicaState(filepath.ToSlash(below)) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if err := f.copyEntry(filepath.Join(to, below), path, entry, buffer); err != nil {
			return fmt.Errorf("copy %s: %w", path, err)
		}
		return nil
	})
}

func (f *Farm) copyEntry(to, from string, entry fs.DirEntry, buffer []byte) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	switch {
	case entry.IsDir():
		err = os.Mkdir(to, info.Mode().Perm())
	case entry.Type().IsRegular():
		err = f.copyFile(to, from, info.Mode().Perm(), buffer)
	default:
		return errors.New("neither file nor folder; data outside the data folder cannot be copied with it")
	}
	if err != nil {
		return err
	}
	return f.owner.own(to)
}

func (f *Farm) copyFile(to, from string, mode fs.FileMode, buffer []byte) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if !f.noReflink {
		if reflink(out, in) == nil {
			return nil
		}
		f.noReflink = true
	}
	return copySparse(out, in, buffer)
}

const block = 4096 // smaller holes save nothing

var zeros [block]byte

// copySparse writes only the blocks that hold something, neighbours at once.
func copySparse(out *os.File, in io.Reader, buffer []byte) error {
	var size, written int64
	for {
		n, err := io.ReadFull(in, buffer)
		for start := 0; start < n; {
			length := dataRun(buffer[start:n])
			if length == 0 {
				start += block
				continue
			}
			if _, err := out.WriteAt(buffer[start:start+length], size+int64(start)); err != nil {
				return err
			}
			start += length
			written = size + int64(start)
		}
		size += int64(n)
		switch {
		case err == nil:
		case err != io.EOF && err != io.ErrUnexpectedEOF:
			return err
		case written == size:
			return nil
		default:
			return out.Truncate(size) // the file ends with a hole
		}
	}
}

// dataRun is the length of the blocks at the beginning that are not all zero.
func dataRun(b []byte) int {
	for i := 0; i < len(b); i += block {
		part := b[i:min(i+block, len(b))]
		if bytes.Equal(part, zeros[:len(part)]) {
			return i
		}
	}
	return len(b)
}

// makeTemp makes the folder for a server's temporary files, empty.
func (f *Farm) makeTemp(dir string) error {
	temp := filepath.Join(dir, "tmp")
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	if err := os.Mkdir(temp, 0o700); err != nil {
		return err
	}
	return f.owner.own(temp)
}
