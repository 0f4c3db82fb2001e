package refresh

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/survey"
)

type stagingReady struct {
	step
	t      config.Target
	survey *survey.Surveyor
	s3     *s3.Client
}

// NewStagingReady builds staging-ready: it asks the target's half of the
// preflight from inside the target's network, and leaves the answer where
// production may read it. It runs on a schedule and by hand.
func NewStagingReady(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	t, err := rt.Config.Target(rt.Side)
	s := &stagingReady{step: newStep(rt), t: t, survey: survey.New(rt.AWS, rt.Config, rt.Now), s3: s3.NewFromConfig(rt.AWS)}
	// The function runs in the subnets of those that log in to databases, so each
	// question also proves that its API is reached from there.
	s.survey.Bound = dbconn.Timeout
	return func(ctx context.Context, _ []byte) ([]byte, error) { return s.do(ctx) }, err
}

func (s *stagingReady) do(ctx context.Context) ([]byte, error) {
	f, err := s.survey.Target(ctx, s.t)
	if err != nil {
		return nil, err
	}
	if err := s.ledgerAnswers(ctx, &f); err != nil {
		return nil, err
	}
	s.proxiesAnswer(ctx, &f)
	report := check.Run(f, check.Target)
	ready := check.Ready{Schema: check.ReadySchema, Target: s.t.Name, ConfigHash: s.Config.Hash(), CheckedAt: s.Now().UTC(),
		Problems: report.Problems(), Findings: report.Rest(), Receives: *f.Receives}
	raw, err := json.Marshal(ready)
	if err != nil {
		return nil, err
	}
	bucket := s.here.Inbox()
	_, err = s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String(names.ReadyKey), Body: bytes.NewReader(raw), ContentType: aws.String("application/json")})
	return raw, fault.AWS("write ready.json", bucket, err)
}

// ledgerAnswers reads an object that need not exist, to prove that S3 is
// reached.
func (s *stagingReady) ledgerAnswers(ctx context.Context, f *check.Facts) error {
	late, err := survey.Within(ctx, s.Now, dbconn.Timeout, func(ctx context.Context) error {
		_, _, _, err := s.ledger.Bytes(ctx, names.ReadyKey)
		return err
	})
	f.Endpoints["S3"] = late
	return err
}

// proxiesAnswer asks each proxy's port, as the functions will that prove a
// candidate through it.
func (s *stagingReady) proxiesAnswer(ctx context.Context, f *check.Facts) {
	for name, p := range f.Proxies {
		if p.Missing {
			continue
		}
		port := 3306
		if p.Family == "POSTGRESQL" {
			port = 5432
		}
		within, cancel := s.Within(ctx, dbconn.Timeout)
		err := dbconn.Reach(within, s.Dialer, p.Endpoint, port)
		cancel()
		p.ReachedFromInside = err == nil
		if err != nil {
			p.NotReached = fmt.Sprintf("port %d of %s did not answer within %s from the function subnets: %v", port, p.Endpoint, dbconn.Timeout, err)
		}
		f.Proxies[name] = p
	}
}
