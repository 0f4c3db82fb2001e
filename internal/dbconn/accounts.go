package dbconn

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Account is one account of a database that can log in. Host is MySQL's host
// pattern; empty for PostgreSQL.
type Account struct{ User, Host string }

// String is how the account is named in reports.
func (a Account) String() string {
	if a.Host == "" {
		return a.User
	}
	return a.User + "@" + a.Host
}

// Accounts manages who may log in to a database.
type Accounts interface {
	// List names the accounts that can log in from the network, without those
	// that AWS keeps for itself.
	List(ctx context.Context) ([]Account, error)
	// SetPassword gives an account a new password and makes sure that it is
	// not locked.
	SetPassword(ctx context.Context, a Account, password string) error
	// Lock keeps an account from logging in; its sessions are not ended.
	Lock(ctx context.Context, a Account) error
}

// AccountsOf returns the manager for an open database; the login must be the
// master user's.
func AccountsOf(engine string, db *sql.DB) Accounts {
	if engine == AuroraPostgres {
		return postgresAccounts{db}
	}
	return mysqlAccounts{db}
}

// awsOwn are accounts that AWS or the server keeps for itself and that no
// customer may alter: rdsadmin for RDS, rdsproxyadmin for RDS Proxy. They are
// named one by one: a customer's rds_reader must be locked like any other.
// AWS's roles (rds_superuser, AWS_LOAD_S3_ACCESS, …) cannot log in anyhow.
func awsOwn(user string) bool {
	switch user {
	case "rdsadmin", "rdsproxyadmin", "rdsrepladmin", "rdstopmgr", "rdswriteforwarduser", "rds_superuser_role",
		"mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys":
		return true
	}
	return false
}

type mysqlAccounts struct{ db *sql.DB }

// List leaves out accounts bound to localhost, which nobody reaches on Aurora,
// and MariaDB's roles, which have no host. An account without a name lets
// everybody in, and is listed.
func (m mysqlAccounts) List(ctx context.Context) ([]Account, error) {
	rows, err := m.db.QueryContext(ctx, "SELECT User, Host FROM mysql.user WHERE Host NOT IN ('', 'localhost') ORDER BY User, Host")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Account
	for rows.Next() {
		var a Account
		if err := rows.Scan(&a.User, &a.Host); err != nil {
			return nil, err
		}
		if awsOwn(a.User) {
			continue
		}
		all = append(all, a)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var open []Account
	for _, a := range all {
		locked, err := m.locked(ctx, a)
		if err != nil {
			return nil, err
		}
		if !locked {
			open = append(open, a)
		}
	}
	return open, nil
}

// locked reads SHOW CREATE USER, which both MySQL and MariaDB answer alike,
// unlike the tables behind it.
func (m mysqlAccounts) locked(ctx context.Context, a Account) (bool, error) {
	var def string
	err := m.db.QueryRowContext(ctx, "SHOW CREATE USER "+m.name(a)).Scan(&def)
	return strings.Contains(strings.ToUpper(def), "ACCOUNT LOCK"), err
}

func (m mysqlAccounts) SetPassword(ctx context.Context, a Account, password string) error {
	_, err := m.db.ExecContext(ctx, "ALTER USER "+m.name(a)+" IDENTIFIED BY "+mysqlText(password)+" ACCOUNT UNLOCK")
	if err != nil {
		return fmt.Errorf("set the password of %s: %w", a, redact(err, password, mysqlText(password)))
	}
	return nil
}

func (m mysqlAccounts) Lock(ctx context.Context, a Account) error {
	if _, err := m.db.ExecContext(ctx, "ALTER USER "+m.name(a)+" ACCOUNT LOCK"); err != nil {
		return fmt.Errorf("lock %s: %w", a, err)
	}
	return nil
}

func (m mysqlAccounts) name(a Account) string { return mysqlText(a.User) + "@" + mysqlText(a.Host) }

// mysqlText quotes a text literal for the default SQL mode, in which a
// backslash escapes.
func mysqlText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}

type postgresAccounts struct{ db *sql.DB }

func (p postgresAccounts) List(ctx context.Context) ([]Account, error) {
	rows, err := p.db.QueryContext(ctx, "SELECT rolname FROM pg_roles WHERE rolcanlogin ORDER BY rolname")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Account
	for rows.Next() {
		var a Account
		if err := rows.Scan(&a.User); err != nil {
			return nil, err
		}
		if !awsOwn(a.User) {
			all = append(all, a)
		}
	}
	return all, rows.Err()
}

func (p postgresAccounts) SetPassword(ctx context.Context, a Account, password string) error {
	_, err := p.db.ExecContext(ctx, "ALTER ROLE "+postgresName(a.User)+" LOGIN PASSWORD "+postgresText(password))
	if err != nil {
		return fmt.Errorf("set the password of %s: %w", a, redact(err, password, postgresText(password)))
	}
	return nil
}

func (p postgresAccounts) Lock(ctx context.Context, a Account) error {
	if _, err := p.db.ExecContext(ctx, "ALTER ROLE "+postgresName(a.User)+" NOLOGIN"); err != nil {
		return fmt.Errorf("lock %s: %w", a, err)
	}
	return nil
}

func postgresName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
func postgresText(s string) string {
	return `E'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + `'`
}
