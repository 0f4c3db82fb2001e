package refresh

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestNoticeFitsMailAndChat: the very long is cut for the chat alone, whole
// characters at a time, and says so.
func TestNoticeFitsMailAndChat(t *testing.T) {
	long := strings.Repeat("Köln: ", 2000)
	for name, n := range map[string]notice{
		"short": {subject: "dbferry Succeeded: 202611230300-a1b2c3 (staging)", headline: "Succeeded: refresh 202611230300-a1b2c3 for staging, in staging.", facts: []string{"2 item(s)"}, next: "nothing.", link: "https://x", execution: "arn:x", thread: "202611230300-a1b2c3", kind: "Succeeded"},
		"long":  {subject: "s", headline: "Failed: h", facts: []string{long, long}, why: long, next: long, link: "https://x", execution: "arn:x", kind: "Failed"},
		"bare":  {subject: "s", headline: "Refused: h", next: "n", link: "https://x", execution: "arn:x", kind: "Refused"},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := n.perProtocol()
			if err != nil {
				t.Fatal(err)
			}
			var forms map[string]string
			if err := json.Unmarshal([]byte(raw), &forms); err != nil {
				t.Fatal(err)
			}
			for _, part := range append([]string{n.headline, n.why, n.next, n.link}, n.facts...) {
				if !strings.Contains(forms["default"], part) {
					t.Errorf("the mail lacks %.40q", part)
				}
			}
			var c custom
			if err := json.Unmarshal([]byte(forms["https"]), &c); err != nil {
				t.Fatal(err)
			}
			d := c.Content.Description
			if c.Version != "1.0" || c.Source != "custom" || c.Content.TextType != "client-markdown" || c.Content.Title != n.subject || c.Metadata.ThreadID != n.thread {
				t.Errorf("the chat gets %+v", c)
			}
			if len(d) > 3000 || len(c.Content.NextSteps) != 1 || len(c.Content.NextSteps[0]) > 400 || !utf8.ValidString(d) || !strings.HasSuffix(d, n.link) || strings.Count(d, "```")%2 != 0 {
				t.Errorf("the chat gets %d bytes: %q, %q", len(d), d, c.Content.NextSteps)
			}
			if cut := strings.Contains(d, "the mail has all"); cut != (name == "long") {
				t.Errorf("cut: %v", cut)
			}
		})
	}
}
