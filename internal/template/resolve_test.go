package template

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func stackOf(t testing.TB, raw string) *Stack {
	t.Helper()
	tmpl, err := ParseTemplate([]byte(raw))
	if err != nil {
		t.Fatalf("ParseTemplate: %v", err)
	}
	return &Stack{Name: "s", Account: "111111111111", Region: "eu-west-1", Template: tmpl}
}

// frame has something to refer to; its output V holds the value under test.
const frame = `{
 "Parameters": {"P": {"Type": "String", "Default": "p"}, "N": {"Type": "Number", "Default": 7}, "L": {"Type": "CommaDelimitedList", "Default": "a, b"}},
 "Mappings": {"M": {"eu-west-1": {"days": 30, "list": ["x", "y"]}}},
 "Conditions": {"Yes": {"Fn::Equals": [{"Ref": "P"}, "p"]}, "No": {"Fn::Not": [{"Condition": "Yes"}]}},
 "Resources": {
  "T": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "t"}},
  "Off": {"Type": "AWS::SNS::Topic", "Condition": "No"},
  "S": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/s", "Type": "String", "Value": %s}}
 }}`

func TestFunctions(t *testing.T) {
	topic := "arn:aws:sns:eu-west-1:111111111111:t"
	for name, c := range map[string]struct{ value, want string }{
		"text":                     {`"x"`, "x"},
		"number":                   {`111111111111`, "111111111111"},
		"Ref parameter":            {`{"Ref": "P"}`, "p"},
		"Ref number":               {`{"Ref": "N"}`, "7"},
		"Ref resource":             {`{"Ref": "T"}`, topic},
		"Ref Region":               {`{"Ref": "AWS::Region"}`, "eu-west-1"},
		"Ref AccountId":            {`{"Ref": "AWS::AccountId"}`, "111111111111"},
		"Ref Partition":            {`{"Ref": "AWS::Partition"}`, "aws"},
		"Ref URLSuffix":            {`{"Ref": "AWS::URLSuffix"}`, "amazonaws.com"},
		"Ref StackName":            {`{"Ref": "AWS::StackName"}`, "s"},
		"Ref StackId":              {`{"Fn::Select": [0, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}`, "arn:aws:cloudformation:eu-west-1:111111111111:stack"},
		"GetAtt list":              {`{"Fn::GetAtt": ["T", "TopicName"]}`, "t"},
		"GetAtt text":              {`{"Fn::GetAtt": "T.TopicName"}`, "t"},
		"Sub":                      {`{"Fn::Sub": "${P}-${AWS::Region}-${T.TopicName}-${!Kept}-$x"}`, "p-eu-west-1-t-${Kept}-$x"},
		"Sub with variables":       {`{"Fn::Sub": ["${P}${V}", {"P": "q", "V": {"Ref": "N"}}]}`, "q7"},
		"Join":                     {`{"Fn::Join": [":", ["a", {"Ref": "AWS::NoValue"}, 1, true]]}`, "a:1:true"},
		"Join a list parameter":    {`{"Fn::Join": ["+", {"Ref": "L"}]}`, "a+b"},
		"Select":                   {`{"Fn::Select": ["1", {"Ref": "L"}]}`, "b"},
		"Select from a split":      {`{"Fn::Select": [5, {"Fn::Split": [":", {"Ref": "T"}]}]}`, "t"},
		"If, yes":                  {`{"Fn::If": ["Yes", "y", {"Ref": "Off"}]}`, "y"},
		"If, no":                   {`{"Fn::If": ["No", {"Fn::GetAtt": ["Off", "TopicArn"]}, "n"]}`, "n"},
		"FindInMap":                {`{"Fn::FindInMap": ["M", {"Ref": "AWS::Region"}, "days"]}`, "30"},
		"FindInMap, a list":        {`{"Fn::Join": ["", {"Fn::FindInMap": ["M", "eu-west-1", "list"]}]}`, "xy"},
		"Base64":                   {`{"Fn::Base64": {"Ref": "P"}}`, "cA=="},
		"nested, inside out":       {`{"Fn::Join": ["", ["<", {"Fn::Sub": ["${X}", {"X": {"Fn::Select": [0, ["k"]]}}]}, ">"]]}`, "<k>"},
		"a key that only looks so": {`{"Fn::Sub": "Ref"}`, "Ref"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Resolve(stackOf(t, fmt.Sprintf(frame, c.value)), Given{})
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Parameters[0].Value; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFunctionsRefused(t *testing.T) {
	for name, c := range map[string]struct{ value, want string }{
		"Ref nothing":          {`{"Ref": "X"}`, "S Properties.Value.Ref: there is no parameter or resource X"},
		"Ref of a number":      {`{"Ref": 1}`, "takes the name"},
		"Ref pseudo unknown":   {`{"Ref": "AWS::Nothing"}`, "pseudo parameter AWS::Nothing"},
		"Ref what is left out": {`{"Ref": "Off"}`, "resource Off is not created: its condition No is false"},
		"Ref beside a key":     {`{"Ref": "P", "x": 1}`, "Ref stands beside other keys"},
		"NoValue where needed": {`{"Fn::Base64": {"Ref": "AWS::NoValue"}}`, "AWS::NoValue cannot be used here"},
		"GetAtt nothing":       {`{"Fn::GetAtt": ["X", "Arn"]}`, "there is no parameter or resource X"},
		"GetAtt attribute":     {`{"Fn::GetAtt": ["T", "Arn"]}`, "attribute Arn of T (AWS::SNS::Topic) is not known; known are TopicArn, TopicName"},
		"GetAtt of three":      {`{"Fn::GetAtt": ["T", "a", "b"]}`, "takes the name of a resource and of its attribute"},
		"Sub of a number":      {`{"Fn::Sub": 1}`, "takes a text"},
		"Sub of three":         {`{"Fn::Sub": ["a", {}, {}]}`, "takes a text, or a list"},
		"Sub variables":        {`{"Fn::Sub": ["a", "b"]}`, "must be an object"},
		"Sub unknown":          {`{"Fn::Sub": "${X}"}`, "${X}: there is no parameter or resource X"},
		"Sub of a list":        {`{"Fn::Sub": "${L}"}`, `a string is needed, not ["a","b"]`},
		"Join of a text":       {`{"Fn::Join": ["", "ab"]}`, "a list is needed"},
		"Join of one":          {`{"Fn::Join": [""]}`, "takes a list of 2 to 2"},
		"Join by a number":     {`{"Fn::Join": [1, []]}`, "delimiter must be a text"},
		"Join of objects":      {`{"Fn::Join": ["", [{"a": 1}]]}`, `a string is needed, not {"a":1}`},
		"Select outside":       {`{"Fn::Select": [2, ["a", "b"]]}`, "position 2 is outside the list of 2"},
		"Select by a text":     {`{"Fn::Select": ["x", ["a"]]}`, "position x is outside"},
		"Split by nothing":     {`{"Fn::Split": ["", "a"]}`, "not empty"},
		"If of two":            {`{"Fn::If": ["Yes", "a"]}`, "takes a list of 3 to 3"},
		"If unknown":           {`{"Fn::If": ["Maybe", "a", "b"]}`, "there is no condition Maybe"},
		"If inline":            {`{"Fn::If": [true, "a", "b"]}`, "takes the name of a condition"},
		"FindInMap unknown":    {`{"Fn::FindInMap": ["M", "us-east-1", "days"]}`, "there is no mapping M.us-east-1.days"},
		"FindInMap default":    {`{"Fn::FindInMap": ["M", "a", "b", {"DefaultValue": 1}]}`, "takes a list of 3 to 3"},
		"ImportValue":          {`{"Fn::ImportValue": "x"}`, "Fn::ImportValue is not supported: stacks never refer to each other"},
		"Transform":            {`{"Fn::Transform": {}}`, "Fn::Transform is not supported: macros"},
		"GetAZs":               {`{"Fn::GetAZs": ""}`, "name the Availability Zones"},
		"Cidr":                 {`{"Fn::Cidr": ["10.0.0.0/8", 1, 8]}`, "Fn::Cidr is not supported; supported are"},
		"Equals outside":       {`{"Fn::Equals": ["a", "a"]}`, "belongs into the Conditions section"},
		"dynamic reference":    {`"{{resolve:secretsmanager:x}}"`, "dynamic reference"},
		"value of a list":      {`["a"]`, `Value: must be a text, not ["a"]`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Resolve(stackOf(t, fmt.Sprintf(frame, c.value)), Given{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant an error with %q", err, c.want)
			}
		})
	}
}

func TestParseTemplateRefuses(t *testing.T) {
	for name, c := range map[string]struct{ raw, want string }{
		"not JSON":            {`{`, "not a JSON object"},
		"an array":            {`[]`, "not a JSON object"},
		"text behind":         {`{} {}`, "text after"},
		"macro":               {`{"Transform": "AWS::Serverless-2016-10-31"}`, "section Transform"},
		"hooks":               {`{"Hooks": {}}`, "section Hooks"},
		"creation policy":     {`{"Resources": {"A": {"Type": "T", "CreationPolicy": {}}}}`, "Resources.A: attribute CreationPolicy is not supported"},
		"misspelt":            {`{"Resources": {"A": {"Type": "T", "properties": {}}}}`, "attribute properties"},
		"resources a list":    {`{"Resources": []}`, "Resources:"},
		"resource a text":     {`{"Resources": {"A": "x"}}`, "Resources.A:"},
		"properties a list":   {`{"Resources": {"A": {"Properties": []}}}`, "Resources.A:"},
		"mapping too flat":    {`{"Mappings": {"M": {"a": 1}}}`, "Mappings:"},
		"parameter attribute": {`{"Parameters": {"P": {"Typ": "String"}}}`, "Parameters.P: attribute Typ"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseTemplate([]byte(c.raw))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant an error with %q", err, c.want)
			}
		})
	}
}

func TestTemplateRefused(t *testing.T) {
	for name, c := range map[string]struct{ raw, want string }{
		"unknown type": {`{"Resources": {"V": {"Type": "AWS::EC2::VPC", "Metadata": {"aws:cdk:path": "s/V/Resource"}}}}`,
			`V (s/V/Resource): resource type "AWS::EC2::VPC" is not supported; supported are AWS::Backup::BackupVault, AWS::CloudWatch::Alarm`},
		"custom resource": {`{"Resources": {"C": {"Type": "Custom::S3BucketNotifications"}}}`, `resource type "Custom::S3BucketNotifications"`},
		"deletion policy": {`{"Resources": {"T": {"Type": "AWS::SNS::Topic", "DeletionPolicy": "Keep"}}}`, `DeletionPolicy "Keep" does not exist`},
		"update policy":   {`{"Resources": {"T": {"Type": "AWS::SNS::Topic", "UpdateReplacePolicy": "RetainExceptOnCreate"}}}`, `UpdateReplacePolicy "RetainExceptOnCreate"`},
		"name missing":    {`{"Resources": {"V": {"Type": "AWS::Backup::BackupVault"}}}`, "V Properties: BackupVaultName is required"},
		"name too long":   {`{"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "` + strings.Repeat("x", 65) + `"}}}}`, "has 65 characters, AWS allows 64"},
		"cycle": {`{"Resources": {"A": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::Sub": "${B.TopicName}"}}},
			"B": {"Type": "AWS::SNS::Topic", "DependsOn": "C"}, "C": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "A"}}}}}`,
			"they need each other in a circle: A needs B needs C needs A"},
		"itself":             {`{"Resources": {"A": {"Type": "AWS::SNS::Topic", "DependsOn": ["A"]}}}`, "A needs A"},
		"depends on nothing": {`{"Resources": {"A": {"Type": "AWS::SNS::Topic", "DependsOn": ["X"]}}}`, `A.DependsOn: there is no resource "X"`},
		"depends on object":  {`{"Resources": {"A": {"Type": "AWS::SNS::Topic", "DependsOn": {}}}}`, "A.DependsOn: takes the name"},
		"condition unknown":  {`{"Resources": {"A": {"Type": "AWS::SNS::Topic", "Condition": "C"}}}`, "A.Condition: there is no condition C"},
		"condition circle":   {`{"Conditions": {"A": {"Condition": "B"}, "B": {"Condition": "A"}}}`, "condition A depends on itself"},
		"condition function": {`{"Conditions": {"A": {"Fn::If": []}}}`, "Fn::If is not supported in a condition"},
		"condition a text":   {`{"Conditions": {"A": "true"}}`, "a condition is an object"},
		"condition of resource": {`{"Conditions": {"A": {"Fn::Equals": [{"Ref": "T"}, ""]}}, "Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`,
			"resource T cannot be used here, where only parameters count"},
		"condition of NoValue": {`{"Conditions": {"A": {"Fn::Equals": [{"Ref": "AWS::NoValue"}, ""]}}}`, "AWS::NoValue cannot be used here"},
		"and of one":           {`{"Conditions": {"A": {"Fn::And": [{"Condition": "A"}]}}}`, "takes a list of 2 to 10"},
		"parameter missing":    {`{"Parameters": {"P": {"Type": "String"}}}`, "Parameters.P: has no default"},
		"parameter type":       {`{"Parameters": {"P": {"Type": "Text", "Default": "x"}}}`, `parameter type "Text"`},
		"parameter value":      {`{"Parameters": {"P": {"Type": "String", "Default": "x", "AllowedValues": ["y"]}}}`, `"x" is not among`},
		"rule not met":         {`{"Rules": {"R": {"Assertions": [{"Assert": {"Fn::Equals": ["a", "b"]}, "AssertDescription": "never"}]}}}`, "rule is not met: never"},
		"output":               {`{"Outputs": {"O": {"Value": {"Ref": "X"}}}}`, "Outputs.O.Value.Ref: there is no parameter or resource X"},
		"output list":          {`{"Outputs": {"O": {"Value": ["a"]}}}`, "Outputs.O.Value: a string is needed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Resolve(stackOf(t, c.raw), Given{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant an error with %q", err, c.want)
			}
		})
	}
}

