package command

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/preflight"
)

type checkOptions struct {
	config, profile, management, json string
	targets                           targetProfiles
}

// check is `dbferry check`.
func check(ctx context.Context, args []string, env Env) error {
	o := checkOptions{targets: targetProfiles{}}
	f := flags("check", env)
	f.StringVar(&o.config, "config", "dbferry.json", "the configuration")
	f.StringVar(&o.profile, "profile", "", "AWS profile of the production account (needed)")
	f.Var(o.targets, "target-profile", "NAME=PROFILE: AWS profile of a target's account; once for each target, at least one")
	f.StringVar(&o.management, "management-profile", "", "AWS profile of the organization's management account, to ask for its switch")
	f.StringVar(&o.json, "json", "", "write all findings to this file as JSON, over one that is there")
	if err := parse(f, args); err != nil {
		return err
	}
	c, creds, err := o.load(ctx, env)
	if err != nil {
		return err
	}
	r, err := preflight.Run(ctx, c, creds, env.Now)
	var wrong *preflight.WrongAccount
	if errors.As(err, &wrong) {
		return misuse{err}
	}
	if err != nil {
		return err
	}
	preflight.Screen(env.Out, r)
	if o.json != "" {
		raw, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := env.Write(o.json, append(raw, '\n'), true); err != nil {
			return err
		}
	}
	if len(r.All().Problems()) > 0 {
		return errTrouble
	}
	return nil
}

// load reads the configuration and the profiles.
func (o checkOptions) load(ctx context.Context, env Env) (config.Config, preflight.Credentials, error) {
	creds := preflight.Credentials{Targets: map[string]aws.Config{}}
	raw, err := env.Read(o.config)
	if err != nil {
		return config.Config{}, creds, misuse{err}
	}
	c, err := config.Parse(raw)
	if err != nil {
		return c, creds, misusef("%s: %w", o.config, err)
	}
	if o.profile == "" || len(o.targets) == 0 {
		return c, creds, misusef("--profile and at least one --target-profile are needed")
	}
	if creds.Production, err = env.Profile(ctx, o.profile, c.Region); err != nil {
		return c, creds, misuse{err}
	}
	for _, name := range slices.Sorted(maps.Keys(o.targets)) {
		if _, err := c.Target(name); err != nil {
			return c, creds, misuse{err}
		}
		if creds.Targets[name], err = env.Profile(ctx, o.targets[name], c.Region); err != nil {
			return c, creds, misuse{err}
		}
	}
	if o.management != "" {
		cfg, err := env.Profile(ctx, o.management, c.Region)
		if err != nil {
			return c, creds, misuse{err}
		}
		creds.Management = &cfg
	}
	return c, creds, nil
}
