package migrate

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzVerifyBundle: whatever is intact is intact again when it is written anew.
func FuzzVerifyBundle(f *testing.F) {
	e := Entry{Seq: 1, Kind: "plan", Data: []byte(`{"a":1}`)}
	e.Hash = e.sum()
	f.Add(Bundle([]Entry{e}))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		entries, head, err := VerifyBundle(bytes.NewReader(raw))
		if err != nil {
			return
		}
		again, same, err := VerifyBundle(bytes.NewReader(Bundle(entries)))
		if err != nil || same != head || len(again) != len(entries) {
			t.Errorf("%d entries, %v", len(again), err)
		}
	})
}

// FuzzInput: an input is refused or names a cluster and a mode that there is.
func FuzzInput(f *testing.F) {
	f.Add([]byte(`{"cluster":"shop-orders","mode":"plan"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		in, err := ParseInput(raw)
		if err == nil && in.Cluster == "" {
			t.Error("no cluster")
		}
	})
}

// FuzzIdentity: the role behind a session is of the same account.
func FuzzIdentity(f *testing.F) {
	f.Add("arn:aws:sts::111111111111:assumed-role/database-owner/approver")
	f.Add("arn:aws:iam::111111111111:user/somebody")
	f.Fuzz(func(t *testing.T, arn string) {
		if got := identity(arn); got != arn && strings.Split(got, ":")[4] != strings.Split(arn, ":")[4] {
			t.Errorf("%s became %s", arn, got)
		}
	})
}

// FuzzParseConnect: a line of an audit log names a user and a connection, or is
// passed over.
func FuzzParseConnect(f *testing.F) {
	f.Add("1772420400000000,shop-orders-green-abcdef-1,shop_app,10.0.0.10,42,0,CONNECT,,,0")
	f.Add("1772420400000000,shop-orders-1,shop_app,10.0.0.10,42,7,QUERY,shop,'select ',0")
	f.Fuzz(func(t *testing.T, line string) {
		user, connection, ok := parseConnect(line)
		if ok && (user == "" || connection < 0 || !strings.Contains(line, user) || !strings.Contains(line, "CONNECT")) {
			t.Errorf("%q, %d", user, connection)
		}
	})
}

func TestParseConnect(t *testing.T) {
	for line, want := range map[string]int64{
		"1772420400000000,db-1,shop_app,10.0.0.10,42,0,CONNECT,,,0":           42,
		"1772420400000000,db-1,shop_app,10.0.0.10,42,0,CONNECT,,,1045":        -1, // refused
		"1772420400000000,db-1,shop_app,10.0.0.10,42,0,FAILED_CONNECT,,,1045": -1,
		"1772420400000000,db-1,shop_app,10.0.0.10,42,0,DISCONNECT,,,0":        -1,
		"1772420400000000,db-1,shop_app,10.0.0.10,-2,0,CONNECT,,,0":           -1,
		"nonsense": -1,
	} {
		_, got, ok := parseConnect(line)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%s: %d", line, got)
		}
	}
}
