package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Tools are the database servers of this machine.
type Tools struct {
	MySQL    MySQLTools
	Postgres PostgresTools
}

// MySQLTools is a MariaDB or MySQL server. Server is empty when there is none.
type MySQLTools struct {
	Server  string // path of the program
	Version string // as in "10.11.19"
	MariaDB bool   // false: Oracle's MySQL
	base    string // --basedir
	share   string // the folder with the messages and, for MariaDB, the system tables' SQL
	libs    string // for LD_LIBRARY_PATH when unpacked, not installed
}

// PostgresTools is a PostgreSQL server. Server is empty when there is none.
type PostgresTools struct {
	Server  string
	InitDB  string // beside it
	Version string // as in "15.18"
	libs    string
}

// ErrMissing is in the error that names a database server this machine lacks.
var ErrMissing = errors.New("no database server found")

func missing(e Engine) error {
	what := map[Engine]string{MySQL: "MariaDB or MySQL", Postgres: "PostgreSQL"}[e]
	return fmt.Errorf("%w: %s is in none of the usual folders; `make ready` brings it without installing anything", ErrMissing, what)
}

// Find locates the servers in PATH, the system's folders, Homebrew's, and the
// folder that `make ready` unpacks packages into. Oracle's MySQL is taken
// before MariaDB, since it is closer to Aurora. The error, which wraps
// ErrMissing, names every engine that was not found; Tools holds the others.
func Find() (Tools, error) {
	var t Tools
	var errs []error
	t.MySQL = findMySQL()
	if t.MySQL.Server == "" {
		errs = append(errs, missing(MySQL))
	}
	t.Postgres = findPostgres()
	if t.Postgres.Server == "" {
		errs = append(errs, missing(Postgres))
	}
	return t, errors.Join(errs...)
}

func findMySQL() MySQLTools {
	var found MySQLTools
	for _, path := range candidates("mysqld", "mariadbd") {
		tree, libs := treeOf(path)
		version, mariadb := versionOf(path, libs)
		if version == "" || (found.Server != "" && mariadb) {
			continue
		}
		t := MySQLTools{Server: path, Version: version, MariaDB: mariadb, base: tree, libs: libs}
		if t.share = shareOf(tree, mariadb); t.share == "" {
			continue
		}
		found = t
		if !mariadb {
			break
		}
	}
	return found
}

func findPostgres() PostgresTools {
	for _, path := range candidates("postgres") {
		_, libs := treeOf(path)
		initdb := filepath.Join(filepath.Dir(path), "initdb")
		if _, err := os.Stat(initdb); err != nil {
			continue
		}
		if version, _ := versionOf(path, libs); version != "" {
			return PostgresTools{Server: path, InitDB: initdb, Version: version, libs: libs}
		}
	}
	return PostgresTools{}
}

// candidates lists existing programs of these names with links resolved,
// nearest first, each once.
func candidates(names ...string) []string {
	dirs := append(filepath.SplitList(os.Getenv("PATH")),
		"/usr/sbin", "/usr/bin", "/usr/libexec", "/usr/local/sbin", "/usr/local/libexec", "/usr/local/mysql/bin")
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/opt/homebrew/bin", "/opt/homebrew/opt/m*/bin", "/opt/homebrew/opt/postgresql*/bin",
		"/usr/local/bin", "/usr/local/opt/m*/bin", "/usr/local/opt/postgresql*/bin",
	} {
		dirs = append(dirs, newestFirst(pattern)...)
	}
	for _, root := range unpackedRoots() {
		dirs = append(dirs, newestFirst(root+"/*/usr/sbin")...)
		dirs = append(dirs, newestFirst(root+"/*/usr/lib/postgresql/*/bin")...)
	}
	var found []string
	for _, dir := range dirs {
		for _, name := range names {
			path, err := filepath.EvalSymlinks(filepath.Join(dir, name))
			if err != nil || slices.Contains(found, path) {
				continue
			}
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				found = append(found, path)
			}
		}
	}
	return found
}

// newestFirst expands a pattern with higher version numbers before lower ones.
func newestFirst(pattern string) []string {
	found, _ := filepath.Glob(pattern) // fails only on a malformed pattern
	slices.Reverse(found)
	return found
}

// unpackedRoots are the folders scripts/ready.sh unpacks packages into. Root's
// is outside its home because an unprivileged user runs what is in there.
func unpackedRoots() []string {
	var roots []string
	if os.Geteuid() == 0 {
		roots = append(roots, "/var/cache/dbferry/debs")
	}
	if cache, err := os.UserCacheDir(); err == nil {
		roots = append(roots, filepath.Join(cache, "dbferry", "debs"))
	}
	return roots
}

// treeOf returns the folder that plays /usr for a program, and the library
// folders of an unpacked tree, which the dynamic linker would not search.
func treeOf(path string) (tree, libs string) {
	dir := filepath.Dir(path)
	if base := filepath.Base(dir); base == "bin" || base == "sbin" || base == "libexec" {
		dir = filepath.Dir(dir)
	}
	if i := strings.Index(dir, "/lib/postgresql/"); i >= 0 {
		dir = dir[:i]
	}
	for _, root := range unpackedRoots() {
		if strings.HasPrefix(path, root+"/") {
			found, _ := filepath.Glob(filepath.Join(dir, "lib", "*-linux-gnu*"))
			return dir, strings.Join(append(found, filepath.Join(dir, "lib")), ":")
		}
	}
	return dir, ""
}

// shareOf returns the folder with a server's messages and system tables.
func shareOf(tree string, mariadb bool) string {
	for _, sub := range []string{"share/mariadb", "share/mysql", "share", "share/mysql-8.0", "share/mysql-8.4"} {
		dir := filepath.Join(tree, sub)
		probe := "english/errmsg.sys"
		if mariadb {
			probe = "m*_system_tables.sql"
		}
		if found, _ := filepath.Glob(filepath.Join(dir, probe)); len(found) > 0 {
			return dir
		}
	}
	return ""
}

var versionPattern = regexp.MustCompile(`(?:Ver|\(PostgreSQL\)) (\d+(?:\.\d+)+)`)

// versionOf asks a program for its version; empty when it does not run here.
func versionOf(path, libs string) (version string, mariadb bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env = libraryPath(libs)
	out, err := cmd.Output()
	if err != nil {
		return "", false
	}
	match := versionPattern.FindSubmatch(out)
	if match == nil {
		return "", false
	}
	return string(match[1]), strings.Contains(string(out), "MariaDB")
}

func libraryPath(libs string) []string {
	env := []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/local/bin:/usr/bin:/bin"}
	if libs != "" {
		env = append(env, "LD_LIBRARY_PATH="+libs)
	}
	return env
}
