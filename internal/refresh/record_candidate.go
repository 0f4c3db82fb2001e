package refresh

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/dbferry/dbferry/internal/converge"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

// Candidate is a restored, safe set that does not serve yet.
type Candidate struct {
	RefreshID  string          `json:"refreshId"`
	Target     string          `json:"target"`
	RecordedAt time.Time       `json:"recordedAt"`
	CutOff     CutOff          `json:"cutOff"`
	Items      []CandidateItem `json:"items"`
	Inherited  []Inherited     `json:"inherited,omitempty"` // what stands for the items that a partial refresh left out
}

// CandidateItem is one item of a candidate.
type CandidateItem struct {
	Kind        Kind         `json:"kind"`
	Source      string       `json:"source"`
	Name        string       `json:"name"` // in the target
	CutOff      CutOff       `json:"cutOff"`
	Differences []Difference `json:"differences,omitempty"`
	Carried     []string     `json:"carried,omitempty"` // settings that a restore loses, as in production again

	// Secrets are the ARNs of the secrets that the refresh made for a cluster's
	// logins, by user; the others have what logins[].secret says.
	Secrets map[string]string `json:"secrets,omitempty"`
}

// ParseCandidate reads the record of a candidate; CandidateKey is its key in the
// ledger of the target.
func ParseCandidate(raw []byte) (Candidate, error) {
	var c Candidate
	return c, lambdafn.Strict(raw, &c)
}

// CandidateKey is where in its ledger a target keeps the candidate of a refresh.
func CandidateKey(refreshID string) string { return candidateKey(refreshID) }

// Opened is the output of record-candidate.
type Opened struct {
	Status      string `json:"status"` // "WAITING" or "DONE"
	WaitSeconds int    `json:"waitSeconds,omitempty"`
	Items       int    `json:"items"`
}

type recordCandidate struct{ clusterStep }

// NewRecordCandidate builds record-candidate: when every item is restored,
// finished and its credentials are replaced, the clusters leave quarantine for
// the target's own security groups, and the candidate is recorded. One failed
// item keeps all in quarantine.
func NewRecordCandidate(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newClusterStep(rt)
	s := &recordCandidate{base}
	return lambdafn.Typed(s.do), err
}

func (s *recordCandidate) do(ctx context.Context, in RunInput) (Opened, error) {
	if err := in.validate(); err != nil {
		return Opened{}, err
	}
	p, err := s.plan(ctx, in.RefreshID)
	if err != nil {
		return Opened{}, err
	}
	if _, _, found, err := s.ledger.Bytes(ctx, candidateKey(in.RefreshID)); err != nil || found {
		// Whoever recorded it opened it; by now it may serve, and is left alone.
		return Opened{Status: string(converge.Done), Items: len(p.Items)}, err
	}
	c, err := s.judge(ctx, p)
	if err != nil {
		return Opened{}, err
	}
	wait, err := s.open(ctx, c)
	if err != nil {
		return Opened{}, err
	}
	if wait {
		return Opened{Status: string(converge.Waiting), WaitSeconds: quickWait.WaitSeconds, Items: len(c.Items)}, nil
	}
	if c.Inherited, err = s.inherit(ctx, p); err != nil {
		return Opened{}, err
	}
	if err := s.ledger.Put(ctx, candidateKey(in.RefreshID), c); err != nil {
		return Opened{}, err
	}
	return Opened{Status: string(converge.Done), Items: len(c.Items)}, s.startSwitch(ctx, in.RefreshID)
}

// startSwitch begins the switch where the configuration says so. The name makes
// it one switch, however often it is asked for.
func (s *recordCandidate) startSwitch(ctx context.Context, id string) error {
	if s.t.Switch == nil || !s.t.Switch.Automatic {
		return nil
	}
	arn := s.here.MachineARN("staging-switch", s.t.Name)
	_, err := sfn.NewFromConfig(s.AWS).StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: &arn, Name: aws.String("refresh-" + id), Input: aws.String(fmt.Sprintf(`{"refreshId":%q}`, id)),
	})
	if fault.HasCode(err, "ExecutionAlreadyExists") {
		return nil
	}
	return fault.AWS("start the switch", arn, err)
}

// openGroups are what an opened cluster wears. Where dbferry switches
// applications, its functions must still get in to prove the cluster, so the
// group that admits them, and nobody else, stays on.
func (s *recordCandidate) openGroups() []string {
	groups := slices.Clone(s.t.Network.DatabaseSecurityGroups)
	if s.t.Switch != nil {
		groups = append(groups, s.Quarantine)
	}
	return groups
}

