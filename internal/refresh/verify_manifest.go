package refresh

import (
	"context"
	"encoding/json"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/ledger"
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
		return Begun{}, &fault.Error{Name: fault.BadRequest, Op: "read what started the restore", Resource: in.Execution, Cause: err,
			Next: "nothing was begun; docs/operations.md shows every form of input"}
	}
	r := run{RefreshID: tr.RefreshID, Target: s.t.Name, Execution: in.Execution, StartedAt: s.Now().UTC()}
	if err := s.ledger.Put(ctx, executionKey(in.Execution), r); err != nil {
		return Begun{}, err
	}
	raw, m, err := s.read(ctx, tr)
	if err != nil {
		return Begun{}, err
	}
	other, err := s.claim(ctx, tr, in.Execution)
	if err != nil {
		return Begun{}, err
	}
	if other != "" {
		return Begun{Status: duplicateStatus, RefreshID: tr.RefreshID, HandledBy: other}, nil
	}
	if err := s.pointsExist(ctx, m); err != nil {
		return Begun{}, err
	}
	if err := s.accept(ctx, m, raw, r); err != nil {
		return Begun{}, err
	}
	items := planned(m)
	return Begun{Status: begunStatus, RefreshID: m.RefreshID, Clusters: count(items, Cluster), Tables: count(items, Table)}, nil
}

// read fetches and checks the manifest. For a resumed refresh the bytes are
// those that were checked when it began.
func (s *verifyManifest) read(ctx context.Context, tr Trigger) ([]byte, Manifest, error) {
	forged := func(err error) ([]byte, Manifest, error) {
		return nil, Manifest{}, &fault.Error{Name: fault.Forged, Op: "believe the manifest", Resource: manifestURL(s.here, tr.RefreshID), Cause: err,
			Next: "nothing was begun; compare the configuration of both accounts, and see in CloudTrail who wrote the object"}
	}
	raw, err := s.bytes(ctx, tr)
	if err != nil {
		return nil, Manifest{}, err
	}
	if tr.SHA256 != "" && sum256(raw) != tr.SHA256 {
		return forged(errHash)
	}
	m, err := ParseManifest(raw)
	if err != nil {
		return forged(err)
	}
	if tr.Resume && m.ConfigHash != s.Config.Hash() {
		return nil, Manifest{}, configChanged(tr.RefreshID)
	}
	if err := m.Verify(s.Config, s.t, tr.RefreshID); err != nil {
		return forged(err)
	}
	return raw, m, nil
}

var errHash = fault.New(fault.Forged, "compare the manifest", "", "", "its hash is not the one in production's event: it was changed after it was published")

func (s *verifyManifest) bytes(ctx context.Context, tr Trigger) ([]byte, error) {
	if tr.Resume {
		raw, _, found, err := s.ledger.Bytes(ctx, manifestKey(tr.RefreshID))
		if err != nil || found {
			return raw, err
		}
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
	raw, err := io.ReadAll(io.LimitReader(out.Body, maxManifest+1))
	return raw, fault.AWS("read the manifest", manifestURL(s.here, tr.RefreshID), err)
}

// pointsExist asks the target's own vault for every recovery point: whether it
// is there, usable, of the right kind, and under the target's own key. What an
// earlier execution has restored needs its point no more.
func (s *verifyManifest) pointsExist(ctx context.Context, m Manifest) error {
	for _, it := range m.Items {
		restored := map[Kind]string{Cluster: "restore-cluster", Table: "restore-table"}[it.Kind]
		if _, _, done, err := s.ledger.Bytes(ctx, itemKey(m.RefreshID, it.Kind, it.ID, restored)); err != nil {
			return err
		} else if done {
			continue
		}
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
		if want := map[Kind]string{Cluster: "Aurora", Table: "DynamoDB"}[it.Kind]; aws.ToString(out.ResourceType) != want {
			return fault.New(fault.Forged, "believe the manifest", it.RecoveryPoint, "see in CloudTrail who wrote it", "%s is said to be %s, but the recovery point holds %s", it.ID, want, aws.ToString(out.ResourceType))
		}
	}
	return nil
}

// claim makes this execution the one that restores the refresh. It returns the
// execution that has it when that is another one.
func (s *verifyManifest) claim(ctx context.Context, tr Trigger, execution string) (other string, err error) {
	key := claimKey(tr.RefreshID)
	h := ledger.Holder{RefreshID: tr.RefreshID, Target: s.t.Name, Execution: execution, AcquiredAt: s.Now().UTC()}
	if created, err := s.ledger.Create(ctx, key, h); err != nil || created {
		return "", err
	}
	var there ledger.Holder
	ver, _, err := s.ledger.Get(ctx, key, &there)
	if err != nil || there.Execution == execution {
		return "", err
	}
	free, err := s.claimable(ctx, tr, there.Execution)
	if err != nil {
		return "", err
	}
	if !free {
		return there.Execution, nil
	}
	taken, err := s.ledger.Replace(ctx, key, ver, h)
	if err == nil && !taken {
		err = fault.New(fault.Busy, "claim "+tr.RefreshID, tr.RefreshID, "look at the other execution", "another execution took it at the same moment")
	}
	return "", err
}

// claimable says whether a refresh that another execution has claimed may be
// taken over: by anybody when that one died before it began, by hand when it
// died later, by nobody when it lives or the refresh is done.
func (s *verifyManifest) claimable(ctx context.Context, tr Trigger, holder string) (bool, error) {
	if _, _, done, err := s.ledger.Bytes(ctx, succeededKey(tr.RefreshID)); err != nil || done {
		return false, err
	}
	var r run
	if _, _, err := s.ledger.Get(ctx, executionKey(holder), &r); err != nil {
		return false, err
	}
	if r.Begun && !tr.ByHand {
		return false, nil // an event never continues what was begun; it comes late or twice
	}
	alive, err := s.executionAlive(ctx, holder)
	if err == nil && alive && tr.Resume {
		err = fault.New(fault.Busy, "resume "+tr.RefreshID, tr.RefreshID, "wait for it to end, or stop it in the Step Functions console", "%s works on it", holder)
	}
	return err == nil && !alive, err
}

// accept takes the locks and writes everything that the later steps read.
func (s *verifyManifest) accept(ctx context.Context, m Manifest, raw []byte, r run) error {
	now, execution := r.StartedAt, r.Execution
	items := planned(m)
	p := Plan{RefreshID: m.RefreshID, Target: s.t.Name, ConfigHash: m.ConfigHash, CreatedAt: now, Items: items, LeftOut: m.LeftOut}
	if err := s.lockItems(ctx, p, execution); err != nil {
		return s.giveBack(ctx, m.RefreshID, execution, err)
	}
	if _, err := s.ledger.Create(ctx, manifestKey(m.RefreshID), json.RawMessage(raw)); err != nil {
		return err
	}
	for _, it := range m.Items {
		if err := s.ledger.Put(ctx, itemKey(m.RefreshID, it.Kind, it.ID, "item"), it); err != nil {
			return err
		}
	}
	for _, rec := range []struct {
		key string
		v   any
	}{
		{planKey(m.RefreshID), p},
		{mapKey(m.RefreshID, "restore-clusters"), deadlines(items, Cluster, now, restorePhase)},
		{mapKey(m.RefreshID, "restore-tables"), deadlines(items, Table, now, restorePhase)},
		{runKey(m.RefreshID, "run.json"), r},
		{executionKey(execution), r.begun()},
	} {
		if err := s.ledger.Put(ctx, rec.key, rec.v); err != nil {
			return err
		}
	}
	return nil
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
