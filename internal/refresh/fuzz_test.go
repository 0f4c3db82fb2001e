package refresh

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
)

func addSamples(f *testing.F, pattern string) {
	for _, raw := range samples(f, pattern) {
		f.Add(raw)
	}
}

// FuzzParseTrigger: whatever starts the machine, only a refresh id gets through,
// from which keys are made.
func FuzzParseTrigger(f *testing.F) {
	c, target := example(f)
	f.Add([]byte(`{"resume":"` + id + `"}`))
	f.Add([]byte(`{"refreshId":"` + id + `"}`))
	f.Add([]byte(`{"source":"aws.s3","detail-type":"Object Created","detail":{}}`))
	addSamples(f, "production-succeeded")
	addSamples(f, "manifest-arrived")
	f.Fuzz(func(t *testing.T, raw []byte) {
		tr, err := ParseTrigger(raw, c, target)
		if err != nil {
			if tr != (Trigger{}) || err.Error() == "" {
				t.Fatalf("refused with %+v and %q", tr, err)
			}
			return
		}
		if !ValidID(tr.RefreshID) || tr.Resume && !tr.ByHand || tr.SHA256 != "" && (len(tr.SHA256) != 64 || tr.ByHand) {
			t.Fatalf("accepted %+v", tr)
		}
		_ = claimKey(tr.RefreshID) + planKey(tr.RefreshID) // panics on what is no key
	})
}

// FuzzParseManifest: a manifest that is believed gives keys and names that AWS
// takes, and says the same when it is written again.
func FuzzParseManifest(f *testing.F) {
	c, target := example(f)
	good := goodManifest(f)
	raw, err := json.Marshal(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(append(raw, ' '))
	f.Add(bytes.Replace(raw, []byte("shop-orders"), []byte("..%2f"), -1))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := ParseManifest(raw)
		if err != nil || m.Verify(c, target, id) != nil {
			return
		}
		for _, it := range m.Items {
			_ = itemKey(m.RefreshID, it.Kind, it.ID, "item")
			name, limit := names.RestoredTable(it.ID, m.RefreshID), 255
			if it.Kind == Cluster {
				name, limit = names.RestoredCluster(it.ID, m.RefreshID), names.MaxRestoredCluster
			}
			if len(name) > limit {
				t.Fatalf("%q is longer than %d", name, limit)
			}
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := ParseManifest(again); err != nil || twice.Verify(c, target, id) != nil {
			t.Fatalf("written again, it is not believed: %v %s", err, again)
		}
	})
}

func FuzzParseEnd(f *testing.F) {
	f.Add([]byte(`{"detail-type":"x","detail":{"status":"ABORTED","executionArn":"a"}}`))
	f.Add([]byte(`{"execution":"a","target":"staging","verdict":"Succeeded"}`))
	addSamples(f, "run-ended-badly")
	f.Fuzz(func(t *testing.T, raw []byte) {
		end, err := ParseEnd(raw)
		if err != nil {
			return
		}
		if strings.Contains(string(raw), "detail-type") && !strings.Contains(string(raw), "verdict") && end.Verdict == Succeeded {
			t.Fatal("an event of a bad end became a success")
		}
	})
}

// FuzzExecutionInput: what an operator or a machine may send is decoded strictly,
// and what is accepted says the same when it is written again.
func FuzzExecutionInput(f *testing.F) {
	for _, text := range []string{
		`{}`, `null`, `[]`, `{"only":["shop-orders"],"reason":"x"}`, `{"resume":"` + id + `"}`, `{"refreshId":"` + id + `"}`,
		`{"refreshId":"` + id + `","target":"staging","execution":"a:b","item":{"kind":"table","id":"t","deadline":1}}`,
		`{"target":"staging","execution":"e","input":{"only":[]}}`, `{"Only":["a"]}`, `{} {}`, `{"resume":1}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, v := range []any{&BackupInput{}, &RestoreInput{}, &CheckGroundInput{}, &VerifyInput{}, &ItemInput{}, &RunInput{}} {
			if lambdafn.Strict(raw, v) != nil {
				continue
			}
			again, err := json.Marshal(v)
			if err != nil {
				t.Fatalf("%T: %v", v, err)
			}
			twice := reflect.New(reflect.TypeOf(v).Elem()).Interface()
			if err := lambdafn.Strict(again, twice); err != nil {
				t.Fatalf("%T: %s is refused: %v", v, again, err)
			}
			third, err := json.Marshal(twice)
			if err != nil || !cmp.Equal(string(again), string(third)) {
				t.Fatalf("%T: %s became %s (%v)", v, again, third, err)
			}
		}
	})
}
