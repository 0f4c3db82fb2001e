package rehearsal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/sqlserver"
)

// How often the client writes: seldom while nothing moves, several times a
// second from the begin of a switchover until it has been well for a while.
const (
	clientIdle   = time.Minute
	clientBusy   = 200 * time.Millisecond
	clientCalm   = 30 * time.Second // well for so long: idle again
	clientSchema = "app_probe"
)

// client is a production application that keeps writing through one endpoint
// while its cluster is moved. It holds one connection, and opens another after
// every error, as applications with a pool do.
type client struct {
	w         *awsworld.World
	rds       *rds.Service
	databases *databases
	account   string
	cluster   string // the name of the cluster behind the endpoint
	proxied   bool   // the endpoint is a proxy's, which does not wait for DNS
	dial      dbconn.Dialer
	login     dbconn.Login

	db      *sql.DB
	next    int
	probes  int
	failed  int
	acked   []int
	errors  map[string]int
	outages []outage // times without an acknowledged write, from the first failure on
	down    time.Time
	busy    bool // a process writes at the busy pace
	wellAt  time.Time
	stop    bool
}

type outage struct{ from, to time.Time }

// AppReport is what the application noticed of a move. Seconds are simulated.
type AppReport struct {
	Probes       int `json:"probes"`
	Acknowledged int `json:"acknowledged"`
	Lost         int `json:"lost"`   // acknowledged, and not on the cluster that serves
	Failed       int `json:"failed"` // refused or without an answer
	// LongestOutageSeconds is the longest time without an acknowledged write.
	LongestOutageSeconds float64 `json:"longestOutageSeconds"`
	// AWSModelledSeconds of it are AWS's, as modelled; OursSeconds the rest:
	// what dbferry made applications wait, and up to one pause of the client.
	AWSModelledSeconds float64        `json:"awsModelledSeconds"`
	OursSeconds        float64        `json:"oursSeconds"`
	Errors             map[string]int `json:"errors,omitempty"` // failed probes by cause
}

// prepareProbe makes the table that the client writes to, and lets its user in.
func prepareProbe(ctx context.Context, server *sqlserver.Server, user string) error {
	db, err := server.Superuser(ctx, "")
	if err != nil {
		return err
	}
	defer db.Close()
	statements := []string{"CREATE SCHEMA " + clientSchema, "CREATE TABLE " + clientSchema + ".rows (id BIGINT PRIMARY KEY, at VARCHAR(40) NOT NULL)"}
	name := sqlserver.QuoteName(server.Engine(), user)
	if server.Engine() == sqlserver.Postgres {
		statements = append(statements, "GRANT USAGE ON SCHEMA "+clientSchema+" TO "+name, "GRANT SELECT, INSERT ON "+clientSchema+".rows TO "+name)
	} else {
		statements = append(statements, "GRANT SELECT, INSERT ON "+clientSchema+".* TO "+name+"@'%'")
	}
	return execAll(ctx, db, statements)
}

// Start lets the client write until stop is set. It quickens when a switchover
// of its cluster begins.
func (c *client) Start(ctx context.Context) {
	c.errors = map[string]int{}
	told := c.rds.Turned
	c.rds.Turned = func(account, blue, status string) {
		if told != nil {
			told(account, blue, status)
		}
		if account == c.account && blue == c.cluster && status == "SWITCHOVER_IN_PROGRESS" {
			c.quicken(ctx)
		}
	}
	c.w.Kernel.Go(func() {
		for !c.stop {
			if !c.busy {
				c.probe(ctx)
			}
			if c.w.Kernel.Sleep(ctx, clientIdle) != nil {
				return
			}
		}
	})
}