func TestAllProblemsAtOnceAndOnce(t *testing.T) {
	_, err := Resolve(stackOf(t, `{"Resources": {
	 "A": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "X"}, "DisplayName": {"Fn::ImportValue": "y"}}},
	 "B": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Fn::GetAtt": ["A", "TopicName"]}}},
	 "C": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": true, "QueueNme": "q"}}}}`), Given{})
	want := []string{
		"stack s cannot be resolved:",
		"A Properties.DisplayName: Fn::ImportValue is not supported: stacks never refer to each other; compute the name from the configuration",
		"A Properties.TopicName.Ref: there is no parameter or resource X",
		"C Properties.FifoQueue: only false is simulated for type AWS::SQS::Queue, not true",
		"C Properties: property QueueNme of type AWS::SQS::Queue is not simulated",
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParameters(t *testing.T) {
	s := stackOf(t, `{"Parameters": {"A": {"Type": "String", "Default": "a"}, "B": {"Type": "AWS::SSM::Parameter::Value<List<String>>", "Default": "/b"},
	 "C": {"Type": "AWS::EC2::VPC::Id"}}, "Outputs": {"A": {"Value": {"Ref": "A"}}, "B": {"Value": {"Fn::Select": [1, {"Ref": "B"}]}}, "C": {"Value": {"Ref": "C"}}}}`)
	d, err := Resolve(s, Given{Parameters: map[string]string{"A": "x", "C": "vpc-1"}, SSM: map[string]string{"/b": "1,2"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Output{{Name: "A", Value: "x"}, {Name: "B", Value: "2"}, {Name: "C", Value: "vpc-1"}}, d.Outputs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = Resolve(s, Given{Parameters: map[string]string{"D": "x"}})
	if err == nil || !strings.Contains(err.Error(), "Parameters.D: is given, but the template has no such parameter") {
		t.Errorf("got %v", err)
	}
}

func TestMintedNames(t *testing.T) {
	for name, c := range map[string]struct {
		stack, id string
		longest   int
	}{
		"short":          {"s", "Role", 64},
		"no limit":       {strings.Repeat("s", 100), strings.Repeat("i", 100), 0},
		"long stack":     {strings.Repeat("s", 100), "Role", 64},
		"long id":        {"s", strings.Repeat("i", 100), 64},
		"both":           {strings.Repeat("s", 100), strings.Repeat("i", 100), 63},
		"exactly enough": {strings.Repeat("s", 25), strings.Repeat("i", 25), 64},
	} {
		t.Run(name, func(t *testing.T) {
			got := mintName(seed{"111111111111", "eu-west-1", c.stack, c.id}, c.longest)
			parts := strings.Split(got, "-")
			if len(parts) != 3 || parts[0] == "" || parts[1] == "" || len(parts[2]) != 12 {
				t.Errorf("got %q", got)
			}
			if c.longest > 0 && len(got) > c.longest {
				t.Errorf("%q has %d characters, want %d at most", got, len(got), c.longest)
			}
			if whole := len(c.stack) + len(c.id) + 14; c.longest >= whole && len(got) != whole {
				t.Errorf("%q is cut without need", got)
			}
		})
	}
	a, b := seed{"1", "r", "s", "K"}, seed{"2", "r", "s", "K"}
	if mintUUID(a, 0) == mintUUID(b, 0) || mintUUID(a, 0) != mintUUID(a, 0) {
		t.Error("key ids must depend on the account, and on nothing that changes")
	}
}

func TestOtherPartitions(t *testing.T) {
	s := stackOf(t, `{"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "q"}}}}`)
	for region, want := range map[string]string{
		"cn-north-1":    "https://sqs.cn-north-1.amazonaws.com.cn/111111111111/q arn:aws-cn:sqs:cn-north-1:111111111111:q",
		"us-gov-east-1": "https://sqs.us-gov-east-1.amazonaws.com/111111111111/q arn:aws-us-gov:sqs:us-gov-east-1:111111111111:q",
	} {
		s.Region = region
		d, err := Resolve(s, Given{})
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Queues[0].URL + " " + d.Queues[0].ARN; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func FuzzResolve(f *testing.F) {
	f.Add(fmt.Sprintf(frame, `{"Fn::Sub": ["${T.TopicName}${!x}", {"a": {"Fn::If": ["Yes", 1, {"Ref": "Off"}]}}]}`))
	f.Add(`{"Resources": {"A": {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": "{}", "Targets": [{"Id": "a", "Arn": {"Ref": "B"}}]}}, "B": {"Type": "AWS::SQS::Queue", "DependsOn": ["A"]}}}`)
	f.Add(`{"Resources": {"M": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"RoleArn": "r", "DefinitionString": "{\"a\":\"${B}\"}", "DefinitionSubstitutions": {"B": 1}}}}}`)
	f.Add(`{"Resources": {"P": {"Type": "AWS::Lambda::Permission", "Properties": {"FunctionName": "f", "Principal": "*", "Action": "x"}}, "F": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "f", "Role": "r", "Runtime": "x", "Code": {"S3Bucket": "b", "S3Key": "k"}, "Tags": [{"Key": "k"}]}}}}`)
	f.Add(`{"Rules": {"R": {"Assertions": [{"Assert": {"Fn::Contains": [["a"], {"Ref": "X"}]}}]}}, "Outputs": {"O": {"Value": {"Fn::Select": ["-1", {"Fn::Split": [",", "a"]}]}, "Export": {}}}}`)
	f.Fuzz(func(t *testing.T, raw string) {
		tmpl, err := ParseTemplate([]byte(raw))
		if err != nil {
			return
		}
		s := &Stack{Name: "s", Account: "111111111111", Region: "eu-west-1", Template: tmpl}
		one, err := Resolve(s, Given{})
		if err != nil {
			return
		}
		if two, err := Resolve(s, Given{}); err != nil || string(encode(one)) != string(encode(two)) {
			t.Fatalf("resolved once, but differently the second time: %v", err)
		}
		if _, err := json.Marshal(one); err != nil {
			t.Fatalf("a deployment holds invalid JSON: %v", err)
		}
	})
}
