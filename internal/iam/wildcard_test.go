package iam

import (
	"regexp"
	"strings"
	"testing"
)

func TestWildcard(t *testing.T) {
	cases := []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"?", "", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"a*c", "ac", true},
		{"a*b*c", "a-bb-b-c", true},
		{"a*b*c", "a-bb-b-d", false},
		{"**a", "bba", true},
		{"dynamodb.*.amazonaws.com", "dynamodb.eu-west-1.amazonaws.com", true},
		{"?", "é", true},
		{"a*", "A", false},
	}
	for _, c := range cases {
		if got := wild(c.pattern).matches(c.text); got != c.want {
			t.Errorf("%q matches %q: %v, want %v", c.pattern, c.text, got, c.want)
		}
	}
}

func TestARNMatching(t *testing.T) {
	cases := []struct {
		name, pattern, arn string
		want               bool
	}{
		{"everything", "*", "arn:aws:s3:::a", true},
		{"everything, no resource", "*", "*", true},
		{"an ARN is not no resource", "arn:aws:s3:::*", "*", false},
		{"last part has colons", "arn:aws:rds:*:*:cluster-snapshot:awsbackup:*", "arn:aws:rds:eu-west-1:111111111111:cluster-snapshot:awsbackup:job-1", true},
		{"other prefix in last part", "arn:aws:rds:*:*:cluster-snapshot:awsbackup:*", "arn:aws:rds:eu-west-1:111111111111:cluster-snapshot:rds:x", false},
		{"star stays within its part", "arn:aws:rds:*:db:x", "arn:aws:rds:eu-west-1:111111111111:db:x", false},
		{"star in last part spans slashes and colons", "arn:aws:dynamodb:*:*:table/*", "arn:aws:dynamodb:eu-west-1:111111111111:table/a/backup/01", true},
		{"other account", "arn:aws:backup:*:111111111111:backup-vault:*", "arn:aws:backup:eu-west-1:222222222222:backup-vault:v", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := wild(c.pattern).matchesARN(c.arn); got != c.want {
				t.Errorf("%q matches %q: %v, want %v", c.pattern, c.arn, got, c.want)
			}
		})
	}
}

func TestActionsIgnoreCase(t *testing.T) {
	for want, action := range map[string]string{
		"KMS:reencrypt*": "kms:ReEncryptFrom", "*": "rds:X", "*:*": "rds:X", "ssm-sap:UpdateHanaBackupSettings": "ssm-sap:UpdateHANABackupSettings",
	} {
		if !actionMatches(want, action) {
			t.Errorf("%s does not cover %s", want, action)
		}
	}
	if actionMatches("kms:Decrypt", "kms:DecryptMore") {
		t.Error("an action covers a longer one")
	}
}

// FuzzWildcard compares the matcher with the same pattern as a regular
// expression.
func FuzzWildcard(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("**", "")
	f.Add("*a*a*a*b", strings.Repeat("a", 40))
	f.Fuzz(func(t *testing.T, p, s string) {
		if len(p) > 60 || len(s) > 200 {
			return
		}
		expression := regexp.QuoteMeta(strings.ToValidUTF8(p, "�"))
		expression = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(expression)
		re := regexp.MustCompile(`^(?s:` + expression + `)$`)
		s = strings.ToValidUTF8(s, "�")
		if got, want := wild(strings.ToValidUTF8(p, "�")).matches(s), re.MatchString(s); got != want {
			t.Fatalf("%q matches %q: %v, want %v", p, s, got, want)
		}
	})
}
