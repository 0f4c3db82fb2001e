package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
	"github.com/dbferry/dbferry/internal/refresh"
)

// Closed is the output of close-migration, and of the whole execution.
type Closed struct {
	Verdict   string   `json:"verdict"`
	Cause     string   `json:"cause,omitempty"`
	Migration string   `json:"migration,omitempty"`
	Phase     Phase    `json:"phase,omitempty"`
	PlanHash  string   `json:"planHash,omitempty"`
	Plan      []string `json:"plan,omitempty"`
	Evidence  string   `json:"evidence,omitempty"`     // s3://…
	Head      string   `json:"evidenceHead,omitempty"` // hash of the last entry
	Costs     []string `json:"costs,omitempty"`        // what is left that AWS charges for
	Next      string   `json:"next"`
	Trouble   []string `json:"trouble,omitempty"`
}

// ended is the record of how an execution ended, and whether people were told.
type ended struct {
	Verdict string    `json:"verdict"`
	Error   string    `json:"error,omitempty"`
	Cause   string    `json:"cause,omitempty"`
	At      time.Time `json:"at"`
	Told    bool      `json:"told"`
}

type closeMigration struct {
	*step
	s3  *s3.Client
	sns *sns.Client
}

// NewCloseMigration builds close-migration: it records how an execution ended,
// puts the evidence into one file and a page, frees the lock and tells people.
// The machine calls it, and a rule does when the machine could not. Run again it
// confirms.
func NewCloseMigration(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &closeMigration{base, s3.NewFromConfig(rt.AWS), sns.NewFromConfig(rt.AWS)}
	return func(ctx context.Context, raw []byte) ([]byte, error) {
		end, err := refresh.ParseEnd(raw)
		if err != nil {
			return nil, &fault.Error{Name: fault.BadRequest, Op: "read how the migration ended", Cause: err}
		}
		out, err := s.do(ctx, end)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}, nil
}

func (s *closeMigration) do(ctx context.Context, end refresh.End) (Closed, error) {
	var in StepInput
	_, found, err := s.ledger.Get(ctx, executionKey(end.Execution), &in)
	if err != nil {
		return Closed{}, err
	}
	h := &held{}
	if found {
		if h.ver, _, err = s.ledger.Get(ctx, RecordKey(in.Cluster), &h.Migration); err != nil {
			return Closed{}, err
		}
	}
	mine := h.Execution == end.Execution && end.Execution != ""
	e, err := s.verdict(ctx, end, h, mine)
	if err != nil {
		return Closed{}, err
	}
	out := Closed{Verdict: e.Verdict, Cause: e.Cause}
	if mine {
		if err := s.bundle(ctx, h, end.Execution, e, &out); err != nil {
			return out, err
		}
	}
	out.Costs, out.Next = h.Costs(), next(out.Verdict, in.Cluster, h, mine)
	if len(h.Detached) > 0 {
		out.Next = "RDS Proxy " + strings.Join(h.Detached, ", ") + " is off the cluster: nobody gets through it. {\"cluster\":\"" + in.Cluster + "\"} goes on, and {\"cluster\":\"" + in.Cluster + "\",\"mode\":\"abandon\"} puts it back on blue and removes green. " + out.Next
	}
	if found {
		if err := s.ledger.Release(ctx, ledger.LockKey(string(refresh.Cluster), in.Cluster), end.Execution); err != nil {
			out.Trouble = append(out.Trouble, err.Error())
		}
	}
	if err := s.tell(ctx, end.Execution, in.Cluster, e, out); err != nil {
		out.Trouble = append(out.Trouble, err.Error())
	}
	s.Log.Info("run closed", "verdict", out.Verdict, "migration", out.Migration, "execution", end.Execution, "trouble", out.Trouble)
	return out, nil
}

// EndKey is where the ledger says how an execution has ended.
func EndKey(execution string) string {
	return strings.TrimSuffix(executionKey(execution), ".json") + "/end.json"
}

