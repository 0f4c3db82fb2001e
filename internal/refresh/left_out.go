package refresh

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/check"
)

// ItemName names an item of the data set.
type ItemName struct {
	Kind Kind   `json:"kind"`
	ID   string `json:"id"`
}

// Inherited is what a candidate has in place of an item that its refresh left
// out: the copy that the newest refresh made of it, whose candidate was recorded
// before. Name and RefreshID are empty when no candidate has one.
type Inherited struct {
	Kind      Kind   `json:"kind"`
	Source    string `json:"source"`
	Name      string `json:"name,omitempty"` // in the target
	RefreshID string `json:"refreshId,omitempty"`
	CutOff    CutOff `json:"cutOff,omitzero"`
}

// leftOut are the items of the data set that a partial refresh does not take,
// sorted.
func leftOut(f check.Facts) []ItemName {
	var out []ItemName
	for _, it := range f.LeftOut {
		out = append(out, ItemName{Kind(it.Kind), it.ID})
	}
	slices.SortFunc(out, func(a, b ItemName) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
	return slices.Compact(out)
}

// verifyLeftOut checks the form of what a manifest says it left out: possible
// names, each once, and none that is an item too.
func (m Manifest) verifyLeftOut() []string {
	var bad []string
	seen := map[ItemName]string{}
	for _, it := range m.Items {
		seen[ItemName{it.Kind, it.ID}] = "is an item of it, and left out of it"
	}
	for _, l := range m.LeftOut {
		switch {
		case l.Kind != Cluster && l.Kind != Table:
			bad = append(bad, fmt.Sprintf("what it left out, %q, is of kind %q", l.ID, l.Kind))
		case !possibleName(l.ID):
			bad = append(bad, fmt.Sprintf("the name %q of what it left out is not possible", l.ID))
		case seen[l] != "":
			bad = append(bad, fmt.Sprintf("%s %s %s", l.Kind, l.ID, seen[l]))
		}
		seen[l] = "is left out twice"
	}
	return bad
}

func possibleName(id string) bool { return itemName.MatchString(id) && id != "." && id != ".." }

// inherit finds what a candidate inherits. Candidates are read from the newest
// refresh to the oldest, and only until nothing is looked for any more; what
// they name was restored and recorded by dbferry, and nothing else counts.
func (s *step) inherit(ctx context.Context, p Plan) ([]Inherited, error) {
	if len(p.LeftOut) == 0 {
		return nil, nil
	}
	keys, err := s.ledger.List(ctx, candidatePrefix)
	if err != nil {
		return nil, err
	}
	wanted, found := map[ItemName]bool{}, map[ItemName]Inherited{}
	for _, name := range p.LeftOut {
		wanted[name] = true
	}
	for _, key := range slices.Backward(keys) {
		if key == candidateKey(p.RefreshID) {
			continue
		}
		if len(found) == len(p.LeftOut) {
			break
		}
		var c Candidate
		if _, _, err := s.ledger.Get(ctx, key, &c); err != nil {
			return nil, err
		}
		for _, it := range c.Items {
			name := ItemName{it.Kind, it.Source}
			if _, have := found[name]; !have && wanted[name] {
				found[name] = Inherited{Kind: it.Kind, Source: it.Source, Name: it.Name, RefreshID: c.RefreshID, CutOff: it.CutOff}
			}
		}
	}
	out := make([]Inherited, len(p.LeftOut))
	for i, name := range p.LeftOut {
		out[i] = Inherited{Kind: name.Kind, Source: name.ID}
		if got, have := found[name]; have {
			out[i] = got
		}
	}
	return out, nil
}

// names are a list of items in words, at most as many as a message holds.
func (list itemNames) String() string {
	var words []string
	for i, it := range list {
		if i == mostItems {
			words = append(words, fmt.Sprintf("and %d more", len(list)-mostItems))
			break
		}
		words = append(words, fmt.Sprintf("%s %s", it.Kind, it.ID))
	}
	return strings.Join(words, ", ")
}

type itemNames []ItemName
