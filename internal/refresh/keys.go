package refresh

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/ledger"
)

// Kind is the kind of an item.
type Kind string

// The kinds of items.
const (
	Cluster Kind = "cluster" // an Aurora cluster
	Table   Kind = "table"   // a DynamoDB table
)

var refreshID = regexp.MustCompile(`^[0-9]{12}-[0-9a-f]{6}$`)

// ValidID says whether text is a refresh id: YYYYMMDDhhmm, a hyphen and six
// hexadecimal digits.
func ValidID(text string) bool { return refreshID.MatchString(text) }

// mint makes the refresh id of an execution. The digits come from the
// execution's ARN, so that two executions of one minute differ.
func mint(execution string, now time.Time) string {
	sum := sha256.Sum256([]byte(execution))
	return now.UTC().Format("200601021504") + "-" + hex.EncodeToString(sum[:])[:6]
}

// Keys of the ledger. Everything of one refresh lies below runs/<id>/.
func runKey(id, part string) string { return "runs/" + ledger.Segment(id) + "/" + part }

func planKey(id string) string     { return runKey(id, "plan.json") }
func manifestKey(id string) string { return runKey(id, "manifest.json") }

// mapKey is the list that a Distributed Map reads.
func mapKey(id, list string) string { return runKey(id, "maps/"+list+".json") }

// itemKey is a fact about one item, by the name of the step that found it.
func itemKey(id string, kind Kind, name, fact string) string {
	return runKey(id, fmt.Sprintf("items/%s/%s/%s.json", kind, ledger.Segment(name), fact))
}

func intentKey(id string, kind Kind, name, step string) string {
	return itemKey(id, kind, name, "intent-"+step)
}

// endKey is how one execution of a refresh ended.
func endKey(id, execution string) string {
	return runKey(id, "ends/"+executionName(execution)+".json")
}

// executionKey leads from an execution to its refresh.
func executionKey(execution string) string {
	return "executions/" + ledger.Segment(executionName(execution)) + ".json"
}

// toldKey says that people were told of an end: of each execution's once, and
// of a refresh's success once, however many executions confirm it. A switch is an
// event of its own each time.
func toldKey(end End) string {
	if end.Verdict == Succeeded && end.RefreshID != "" && !switching(end.Execution) {
		return runKey(end.RefreshID, "told-succeeded.json")
	}
	return strings.TrimSuffix(executionKey(end.Execution), ".json") + "-notified.json"
}

// succeededKey is there once this account's part of a refresh is done and closed.
func succeededKey(id string) string { return runKey(id, "succeeded.json") }

func claimKey(id string) string { return "claims/" + ledger.Segment(id) + ".json" }

// candidatePrefix is where all candidates are.
const candidatePrefix = "candidates/"

func candidateKey(id string) string { return candidatePrefix + ledger.Segment(id) + ".json" }

// executionName is the last part of an execution's ARN.
func executionName(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }
