package refresh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
)

// VerifyInput is the contract of verify-manifest with the machine.
type VerifyInput struct {
	Execution string          `json:"execution"`
	Input     json.RawMessage `json:"input"` // an event, or a RestoreInput
}

type verifyManifest struct {
	step
	t      config.Target
	s3     *s3.Client
	backup *backup.Client
}

// NewVerifyManifest builds verify-manifest: it trusts nothing it is told, reads
// the manifest from the inbox, checks every claim, claims the refresh for this
// execution, and copies the checked bytes into the target's own ledger, from
// which alone the later steps read.
func NewVerifyManifest(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	t, err := rt.Config.Target(rt.Side)
	s := &verifyManifest{step: newStep(rt), t: t, s3: s3.NewFromConfig(rt.AWS), backup: backup.NewFromConfig(rt.AWS)}
	return lambdafn.Typed(s.do), err
}

func (s *verifyManifest) do(ctx context.Context, in VerifyInput) (Begun, error) {
	tr, err := ParseTrigger(in.Input, s.Config, s.t)
	if err != nil {
		return Begun{}, &fault.Error{Name: originOf(err), Op: "read what started the restore", Resource: in.Execution, Cause: err,
			Next: "nothing was begun; docs/operations.md shows every form of input"}
	}
	r := run{RefreshID: tr.RefreshID, Target: s.t.Name, Execution: in.Execution, StartedAt: s.Now().UTC()}
	if err := s.ledger.Put(ctx, executionKey(in.Execution), r); err != nil {
		return Begun{}, err
	}
	b, err := s.begin(ctx, tr, r)
	return b, s.advise(tr, err)
}

// begin looks at the claim before it looks at the manifest: a replayed trigger
// of a refresh in hand is a duplicate, even if its recovery points are gone. The
// hash comes first of all: what production's event disowns is never a duplicate.
func (s *verifyManifest) begin(ctx context.Context, tr Trigger, r run) (Begun, error) {
	execution := r.Execution
	raw, err := s.bytes(ctx, tr)
	if err != nil {
		return Begun{}, err
	}
	c, answer, err := s.standing(ctx, tr, execution)
	if err != nil {
		return Begun{}, err
	}
	if tr.SHA256 != "" && sum256(raw) != tr.SHA256 {
		return Begun{}, s.forged(tr, answer.HandledBy, errHash)
	}
	if answer.Status != "" {
		return answer, nil
	}
	m, err := s.believe(ctx, tr, raw)
	if err != nil {
		return Begun{}, err
	}
	if answer, err = s.claim(ctx, tr, c, execution); err != nil || answer.Status != "" {
		return answer, err
	}
	if err := s.accept(ctx, m, raw, r); err != nil {
		return Begun{}, err
	}
	items := planned(m)
	return Begun{Status: begunStatus, RefreshID: m.RefreshID, Clusters: count(items, Cluster), Tables: count(items, Table)}, nil
}

// believe checks the manifest. For a resumed refresh the bytes are those that
// were checked when it began.
func (s *verifyManifest) believe(ctx context.Context, tr Trigger, raw []byte) (Manifest, error) {
	m, err := ParseManifest(raw)
	if err != nil {
		return m, s.forged(tr, "", err)
	}
	if tr.Resume && m.ConfigHash != s.Config.Hash() {
		return m, configChanged(tr.RefreshID)
	}
	if err := m.Verify(s.Config, s.t, tr.RefreshID); err != nil {
		return m, s.forged(tr, "", err)
	}
	if err := s.fresh(ctx, tr, m); err != nil {
		return m, err
	}
	return m, s.pointsExist(ctx, m)
}

// forged refuses a manifest. When another execution has begun with it already,
// that is what the operator must know first.
func (s *verifyManifest) forged(tr Trigger, handledBy string, cause error) error {
	next := "nothing was begun; compare the configuration of both accounts, and see in CloudTrail who wrote the object"
	if handledBy != "" {
		next = "do not use what " + handledBy + " restores from it: stop it, and see in CloudTrail who wrote the object"
	}
	return &fault.Error{Name: fault.Forged, Op: "believe the manifest", Resource: manifestURL(s.here, tr.RefreshID), Cause: cause, Next: next}
}

var errHash = errors.New("its hash is not the one in production's event: it was changed after it was published")

// advise says how to start again what was refused for a reason that passes: both
// triggers of a refresh may have met it, and no third one comes.
func (s *verifyManifest) advise(tr Trigger, err error) error {
	switch fault.NameOf(err) {
	case fault.Throttled, fault.Unavailable, fault.Denied, fault.Busy:
		wish := fmt.Sprintf(`{"refreshId":%q}`, tr.RefreshID)
		if tr.Resume {
			wish = fmt.Sprintf(`{"resume":%q}`, tr.RefreshID)
		}
		return &fault.Error{Name: fault.NameOf(err), Op: "begin the restore of " + tr.RefreshID, Resource: s.here.MachineARN("staging-restore", s.t.Name), Cause: err,
			Next: "unless another execution has begun it by then, start this machine with " + wish}
	}
	return err
}

// bytes are those that were accepted already, if this refresh was ever begun or
// nearly so; else what lies in the inbox.
func (s *verifyManifest) bytes(ctx context.Context, tr Trigger) ([]byte, error) {
	raw, _, found, err := s.ledger.Bytes(ctx, manifestKey(tr.RefreshID))
	if err != nil || found {
		return raw, err
	}
	bucket, key := s.here.Inbox(), names.ManifestKey(tr.RefreshID)
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if fault.IsNotFound(err) {
		return nil, fault.New(fault.BadRequest, "read the manifest", manifestURL(s.here, tr.RefreshID), "correct the refresh id", "there is no such manifest in the inbox")
	}
	if err != nil {
		return nil, fault.AWS("read the manifest", manifestURL(s.here, tr.RefreshID), err)
	}
	defer out.Body.Close()
	raw, err = io.ReadAll(io.LimitReader(out.Body, maxManifest+1))
	return raw, fault.AWS("read the manifest", manifestURL(s.here, tr.RefreshID), err)
}

// pointsExist asks the target's own vault for every recovery point: whether it
// is there, usable, of the right kind, and under the target's own key. What an
// earlier execution has restored needs its point no more.
func (s *verifyManifest) pointsExist(ctx context.Context, m Manifest) error {
	return s.Each(ctx, len(m.Items), func(ctx context.Context, i int) error {
		it := m.Items[i]
		_, _, done, err := s.ledger.Bytes(ctx, itemKey(m.RefreshID, it.Kind, it.ID, "restore-"+string(it.Kind)))
		if err != nil || done {
			return err
		}
		return s.pointExists(ctx, it)
	})
}

func (s *verifyManifest) pointExists(ctx context.Context, it ManifestItem) error {
	out, err := s.backup.DescribeRecoveryPoint(ctx, &backup.DescribeRecoveryPointInput{
		BackupVaultName: aws.String(s.here.Vault()), RecoveryPointArn: &it.RecoveryPoint,
	})
	if fault.IsNotFound(err) {
		return fault.New(fault.VerifyFailed, "find the recovery point of "+it.ID, it.RecoveryPoint,
			"it may have expired: start a new refresh", "it is not in the vault %s", s.here.Vault())
	}
	if err != nil {
		return fault.AWS("look at the recovery point of "+it.ID, it.RecoveryPoint, err)
	}
	if st := string(out.Status); st != "COMPLETED" && st != "AVAILABLE" {
		return fault.New(fault.VerifyFailed, "use the recovery point of "+it.ID, it.RecoveryPoint, "start a new refresh", "its status is %s", st)
	}
	if from := aws.ToString(out.ResourceArn); strings.Contains(from, ":"+s.Config.Production.Account+":") && from != it.SourceARN {
		return fault.New(fault.Forged, "believe the manifest", it.RecoveryPoint, "see in CloudTrail who wrote it", "%s is said to be in it, but it is a backup of %s", it.SourceARN, from)
	}
	if want := map[Kind]string{Cluster: "Aurora", Table: "DynamoDB"}[it.Kind]; aws.ToString(out.ResourceType) != want {
		return fault.New(fault.Forged, "believe the manifest", it.RecoveryPoint, "see in CloudTrail who wrote it", "%s is said to be %s, but the recovery point holds %s", it.ID, want, aws.ToString(out.ResourceType))
	}
	return nil
}

// accept takes the locks and writes everything that the later steps read.
func (s *verifyManifest) accept(ctx context.Context, m Manifest, raw []byte, r run) error {
	now, execution := r.StartedAt, r.Execution
	items := planned(m)
	p := Plan{RefreshID: m.RefreshID, Target: s.t.Name, ConfigHash: m.ConfigHash, CreatedAt: now, Items: items, LeftOut: m.LeftOut}
	// The plan comes before the locks, because close-run frees what stands in it.
	if err := s.ledger.Put(ctx, planKey(m.RefreshID), p); err != nil {
		return err
	}
	if err := s.lockItems(ctx, p, execution); err != nil {
		return s.giveBack(ctx, m.RefreshID, execution, err)
	}
	if _, err := s.ledger.Create(ctx, manifestKey(m.RefreshID), json.RawMessage(raw)); err != nil {
		return err
	}
	if err := s.writeItems(ctx, m); err != nil {
		return err
	}
	for _, rec := range []struct {
		key string
		v   any
	}{
		{mapKey(m.RefreshID, "restore-clusters"), listed(items, Cluster, restorePhase)},
		{mapKey(m.RefreshID, "restore-tables"), listed(items, Table, restorePhase)},
		{executionKey(execution), r.begun()},
		{runKey(m.RefreshID, "run.json"), r}, // last: from here on the refresh is begun
	} {
		if err := s.ledger.Put(ctx, rec.key, rec.v); err != nil {
			return err
		}
	}
	return nil
}

// writeItems gives each item's steps the manifest's entry, so that they need not
// read the whole manifest.
func (s *verifyManifest) writeItems(ctx context.Context, m Manifest) error {
	return s.Each(ctx, len(m.Items), func(ctx context.Context, i int) error {
		it := m.Items[i]
		return s.ledger.Put(ctx, itemKey(m.RefreshID, it.Kind, it.ID, "item"), it)
	})
}

// giveBack frees the claim when the locks were busy: nothing was begun, and the
// refresh must be startable again.
func (s *verifyManifest) giveBack(ctx context.Context, id, execution string, cause error) error {
	if fault.Is(cause, fault.Busy) {
		if err := s.ledger.Release(ctx, claimKey(id), execution); err != nil {
			s.Log.Warn("claim not given back", "refresh", id, "err", err.Error())
		}
	}
	return cause
}

func planned(m Manifest) []Planned {
	out := make([]Planned, len(m.Items))
	for i, it := range m.Items {
		out[i] = Planned{Kind: it.Kind, ID: it.ID, ARN: it.SourceARN, Bytes: it.Bytes}
	}
	return out
}

// item reads the checked manifest's entry for an input's item.
func (s *step) item(ctx context.Context, in ItemInput) (ManifestItem, error) {
	var it ManifestItem
	err := s.fact(ctx, in, "item", &it)
	return it, err
}
