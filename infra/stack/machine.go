package stack

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/jsii-runtime-go"

	"github.com/dbferry/dbferry/internal/keypolicy"
	"github.com/dbferry/dbferry/internal/names"
)

// The machines, by file name in statemachines/.
const (
	productionBackup = "production-backup"
	stagingRestore   = "staging-restore"
	stagingSwitch    = "staging-switch"

	productionMigrate = names.ProductionMigrate
)

// machine is a deployed state machine.
type machine struct {
	file string
	name string
	arn  string // computed, so that what names it does not wait for it
	ref  string // token, for what must wait for it
}

// placeholder is what CloudFormation replaces in a definition.
var placeholder = regexp.MustCompile(`\$\{([A-Za-z0-9]+)\}`)

// placeholders are the names that a definition wants replaced, sorted.
func placeholders(definition string) []string {
	found := map[string]bool{}
	for _, m := range placeholder.FindAllStringSubmatch(definition, -1) {
		found[m[1]] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// addMachine deploys a definition as it is written. Its placeholders decide
// which functions its role may invoke, so that neither can have more than the
// other.
func (s *side) addMachine(file, target string) machine {
	m := machine{file: file, name: names.Machine(file, target), arn: s.place.MachineARN(file, target)}
	id := keypolicy.Pascal(strings.TrimPrefix(m.name, names.Prefix+"-"))
	definition := s.options.Definition(file)
	values, invoked := s.substitutions(file, target, placeholders(definition))
	roleARN := s.addRole(role{
		id: id + "Role", name: names.MachineRole(file, target), description: "Runs the state machine " + m.name,
		trust:  s.assumedBy("states.amazonaws.com", calledFrom(s.arn("states", "stateMachine:*"))),
		policy: s.machineStatements(m, definition, invoked),
	})
	log := awslogs.NewLogGroup(s.Stack, text(id+"Log"), &awslogs.LogGroupProps{
		LogGroupName: text("/aws/vendedlogs/states/" + m.name), Retention: awslogs.RetentionDays_ONE_MONTH, RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	made := awsstepfunctions.NewStateMachine(s.Stack, text(id), &awsstepfunctions.StateMachineProps{
		StateMachineName:        text(m.name),
		StateMachineType:        awsstepfunctions.StateMachineType_STANDARD,
		DefinitionBody:          awsstepfunctions.DefinitionBody_FromString(text(definition)),
		DefinitionSubstitutions: &values,
		// An imported role, so that nothing is added to its policy.
		Role: awsiam.Role_FromRoleArn(s.Stack, text(id+"RoleRef"), text(roleARN), &awsiam.FromRoleArnOptions{Mutable: jsii.Bool(false)}),
		Logs: &awsstepfunctions.LogOptions{Destination: log, Level: awsstepfunctions.LogLevel_ERROR, IncludeExecutionData: jsii.Bool(false)},
	})
	m.ref = *made.StateMachineArn()
	s.shared.machines = append(s.shared.machines, m)
	return m
}

// substitutions are the values of a definition's placeholders, and the
// functions among them: ${CheckGround} is the ARN of functions/check-ground.
func (s *side) substitutions(file, target string, wanted []string) (values map[string]*string, invoked []string) {
	known := map[string]string{"LedgerBucket": s.shared.ledger, "Target": target}
	functions := map[string]bool{}
	for name, f := range s.shared.functions {
		known[keypolicy.Pascal(name)] = f.arn
		functions[keypolicy.Pascal(name)] = true
	}
	values = map[string]*string{}
	for _, name := range wanted {
		value, ok := known[name]
		if !ok {
			panic(fmt.Errorf("statemachines/%s.asl.json: ${%s} is none of %s", file, name, strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
		}
		values[name] = text(value)
		if functions[name] {
			invoked = append(invoked, value)
		}
	}
	return values, invoked
}

// machineStatements: a Distributed Map starts its children as executions of its
// own machine (Step Functions Developer Guide, "IAM policies for using
// Distributed Map state").
func (s *side) machineStatements(m machine, definition string, invoked []string) []statement {
	g := grants{s.place}
	out := []statement{deliverLogs()}
	if strings.Contains(definition, "DISTRIBUTED") {
		out = append(out,
			allow("StartMapItems", []string{"states:StartExecution"}, m.arn),
			allow("WatchMapItems", []string{"states:DescribeExecution", "states:StopExecution"}, g.executions(m.name)...),
			allow("MapPlansAndResults", []string{"s3:GetObject", "s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"},
				objects(s.place.Ledger(), "runs/*")))
	}
	if len(invoked) > 0 {
		out = append(out, allow("InvokeSteps", []string{"lambda:InvokeFunction"}, invoked...))
	}
	return out
}

func deliverLogs() statement {
	return anything("DeliverLogs", "CloudWatch Logs' delivery actions take no resource (Step Functions Developer Guide, logging)",
		"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
		"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups")
}
