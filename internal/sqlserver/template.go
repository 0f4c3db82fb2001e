package sqlserver

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
)

// template returns the folder that new servers of an engine are copied from.
// Making it takes about half a second (MariaDB) or two (PostgreSQL), once per
// machine and server version; then it is in the user's cache.
func (f *Farm) template(ctx context.Context, e Engine, d dialect) (string, error) {
	key := fmt.Sprintf("%s-%x", e, sha256.Sum256([]byte(d.identity())))[:24]
	local := filepath.Join(f.folder, "template-"+key)
	cache, err := os.UserCacheDir()
	cached := filepath.Join(cache, "dbferry", "templates", key)
	for _, dir := range []string{cached, local} {
		if err == nil || dir == local {
			if _, err := os.Stat(dir); err == nil {
				return dir, nil
			}
		}
	}
	if err := f.makeTemplate(ctx, d, local); err != nil {
		return "", err
	}
	if err != nil || f.publish(local, cached) != nil {
		return local, nil // no cache to write to: the farm keeps its own
	}
	return cached, os.RemoveAll(local)
}

func (f *Farm) makeTemplate(ctx context.Context, d dialect, dir string) error {
	making := dir + ".making"
	if err := os.RemoveAll(making); err != nil { // of a start that failed
		return err
	}
	data := filepath.Join(making, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	for _, path := range []string{making, data} {
		if err := f.owner.own(path); err != nil {
			return err
		}
	}
	if err := d.fill(ctx, f, making); err != nil {
		return err
	}
	return os.Rename(making, dir)
}

// publish copies a template into the cache under a temporary name first, so
// that nobody ever sees half of one.
func (f *Farm) publish(local, cached string) error {
	if err := os.MkdirAll(filepath.Dir(cached), 0o700); err != nil {
		return err
	}
	temp := cached + "." + randomHex(4)
	if err := f.copyTree(temp, local); err != nil {
		os.RemoveAll(temp)
		return err
	}
	if err := os.Rename(temp, cached); err != nil {
		os.RemoveAll(temp)
		if _, gone := os.Stat(cached); gone == nil {
			return nil // another process was faster
		}
		return err
	}
	return nil
}
