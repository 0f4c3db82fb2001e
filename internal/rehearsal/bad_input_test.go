package rehearsal_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

const (
	unknownID = "202001010000-abcdef"
	malformed = "2020-1"
)

// TestBadInput: an input that is not understood ends Refused, says what to give,
// and leaves nothing; the next good one is not hindered.
func TestBadInput(t *testing.T) {
	play(t, rehearsal.Scenario{}, func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		b := atBorder(t, o)
		if _, err := o.Ready("staging"); err != nil {
			return err
		}
		forms := "docs/operations.md shows every form of input"
		for _, bad := range []struct{ input, says, next string }{
			{`{"Comment":"Insert your JSON here"}`, `unknown field "Comment"`, `give {} for a whole refresh`},
			{`{"onyl":["shop-carts"]}`, `unknown field "onyl"`, `"only":[names]`},
			{`{"only":"shop-carts"}`, "cannot unmarshal string", `"only":[names]`},
			{`{"only":[1]}`, "cannot unmarshal number", `"only":[names]`},
			{`{"only":["nobody"]}`, "nobody", "correct only"},
			{`{"only":["shop-carts","nobody","else"]}`, `"nobody", "else"`, "correct only"},
			{`{"only":[""]}`, `cannot choose the items ("")`, "correct only"},
			{`{"resume":"` + malformed + `"}`, "one refresh id", "start a new refresh"},
			{`{"resume":"` + unknownID + `"}`, "no such refresh", "without resume"},
			{`{"resume":"` + unknownID + `","only":["shop-carts"]}`, "nothing else", "start a new refresh"},
			{`{"resume":7}`, "cannot unmarshal number", "to continue"},
			{`[]`, "cannot unmarshal array", "give {}"},
			{`"all"`, "cannot unmarshal string", "give {}"},
		} {
			b.refused(o.BackupMachine("staging"), bad.input, bad.says, bad.next)
		}
		for _, bad := range []struct{ input, says, next string }{
			{`{}`, "give {", forms},
			{`{"refreshId":""}`, "give {", forms},
			{`{"refreshId":"` + malformed + `"}`, "give {", forms},
			{`{"refreshId":"` + unknownID + `"}`, "no such manifest in the inbox", "correct the refresh id"},
			{`{"resume":"` + unknownID + `"}`, "no such manifest in the inbox", "correct the refresh id"},
			{`{"resume":"` + unknownID + `","refreshId":"` + unknownID + `"}`, "give {", forms},
			{`{"refreshID":"` + unknownID + `","force":true}`, `unknown field "force"`, forms},
			{`[]`, "not a JSON object", forms},
			{`7`, "not a JSON object", forms},
			{`{"source":"aws.ec2","detail-type":"EC2 Instance State-change Notification"}`, "starts nothing here", forms},
			{`{"source":"aws.s3","detail-type":"Object Created"}`, "detail cannot be read", forms},
			{`{"detail":{}}`, `unknown field "detail"`, forms},
		} {
			b.refused(o.RestoreMachine("staging"), bad.input, bad.says, bad.next)
		}
		for _, p := range []string{"runs/", "claims/", "candidates/", "locks/"} {
			// How a refused execution ended is recorded, also of a refresh that never was.
			keys := slices.DeleteFunc(b.records(p), func(k string) bool { return strings.Contains(k, "/ends/") })
			if len(keys) > 0 {
				t.Errorf("staging's ledger holds %v", keys)
			}
		}
		b.quiet()
		out, err := o.Refresh("staging", refresh.BackupInput{Only: []string{"shop-carts"}, Reason: "after bad ones"})
		if out.Verdict != rehearsal.VerdictSucceeded || b.jobs("") != 1 {
			t.Errorf("a good one: %s %s, %d restores", out.Verdict, out.Cause, b.jobs(""))
		}
		return err
	})
}

// refused starts a machine and wants Refused, with what was wrong and what to do.
func (b *border) refused(machine, input, what, next string) {
	b.t.Helper()
	arn, err := b.Start(machine, []byte(input))
	b.must(err)
	r, err := b.Await(arn)
	b.must(err)
	if r.Status != asl.Failed || r.Error != rehearsal.VerdictRefused || !strings.Contains(r.Cause, what) || !strings.Contains(r.Cause, next) {
		b.t.Errorf("%s: %s %s: %s; want Refused with %q and %q", input, r.Status, r.Error, r.Cause, what, next)
	}
}
