package rehearsal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// prefixed is the assembly of a configuration that finds its data set by prefix;
// it is synthesised once.
func prefixed(t *testing.T) string {
	t.Helper()
	prefixedOnce.Do(func() {
		made := variant(t, func(c *config.Config) {
			c.DataSet = config.DataSet{Clusters: []config.Selector{{Prefix: "shop-"}}, Tables: []config.Selector{{Prefix: "sh"}}}
		})
		prefixedAssembly = filepath.Join(filepath.Dir(assembly), "prefixed")
		if err := os.CopyFS(prefixedAssembly, os.DirFS(made)); err != nil {
			t.Fatal(err)
		}
	})
	return prefixedAssembly
}

var (
	prefixedOnce     sync.Once
	prefixedAssembly string
)

// groundOf is the derived ground of that configuration, changed.
func groundOf(t *testing.T, change func(*ground.Ground)) *ground.Ground {
	t.Helper()
	c, err := config.Load(root + "/dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	c.DataSet = config.DataSet{Clusters: []config.Selector{{Prefix: "shop-"}}, Tables: []config.Selector{{Prefix: "sh"}}}
	g, err := ground.ForConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	g = g.WithoutApplications()
	change(&g)
	return &g
}

// tables are small tables of these names, with no settings of their own.
func tables(like ground.Table, all ...string) []ground.Table {
	var out []ground.Table
	for _, name := range all {
		like.Name, like.Items, like.Writes, like.Settings = name, 3, false, ground.TableSettings{}
		out = append(out, like)
	}
	return out
}

// TestNothingIsFound: selectors that match nothing are a mistake, not success.
func TestNothingIsFound(t *testing.T) {
	g := groundOf(t, func(g *ground.Ground) { g.Clusters, g.Tables = nil, nil })
	r := run(t, rehearsal.Scenario{Assembly: prefixed(t), Ground: g})
	if r.Verdict != rehearsal.VerdictRefused || !strings.Contains(r.Cause, "prefix shop- finds nothing") || !strings.Contains(r.Cause, "correct or remove it in dbferry.json") || len(r.Waits) > 0 {
		t.Errorf("%s after %d AWS jobs: %s", r.Verdict, len(r.Waits), r.Cause)
	}
}

// TestOneOfFortyTables: one bad table stops none of its siblings, and is named;
// nothing is opened; resume restores that one alone.
func TestOneOfFortyTables(t *testing.T) {
	var all []string
	for i := range 40 {
		all = append(all, fmt.Sprintf("shop-table-%02d", i))
	}
	g := groundOf(t, func(g *ground.Ground) { g.Clusters, g.Tables = g.Clusters[:1], tables(g.Tables[0], all...) })
	play(t, rehearsal.Scenario{Assembly: prefixed(t), Ground: g}, func(r *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		b := atBorder(t, o)
		o.Backup().SpoilNextRestore(staging, "shop-table-17", "An internal error occurred")
		out, err := o.Refresh("staging", refresh.BackupInput{})
		b.must(err)
		if out.Verdict != rehearsal.VerdictFailed || !strings.Contains(out.Cause, "1 of 41 items failed; everything stays in quarantine: table shop-table-17:") {
			t.Errorf("%s: %s", out.Verdict, out.Cause)
		}
		if b.jobs("") != 41 || len(b.finished(out.RefreshID)) != 40 || len(b.records("candidates/")) > 0 {
			t.Errorf("%d restores, %d finished, candidates %v", b.jobs(""), len(b.finished(out.RefreshID)), b.records("candidates/"))
		}
		b.quiet()
		b.must(b.resume(&out))
		if out.Verdict != rehearsal.VerdictSucceeded || b.jobs("") != 42 || b.jobs("shop-table-17") != 2 || len(b.finished(out.RefreshID)) != 41 {
			t.Errorf("resumed: %s, %d restores, %d of the bad one, %d finished: %s", out.Verdict, b.jobs(""), b.jobs("shop-table-17"), len(b.finished(out.RefreshID)), out.Cause)
		}
		b.quiet()
		return nil
	})
}

// finished are the records of items whose last step is done.
func (b *border) finished(id string) []string {
	return slices.DeleteFunc(b.records("runs/"+id+"/items/"), func(k string) bool {
		return !strings.HasSuffix(k, "/finish-table.json") && !strings.HasSuffix(k, "/reset-credentials.json")
	})
}

// TestNamesAtTheLimits: identifiers as long as AWS allows, alike up to their last
// character, get restored names that fit, differ, and stay; an engine version
// that AWS replaces on restore is a difference, not a failure.
func TestNamesAtTheLimits(t *testing.T) {
	cluster := "shop-" + strings.Repeat("o", 58)
	long := "shop-" + strings.Repeat("Cart.s_", 35) + "-----"
	g := groundOf(t, func(g *ground.Ground) {
		g.Clusters = g.Clusters[:1]
		g.Clusters[0].ID = cluster
		g.Tables = tables(g.Tables[0], long[:254]+"1", long[:254]+"2", "sho")
	})
	play(t, rehearsal.Scenario{Assembly: prefixed(t), Ground: g}, func(r *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		b := atBorder(t, o)
		o.RDS().UpgradeOnRestore(g.Clusters[0].EngineVersion, "8.0.mysql_aurora.3.10.1")
		out, err := o.Refresh("staging", refresh.BackupInput{})
		b.must(err)
		if out.Verdict != rehearsal.VerdictSucceeded {
			t.Fatalf("%s: %s", out.Verdict, out.Cause)
		}
		c := b.candidate(out.RefreshID)
		seen := map[string]bool{}
		for _, it := range c.Items {
			limit, want := 255, names.RestoredTable(it.Source, out.RefreshID)
			if it.Kind == refresh.Cluster {
				limit, want = 63-len("-16"), names.RestoredCluster(it.Source, out.RefreshID)
			}
			if seen[it.Name] || len(it.Name) > limit || it.Name != want || !strings.HasSuffix(it.Name, "-"+out.RefreshID) {
				t.Errorf("%s is restored as %s, with %d characters", it.Source, it.Name, len(it.Name))
			}
			seen[it.Name] = true
			if it.Kind == refresh.Cluster && !differs(it, "engine version") {
				t.Errorf("nothing is said of the engine version: %+v", it.Differences)
			}
		}
		if len(c.Items) != 4 {
			t.Errorf("%d items", len(c.Items))
		}
		return nil
	})
}

func differs(it refresh.CandidateItem, setting string) bool {
	return slices.ContainsFunc(it.Differences, func(d refresh.Difference) bool { return d.Setting == setting })
}
