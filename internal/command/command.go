// Package command is the command line of dbferry: flags in, a screen and an exit
// status out. What a command does is in internal/preflight and internal/discover.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Exit statuses.
const (
	Fine    = 0
	Trouble = 1 // problems were found, or nothing could be found out
	Misused = 2 // bad flags, a file or profile that does not fit
)

// Env is what a command may use of the outside.
type Env struct {
	Out, Err io.Writer
	Now      func() time.Time
	// Profile gives the credentials of a profile; an empty region leaves it to
	// the profile.
	Profile func(ctx context.Context, profile, region string) (aws.Config, error)
	Read    func(file string) ([]byte, error)
	// Write creates a file; with over it may replace one. It fails with
	// fs.ErrExist otherwise.
	Write func(file string, content []byte, over bool) error
}

const usage = `usage: dbferry COMMAND [options]

  check        ask every check of the preflight, with your own credentials; reads only
  init         write a dbferry.json from what is in production and in one target; reads only
  permissions  print the policies that your credentials need for the two
  approve      approve or refuse what a migration waits for
  verify-evidence FILE  follow the chain of a migration's evidence, without any account

dbferry COMMAND -h lists a command's options. Exit status: 0 fine, 1 something to mend, 2 misused.
`

// Main runs one command.
func Main(ctx context.Context, args []string, env Env) int {
	if len(args) == 0 {
		fmt.Fprint(env.Err, usage)
		return Misused
	}
	commands := map[string]func(context.Context, []string, Env) error{"check": check, "init": initialize, "permissions": permissions,
		"approve": approve, "verify-evidence": verifyEvidence}
	run, ok := commands[args[0]]
	if !ok {
		fmt.Fprint(env.Err, usage)
		if args[0] == "-h" || args[0] == "--help" || args[0] == "help" {
			return Fine
		}
		return Misused
	}
	return status(run(ctx, args[1:], env), env)
}

// misuse is an error of the caller's.
type misuse struct{ error }

func misusef(format string, args ...any) error { return misuse{fmt.Errorf(format, args...)} }

// errTrouble says that the screen has said what is wrong.
var errTrouble = errors.New("there is something to mend")

func status(err error, env Env) int {
	var m misuse
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return Fine
	case errors.Is(err, errTrouble):
		return Trouble
	case errors.As(err, &m):
		fmt.Fprintln(env.Err, "dbferry:", err)
		return Misused
	}
	fmt.Fprintln(env.Err, "dbferry:", err)
	return Trouble
}

// flags makes a set whose complaints go to the caller.
func flags(name string, env Env) *flag.FlagSet {
	f := flag.NewFlagSet("dbferry "+name, flag.ContinueOnError)
	f.SetOutput(env.Err)
	return f
}

// parse reads flags; there are no other arguments.
func parse(f *flag.FlagSet, args []string) error {
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return misuse{err}
	}
	if f.NArg() > 0 {
		return misusef("unexpected argument %q", f.Arg(0))
	}
	return nil
}

// targetProfiles are repeated NAME=PROFILE flags.
type targetProfiles map[string]string

func (p targetProfiles) String() string { return "" }

// Set reads one flag.
func (p targetProfiles) Set(text string) error {
	name, profile, ok := strings.Cut(text, "=")
	if !ok || name == "" || profile == "" {
		return fmt.Errorf("want NAME=PROFILE, such as staging=my-staging-profile")
	}
	if p[name] != "" {
		return fmt.Errorf("target %s is given twice", name)
	}
	p[name] = profile
	return nil
}

// writeFile creates a file, and says what to do when it is there.
func writeFile(env Env, file string, content []byte, force bool) error {
	err := env.Write(file, content, force)
	if errors.Is(err, fs.ErrExist) {
		return misusef("%s exists; choose another --out, or --force to replace it", file)
	}
	return err
}
