// Package awsmanaged carries the AWS-managed policies that the world knows from
// the start: those of the two AWS Backup service roles and of the service-linked
// roles of AWS Backup, RDS and Application Auto Scaling. The texts are AWS's own, word for word apart from
// line breaks, with the version they were taken from; see README.md.
package awsmanaged

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/dbferry/dbferry/internal/iam"
)

//go:embed *.json
var files embed.FS

type entry struct {
	ARN      string       `json:"arn"`
	Version  string       `json:"version"`
	Created  string       `json:"created"`
	Document iam.Document `json:"document"`
}

// entries panics on a file that does not parse: the files are part of the
// program, and a test reads them all.
var entries = sync.OnceValue(func() map[string]entry {
	names, err := files.ReadDir(".")
	if err != nil {
		panic(err)
	}
	out := map[string]entry{}
	for _, f := range names {
		raw, err := files.ReadFile(f.Name())
		if err != nil {
			panic(err)
		}
		var e entry
		if err := json.Unmarshal(raw, &e); err != nil {
			panic(fmt.Sprintf("awsmanaged/%s: %v", f.Name(), err))
		}
		out[e.ARN] = e
	}
	return out
})

// Policy returns the document of an AWS-managed policy by its ARN, with the
// version of the text ("v30"). The document is shared: do not change it.
func Policy(arn string) (doc iam.Document, version string, ok bool) {
	e, ok := entries()[arn]
	return e.Document, e.Version, ok
}

// ARNs lists the policies that Policy knows, sorted.
func ARNs() []string { return slices.Sorted(maps.Keys(entries())) }
