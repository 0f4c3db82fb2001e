// Package preflight is `dbferry check`: the preflight asked with a person's
// credentials, before anything is deployed or at any time after. It only reads.
package preflight

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/survey"
)

// Credentials are those of a person in each account.
type Credentials struct {
	Production aws.Config
	Targets    map[string]aws.Config // by target name; a target that is left out is not asked
	Management *aws.Config           // nil: the organization is not asked
}

// Result is what the preflight found.
type Result struct {
	Region     string       `json:"region"`
	Production string       `json:"production"` // account
	Targets    []Target     `json:"targets"`
	Findings   check.Report `json:"organization"` // about the organization
}

// Target is what it found for one target.
type Target struct {
	Name     string       `json:"name"`
	Account  string       `json:"account"`
	Findings check.Report `json:"findings"`
}

// All are the findings of all targets and of the organization.
func (r Result) All() check.Report {
	var out check.Report
	for _, t := range r.Targets {
		out = append(out, t.Findings...)
	}
	return append(out, r.Findings...)
}

// WrongAccount says that credentials are of another account than configured.
type WrongAccount struct{ Side, Want, Got string }

// Error names both accounts.
func (e *WrongAccount) Error() string {
	return fmt.Sprintf("the credentials for %s are of account %s, the configuration says %s; give another profile or correct the configuration", e.Side, e.Got, e.Want)
}

// Run asks every check for every target. An error says why it could not be
// asked at all; what was denied is a finding.
func Run(ctx context.Context, c config.Config, creds Credentials, now func() time.Time) (Result, error) {
	r := Result{Region: c.Region, Production: c.Production.Account}
	if err := inAccount(ctx, creds.Production, "production", c.Production.Account); err != nil {
		return r, err
	}
	for _, t := range c.Targets {
		found, err := target(ctx, c, t, creds, now)
		if err != nil {
			return r, err
		}
		r.Targets = append(r.Targets, Target{Name: t.Name, Account: t.Account, Findings: found})
	}
	found, err := organization(ctx, c, creds.Management, now)
	r.Findings = found
	return r, err
}

// inAccount makes sure that credentials are of the account that they are for.
func inAccount(ctx context.Context, cfg aws.Config, side, want string) error {
	got, err := AccountOf(ctx, cfg)
	if err != nil {
		return fmt.Errorf("who the credentials for %s belong to: %w", side, err)
	}
	if got != want {
		return &WrongAccount{side, want, got}
	}
	return nil
}

// AccountOf is the account that credentials belong to.
func AccountOf(ctx context.Context, cfg aws.Config) (string, error) {
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fault.AWS("ask who the caller is", "STS", err)
	}
	return aws.ToString(out.Account), nil
}

func tolerant(cfg aws.Config, c config.Config, now func() time.Time) *survey.Surveyor {
	s := survey.New(cfg, c, now)
	s.Tolerant = true
	return s
}

func target(ctx context.Context, c config.Config, t config.Target, creds Credentials, now func() time.Time) (check.Report, error) {
	p, err := tolerant(creds.Production, c, now).Production(ctx, t, nil)
	if err != nil {
		return nil, err
	}
	cfg, asked := creds.Targets[t.Name]
	if !asked {
		return check.Run(p, check.Production, check.Both), nil
	}
	if err := inAccount(ctx, cfg, t.Name, t.Account); err != nil {
		return nil, err
	}
	f, err := tolerant(cfg, c, now).Target(ctx, t)
	if err != nil {
		return nil, err
	}
	f.Unread[check.FromDoors] = "only staging-ready can ask, from inside the function subnets"
	f.Unread[check.FromEndpoints] = "only staging-ready can ask, from inside the function subnets"
	pair(&p, f)
	return append(check.Run(p, check.Production, check.Both), check.Run(f, check.Target)...), nil
}

// pair gives production's facts what the target says of itself, seen just now
// and not in ready.json.
func pair(p *check.Facts, t check.Facts) {
	p.Receives = t.Receives
	delete(p.Unread, check.FromReceives)
	for _, source := range []check.Source{check.FromGroups, check.FromOffers, check.FromQuotas} {
		if why := t.Unread[source]; why != "" {
			p.Unread[source] = why
		}
	}
}

func organization(ctx context.Context, c config.Config, cfg *aws.Config, now func() time.Time) (check.Report, error) {
	f := check.Facts{Config: c, Unread: map[check.Source]string{check.FromGlobalSetting: "no --management-profile was given"}}
	if cfg != nil {
		var err error
		if f, err = tolerant(*cfg, c, now).Organization(ctx); err != nil {
			return nil, err
		}
	}
	return check.Run(f, check.Organization), nil
}
