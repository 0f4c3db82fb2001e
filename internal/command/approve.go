package command

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/names"
)

// mostAnswer is the longest answer that is read.
const mostAnswer = 64 << 10

// approve is `dbferry approve`: it answers a migration that waits, with the
// caller's own credentials.
func approve(ctx context.Context, args []string, env Env) error {
	f := flags("approve", env)
	profile := f.String("profile", "", "profile of one of production.migrate.approvers")
	region := f.String("region", "", "Region; empty: the profile's")
	address := f.String("address", "", "the stack's output ApprovalAddress; empty: asked of Lambda, which needs lambda:GetFunctionUrlConfig")
	refuse := f.Bool("refuse", false, "refuse instead of approving")
	var in migrate.AnswerInput
	f.StringVar(&in.Cluster, "cluster", "", "identifier of the cluster")
	f.StringVar(&in.Migration, "migration", "", "id of the migration, from the mail")
	f.StringVar((*string)(&in.Gate), "gate", "", "switch or retire")
	f.StringVar(&in.PlanHash, "plan", "", "hash of the plan that you have read, from the mail")
	f.StringVar(&in.Comment, "comment", "", "free text for the evidence")
	if err := parse(f, args); err != nil {
		return err
	}
	in.Approve = !*refuse
	switch {
	case in.Cluster == "", in.Migration == "", in.PlanHash == "":
		return misusef("--cluster, --migration, --gate and --plan are needed; the mail has the whole command")
	case in.Gate != migrate.GateSwitch && in.Gate != migrate.GateRetire:
		return misusef("--gate %q: want %s or %s", in.Gate, migrate.GateSwitch, migrate.GateRetire)
	}
	cfg, err := env.Profile(ctx, *profile, *region)
	if err != nil {
		return misuse{err}
	}
	if *address == "" {
		name := names.Place{}.Function("answer-approval")
		out, err := lambda.NewFromConfig(cfg).GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigInput{FunctionName: &name})
		if err != nil {
			return fmt.Errorf("address of the approvals: %w; give it with --address", err)
		}
		*address = aws.ToString(out.FunctionUrl)
	}
	return send(ctx, env, cfg, *address, in)
}

// send signs the answer and posts it.
func send(ctx context.Context, env Env, cfg aws.Config, address string, in migrate.AnswerInput) error {
	to, err := url.Parse(address)
	if err != nil || to.Scheme != "https" || to.Host == "" {
		return misusef("--address %q is not the https address of a function", address)
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("content-type", "application/json")
	who, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, who, req, hex.EncodeToString(sum[:]), "lambda", cfg.Region, env.Now()); err != nil {
		return err
	}
	client := cfg.HTTPClient
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("answer not sent: %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err != nil {
		return err
	}
	var said struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &said) != nil || said.Message == "" {
		said.Message = strings.TrimSpace(string(raw))
	}
	fmt.Fprintf(env.Out, "%s: %s\n", resp.Status, said.Message)
	if resp.StatusCode != http.StatusOK {
		return errTrouble
	}
	return nil
}
