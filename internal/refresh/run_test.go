package refresh

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/dbferry/dbferry/internal/converge"
)

func tables(n int) []Planned {
	out := []Planned{{Kind: Cluster, ID: "shop-orders", Bytes: 100 << 30}}
	for i := range n {
		out = append(out, Planned{Kind: Table, ID: fmt.Sprintf("t%d", i)})
	}
	return out
}

// Children begin no faster than a few a second, except for the first ones; an
// item that waits for its turn keeps all of its time.
func TestListedPacesItems(t *testing.T) {
	for _, c := range []struct {
		items  int
		p      phase
		starts map[int]int
		every  time.Duration
	}{
		{10, backupPhase, map[int]int{0: 0, 9: 0}, 0},
		{50, backupPhase, map[int]int{9: 0, 10: 1, 14: 1, 15: 2, 49: 8}, 0},
		{400, backupPhase, map[int]int{399: 78}, 30 * time.Second},
		{1200, backupPhase, map[int]int{999: 198, 1000: 0, 1199: 0}, converge.Longest},
		{1200, restorePhase, map[int]int{39: 6, 40: 0, 1199: 0}, 30 * time.Second},
	} {
		list := listed(tables(c.items), Table, c.p)
		if len(list) != c.items {
			t.Fatalf("%d entries for %d tables", len(list), c.items)
		}
		for i, want := range c.starts {
			if got := list[i].StartSeconds; got != want {
				t.Errorf("%d tables: item %d begins after %d s, want %d", c.items, i, got, want)
			}
		}
		perSecondOf := map[int]int{}
		for i, it := range list {
			if it.every() != c.every || it.LimitSeconds != int64(c.p.base/time.Second) {
				t.Fatalf("%d tables: item %d is %+v", c.items, i, it)
			}
			if perSecondOf[it.StartSeconds]++; i < c.p.atOnce && perSecondOf[it.StartSeconds] > max(burst, perSecond) {
				t.Fatalf("%d tables: more than %d begin in second %d", c.items, burst, it.StartSeconds)
			}
		}
	}
	if got := listed(tables(3), Cluster, copyPhase)[0].LimitSeconds; got != 8*3600+100<<30/(20<<20) {
		t.Errorf("a cluster of 100 GiB may take %d s to be copied", got)
	}
}

// The ramp is computed for the concurrency that the machines have.
func TestPhasesKnowTheMachines(t *testing.T) {
	for file, want := range map[string]map[string]int{
		"production-backup": {"BackUp": backupPhase.atOnce, "CopyTables": copyPhase.atOnce},
		"staging-restore":   {"RestoreTables": restorePhase.atOnce},
	} {
		raw, err := os.ReadFile("../../statemachines/" + file + ".asl.json")
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatal(err)
		}
		found := concurrencies(doc, map[string]int{})
		for label, n := range want {
			if found[label] != n {
				t.Errorf("%s: MaxConcurrency of %s is %d, its phase says %d", file, label, found[label], n)
			}
		}
	}
}

// concurrencies collects MaxConcurrency by label.
func concurrencies(v any, into map[string]int) map[string]int {
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			concurrencies(e, into)
		}
	case map[string]any:
		if label, ok := x["Label"].(string); ok {
			n, _ := x["MaxConcurrency"].(float64)
			into[label] = int(n)
		}
		for _, e := range x {
			concurrencies(e, into)
		}
	}
	return into
}
