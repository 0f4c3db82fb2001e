package stack

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/jsii-runtime-go"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/keypolicy"
)

// step is one row of a side's table of functions: a folder of functions/ and
// what it may do.
type step struct {
	name        string // the folder
	description string
	timeout     float64 // seconds; 0 means 60
	wholeSet    bool    // works on every item of a refresh
	inNetwork   bool    // logs in to databases, or proves that others can
	quarantine  bool    // must know the security group of quarantined clusters
	ledger      access
	policy      []statement // beside its own log and the ledger
}

// Functions are the folders of functions/ that the stacks of a configuration
// deploy, sorted.
func Functions(c config.Config) []string {
	var out []string
	add := func(steps []step) {
		for _, st := range steps {
			out = append(out, st.name)
		}
	}
	add(productionSteps(c))
	for _, t := range c.Targets {
		add(targetSteps(c, t, ""))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// access is what a step may do in its side's ledger, beyond reading.
type access struct {
	write  bool
	unlock bool // delete locks and claims
}

var (
	readWrite       = access{write: true}
	readWriteUnlock = access{write: true, unlock: true}
)

// The time limits of steps that log in to databases, and of those that work on
// every item: ten thousand take them a minute or two. The others make a call or
// two.
const (
	long     = 180
	wholeSet = 600
)

// Memory in MB. Lambda gives one whole processor with 1,769 MB: signing and
// reading thousands of calls is work, and a manifest of ten thousand items has
// to fit. Such steps run once a refresh, so it costs a fraction of a cent.
const (
	memory         = 256
	memoryWholeSet = 1769
)

// function is a deployed step.
type function struct {
	arn  string
	name string
}

// The environment of a function. internal/lambdafn reads it.
const (
	envConfig     = "DBFERRY_CONFIG"
	envSide       = "DBFERRY_SIDE"
	envLedger     = "DBFERRY_LEDGER"
	envFunction   = "DBFERRY_FUNCTION"
	envQuarantine = "DBFERRY_QUARANTINE_GROUP" // where a cluster is restored or opened
	configInCode  = "dbferry.json"             // beside the bootstrap
)

// addFunctions makes every step of the side.
func (s *side) addFunctions(steps []step) {
	s.shared.functions = map[string]function{}
	for _, st := range steps {
		s.shared.functions[st.name] = s.addFunction(st)
	}
}

func (s *side) addFunction(st step) function {
	id := keypolicy.Pascal(st.name)
	name := s.place.Function(st.name)
	log := awslogs.NewLogGroup(s.Stack, text(id+"Log"), &awslogs.LogGroupProps{
		LogGroupName: text("/aws/lambda/" + name), Retention: awslogs.RetentionDays_ONE_MONTH, RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	roleARN := s.addRole(role{
		id: id + "Role", name: s.place.FunctionRole(st.name), description: st.description,
		trust:  s.assumedBy("lambda.amazonaws.com", nil),
		policy: s.stepStatements(st),
	})
	code := awss3assets.NewAsset(s.Stack, text(id+"Code"), &awss3assets.AssetProps{Path: text(s.options.Code(st.name))})
	made := awslambda.NewCfnFunction(s.Stack, text(id), &awslambda.CfnFunctionProps{
		FunctionName:  text(name),
		Description:   text(st.description),
		Runtime:       text("provided.al2023"),
		Architectures: texts([]string{"arm64"}),
		Handler:       text("bootstrap"),
		MemorySize:    jsii.Number(megabytes(st)),
		Timeout:       jsii.Number(seconds(st)),
		Role:          roleARN,
		Code:          &awslambda.CfnFunction_CodeProperty{S3Bucket: code.S3BucketName(), S3Key: code.S3ObjectKey()},
		Environment:   &awslambda.CfnFunction_EnvironmentProperty{Variables: s.environment(st)},
		LoggingConfig: &awslambda.CfnFunction_LoggingConfigProperty{LogFormat: text("JSON"), LogGroup: log.LogGroupName()},
		VpcConfig:     s.vpcConfig(st),
	})
	return function{arn: *made.AttrArn(), name: name}
}

func seconds(st step) float64 {
	switch {
	case st.wholeSet:
		return wholeSet
	case st.timeout == 0:
		return 60
	}
	return st.timeout
}

func megabytes(st step) float64 {
	if st.wholeSet {
		return memoryWholeSet
	}
	return memory
}

func (s *side) environment(st step) map[string]*string {
	env := map[string]*string{
		envConfig:   text(configInCode),
		envSide:     text(s.place.Side),
		envLedger:   text(s.shared.ledger),
		envFunction: text(st.name),
	}
	if st.quarantine {
		env[envQuarantine] = text(s.shared.network.quarantine)
	}
	return env
}

// vpcConfig is untyped, since a typed nil would not count as absent.
func (s *side) vpcConfig(st step) any {
	if !st.inNetwork {
		return nil
	}
	return &awslambda.CfnFunction_VpcConfigProperty{
		SubnetIds: texts(s.shared.network.subnets), SecurityGroupIds: texts([]string{s.shared.network.functions}),
	}
}

// stepStatements is the whole policy of a step: its log, the ledger, its
// network interfaces, and what its row says.
func (s *side) stepStatements(st step) []statement {
	out := []statement{{
		Sid: "OwnLog", Actions: []string{"logs:CreateLogStream", "logs:PutLogEvents"},
		Resources: []string{s.arn("logs", "log-group:/aws/lambda/"+s.place.Function(st.name)+":*")},
	}}
	out = append(out, ledgerStatements(s.place.Ledger(), st.ledger)...)
	if st.inNetwork {
		out = append(out, networkInterfaces())
	}
	return append(out, st.policy...)
}

// ledgerStatements include listing, without which S3 answers 403 instead of 404
// for an object that is not there.
func ledgerStatements(bucket string, a access) []statement {
	objectActions := []string{"s3:GetObject"}
	if a.write {
		objectActions = append(objectActions, "s3:PutObject")
	}
	out := []statement{
		{Sid: "LedgerObjects", Actions: objectActions, Resources: []string{objects(bucket, "*")}},
		{Sid: "LedgerList", Actions: []string{"s3:ListBucket"}, Resources: []string{bucketARN(bucket)}},
	}
	if a.unlock {
		out = append(out, statement{Sid: "LedgerUnlock", Actions: []string{"s3:DeleteObject"}, Resources: []string{objects(bucket, "locks/*"), objects(bucket, "claims/*")}})
	}
	return out
}

// networkInterfaces are what Lambda itself needs to place a function in a VPC
// (Lambda Developer Guide, "Required IAM permissions"). The condition keeps them
// from the function's own code, whose calls carry lambda:SourceFunctionArn.
func networkInterfaces() statement {
	return statement{
		Sid: "LambdaNetworkInterfaces",
		Actions: []string{
			"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
			"ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
		},
		Resources: []string{"*"},
		Condition: condition{"Null": {"lambda:SourceFunctionArn": "true"}},
		Why:       "Lambda asks for these before it has an interface to name; its guide gives them on any resource",
	}
}
