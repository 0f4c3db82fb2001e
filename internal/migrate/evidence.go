package migrate

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/dbferry/dbferry/internal/fault"
)

// Entry is one piece of evidence. Its hash covers everything in it and the hash
// of the entry before, so that none can be changed, left out or put in between
// without every later hash changing too.
type Entry struct {
	Seq      int             `json:"seq"` // from 1
	At       time.Time       `json:"at"`
	Kind     string          `json:"kind"` // what happened, once per migration
	Data     json.RawMessage `json:"data"`
	Previous string          `json:"previous"` // hash of the entry before; empty for the first
	Hash     string          `json:"hash"`
}

// Chain is how far the evidence has come.
type Chain struct {
	Entries int      `json:"entries"`
	Head    string   `json:"head,omitempty"`
	Kinds   []string `json:"kinds,omitempty"`
}

func (e Entry) sum() string {
	e.Hash = ""
	raw, err := json.Marshal(e)
	if err != nil {
		panic(err) // Data was marshalled before
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// testify adds one piece of evidence to the migration, once: a step that is
// called again finds its own. The caller writes the record afterwards; if that
// is lost, the entry is there and is taken up by the next call.
func (s *step) testify(ctx context.Context, m *Migration, kind string, data any) error {
	if slices.Contains(m.Evidence.Kinds, kind) {
		return nil
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	e := Entry{Seq: m.Evidence.Entries + 1, At: s.Now().UTC(), Kind: kind, Data: raw, Previous: m.Evidence.Head}
	e.Hash = e.sum()
	key := evidenceKey(m.Plan.Cluster, m.ID, e.Seq)
	created, err := s.ledger.Create(ctx, key, e)
	if err != nil {
		return err
	}
	if !created { // written by a call whose record was lost, or by one beside this
		var there Entry
		if _, _, err := s.ledger.Get(ctx, key, &there); err != nil {
			return err
		}
		if there.Previous != m.Evidence.Head || there.sum() != there.Hash {
			return fault.New(fault.VerifyFailed, "add to the evidence", key, "look at the ledger bucket; nothing but dbferry writes there", "the entry does not continue the chain")
		}
		m.Evidence.take(there)
		return s.testify(ctx, m, kind, data)
	}
	m.Evidence.take(e)
	return nil
}

// note adds a piece of evidence and writes the record, once.
func (s *step) note(ctx context.Context, h *held, kind string, data any) error {
	if slices.Contains(h.Evidence.Kinds, kind) {
		return nil
	}
	if err := s.testify(ctx, &h.Migration, kind, data); err != nil {
		return err
	}
	return s.save(ctx, h)
}

func (c *Chain) take(e Entry) {
	c.Entries, c.Head, c.Kinds = e.Seq, e.Hash, append(c.Kinds, e.Kind)
}

// entries reads the evidence of a migration.
func (s *step) entries(ctx context.Context, m Migration) ([]Entry, error) {
	out := make([]Entry, m.Evidence.Entries)
	for i := range out {
		_, found, err := s.ledger.Get(ctx, evidenceKey(m.Plan.Cluster, m.ID, i+1), &out[i])
		if err == nil && !found {
			err = fault.New(fault.VerifyFailed, "read the evidence", m.ID, "look at the ledger bucket's versions", "entry %d is missing", i+1)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Bundle is the evidence as one file: an entry a line.
func Bundle(entries []Entry) []byte {
	var b bytes.Buffer
	for _, e := range entries {
		raw, err := json.Marshal(e)
		if err != nil {
			panic(err) // they were read as JSON
		}
		b.Write(append(raw, '\n'))
	}
	return b.Bytes()
}

// mostLine is the longest line of a bundle that is read.
const mostLine = 8 << 20

// VerifyBundle reads a bundle and follows its chain. The error names the first
// entry that does not fit. It needs nothing but the file; whether the file is
// the whole of it is told by the head, which the notification and the
// execution's output have too.
func VerifyBundle(r io.Reader) (entries []Entry, head string, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, mostLine)
	for n := 1; lines.Scan(); n++ {
		var e Entry
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil {
			return entries, head, fmt.Errorf("line %d is not an entry: %w", n, err)
		}
		switch {
		case e.Seq != n:
			return entries, head, fmt.Errorf("line %d is entry %d: one is missing or was put in", n, e.Seq)
		case e.Previous != head:
			return entries, head, fmt.Errorf("entry %d (%s) does not follow the entry before it", n, e.Kind)
		case e.sum() != e.Hash:
			return entries, head, fmt.Errorf("entry %d (%s) was changed after it was written", n, e.Kind)
		}
		entries, head = append(entries, e), e.Hash
	}
	if err := lines.Err(); err != nil {
		return entries, head, err
	}
	if len(entries) == 0 {
		return nil, "", fmt.Errorf("the file has no entry")
	}
	return entries, head, nil
}
