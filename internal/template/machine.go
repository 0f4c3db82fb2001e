package template

import (
	"encoding/json"
	"regexp"
	"strings"
)

// Machine is a Step Functions state machine.
type Machine struct {
	LogicalID  string
	Name       string
	ARN        string
	RoleARN    string
	Type       string // STANDARD or EXPRESS
	Definition string // ASL text with every substitution made
	Logging    MachineLogging
	Tracing    bool
	KeyARN     string // KMS key, empty for AWS's own
	Tags       map[string]string
}

// MachineLogging is where and what a machine logs.
type MachineLogging struct {
	Level         string // OFF by default
	ExecutionData bool
	GroupARNs     []string
}

func machineView(f *fields, r *Resource) any {
	v := &Machine{LogicalID: r.LogicalID, Name: r.Attributes["Name"], ARN: r.Ref, RoleARN: f.need("RoleArn"),
		Type: f.choice("StateMachineType", "STANDARD", "EXPRESS"), Definition: readDefinition(f), Tags: f.tags("Tags"),
		Logging: MachineLogging{Level: "OFF"}}
	f.object("LoggingConfiguration", func(l *fields) {
		v.Logging.Level = l.choice("Level", "OFF", "ALL", "ERROR", "FATAL")
		v.Logging.ExecutionData = l.flag("IncludeExecutionData", false)
		l.objects("Destinations", func(d *fields) {
			d.object("CloudWatchLogsLogGroup", func(g *fields) {
				v.Logging.GroupARNs = append(v.Logging.GroupARNs, g.need("LogGroupArn"))
			})
		})
	})
	f.object("TracingConfiguration", func(t *fields) { v.Tracing = t.flag("Enabled", false) })
	f.object("EncryptionConfiguration", func(e *fields) {
		e.choice("Type", "AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY")
		v.KeyARN = e.str("KmsKeyId")
		e.harmless("KmsDataKeyReusePeriodSeconds")
	})
	f.harmless("StateMachineName")
	return v
}

// readDefinition finds the ASL text. A definition uploaded to S3 would not
// stand in the template, where reviews and goldens see it.
func readDefinition(f *fields) string {
	if f.raw("DefinitionS3Location") != nil {
		f.p.add("%s.DefinitionS3Location: the definition must stand in the template: use DefinitionBody_FromString", f.at)
		f.harmless("DefinitionString", "DefinitionSubstitutions")
		return ""
	}
	text := f.str("DefinitionString")
	if text == "" {
		text = string(f.document("Definition"))
	}
	if text == "" {
		f.p.add("%s.DefinitionString: is required", f.at)
		return ""
	}
	out := substitute(f, text, f.textMap("DefinitionSubstitutions"))
	if !json.Valid([]byte(out)) {
		f.p.add("%s.DefinitionString: after substitution it is not JSON", f.at)
	}
	return out
}

// substitution is ${Name}; names have letters, digits and underscores only
// (AWS::StepFunctions::StateMachine, DefinitionSubstitutions).
var substitution = regexp.MustCompile(`\$\{([a-zA-Z0-9_]+)\}`)

// substitute replaces every ${Name}. A name without a value would reach Step
// Functions as text, and a value without a use is a wire left hanging: both
// are problems.
func substitute(f *fields, text string, values map[string]string) string {
	missing, used := map[string]bool{}, map[string]bool{}
	out := substitution.ReplaceAllStringFunc(text, func(m string) string {
		name := m[2 : len(m)-1]
		if v, ok := values[name]; ok {
			used[name] = true
			return v
		}
		missing[name] = true
		return m
	})
	if len(missing) > 0 {
		f.p.add("%s.DefinitionSubstitutions: no value for %s", f.at, strings.Join(sortedKeys(missing), ", "))
	}
	for _, name := range sortedKeys(values) {
		if !used[name] {
			f.p.add("%s.DefinitionSubstitutions: %s is not used in the definition", f.at, name)
		}
	}
	return out
}
