package refresh

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/check"
)

func TestManifestOfLeftOutItems(t *testing.T) {
	for _, c := range []struct {
		name    string
		leftOut []ItemName
		want    string
	}{
		{"none", nil, ""},
		{"some", []ItemName{{Cluster, "shop-orders"}, {Table, "a"}, {Table, "b"}}, ""},
		{"other kind, same name", []ItemName{{Cluster, "shop-carts"}, {Table, "shop-orders"}, {Cluster, "shop-orders"}}, ""},
		{"twice", []ItemName{{Table, "a"}, {Table, "a"}}, "table a is left out twice"},
		{"an item too", []ItemName{{Table, "shop-carts"}}, "table shop-carts is an item of it, and left out of it"},
		{"no kind", []ItemName{{"", "a"}}, `"a", is of kind ""`},
		{"path", []ItemName{{Table, "../candidates/x"}}, "not possible"},
		{"dots", []ItemName{{Table, ".."}}, "not possible"},
		{"empty", []ItemName{{Table, ""}}, "not possible"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Manifest{Items: []ManifestItem{{Kind: Table, ID: "shop-carts"}}, LeftOut: c.leftOut}
			got := strings.Join(m.verifyLeftOut(), "; ")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Selectors that overlap leave an item out once.
func TestLeftOutItemsAreNamedOnce(t *testing.T) {
	got := leftOut(check.Facts{LeftOut: []check.Item{{Kind: "table", ID: "b"}, {Kind: "cluster", ID: "z"}, {Kind: "table", ID: "a"}, {Kind: "table", ID: "b"}}})
	if diff := cmp.Diff([]ItemName{{Cluster, "z"}, {Table, "a"}, {Table, "b"}}, got); diff != "" {
		t.Error(diff)
	}
}
