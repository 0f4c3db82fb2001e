package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/names"
)

// preflight reads what the deployed preflight left behind: check-ground in
// production's ledger, staging-ready in the target's inbox.
func (s *stage) preflight(t config.Target, refreshID string) (check.Report, error) {
	var out check.Report
	if raw, ok := s.s3.Object(s.config.ProductionPlace().Ledger(), "runs/"+refreshID+"/preflight.json"); ok {
		if err := json.Unmarshal(raw, &out); err != nil {
			return nil, fmt.Errorf("preflight.json of %s: %w", refreshID, err)
		}
	}
	raw, ok := s.s3.Object(s.config.Place(t).Inbox(), names.ReadyKey)
	if !ok {
		return out, nil
	}
	var ready check.Ready
	if err := json.Unmarshal(raw, &ready); err != nil {
		return nil, fmt.Errorf("ready.json of %s: %w", t.Name, err)
	}
	return append(out, ready.Findings...), nil
}

// OpenUndeployed sets the scene and deploys nothing: the accounts as they are
// before dbferry. OpenEmpty deploys too, and starts no database server: for
// rehearsals that are over before one is asked. Close them.
func OpenUndeployed(ctx context.Context, sc Scenario) (*Rehearsal, error) {
	return open(ctx, sc, (*stage).setScene)
}

// OpenEmpty is Open without production's data.
func OpenEmpty(ctx context.Context, sc Scenario) (*Rehearsal, error) {
	return open(ctx, sc, (*stage).setScene, (*stage).deploy)
}

func open(ctx context.Context, sc Scenario, steps ...func(*stage) error) (*Rehearsal, error) {
	s, err := newStage(ctx, sc)
	if err != nil {
		return nil, err
	}
	for _, step := range steps {
		if err := step(s); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return &Rehearsal{s}, nil
}

// As is an SDK configuration of a person who signs in to an account with this
// policy and nothing else.
func (o *Operator) As(account, name string, policy []byte) (aws.Config, error) {
	const signIn = "sso.amazonaws.com"
	doc, err := iam.ParseDocument(policy)
	if err != nil {
		return aws.Config{}, fmt.Errorf("policy of %s: %w", name, err)
	}
	trust, err := service.Policy("trust of "+name, account, []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"`+signIn+`"},"Action":"sts:AssumeRole"}]}`))
	if err != nil {
		return aws.Config{}, err
	}
	arn := "arn:aws:iam::" + account + ":role/" + name
	o.s.w.Account(account).PutRole(&awsworld.Role{ARN: arn, Name: name, Account: account, Trust: *trust,
		Policies: []iam.Policy{{Name: "policy of " + name + " in " + account, Account: account, Doc: doc}}})
	caller, err := o.s.w.AssumeAsService(signIn, arn, name, "")
	if err != nil {
		return aws.Config{}, err
	}
	return o.s.w.Config(caller), nil
}

// Asked lists the operations that a person's role has called, each once, in
// the order of the first call.
func (o *Operator) Asked(account, name string) []string {
	var out []string
	seen := map[string]bool{}
	for _, d := range o.s.w.Journal.Decisions {
		if d.Request.Principal.Account == account && strings.HasSuffix(d.Request.Principal.ARN, ":role/"+name) && !seen[d.Action] {
			seen[d.Action] = true
			out = append(out, d.Action)
		}
	}
	return out
}

// ManagementAccount is the account that manages the organization.
func (o *Operator) ManagementAccount() string { return o.s.ground.Organization.ManagementAccount }

// Context is the script's own.
func (o *Operator) Context() context.Context { return o.ctx }

// Began lists the jobs that dbferry's roles asked AWS Backup for, in any account.
func (o *Operator) Began() []string {
	var out []string
	for _, d := range o.s.w.Journal.Decisions {
		if strings.HasPrefix(d.Action, "backup:Start") {
			out = append(out, d.Action+" on "+d.Request.Resource+" by "+d.Request.Principal.String())
		}
	}
	return out
}
