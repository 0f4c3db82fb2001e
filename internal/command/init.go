package command

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/dbferry/dbferry/internal/discover"
)

// initialize is `dbferry init`.
func initialize(ctx context.Context, args []string, env Env) error {
	targets := targetProfiles{}
	var profile, region, prefix, out string
	var force bool
	f := flags("init", env)
	f.StringVar(&profile, "profile", "", "AWS profile of the production account (needed)")
	f.Var(targets, "target-profile", "NAME=PROFILE: AWS profile of the target's account (needed, once)")
	f.StringVar(&region, "region", "", "AWS Region of both accounts; empty: that of production's profile")
	f.StringVar(&prefix, "prefix", "", "take only clusters and tables whose names begin so")
	f.StringVar(&out, "out", "dbferry.json", "where to write the configuration")
	f.BoolVar(&force, "force", false, "replace the file if it is there")
	if err := parse(f, args); err != nil {
		return err
	}
	if profile == "" || len(targets) != 1 {
		return misusef("--profile and one --target-profile are needed; write further targets into the file by hand")
	}
	w := discover.Wish{Prefix: prefix, TargetName: slices.Collect(maps.Keys(targets))[0]}
	var err error
	if w.Production, err = env.Profile(ctx, profile, region); err != nil {
		return misuse{err}
	}
	if w.Region = w.Production.Region; w.Region == "" {
		return misusef("profile %s has no Region; give --region", profile)
	}
	if w.Target, err = env.Profile(ctx, targets[w.TargetName], w.Region); err != nil {
		return misuse{err}
	}
	found, err := discover.Look(ctx, w)
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(found.Config, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(env, out, append(raw, '\n'), force); err != nil {
		return err
	}
	initScreen(env, out, found, profile, w.TargetName+"="+targets[w.TargetName])
	return nil
}

func initScreen(env Env, file string, found discover.Found, profile, target string) {
	c := found.Config
	fmt.Fprintf(env.Out, "dbferry init: %s written, from account %s to %s in account %s, %s; selectors of clusters: %d, of tables: %d\n",
		file, c.Production.Account, c.Targets[0].Name, c.Targets[0].Account, c.Region, len(c.DataSet.Clusters), len(c.DataSet.Tables))
	section(env, "chosen; look whether you agree", found.Chosen)
	section(env, "left to you", found.Left)
	var fields []string
	for _, p := range c.Placeholders() {
		fields = append(fields, p.Field+": "+p.Value)
	}
	section(env, "placeholders, which the preflight refuses until they are filled in", fields)
	fmt.Fprintf(env.Out, "\nnext: edit %s, then `dbferry check --config %s --profile %s --target-profile %s`\n", file, file, profile, target)
}

func section(env Env, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(env.Out, "\n%s:\n", title)
	for _, l := range lines {
		fmt.Fprintf(env.Out, "  - %s\n", l)
	}
}
