package stack

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

// Options say what to build.
type Options struct {
	Config config.Config

	// Code names the folder with the bootstrap of a function, by folder name.
	Code func(function string) string

	// Definition is the text of a state machine, by file name.
	Definition func(machine string) string
}

// NewApp starts a CDK app with the context of cdk.json, so that tests and the
// CDK command line see the same feature flags. An empty outDir leaves the
// choice to the command line (CDK_OUTDIR).
func NewApp(cdkJSON, outDir string) (awscdk.App, error) {
	raw, err := os.ReadFile(cdkJSON)
	if err != nil {
		return nil, fmt.Errorf("%w: run this in the folder that holds cdk.json", err)
	}
	var file struct {
		Context map[string]any `json:"context"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", cdkJSON, err)
	}
	props := &awscdk.AppProps{Context: &file.Context, AnalyticsReporting: jsii.Bool(false), TreeMetadata: jsii.Bool(false)}
	if outDir != "" {
		props.Outdir = jsii.String(outDir)
	}
	return awscdk.NewApp(props), nil
}

// Context is a string of the app's context, from `cdk -c key=value` or
// cdk.json.
func Context(app awscdk.App, key, fallback string) string {
	if v, ok := app.Node().TryGetContext(jsii.String(key)).(string); ok && v != "" {
		return v
	}
	return fallback
}

// Add adds all stacks to the app.
func Add(app awscdk.App, o Options) {
	addProduction(newSide(app, o, o.Config.ProductionPlace(), "dbferry, production account: backs up, copies, announces"))
	for _, t := range o.Config.Targets {
		s := newSide(app, o, o.Config.Place(t), "dbferry, target account "+t.Name+": receives, restores, opens")
		addTarget(s, t)
	}
}

// side is one stack under construction with what its parts share.
type side struct {
	awscdk.Stack
	options Options
	config  config.Config
	place   names.Place
	shared  shared
}

// shared is what parts of a stack use of each other.
type shared struct {
	vaultKey    string // ARN
	ledger      string // bucket name
	topic       string // ARN
	undelivered queue
	busRef      string   // empty in production and on the default bus
	network     *network // nil in production
	functions   map[string]function
	machines    []machine
	alarms      []string // ARNs
}

func newSide(app awscdk.App, o Options, p names.Place, description string) *side {
	stack := awscdk.NewStack(app, jsii.String(p.Stack()), &awscdk.StackProps{
		StackName:   jsii.String(p.Stack()),
		Description: jsii.String(description),
		Env:         &awscdk.Environment{Account: jsii.String(p.Account), Region: jsii.String(p.Region)},
		Tags:        &map[string]*string{"application": jsii.String(names.Prefix)},
		// The command line checks the bootstrap version before it deploys.
		// No termination protection: it would keep `cdk deploy` from clearing
		// away a failed first deployment.
		Synthesizer: awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{GenerateBootstrapVersionRule: jsii.Bool(false)}),
	})
	return &side{Stack: stack, options: o, config: o.Config, place: p}
}

// arn is the ARN of a resource of this account and Region.
func (s *side) arn(service, resource string) string { return arn(s.place, service, resource) }

func arn(p names.Place, service, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, p.Region, p.Account, resource)
}

func (s *side) output(id, description, value string) {
	awscdk.NewCfnOutput(s.Stack, jsii.String(id), &awscdk.CfnOutputProps{Description: jsii.String(description), Value: jsii.String(value)})
}
