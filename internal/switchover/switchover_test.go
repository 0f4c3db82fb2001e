package switchover

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/refresh"
)

func TestMentionsWholeNamesOnly(t *testing.T) {
	for _, c := range []struct {
		value, name string
		want        bool
	}{
		{"shop-orders-1", "shop-orders-1", true},
		{"shop-orders-1.cluster-abc.eu-west-1.rds.amazonaws.com", "shop-orders-1", true},
		{"arn:aws:dynamodb:eu-west-1:2:table/shop-carts-1", "shop-carts-1", true},
		{"jdbc:mysql://shop-orders-1.x:3306/shop", "shop-orders-1", true},
		{"shop-orders-10", "shop-orders-1", false},
		{"old-shop-orders-1", "shop-orders-1", false},
		{"shop-orders-10 and shop-orders-1", "shop-orders-1", true},
		{"", "shop-orders-1", false},
	} {
		if got := mentions(c.value, c.name); got != c.want {
			t.Errorf("mentions(%q, %q) = %v", c.value, c.name, got)
		}
	}
}

func candidate(id string, items ...string) refresh.Candidate {
	c := refresh.Candidate{RefreshID: id, Target: "staging"}
	for _, source := range items {
		c.Items = append(c.Items, refresh.CandidateItem{Kind: refresh.Table, Source: source, Name: source + "-" + id})
	}
	return c
}

func TestOutdated(t *testing.T) {
	newestFirst := []refresh.Candidate{candidate("5", "a", "b"), candidate("4", "b"), candidate("3", "a", "b"), candidate("2", "a", "b"), candidate("1", "a", "b")}
	for name, c := range map[string]struct {
		serving []string
		keep    int
		want    []string
	}{
		"the newest serves":                       {[]string{"a-5", "b-5"}, 2, []string{"a-2", "a-1", "b-3", "b-2", "b-1"}},
		"more are kept":                           {[]string{"a-5", "b-5"}, 4, []string{"b-1"}},
		"an older one serves: candidates stay":    {[]string{"a-2", "b-2"}, 2, []string{"a-1", "b-1"}},
		"nothing serves: nothing is touched":      {nil, 2, nil},
		"only one item serves":                    {[]string{"b-5"}, 2, []string{"b-3", "b-2", "b-1"}},
		"two generations serve, both are safe":    {[]string{"a-5", "a-2", "b-5"}, 2, []string{"a-1", "b-3", "b-2", "b-1"}},
		"the oldest serves and keeps the rest":    {[]string{"a-1", "b-1"}, 2, nil},
		"a look-alike's name does not confuse it": {[]string{"a-55", "b-5"}, 2, []string{"b-3", "b-2", "b-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, o := range outdated(newestFirst, func(n string) bool { return slices.Contains(c.serving, n) }, c.keep) {
				got = append(got, o.name)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestPairFindsTheServingProxy(t *testing.T) {
	pointer := config.ClusterPointer{Cluster: "orders", Lane: config.LanePair, Proxies: []string{"a", "b"}}
	with := func(value, onA, onB string) pointers {
		l := pointers{proxies: map[string]proxy{"a": {endpoint: "a.proxy-x", cluster: onA}, "b": {endpoint: "b.proxy-x", cluster: onB}}, values: map[string]string{}}
		if value != "" {
			l.values["/endpoint"] = value
		}
		return l
	}
	for name, c := range map[string]struct {
		live          pointers
		serving, idle string
		bad           bool
	}{
		"applications are on a":       {live: with("a.proxy-x", "one", ""), serving: "a", idle: "b"},
		"applications are on b":       {live: with("b.proxy-x", "one", "two"), serving: "b", idle: "a"},
		"on neither, both free":       {live: with("", "", ""), idle: "a"},
		"on neither, a has a cluster": {live: with("old.cluster-x", "one", ""), idle: "b"},
		"on both":                     {live: pointers{proxies: with("", "", "").proxies, values: map[string]string{"/1": "a.proxy-x", "/2": "b.proxy-x"}}, bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			serving, idle, err := c.live.pair(pointer)
			if (err != nil) != c.bad || !c.bad && (serving != c.serving || idle != c.idle) {
				t.Errorf("serving %q, idle %q, %v", serving, idle, err)
			}
		})
	}
}

func TestMovesGoBothWays(t *testing.T) {
	m := Move{Kind: Parameter, Name: "/endpoint", From: "old", To: "new"}
	if f, to := m.ends(Forward); f != "old" || to != "new" {
		t.Errorf("forward from %s to %s", f, to)
	}
	if f, to := m.ends(Backward); f != "new" || to != "old" {
		t.Errorf("backward from %s to %s", f, to)
	}
}

func FuzzParseInput(f *testing.F) {
	f.Add([]byte(`{"refreshId":"202611230300-a1b2c3"}`))
	f.Add([]byte(`{"undo":true}`))
	f.Add([]byte(`{"retire":true,"reason":"x"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		in, err := ParseInput(raw)
		if err == nil && in.RefreshID != "" && (in.Undo || in.Retire || !refresh.ValidID(in.RefreshID)) {
			t.Errorf("accepted %+v", in)
		}
	})
}