// judge requires the last fact of every item.
func (s *recordCandidate) judge(ctx context.Context, p Plan) (Candidate, error) {
	c := Candidate{RefreshID: p.RefreshID, Target: p.Target, RecordedAt: s.Now().UTC(), Items: make([]CandidateItem, len(p.Items))}
	missing := make([]string, len(p.Items))
	err := s.Each(ctx, len(p.Items), func(ctx context.Context, i int) error {
		it := p.Items[i]
		var m ManifestItem
		if _, _, err := s.ledger.Get(ctx, itemKey(p.RefreshID, it.Kind, it.ID, "item"), &m); err != nil {
			return err
		}
		fin, cred, ok, err := s.finished(ctx, p.RefreshID, it)
		if err == nil && !ok {
			missing[i] = s.why(ctx, p.RefreshID, it.Kind, it.ID)
		}
		if err != nil || !ok {
			return err
		}
		var made Restored
		err = s.fact(ctx, ItemInput{RefreshID: p.RefreshID, Item: MapItem{Kind: it.Kind, ID: it.ID}}, "restore-"+string(it.Kind), &made)
		c.Items[i] = CandidateItem{Kind: it.Kind, Source: it.ID, Name: made.Name, CutOff: m.CutOff, Differences: fin.Differences, Carried: fin.Carried, Secrets: cred.Secrets}
		return err
	})
	if err != nil {
		return c, err
	}
	for _, it := range c.Items {
		c.CutOff = span(c.CutOff, it.CutOff)
	}
	if missing = without(missing, []string{""}); len(missing) > 0 {
		return c, fault.New(fault.RestoreFailed, "open refresh "+p.RefreshID, p.RefreshID,
			fmt.Sprintf("mend what is named above, then continue with {\"resume\":%q}; what is done is not done again", p.RefreshID),
			"%d of %d items failed; everything stays in quarantine: %s", len(missing), len(p.Items), brief(missing))
	}
	return c, nil
}

// finished reads the facts without which an item is not safe to use.
func (s *recordCandidate) finished(ctx context.Context, id string, it Planned) (fin Finished, cred Credentials, found bool, err error) {
	fact := "finish-table"
	if it.Kind == Cluster {
		_, found, err := s.ledger.Get(ctx, itemKey(id, it.Kind, it.ID, "reset-credentials"), &cred)
		if err != nil || !found {
			return fin, cred, false, err
		}
		fact = "finish-cluster"
	}
	_, found, err = s.ledger.Get(ctx, itemKey(id, it.Kind, it.ID, fact), &fin)
	return fin, cred, found, err
}

func span(a, b CutOff) CutOff {
	if a.NotBefore.IsZero() || b.NotBefore.Before(a.NotBefore) {
		a.NotBefore = b.NotBefore
	}
	if b.NotAfter.After(a.NotAfter) {
		a.NotAfter = b.NotAfter
	}
	return a
}

// open gives every cluster the target's own security groups.
func (s *recordCandidate) open(ctx context.Context, c Candidate) (wait bool, err error) {
	for _, it := range c.Items {
		if it.Kind != Cluster {
			continue
		}
		cl, err := s.describe(ctx, it.Name)
		if err != nil {
			return false, err
		}
		if cl == nil {
			return false, fault.New(fault.RestoreFailed, "open "+it.Name, it.Name, "somebody deleted it; start a new refresh", "the restored cluster is gone")
		}
		asked, inForce := wears(cl, s.openGroups())
		a, err := s.modify(ctx, cl, &rds.ModifyDBClusterInput{
			DBClusterIdentifier: cl.DBClusterIdentifier, ApplyImmediately: aws.Bool(true), VpcSecurityGroupIds: s.openGroups(),
		}, !asked)
		if err != nil {
			return false, err
		}
		wait = wait || a.Status == converge.Waiting || !inForce
	}
	return wait, nil
}

// wears says whether a cluster was given exactly these security groups, and
// whether they are in force already: RDS shows a group as "adding" meanwhile.
func wears(c *rdstypes.DBCluster, groups []string) (asked, inForce bool) {
	var have []string
	inForce = true
	for _, g := range c.VpcSecurityGroups {
		if aws.ToString(g.Status) == "removing" {
			inForce = false
			continue
		}
		have = append(have, aws.ToString(g.VpcSecurityGroupId))
		inForce = inForce && aws.ToString(g.Status) == "active"
	}
	slices.Sort(have)
	return slices.Equal(have, slices.Sorted(slices.Values(groups))), inForce
}