// verdict finds how the execution ended, and keeps the first answer.
func (s *closeMigration) verdict(ctx context.Context, end refresh.End, h *held, mine bool) (ended, error) {
	e := ended{Verdict: end.Verdict, Error: end.Error, Cause: end.Cause, At: s.Now().UTC()}
	outside := end.Error == "TIMED_OUT" || end.Error == "ABORTED" || strings.HasPrefix(end.Error, "States.")
	switch {
	case e.Verdict == refresh.RolledBack && (h.Phase == Switching || h.Phase == Switched):
		// switch-over takes its intent back only when it has seen that blue serves.
		e.Verdict = refresh.NeedsOperator
	case !outside:
	case !mine || h.Phase == Planned:
		e.Verdict = refresh.Refused
	case h.KeptOut:
		e.Verdict = refresh.NeedsOperator
		e.Cause = strings.TrimSpace(e.Cause + " The execution was ended while users may be kept out: turn maintenance off by hand, or start again, which does it first.")
	case h.cutOff():
		e.Verdict = refresh.NeedsOperator
		e.Cause = strings.TrimSpace(e.Cause + " The execution was ended while RDS Proxy " + strings.Join(h.Detached, ", ") + " was off the cluster: start again with the same input, which puts it back.")
	case h.Phase == Retired:
		e.Verdict = refresh.Succeeded
	case h.Phase == Switching || h.Phase == Switched || h.Phase == Proved || h.Phase == Returning:
		e.Verdict = refresh.NeedsOperator
		e.Cause = strings.TrimSpace(e.Cause + " The execution was ended while the migration was " + string(h.Phase) + ".")
	}
	created, err := s.ledger.Create(ctx, EndKey(end.Execution), e)
	if err != nil || created {
		return e, err
	}
	_, _, err = s.ledger.Get(ctx, EndKey(end.Execution), &e)
	return e, err
}

// bundle adds the end to the evidence and writes all of it as one file and as a
// page.
func (s *closeMigration) bundle(ctx context.Context, h *held, execution string, e ended, out *Closed) error {
	kind := "ended-" + hashOf(execution)[:12]
	if err := s.testify(ctx, &h.Migration, kind, map[string]any{"execution": execution, "verdict": e.Verdict, "error": e.Error, "cause": e.Cause, "phase": h.Phase}); err != nil {
		return err
	}
	if err := s.save(ctx, h); err != nil {
		return err
	}
	all, err := s.entries(ctx, h.Migration)
	if err != nil {
		return err
	}
	key := BundleKey(h.Plan.Cluster, h.ID)
	if err := s.object(ctx, key, "application/jsonl", Bundle(all)); err != nil {
		return err
	}
	page, err := Page(all)
	if err != nil {
		return err
	}
	if err := s.object(ctx, strings.TrimSuffix(key, ".jsonl")+".html", "text/html; charset=utf-8", page); err != nil {
		return err
	}
	out.Migration, out.Phase, out.PlanHash, out.Plan = h.ID, h.Phase, h.PlanHash, h.Plan.Lines()
	out.Evidence, out.Head = "s3://"+s.Ledger+"/"+key, h.Evidence.Head
	return nil
}

func (s *closeMigration) object(ctx context.Context, key, kind string, body []byte) error {
	_, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.Ledger, Key: &key, ContentType: &kind, Body: strings.NewReader(string(body))})
	return fault.AWS("write the evidence", "s3://"+s.Ledger+"/"+key, err)
}

