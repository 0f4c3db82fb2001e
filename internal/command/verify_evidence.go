package command

import (
	"bytes"
	"context"
	"fmt"

	"github.com/dbferry/dbferry/internal/migrate"
)

// verifyEvidence is `dbferry verify-evidence`: it follows a bundle's chain
// without any account.
func verifyEvidence(_ context.Context, args []string, env Env) error {
	f := flags("verify-evidence", env)
	page := f.String("page", "", "also write the evidence as a page for reading to this new file")
	head := f.String("head", "", "the last hash, as the mail has it: a shorter chain is a chain too")
	file, rest := "", args
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		file, rest = args[0], args[1:]
	}
	if err := parse(f, rest); err != nil {
		return err
	}
	if file == "" {
		return misusef("name the file: dbferry verify-evidence FILE [--head HASH] [--page FILE]")
	}
	raw, err := env.Read(file)
	if err != nil {
		return misuse{err}
	}
	entries, last, err := migrate.VerifyBundle(bytes.NewReader(raw))
	for _, e := range entries {
		fmt.Fprintf(env.Out, "%4d  %s  %-28s %s\n", e.Seq, e.At.UTC().Format("2006-01-02 15:04:05"), e.Kind, e.Hash[:12])
	}
	if err != nil {
		fmt.Fprintf(env.Out, "\nNOT INTACT: %v\n", err)
		return errTrouble
	}
	if *head != "" && *head != last {
		fmt.Fprintf(env.Out, "\nNOT WHOLE: the last hash is %s, not %s\n", last, *head)
		return errTrouble
	}
	fmt.Fprintf(env.Out, "\nintact: %d entries, the last hash is %s\n", len(entries), last)
	if *page == "" {
		return nil
	}
	html, err := migrate.Page(entries)
	if err != nil {
		return err
	}
	return writeFile(env, *page, html, false)
}
