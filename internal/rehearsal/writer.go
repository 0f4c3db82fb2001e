package rehearsal

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkrds "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/ground"
)

// Production keeps working while it is backed up: a row every few minutes,
// never more than a bounded number.
const (
	writeEvery = 3 * time.Minute
	writeMost  = 200
	firstID    = 1_000_000 // of written rows, far above the sample's
)

// write is one row that the database acknowledged.
type write struct {
	id           int
	began, acked time.Time
}

// writer is production's application at work on one cluster or table.
type writer struct {
	item    string
	initial int                                     // items before the first write
	insert  func(ctx context.Context, id int) error // adds one row
	done    []write
	stop    bool
	err     error
}

// startWriters begins to write into everything that the ground says is written to.
func (s *stage) startWriters(ctx context.Context) {
	if len(s.writers) > 0 {
		return // they work on from an earlier refresh
	}
	for _, c := range s.ground.Clusters {
		if c.Writes && !s.loaded[c.ID] {
			s.startWriter(ctx, &writer{item: c.ID, insert: s.insertInto(c)})
		}
	}
	for _, t := range s.ground.Tables {
		if t.Writes {
			s.startWriter(ctx, &writer{item: t.Name, initial: t.Items, insert: func(_ context.Context, id int) error {
				return s.dynamodb.PutItems(s.config.Production.Account, t.Name, cart(fmt.Sprintf("written-%d", id), id))
			}})
		}
	}
}

func (s *stage) startWriter(ctx context.Context, w *writer) {
	s.writers = append(s.writers, w)
	s.w.Kernel.Go(func() {
		for id := firstID; id < firstID+writeMost && !w.stop; id++ {
			began := s.w.Now()
			if w.err = w.insert(ctx, id); w.err != nil {
				return
			}
			w.done = append(w.done, write{id, began, s.w.Now()})
			if s.w.Kernel.Sleep(ctx, writeEvery) != nil {
				return
			}
		}
	})
}

func (s *stage) stopWriters() {
	for _, w := range s.writers {
		w.stop = true
	}
}

// insertInto places orders through the cluster's endpoint, as production's own
// application does: from its network, as its own user.
func (s *stage) insertInto(c ground.Cluster) func(context.Context, int) error {
	account := s.config.Production.Account
	d := dialer{s.rds, rds.NetworkPlace{Account: account, VPC: c.VPC, SecurityGroups: []string{c.AppGroup}}}
	for _, n := range s.ground.Account(account).Subnets {
		d.from.Subnets = append(d.from.Subnets, n.ID)
	}
	login := dbconn.Login{Engine: c.Engine, User: c.Users[0].Name, Password: c.Users[0].Password}
	client := sdkrds.NewFromConfig(s.w.Config(s.w.GroundCaller(account)))
	return func(ctx context.Context, id int) error {
		if login.Host == "" {
			out, err := client.DescribeDBClusters(ctx, &sdkrds.DescribeDBClustersInput{DBClusterIdentifier: &c.ID})
			if err != nil {
				return err
			}
			login.Host, login.Port = aws.ToString(out.DBClusters[0].Endpoint), int(aws.ToInt32(out.DBClusters[0].Port))
		}
		db, err := dbconn.Open(ctx, d, login)
		if err != nil {
			return err
		}
		defer db.Close()
		_, err = db.ExecContext(ctx, fmt.Sprintf("INSERT INTO shop.orders VALUES (%d, %d, '%s')", id, id%200+1, s.w.Now().Format(time.RFC3339)))
		return err
	}
}

// judge compares what was acknowledged with what an image holds: everything
// acknowledged before notBefore, nothing begun after notAfter.
func (w *writer) judge(holds func(id int) bool, notBefore, notAfter time.Time) error {
	if w.err != nil {
		return fmt.Errorf("production's own writes into %s failed during the backup: %w", w.item, w.err)
	}
	for _, x := range w.done {
		switch has := holds(x.id); {
		case !has && x.acked.Before(notBefore):
			return fmt.Errorf("%s: row %d was acknowledged at %s, before the cut-off, and is not in the backup", w.item, x.id, x.acked.Format(time.RFC3339))
		case has && x.began.After(notAfter):
			return fmt.Errorf("%s: row %d was written at %s, after the cut-off, and is in the backup", w.item, x.id, x.began.Format(time.RFC3339))
		}
	}
	return nil
}

// judgeCount does the same where an image tells only how many items it has.
func (w *writer) judgeCount(items int, notBefore, notAfter time.Time) error {
	if w.err != nil {
		return fmt.Errorf("production's own writes into %s failed during the backup: %w", w.item, w.err)
	}
	least, most := w.initial, w.initial
	for _, x := range w.done {
		if x.acked.Before(notBefore) {
			least++
		}
		if !x.began.After(notAfter) {
			most++
		}
	}
	if items < least || items > most {
		return fmt.Errorf("%s: the backup holds %d items; %d to %d were written before its cut-off", w.item, items, least, most)
	}
	return nil
}
