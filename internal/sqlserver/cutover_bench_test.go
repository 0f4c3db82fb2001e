package sqlserver

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkCutOver measures the longest time between two acknowledged writes
// of a client that writes every millisecond through a TCP proxy, while writes
// stop on one real server, its replica catches up and the proxy turns to it.
// It is what a switchover could cost if nothing but the data had to be moved;
// AWS's own time comes on top. The roles are exchanged after each round, and
// no acknowledged row may be missing at the end.
func BenchmarkCutOver(b *testing.B) {
	ctx := b.Context()
	f, err := NewFarm(ctx, FarmOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	c := &cutOver{b: b, f: f}
	c.setUp(ctx)
	defer c.front.Close()
	var gaps []time.Duration
	for b.Loop() {
		gaps = append(gaps, c.round(ctx))
	}
	slices.Sort(gaps)
	b.ReportMetric(float64(gaps[len(gaps)/2].Microseconds())/1000, "write-gap-ms")
	b.ReportMetric(float64(gaps[len(gaps)-1].Microseconds())/1000, "worst-gap-ms")
	b.ReportMetric(float64(c.refused.Load())/float64(len(gaps)), "refused-writes/op")
	c.judge(ctx)
}

type cutOver struct {
	b           *testing.B
	f           *Farm
	blue, green *Server
	front       *turnout
	next        atomic.Int64 // the id of the next row
	acked       atomic.Int64
	refused     atomic.Int64
}

func (c *cutOver) must(err error) {
	c.b.Helper()
	if err != nil {
		c.b.Fatal(err)
	}
}

func (c *cutOver) setUp(ctx context.Context) {
	var err error
	c.blue, err = c.f.Create("blue", MySQL, admin)
	c.must(err)
	db, err := c.blue.Superuser(ctx, "shop")
	c.must(err)
	defer db.Close()
	c.must(execAll(ctx, db, []string{
		"CREATE TABLE t (a BIGINT PRIMARY KEY)", "CREATE USER 'app'@'%' IDENTIFIED BY 'app'", "GRANT ALL ON shop.* TO 'app'@'%'",
	}))
	image, err := c.f.Snapshot(ctx, c.blue, "image")
	c.must(err)
	c.green, err = c.f.Restore(ctx, image, "green")
	c.must(err)
	c.must(c.green.Follow(ctx, c.blue))
	c.must(c.green.SetAccess(ctx, ReadOnly, admin.AdminUser))
	c.front, err = newTurnout(c.blue)
	c.must(err)
}

// round cuts over once under load and exchanges the roles.
func (c *cutOver) round(ctx context.Context) time.Duration {
	stop, gap := make(chan struct{}), make(chan time.Duration)
	go func() { gap <- c.write(ctx, stop) }()
	before := c.acked.Load()
	for c.acked.Load() < before+20 {
		time.Sleep(time.Millisecond)
	}
	c.must(c.blue.SetAccess(ctx, Frozen, admin.AdminUser))
	done, err := c.green.CatchUp(ctx, c.blue, 10*time.Second)
	c.must(err)
	if !done {
		c.b.Fatal("the replica did not catch up")
	}
	_, err = c.green.LogPosition(ctx) // where the way back would begin
	c.must(err)
	c.must(c.green.SetAccess(ctx, ReadWrite, admin.AdminUser))
	c.front.turn(c.green)
	after := c.acked.Load()
	for c.acked.Load() < after+20 {
		time.Sleep(time.Millisecond)
	}
	close(stop)
	longest := <-gap
	_, err = c.green.Unfollow(ctx, c.blue)
	c.must(err)
	c.must(c.blue.SetAccess(ctx, ReadOnly, admin.AdminUser))
	c.must(c.blue.Follow(ctx, c.green))
	c.blue, c.green = c.green, c.blue
	return longest
}

// write inserts a row every millisecond, reconnecting as applications do, and
// returns the longest time without an acknowledged one.
func (c *cutOver) write(ctx context.Context, stop chan struct{}) (longest time.Duration) {
	db, err := c.blue.dialect.open(login{user: "app", password: "app", database: "shop", dial: c.front.dial})
	if err != nil {
		c.b.Error(err)
		return 0
	}
	defer db.Close()
	last := time.Now()
	for {
		select {
		case <-stop:
			return longest
		case <-time.After(time.Millisecond):
		}
		id := c.next.Add(1)
		if _, err := db.ExecContext(ctx, fmt.Sprintf("INSERT INTO t VALUES (%d)", id)); err != nil {
			c.refused.Add(1)
			continue
		}
		longest, last = max(longest, time.Since(last)), time.Now()
		c.acked.Add(1)
	}
}

// judge: every acknowledged row is on the server that now serves. A write
// whose answer was lost may be there too.
func (c *cutOver) judge(ctx context.Context) {
	db, err := c.blue.Superuser(ctx, "shop")
	c.must(err)
	defer db.Close()
	var rows int64
	c.must(db.QueryRowContext(ctx, "SELECT COUNT(*) FROM t").Scan(&rows))
	if rows < c.acked.Load() || rows > c.acked.Load()+c.refused.Load() {
		c.b.Errorf("%d rows after %d acknowledged and %d refused writes", rows, c.acked.Load(), c.refused.Load())
	}
}

// turnout is a TCP proxy in front of one server at a time.
type turnout struct {
	net.Listener
	mu    sync.Mutex
	to    *Server
	conns map[net.Conn]bool
}

func newTurnout(to *Server) (*turnout, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &turnout{Listener: l, to: to, conns: map[net.Conn]bool{}}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(in)
		}
	}()
	return p, nil
}

func (p *turnout) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", p.Addr().String())
}

func (p *turnout) serve(in net.Conn) {
	defer in.Close()
	p.mu.Lock()
	to := p.to
	p.conns[in] = true
	p.mu.Unlock()
	out, err := to.Dial(context.Background())
	if err != nil {
		return
	}
	defer out.Close()
	go func() {
		io.Copy(out, in)
		out.Close()
	}()
	io.Copy(in, out)
	p.mu.Lock()
	delete(p.conns, in)
	p.mu.Unlock()
}

// turn sends what connects from now on to another server, and ends what is
// connected.
func (p *turnout) turn(to *Server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = to
	for c := range p.conns {
		c.Close()
	}
}
