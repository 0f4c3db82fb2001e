package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Every farm's folder has a lock file beside it, locked by its owner. The
// kernel drops the lock when the owner dies, so a lock that can be had marks a
// leftover; process ids and start times are not needed.

// makeRoot makes the folder of all farms, or checks that it is this user's:
// others can write to the temporary folder too. Root's is open to pass through
// because its servers run as another user.
func makeRoot(root string) error {
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if err := os.MkdirAll(root, mode); err != nil {
		return err
	}
	info, err := os.Lstat(root)
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || !ok || int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is not a folder of this user; remove it or set TMPDIR to another place", root)
	}
	return os.Chmod(root, mode)
}

// lockRoot keeps other farms from starting or sweeping, for at most 30 s.
func lockRoot(ctx context.Context, root string) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	file, err := os.OpenFile(filepath.Join(root, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", file.Name(), err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("another process holds %s: %w", file.Name(), ctx.Err()), file.Close())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func lockNew(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// sweep clears the farms in root whose owners are dead. The caller holds the
// root's lock.
func sweep(root string) error {
	locks, err := filepath.Glob(filepath.Join(root, "f*.lock"))
	if err != nil {
		return err
	}
	for _, path := range locks {
		if err := sweepOne(path); err != nil {
			return fmt.Errorf("leftover of an earlier run: %w", err)
		}
	}
	return nil
}

func sweepOne(lockPath string) error {
	file, err := os.OpenFile(lockPath, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil // its watcher was faster
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil // its owner lives
	}
	return clearLeftover(strings.TrimSuffix(lockPath, ".lock"))
}
