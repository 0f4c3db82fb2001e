package rehearsal

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/sqlserver"
)

func TestJudge(t *testing.T) {
	at := func(minutes int) time.Time { return begin.Add(time.Duration(minutes) * time.Minute) }
	rows := []write{{1, at(0), at(1)}, {2, at(3), at(4)}, {3, at(6), at(7)}}
	for name, c := range map[string]struct {
		held  []int
		err   error
		wrong bool
	}{
		"all before, none after":         {held: []int{1, 2}},
		"an acknowledged row is missing": {held: []int{1}, wrong: true},
		"a later row is there":           {held: []int{1, 2, 3}, wrong: true},
		"the application could not work": {held: []int{1, 2}, err: errors.New("gone"), wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := writer{item: "orders", initial: 10, done: rows, err: c.err}
			holds := func(id int) bool { return id <= len(c.held) }
			if err := w.judge(holds, at(5), at(5)); (err != nil) != c.wrong {
				t.Errorf("judge: %v", err)
			}
			if err := w.judgeCount(10+len(c.held), at(5), at(5)); (err != nil) != c.wrong {
				t.Errorf("judgeCount: %v", err)
			}
		})
	}
}

func TestPairUp(t *testing.T) {
	at := []sqlserver.TableSum{{Schema: "shop", Table: "a", Rows: 2, Sum: "x"}, {Schema: "shop", Table: "lost", Rows: 1, Sum: "y"}}
	copied := []sqlserver.TableSum{{Schema: "shop", Table: "a", Rows: 2, Sum: "x"}, {Schema: "shop", Table: "new", Rows: 3, Sum: "z"}}
	got := map[string]bool{}
	for _, i := range pairUp("c", "c-1", at, copied) {
		got[i.Source] = i.Same()
	}
	if diff := cmp.Diff(map[string]bool{"c/shop.a": true, "c/shop.lost": false, "c/shop.new": false}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCriticalPath(t *testing.T) {
	m := time.Minute
	got := criticalPath([]Wait{
		{Item: "a", Phase: "backup", Began: 0, Finished: 10 * m, Noticed: 11 * m}, {Item: "b", Phase: "backup", Began: 0, Finished: 5 * m, Noticed: 6 * m},
		{Item: "a", Phase: "copy", Began: 11 * m, Finished: 31 * m, Noticed: 32 * m},
		{Item: "a", Phase: "restore", Began: 32 * m, Finished: 42 * m, Noticed: 42 * m}, {Item: "a", Phase: "instance", Began: 42 * m, Finished: 49 * m, Noticed: 50 * m},
		{Item: "b", Phase: "restore", Began: 32 * m, Finished: 44 * m, Noticed: 45 * m}, {Item: "b", Phase: "settings", Began: 45 * m, Finished: 60 * m},
	})
	if want := (10 + 20 + 17) * m; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLogIsSearched(t *testing.T) {
	secrets := awsworld.NewSecrets()
	secrets.Add("hunter2hunter2", "a password")
	slog.New(slog.NewJSONHandler(sink{secrets, "log"}, nil)).Info("oops", "dsn", "admin:hunter2hunter2@host")
	if len(secrets.Leaks()) != 1 {
		t.Errorf("leaks %v, want one", secrets.Leaks())
	}
}
