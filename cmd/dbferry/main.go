// Command dbferry looks at your accounts before anything is deployed: `dbferry
// check` asks the preflight, `dbferry init` writes a configuration; they only
// read. `dbferry approve` answers a migration that waits, and `dbferry
// verify-evidence` follows the chain of its evidence. Flags only; the work is in internal/command.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/dbferry/dbferry/internal/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command.Main(ctx, os.Args[1:], command.Env{
		Out: os.Stdout, Err: os.Stderr, Now: time.Now, Profile: profile, Read: os.ReadFile, Write: write,
	})
	stop()
	os.Exit(code)
}

// profile loads a shared profile of the AWS command line.
func profile(ctx context.Context, name, region string) (aws.Config, error) {
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithSharedConfigProfile(name)}
	if region != "" {
		options = append(options, awsconfig.WithRegion(region))
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, fmt.Errorf("profile %s: %w", name, err)
	}
	return cfg, nil
}

// write creates a file, or replaces it when it may.
func write(file string, content []byte, over bool) (err error) {
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if over {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(file, mode, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(content)
	return err
}
