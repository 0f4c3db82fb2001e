// Command infra is dbferry's CDK app. `npx cdk deploy` runs it through
// cdk.json; without the CDK command line, CDK_OUTDIR names the folder that it
// writes.
//
// It builds the functions that it ships, so that a deployment is never stale.
// With DBFERRY_STUB_ASSETS=1 it ships a stub in their place: a rehearsal and
// tests need the templates only.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/jsii-runtime-go"

	"github.com/dbferry/dbferry/infra/stack"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/statemachines"
)

func main() {
	defer jsii.Close()
	if err := synthesize(); err != nil {
		fmt.Fprintln(os.Stderr, "dbferry:", err)
		jsii.Close()
		os.Exit(1)
	}
}

func synthesize() error {
	app, err := stack.NewApp("cdk.json", "")
	if err != nil {
		return err
	}
	file := stack.Context(app, "config", "dbferry.json")
	c, err := config.Load(file)
	if err != nil {
		return err
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	code, err := shippedCode(root, file, stack.Functions(c))
	if err != nil {
		return err
	}
	stack.Add(app, stack.Options{Config: c, Code: code, Definition: statemachines.Definition})
	app.Synth(nil)
	return nil
}

// shippedCode is the folder of each function: built, or the stub.
func shippedCode(root, configFile string, functions []string) (func(string) string, error) {
	b := builder{root: root, configFile: configFile, into: filepath.Join(root, ".build")}
	if os.Getenv("DBFERRY_STUB_ASSETS") == "1" {
		dir, err := b.stub()
		return func(string) string { return dir }, err
	}
	return b.folder, b.build(functions)
}