// next is what an operator does after an end.
func next(verdict, cluster string, h *held, mine bool) string {
	again := fmt.Sprintf("{\"cluster\":%q}", cluster)
	switch {
	case !mine:
		return "nothing was begun. Mend what is named above and start again with the same input."
	case verdict == refresh.NeedsOperator && h.Phase == Returning:
		return fmt.Sprintf("{\"cluster\":%q,\"mode\":\"back\"} goes on where it stopped; docs/migrate.md#3-am has the steps. Until it has, the new production may refuse writes, and proxies may lead nowhere. Delete neither cluster.", cluster)
	case verdict == refresh.NeedsOperator:
		return "look at both clusters in the RDS console before anything else; docs/migrate.md#3-am has the steps. Start with " + again + " to continue."
	case h.Phase == Planned:
		return "nothing was changed. Start with " + fmt.Sprintf("{\"cluster\":%q,\"mode\":\"create\"}", cluster) + " and the same target to build green."
	case h.Phase == Abandoned:
		return "production is what it was, and green is gone. Nothing is left to do."
	case h.Phase == Verified, h.Phase == Building, h.Phase == Settling:
		return fmt.Sprintf("production is what it was; green is there and costs as much as blue. Continue with {\"cluster\":%q,\"mode\":\"switch\"}, or remove green with {\"cluster\":%q,\"mode\":\"abandon\"}.", cluster, cluster)
	case h.Phase == Returned:
		return "the old cluster serves again under production's name; its instances keep the names …-old1. The one that was left is " + h.Plan.left() + ", with its last writes: look at it, then delete it by hand. Your own stack: run drift detection."
	case h.Phase == Proved && h.shut() == "":
		return fmt.Sprintf("the new production serves. The way back is open until %s: {\"cluster\":%q,\"mode\":\"back\"}. %s", h.WayBack.Until.Format(time.RFC3339), cluster, h.Plan.stackNote())
	case h.Phase == Proved:
		return fmt.Sprintf("the new production serves. The old cluster (resource %s) still costs; retire it with {\"cluster\":%q,\"mode\":\"retire\"}. %s", h.Plan.Blue.ResourceID, cluster, h.Plan.stackNote())
	case h.Phase == Retired:
		return "the old cluster is gone; its final snapshot is " + h.Snapshot + ". " + h.Plan.stackNote()
	}
	return "docs/migrate.md has the steps."
}

// stackNote says what the user's own stack must change: CloudFormation does not
// know of Blue/Green, and the resource id is another one.
func (p Plan) stackNote() string {
	var lines []string
	if p.From.Engine != p.To.Engine {
		lines = append(lines, fmt.Sprintf("EngineVersion: %q", p.To.Engine))
	}
	if p.From.ClusterGroup != p.To.ClusterGroup {
		lines = append(lines, fmt.Sprintf("DBClusterParameterGroupName: %q", p.To.ClusterGroup))
	}
	if p.From.InstanceGroup != p.To.InstanceGroup {
		lines = append(lines, fmt.Sprintf("DBParameterGroupName (of each instance): %q", p.To.InstanceGroup))
	}
	if len(lines) == 0 {
		return "Your own stack needs no change; run its drift detection."
	}
	return "In your own stack set " + strings.Join(lines, ", ") + ", then run drift detection before you deploy it."
}

// tell sends one message an execution; a message that cannot be sent is trouble
// and no more.
func (s *closeMigration) tell(ctx context.Context, execution, cluster string, e ended, out Closed) error {
	if e.Told {
		return nil
	}
	what := cluster
	if what == "" {
		what = "a cluster"
	}
	lines := []string{fmt.Sprintf("%s: migration of %s, in production.", out.Verdict, what)}
	if out.Cause != "" {
		lines = append(lines, "", "Why: "+out.Cause)
	}
	if len(out.Plan) > 0 {
		lines = append(lines, "", strings.Join(out.Plan, "\n"))
	}
	if out.Evidence != "" {
		lines = append(lines, "", "Evidence: "+out.Evidence, "  its last hash: "+out.Head)
	}
	if len(out.Costs) > 0 {
		lines = append(lines, "", "What still costs:", "  "+strings.Join(out.Costs, "\n  "))
	}
	lines = append(lines, "", "Next: "+out.Next,
		"Execution: https://"+s.Config.Region+".console.aws.amazon.com/states/home?region="+s.Config.Region+"#/v2/executions/details/"+execution)
	subject := cutSubject(fmt.Sprintf("dbferry %s: migration of %s", out.Verdict, what))
	if _, err := s.sns.Publish(ctx, &sns.PublishInput{TopicArn: aws.String(s.here.TopicARN()), Subject: &subject, Message: aws.String(strings.Join(lines, "\n"))}); err != nil {
		return fault.AWS("send the notification", s.here.TopicARN(), err)
	}
	e.Told = true
	return s.ledger.Put(ctx, EndKey(execution), e)
}
