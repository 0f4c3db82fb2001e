package refresh

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzWithPassword: only the password of a secret changes, and no error says
// anything of what was in it.
func FuzzWithPassword(f *testing.F) {
	f.Add(`{"username":"app","password":"old-password","host":"db","port":3306}`)
	f.Add(`{"password":null,"a":[1,{"b":2}]}`)
	f.Add(`old-password`)
	f.Add(`{"username":"app"}`)
	f.Fuzz(func(t *testing.T, secret string) {
		out, err := withPassword(secret, "new-password")
		if err != nil {
			if err.Error() != errNotJSON.Error() || out != "" {
				t.Errorf("%q: %v", out, err)
			}
			return
		}
		var before, after map[string]any
		if json.Unmarshal([]byte(secret), &before) != nil || json.Unmarshal([]byte(out), &after) != nil || after["password"] != "new-password" {
			t.Fatalf("%q became %q", secret, out)
		}
		delete(before, "password")
		delete(after, "password")
		a, _ := json.Marshal(before)
		b, _ := json.Marshal(after)
		if string(a) != string(b) || strings.Contains(secret, "old-password") && len(before) == 0 && strings.Contains(out, "old-password") {
			t.Errorf("%q became %q", secret, out)
		}
	})
}
