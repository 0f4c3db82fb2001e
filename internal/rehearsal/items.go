package rehearsal

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld/backup"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/sqlserver"
)

// prove compares every item at its cut-off with what was restored, and the
// cut-off with what production was told is written. A difference turns the
// verdict into Failed: a refresh that says it succeeded must have.
func (s *stage) prove(ctx context.Context, t config.Target, o Outcome, r *Result) error {
	raw, ok := s.manifest(t, r.RefreshID)
	if !ok {
		return nil
	}
	m, err := refresh.ParseManifest(raw)
	if err != nil {
		return fmt.Errorf("the manifest that was published: %w", err)
	}
	for _, it := range m.Items {
		cut, err := s.cutOff(it)
		if err != nil {
			return err
		}
		r.CutOffs = append(r.CutOffs, CutOff{Item: it.ID, Kind: string(it.Kind), NotBefore: it.CutOff.NotBefore, NotAfter: it.CutOff.NotAfter})
		if cut.Earliest.Before(it.CutOff.NotBefore) || cut.Latest.After(it.CutOff.NotAfter) {
			r.fail(fmt.Sprintf("the manifest says that the cut-off of %s is from %s to %s, but it was at %s", it.ID,
				it.CutOff.NotBefore.Format(time.RFC3339), it.CutOff.NotAfter.Format(time.RFC3339), cut.Latest.Format(time.RFC3339)))
		}
	}
	r.CutOffSpread, r.DataAge = m.Spread(), m.Age(o.Ended)
	if err := s.inherited(t, o, r); err != nil {
		return err
	}
	return s.proveItems(ctx, t, m, r)
}

// cutOff is the moment of an item's data as the world knows it; the manifest
// can only bound it.
func (s *stage) cutOff(it refresh.ManifestItem) (backup.CutOff, error) {
	cut, ok := s.backup.CutOff(it.RecoveryPoint)
	if !ok {
		return cut, fmt.Errorf("the manifest names recovery point %s for %s, which does not exist", it.RecoveryPoint, it.ID)
	}
	return cut, nil
}

func (s *stage) proveItems(ctx context.Context, t config.Target, m refresh.Manifest, r *Result) error {
	for _, it := range m.Items {
		items, broken, err := s.proveItem(ctx, t, it, r.RefreshID)
		if err != nil {
			return fmt.Errorf("compare %s: %w", it.ID, err)
		}
		r.Items = append(r.Items, items...)
		if broken != nil {
			r.fail(broken.Error())
		}
	}
	for _, i := range r.Items {
		if r.Verdict == VerdictSucceeded && !i.Same() {
			r.fail(fmt.Sprintf("%s in %s differs from its cut-off: %d and %d rows", i.Target, t.Name, i.RowsSource, i.RowsTarget))
		}
	}
	return nil
}

func (r *Result) fail(cause string) {
	if r.Verdict == VerdictSucceeded {
		r.Verdict, r.Cause = VerdictFailed, cause
	}
}

// proveItem returns the tables of an item. broken says that the cut-off does
// not hold what it must.
func (s *stage) proveItem(ctx context.Context, t config.Target, it refresh.ManifestItem, refreshID string) (items []Item, broken, err error) {
	if it.Kind == refresh.Table {
		return s.proveTable(t, it, refreshID)
	}
	image := s.backup.Image(it.RecoveryPoint)
	proof, err := s.databases.copyOf(ctx, image, s.databases.fresh("proof", it.ID))
	if err != nil {
		return nil, nil, err
	}
	defer proof.Remove()
	source, err := proof.Checksums(ctx)
	if err != nil {
		return nil, nil, err
	}
	if w := s.writer(it.ID); w != nil {
		if broken, err = s.proveWrites(ctx, proof, w, it); err != nil {
			return nil, nil, err
		}
	}
	restored := s.restoredName(t, it, refreshID)
	server, err := s.databases.server(t.Account + "/" + restored)
	if err != nil { // it was never restored
		return pairUp(it.ID, restored, source, nil), broken, nil
	}
	copied, err := server.Checksums(ctx)
	if err == nil && broken == nil {
		broken, err = s.intrude(ctx, server, it.ID)
	}
	return pairUp(it.ID, restored, source, copied), broken, err
}

// restoredName is what an item was restored as, from the target's ledger; before
// that is known, the name of the first attempt.
func (s *stage) restoredName(t config.Target, it refresh.ManifestItem, refreshID string) string {
	key := fmt.Sprintf("runs/%s/items/%s/%s/restore-%s.json", refreshID, it.Kind, it.ID, it.Kind)
	var made refresh.Restored
	if raw, ok := s.s3.Object(s.config.Place(t).Ledger(), key); ok && json.Unmarshal(raw, &made) == nil {
		return made.Name
	}
	if it.Kind == refresh.Table {
		return names.RestoredTable(it.ID, refreshID)
	}
	return names.RestoredCluster(it.ID, refreshID)
}

func (s *stage) writer(item string) *writer {
	for _, w := range s.writers {
		if w.item == item {
			return w
		}
	}
	return nil
}

func (s *stage) proveWrites(ctx context.Context, proof *sqlserver.Server, w *writer, it refresh.ManifestItem) (broken, err error) {
	db, err := proof.Superuser(ctx, "")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, fmt.Sprintf("SELECT id FROM shop.orders WHERE id >= %d", firstID))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[int]bool{}
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		found[id] = true
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	cut, err := s.cutOff(it)
	return w.judge(func(id int) bool { return found[id] }, cut.Earliest, cut.Latest), err
}

// pairUp puts each table beside its copy; a table that exists on one side only
// has no rows and no sum on the other.
func pairUp(source, target string, at, copied []sqlserver.TableSum) []Item {
	var out []Item
	byName := map[string]sqlserver.TableSum{}
	for _, t := range copied {
		byName[t.Name()] = t
	}
	for _, t := range at {
		name := t.Name()
		c := byName[name]
		delete(byName, name)
		out = append(out, Item{Source: source + "/" + name, Kind: "cluster", Target: target + "/" + name,
			RowsSource: int(t.Rows), ChecksumSource: t.Sum, RowsTarget: int(c.Rows), ChecksumTarget: c.Sum})
	}
	for _, t := range copied {
		name := t.Name()
		if _, only := byName[name]; only {
			out = append(out, Item{Source: source + "/" + name, Kind: "cluster", Target: target + "/" + name, RowsTarget: int(t.Rows), ChecksumTarget: t.Sum})
		}
	}
	return out
}

func (s *stage) proveTable(t config.Target, it refresh.ManifestItem, refreshID string) (items []Item, broken, err error) {
	out := Item{Source: it.ID, Kind: "table", Target: s.restoredName(t, it, refreshID)}
	image := s.backup.Image(it.RecoveryPoint)
	rows, sum, _, ok := s.dynamodb.ImageChecksum(image)
	if !ok {
		return nil, nil, fmt.Errorf("recovery point %s has no image %q", it.RecoveryPoint, image)
	}
	out.RowsSource, out.ChecksumSource = rows, sum
	if w := s.writer(it.ID); w != nil {
		cut, err := s.cutOff(it)
		if err != nil {
			return nil, nil, err
		}
		broken = w.judgeCount(rows, cut.Earliest, cut.Latest)
	}
	if rows, sum, err := s.dynamodb.Checksum(t.Account, out.Target); err == nil {
		out.RowsTarget, out.ChecksumTarget = rows, sum
	}
	return []Item{out}, broken, nil
}
