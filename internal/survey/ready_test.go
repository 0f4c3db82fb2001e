package survey

import (
	"encoding/json"
	"testing"

	"github.com/dbferry/dbferry/internal/check"
)

func TestParseReady(t *testing.T) {
	raw, err := json.Marshal(check.Ready{Schema: check.ReadySchema, Target: "staging", Problems: check.Problems{{Check: "x"}}})
	if err != nil {
		t.Fatal(err)
	}
	for text, ok := range map[string]bool{string(raw): true, `{"schema":1}`: true, `{"later":true}`: true, `[]`: false, ``: false, `{"problems":{}}`: false} {
		r, err := ParseReady([]byte(text))
		if (err == nil) != ok || ok && r == nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzParseReady: ready.json lies in another account.
func FuzzParseReady(f *testing.F) {
	for _, seed := range []string{`{}`, `{"schema":2,"receives":{"versions":{"a b":"c"}}}`, `{"checkedAt":"x"}`, `[`, `{"problems":[{"check":"a"}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := ParseReady(raw)
		if (r == nil) == (err == nil) {
			t.Fatalf("%v, %v", r, err)
		}
		if err == nil {
			check.Run(check.Facts{Ready: r, Receives: &r.Receives, Deployed: true, Clusters: []check.ClusterFacts{{ID: "a"}}}, check.Both)
		}
	})
}
