package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// builder makes the folders that become the functions' code: the program,
// called bootstrap as Lambda wants it, and the configuration beside it.
type builder struct {
	root       string // of the module
	configFile string
	into       string
}

// shippedConfig is the configuration's name beside every program.
const shippedConfig = "dbferry.json"

func (b builder) folder(function string) string { return filepath.Join(b.into, function) }

// build compiles all functions for Lambda's arm64 in one call of the Go
// command. Nothing of the machine, the time or the commit gets into a program,
// so unchanged code keeps its asset and is not deployed again.
func (b builder) build(functions []string) error {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w -buildid=",
		"-o", filepath.Join(b.into, "bin") + string(filepath.Separator)}
	for _, f := range functions {
		if _, err := os.Stat(filepath.Join(b.root, "functions", f)); err != nil {
			return fmt.Errorf("functions/%s is deployed but has no folder: %w", f, err)
		}
		args = append(args, "./functions/"+f)
	}
	if err := os.MkdirAll(filepath.Join(b.into, "bin"), 0o755); err != nil {
		return err
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = b.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr // the CDK reads stdout
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building the functions: %w", err)
	}
	for _, f := range functions {
		if err := b.assemble(f, filepath.Join(b.into, "bin", f)); err != nil {
			return err
		}
	}
	return nil
}

// stubProgram answers no event. It says why, should it ever be deployed.
const stubProgram = `#!/bin/sh
echo "this is a stub made for a rehearsal; deploy without DBFERRY_STUB_ASSETS" >&2
exit 1
`

// stub is one folder for all functions. It is named after what it holds and
// appears whole, because several syntheses, with configurations of their own,
// may be at work in one module at once.
func (b builder) stub() (string, error) {
	configuration, err := os.ReadFile(b.configFile)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append([]byte(stubProgram), configuration...))
	dir := b.folder("stub-" + hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(b.into, 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(b.into, "stub-new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	err = errors.Join(
		os.Chmod(fresh, 0o755),
		os.WriteFile(filepath.Join(fresh, "bootstrap"), []byte(stubProgram), 0o755),
		os.WriteFile(filepath.Join(fresh, shippedConfig), configuration, 0o644),
	)
	if err == nil {
		err = os.Rename(fresh, dir)
	}
	if _, there := os.Stat(dir); there == nil {
		return dir, nil // this one's, or that of somebody who was faster
	}
	return "", err
}

func (b builder) assemble(name, program string) error {
	dir := b.folder(name)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := copyFile(program, filepath.Join(dir, "bootstrap"), 0o755); err != nil {
		return err
	}
	return copyFile(b.configFile, filepath.Join(dir, shippedConfig), 0o644)
}

func copyFile(from, to string, mode os.FileMode) error {
	raw, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, raw, mode)
}
