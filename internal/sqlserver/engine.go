// Package sqlserver finds, starts, copies and stops MariaDB (or MySQL) and
// PostgreSQL servers as private processes, so that a rehearsal moves real rows.
//
// A [Farm] owns every server of one rehearsal. A [Server] costs nothing until
// something dials it. A snapshot stops the processes with SIGSTOP, copies the
// data folder and continues them; the copy starts with crash recovery, so that
// it holds every row that was acknowledged before, and users and passwords
// travel with it as they do in an Aurora snapshot.
//
// Servers never outlive their owner: see [RunWatcherIfAsked].
package sqlserver

import (
	"context"
	"database/sql"
	"fmt"
	"os/exec"
	"regexp"
	"syscall"
)

// Engine is the kind of a server.
type Engine string

// The two engines of Aurora.
const (
	// MySQL stands for Aurora MySQL; the server is MariaDB, or MySQL itself
	// where it is installed.
	MySQL Engine = "mysql"
	// Postgres stands for Aurora PostgreSQL.
	Postgres Engine = "postgres"
)

// superuser is the account that belongs to the rehearsal and, in Aurora, to
// AWS. It has the same name there, and like there nobody on the network can
// log in as it.
const superuser = "rdsadmin"

// dialect is what differs between the engines. Paths in it are absolute.
type dialect interface {
	// fill makes an empty data folder in dir/data, before any start.
	fill(ctx context.Context, f *Farm, dir string) error
	// command is the server on dir/data, listening on 127.0.0.1:port.
	command(dir string, port int) *exec.Cmd
	// environment is added to that of every program of the engine.
	environment() []string
	// socket is where the superuser connects.
	socket(dir string, port int) string
	// open returns a pool for one login; password and dial are as in its type.
	open(l login) (*sql.DB, error)
	// setUp turns a fresh data folder into what Options ask for.
	setUp(ctx context.Context, s *Server) error
	// identity changes when the templates of another version would not fit.
	identity() string
	// stopSignals are the clean and the immediate way to end it.
	stopSignals() (clean, now syscall.Signal)
}

// dialectOf returns the installed engine, or the error that names it.
func (t Tools) dialectOf(e Engine) (dialect, error) {
	switch {
	case e == MySQL && t.MySQL.Server != "":
		return &t.MySQL, nil
	case e == Postgres && t.Postgres.Server != "":
		return &t.Postgres, nil
	case e == MySQL || e == Postgres:
		return nil, missing(e)
	}
	return nil, fmt.Errorf("unknown database engine %q: it is %q or %q", e, MySQL, Postgres)
}

// Options are what the first start of a created server sets up.
type Options struct {
	// AdminUser is made as Aurora makes its master user: every privilege that
	// Aurora grants one, with the grant option, from any host, and no
	// superuser.
	AdminUser     string
	AdminPassword string
	// Database, when not empty, is created and belongs to AdminUser.
	Database string
}

// plainName is what user and database names may be made of; RDS allows no more.
var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,62}$`)

func (o Options) validate() error {
	if !plainName.MatchString(o.AdminUser) || o.AdminUser == superuser || o.AdminUser == "root" {
		return fmt.Errorf("admin user %q: use a letter, then up to 62 letters, digits, _ or -, and neither root nor %s", o.AdminUser, superuser)
	}
	if o.AdminPassword == "" {
		return fmt.Errorf("admin user %q has no password", o.AdminUser)
	}
	if o.Database != "" && !plainName.MatchString(o.Database) {
		return fmt.Errorf("database name %q: use a letter, then up to 62 letters, digits, _ or -", o.Database)
	}
	return nil
}
