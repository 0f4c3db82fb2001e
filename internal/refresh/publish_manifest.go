package refresh

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
)

type publishManifest struct {
	step
	s3 *s3.Client
}

// NewPublishManifest builds publish-manifest: every copy must be there; then
// the manifest is fixed in production's ledger and put, once, into the target's
// inbox.
func NewPublishManifest(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	s := &publishManifest{step: newStep(rt), s3: s3.NewFromConfig(rt.AWS)}
	return lambdafn.Typed(s.do), nil
}

func (s *publishManifest) do(ctx context.Context, in RunInput) (Published, error) {
	if err := in.validate(); err != nil {
		return Published{}, err
	}
	_, there, err := s.target(in.Target)
	if err != nil {
		return Published{}, err
	}
	raw, m, err := s.fix(ctx, in, there)
	if err != nil {
		return Published{}, err
	}
	if err := s.put(ctx, there, in.RefreshID, raw); err != nil {
		return Published{}, err
	}
	return Published{Status: "DONE", RefreshID: in.RefreshID, Manifest: manifestURL(there, in.RefreshID), SHA256: sum256(raw), Items: len(m.Items)}, nil
}

// fix builds the manifest once; from then on its bytes are those in the ledger.
func (s *publishManifest) fix(ctx context.Context, in RunInput, there names.Place) ([]byte, Manifest, error) {
	key := manifestKey(in.RefreshID)
	raw, _, found, err := s.ledger.Bytes(ctx, key)
	if err != nil {
		return nil, Manifest{}, err
	}
	if !found {
		m, err := s.build(ctx, in, there)
		if err != nil {
			return nil, m, err
		}
		if _, err := s.ledger.Create(ctx, key, m); err != nil {
			return nil, m, err
		}
		if raw, _, _, err = s.ledger.Bytes(ctx, key); err != nil {
			return nil, m, err
		}
	}
	var m Manifest
	return raw, m, json.Unmarshal(raw, &m)
}

func (s *publishManifest) build(ctx context.Context, in RunInput, there names.Place) (Manifest, error) {
	p, err := s.plan(ctx, in.RefreshID)
	if err != nil {
		return Manifest{}, err
	}
	copies, err := gather[Copied](ctx, &s.step, p, "copy-recovery-point", fault.CopyFailed)
	if err != nil {
		return Manifest{}, err
	}
	backups, err := gather[BackedUp](ctx, &s.step, p, "back-up", fault.BackupFailed)
	if err != nil {
		return Manifest{}, err
	}
	settings, err := gather[Settings](ctx, &s.step, p, "record-settings", fault.BackupFailed)
	if err != nil {
		return Manifest{}, err
	}
	m := Manifest{
		Schema: ManifestSchema, RefreshID: p.RefreshID, Target: p.Target, ProductionAccount: s.here.Account, TargetAccount: there.Account,
		Region: s.here.Region, ConfigHash: p.ConfigHash, PublishedAt: s.Now().UTC().Truncate(time.Millisecond), CutOff: cutOffs(backups), LeftOut: p.LeftOut,
	}
	m.SpreadSeconds, m.AgeSeconds = m.Spread().Seconds(), m.Age(m.PublishedAt).Seconds()
	for _, it := range p.Items {
		m.Items = append(m.Items, ManifestItem{
			Kind: it.Kind, ID: it.ID, SourceARN: it.ARN, RecoveryPoint: copies[it].RecoveryPoint,
			CutOff: backups[it].CutOff, Bytes: it.Bytes, Settings: settings[it],
		})
	}
	return m, nil
}

// put writes the manifest into the inbox. The inbox is write-once: when an
// object is there already it must be this very manifest.
func (s *publishManifest) put(ctx context.Context, there names.Place, id string, raw []byte) error {
	bucket, key := there.Inbox(), names.ManifestKey(id)
	_, err := s.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, Body: bytes.NewReader(raw), IfNoneMatch: aws.String("*"), ContentType: aws.String("application/json"),
	})
	if !fault.IsPrecondition(err) {
		return fault.AWS("publish the manifest", manifestURL(there, id), err)
	}
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return fault.AWS("read the manifest back", manifestURL(there, id), err)
	}
	defer out.Body.Close()
	old, err := io.ReadAll(io.LimitReader(out.Body, maxManifest))
	if err != nil {
		return fault.AWS("read the manifest back", manifestURL(there, id), err)
	}
	if !bytes.Equal(old, raw) {
		return fault.New(fault.Forged, "publish the manifest", manifestURL(there, id),
			"find out who wrote it (CloudTrail, PutObject); then start a new refresh", "another manifest of this refresh is already there")
	}
	return nil
}
