// Package events holds the EventBridge patterns of dbferry's rules, one file a
// pattern, in the form that EventBridge takes. What differs from one account to
// the next stands in them as ${Name}; Pattern fills it in.
//
// testdata/<pattern>/ holds real events that must match and near misses that
// must not.
package events

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

//go:embed *.json
var files embed.FS

// The patterns, by file name without ".json".
const (
	// ProductionSucceeded: a production-backup machine ended well. It serves
	// twice: in production to forward the event, in the target to act on it.
	// Values: ProductionAccount, MachineArn.
	ProductionSucceeded = "production-succeeded"
	// ManifestArrived: a manifest was put into the target's inbox.
	// Values: TargetAccount, InboxBucket, ManifestPrefix.
	ManifestArrived = "manifest-arrived"
	// RunEndedBadly: a machine of this account ended without success.
	// Values: Account, MachineArn.
	RunEndedBadly = "run-ended-badly"
)

// Names are all patterns, sorted.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // embedded
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), ".json"))
	}
	return out
}

var placeholder = regexp.MustCompile(`\$\{([A-Za-z]+)\}`)

// Pattern is the named pattern with its placeholders replaced. A placeholder
// without a value, and a value without a placeholder, are errors: either would
// be a rule that matches something else than its author thinks.
func Pattern(name string, values map[string]string) ([]byte, error) {
	raw, err := files.ReadFile(name + ".json")
	if err != nil {
		return nil, fmt.Errorf("event pattern %s does not exist; there are %s", name, strings.Join(Names(), ", "))
	}
	unused := maps.Clone(values)
	var missing []string
	out := placeholder.ReplaceAllFunc(raw, func(match []byte) []byte {
		key := string(placeholder.FindSubmatch(match)[1])
		value, ok := values[key]
		if !ok {
			missing = append(missing, key)
		}
		delete(unused, key)
		return inString(value)
	})
	if len(missing) > 0 {
		return nil, fmt.Errorf("event pattern %s needs values for %s", name, strings.Join(missing, ", "))
	}
	if len(unused) > 0 {
		return nil, fmt.Errorf("event pattern %s has no placeholder for %s", name, strings.Join(slices.Sorted(maps.Keys(unused)), ", "))
	}
	return out, nil
}

// inString escapes a value for use inside a JSON string.
func inString(value string) []byte {
	quoted, err := json.Marshal(value)
	if err != nil {
		panic(err) // a string
	}
	return quoted[1 : len(quoted)-1]
}