// quicken writes at the busy pace until all is well again.
func (c *client) quicken(ctx context.Context) {
	if c.busy {
		return
	}
	c.busy = true
	c.w.Kernel.Go(func() {
		defer func() { c.busy = false }()
		c.wellAt = c.w.Now()
		for !c.stop && (c.rds.Switching(c.account, c.cluster) || !c.down.IsZero() || c.w.Now().Sub(c.wellAt) < clientCalm) {
			c.probe(ctx)
			if c.w.Kernel.Sleep(ctx, clientBusy) != nil {
				return
			}
		}
	})
}

// probe writes one row.
func (c *client) probe(ctx context.Context) {
	c.next++
	c.probes++
	began := c.w.Now()
	err := c.write(ctx, c.next)
	if err == nil {
		c.acked = append(c.acked, c.next)
		if !c.down.IsZero() {
			c.outages = append(c.outages, outage{c.down, c.w.Now()})
			c.down, c.wellAt = time.Time{}, c.w.Now()
		}
		return
	}
	c.failed++
	c.errors[cause(err)]++
	if c.down.IsZero() {
		c.down = began
	}
	c.close()
	c.quicken(ctx)
}

func (c *client) write(ctx context.Context, id int) (err error) {
	if c.db == nil {
		if c.db, err = dbconn.Open(ctx, c.dial, c.login); err != nil {
			c.db = nil
			return err
		}
	}
	_, err = c.db.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s.rows VALUES (%d, '%s')", clientSchema, id, c.w.Now().Format(time.RFC3339Nano)))
	return err
}

func (c *client) close() {
	if c.db != nil {
		c.db.Close()
		c.db = nil
	}
}

// cause is the kind of a failure, as an application's log would count it.
func cause(err error) string {
	var my *mysql.MySQLError
	switch {
	case errors.As(err, &my):
		return fmt.Sprintf("MySQL error %d", my.Number)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case strings.Contains(err.Error(), "read-only transaction"):
		return "read-only transaction"
	case strings.Contains(err.Error(), "no such host"):
		return "no such host"
	}
	return "connection lost"
}

// Finish stops the client and looks for every acknowledged row on the cluster
// that now has the name.
func (c *client) Finish(ctx context.Context) (AppReport, error) {
	c.stop = true
	c.close()
	if !c.down.IsZero() {
		c.outages = append(c.outages, outage{c.down, c.w.Now()})
		c.down = time.Time{}
	}
	r := AppReport{Probes: c.probes, Acknowledged: len(c.acked), Failed: c.failed, Errors: c.errors}
	r.LongestOutageSeconds, r.AWSModelledSeconds = c.longest()
	r.OursSeconds = round(r.LongestOutageSeconds - r.AWSModelledSeconds)
	held, err := c.held(ctx)
	if err != nil {
		return r, err
	}
	for _, id := range c.acked {
		if !held[id] {
			r.Lost++
		}
	}
	return r, nil
}

// held are the rows of the cluster that serves.
func (c *client) held(ctx context.Context) (map[int]bool, error) {
	server, err := c.databases.server(c.account + "/" + c.cluster)
	if err != nil {
		return nil, err
	}
	db, err := server.Superuser(ctx, "")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT id FROM "+clientSchema+".rows")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	held := map[int]bool{}
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		held[id] = true
	}
	return held, rows.Err()
}

// longest is the longest outage, and how much of it AWS modelled.
func (c *client) longest() (seconds, aws float64) {
	if len(c.outages) == 0 {
		return 0, 0
	}
	o := slices.MaxFunc(c.outages, func(a, b outage) int { return int(a.to.Sub(a.from) - b.to.Sub(b.from)) })
	var covered time.Duration
	for _, x := range c.rds.Outages() {
		if x.Cluster == c.cluster && (x.ThroughIt || x.OfProxy == c.proxied) {
			covered += max(0, earlier(o.to, x.To).Sub(later(o.from, x.From)))
		}
	}
	return round(o.to.Sub(o.from).Seconds()), round(covered.Seconds())
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func round(seconds float64) float64 { return math.Round(seconds*1000) / 1000 }
