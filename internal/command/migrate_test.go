package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/dbferry/dbferry/internal/migrate"
)

func environment(files map[string]string) (Env, *bytes.Buffer) {
	var out bytes.Buffer
	return Env{Out: &out, Err: &out, Now: func() time.Time { return time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC) },
		Read: func(file string) ([]byte, error) {
			if text, ok := files[file]; ok {
				return []byte(text), nil
			}
			return nil, &fs.PathError{Op: "open", Path: file, Err: fs.ErrNotExist}
		},
		Write: func(file string, content []byte, _ bool) error { files[file] = string(content); return nil },
	}, &out
}

// TestVerifyEvidence: a real bundle is intact; the same one changed, cut or
// rearranged is not.
func TestVerifyEvidence(t *testing.T) {
	raw, err := os.ReadFile("testdata/evidence.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	whole := string(raw)
	lines := strings.SplitAfter(whole, "\n")
	_, head, err := migrate.VerifyBundle(strings.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		text string
		args []string
		want int
		says string
	}{
		"intact":        {whole, []string{"--head", head, "--page", "page.html"}, Fine, "intact: "},
		"changed":       {strings.Replace(whole, `"lag":[0`, `"lag":[9`, 1), nil, Trouble, "was changed after it was written"},
		"first is gone": {strings.Join(lines[1:], ""), nil, Trouble, "is missing or was put in"},
		"one is gone":   {strings.Join(append(append([]string{}, lines[:2]...), lines[3:]...), ""), nil, Trouble, "is missing or was put in"},
		"cut":           {strings.Join(lines[:3], ""), []string{"--head", head}, Trouble, "NOT WHOLE"},
		"not evidence":  {"hello\n", nil, Trouble, "line 1 is not an entry"},
		"empty":         {"", nil, Trouble, "has no entry"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"e.jsonl": x.text}
			env, out := environment(files)
			if got := Main(t.Context(), append([]string{"verify-evidence", "e.jsonl"}, x.args...), env); got != x.want || !strings.Contains(out.String(), x.says) {
				t.Errorf("exit %d: %s", got, out)
			}
			if name == "intact" && !strings.Contains(files["page.html"], head) {
				t.Error("the page lacks the last hash")
			}
		})
	}
	env, _ := environment(nil)
	if got := Main(t.Context(), []string{"verify-evidence"}, env); got != Misused {
		t.Errorf("exit %d without a file", got)
	}
}

// TestApprove: the answer is signed for Lambda by the caller's own credentials,
// and what comes back is told.
func TestApprove(t *testing.T) {
	status, said := http.StatusOK, "recorded"
	var got migrate.AnswerInput
	var authorization string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization = r.Header.Get("Authorization")
		raw, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
		io.WriteString(w, `{"message":"`+said+`"}`)
	}))
	defer server.Close()
	run := func(more ...string) (int, string) {
		env, out := environment(nil)
		env.Profile = func(context.Context, string, string) (aws.Config, error) {
			return aws.Config{Region: "eu-west-1", HTTPClient: server.Client(), Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "not-a-secret", "")}, nil
		}
		return Main(t.Context(), append([]string{"approve", "--address", server.URL, "--cluster", "shop-orders", "--migration", "m", "--plan", "abc"}, more...), env), out.String()
	}
	if code, out := run("--gate", "switch"); code != Fine || !strings.Contains(out, "recorded") || !got.Approve || got.PlanHash != "abc" {
		t.Errorf("%d %s %+v", code, out, got)
	}
	if !strings.HasPrefix(authorization, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260302/eu-west-1/lambda/aws4_request") {
		t.Errorf("signed as %s", authorization)
	}
	status, said = http.StatusConflict, "too late"
	if code, out := run("--gate", "retire", "--refuse"); code != Trouble || !strings.Contains(out, "too late") || got.Approve {
		t.Errorf("%d %s %+v", code, out, got)
	}
	if code, _ := run("--gate", "everything"); code != Misused {
		t.Errorf("exit %d for a gate that is not there", code)
	}
	if code, _ := run("--gate", "switch", "--address", "http://example.com"); code != Misused {
		t.Errorf("exit %d for an address without TLS", code)
	}
	env, _ := environment(nil)
	env.Profile = func(context.Context, string, string) (aws.Config, error) {
		return aws.Config{}, errors.New("no such profile")
	}
	if code := Main(t.Context(), []string{"approve", "--cluster", "c", "--migration", "m", "--plan", "p", "--gate", "switch"}, env); code != Misused {
		t.Errorf("exit %d without a profile", code)
	}
}
