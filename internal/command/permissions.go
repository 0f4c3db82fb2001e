package command

import (
	"context"
	"fmt"

	"github.com/dbferry/dbferry/internal/preflight"
)

// permissions is `dbferry permissions`.
func permissions(_ context.Context, args []string, env Env) error {
	if err := parse(flags("permissions", env), args); err != nil {
		return err
	}
	all := preflight.Policies()
	for _, side := range []string{"production", "target", "management"} {
		fmt.Fprintf(env.Out, "%s:\n%s\n\n", side, all[side])
	}
	return nil
}
