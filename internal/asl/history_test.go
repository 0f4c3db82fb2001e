package asl

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFoldPath(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{"", ""},
		{"A", "A"},
		{"A B C", "A, B, C"},
		{"A A A", "A ×3"},
		{"A B A B A C", "(A → B) ×2, A, C"},
		{"S A C W A C W A C W A C E", "S, (A → C → W) ×3, A, C, E"},
		{"A A B A A B", "(A → A → B) ×2"},
		{"A A A A B", "A ×4, B"},
	} {
		if got := strings.Join(foldPath(strings.Fields(c.path)), ", "); got != c.want {
			t.Errorf("%q folds to %q, want %q", c.path, got, c.want)
		}
	}
}

func TestCompactKeepsCountAndPath(t *testing.T) {
	var h History
	for _, name := range []string{"A", "B", "B"} {
		h.add(Event{Type: "PassStateEntered", Name: name})
		h.add(Event{Type: "PassStateExited", Name: name})
	}
	h.Compact()
	if h.Count() != 6 || h.Events() != nil {
		t.Errorf("%d events, %v", h.Count(), h.Events())
	}
	if diff := cmp.Diff([]string{"A", "B ×2"}, h.CompactPath()); diff != "" {
		t.Error(diff)
	}
}
