package template

import (
	"fmt"
	"strings"
	"testing"
)

// one resource X of a type, among others that it may refer to.
func oneResource(kind, properties string) string {
	return fmt.Sprintf(`{"Resources": {"X": {"Type": %q, "Properties": {%s}},
	 "ZRole": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "z", "AssumeRolePolicyDocument": {}, "Policies": [{"PolicyName": "p", "PolicyDocument": {}}]}},
	 "ZTopic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "z"}},
	 "ZTopicPolicy": {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": ["arn:aws:sns:eu-west-1:111111111111:z"], "PolicyDocument": {}}}}}`, kind, properties)
}

func TestViewsRefuse(t *testing.T) {
	machine := `"RoleArn": "r", "TracingConfiguration": {}, `
	function := `"Role": "r", "Runtime": "provided.al2023", `
	for name, c := range map[string]struct{ kind, properties, want string }{
		"unknown property":            {"AWS::IAM::Role", `"AssumeRolePolicyDocument": {}, "PermissionsBoundary": "x"`, "property PermissionsBoundary of type AWS::IAM::Role is not simulated"},
		"unknown nested property":     {"AWS::S3::Bucket", `"NotificationConfiguration": {"LambdaConfigurations": []}`, "X Properties.NotificationConfiguration: property LambdaConfigurations of type AWS::S3::Bucket"},
		"unknown target property":     {"AWS::Events::Rule", `"ScheduleExpression": "rate(1 day)", "Targets": [{"Id": "a", "Arn": "b", "SqsParameters": {}}]`, "X Properties.Targets[0]: property SqsParameters"},
		"required text":               {"AWS::Lambda::Function", `"Runtime": "x"`, "X Properties.Role: is required"},
		"required document":           {"AWS::IAM::Role", ``, "X Properties.AssumeRolePolicyDocument: is required"},
		"text for a document":         {"AWS::IAM::Role", `"AssumeRolePolicyDocument": "x"`, "AssumeRolePolicyDocument: must be a JSON document"},
		"list for a document":         {"AWS::IAM::Role", `"AssumeRolePolicyDocument": []`, "AssumeRolePolicyDocument: must be a JSON document"},
		"text for an object":          {"AWS::Lambda::Function", function + `"Code": "x"`, "Code: must be an object"},
		"text for a list":             {"AWS::Events::Rule", `"ScheduleExpression": "x", "Targets": "x"`, "Targets: must be a list of objects"},
		"texts for objects":           {"AWS::Events::Rule", `"ScheduleExpression": "x", "Targets": ["x"]`, "Targets: must be a list of objects"},
		"objects for texts":           {"AWS::IAM::Role", `"AssumeRolePolicyDocument": {}, "ManagedPolicyArns": [{}]`, "ManagedPolicyArns: must be a list of texts"},
		"object for a text":           {"AWS::SNS::Topic", `"DisplayName": {}`, "DisplayName: must be a text, not {}"},
		"text for a number":           {"AWS::Logs::LogGroup", `"RetentionInDays": "long"`, `RetentionInDays: must be a whole number, not "long"`},
		"half a number":               {"AWS::Logs::LogGroup", `"RetentionInDays": 1.5`, "RetentionInDays: must be a whole number, not 1.5"},
		"number for a flag":           {"AWS::KMS::Key", `"Enabled": 1`, "Enabled: must be true or false, not 1"},
		"no such choice":              {"AWS::Events::Rule", `"ScheduleExpression": "x", "State": "enabled"`, `State: must be one of ENABLED, DISABLED`},
		"list for a map":              {"AWS::Lambda::Function", function + `"Environment": {"Variables": []}`, "Variables: must be an object of texts"},
		"nested map":                  {"AWS::Lambda::Function", function + `"Environment": {"Variables": {"A": {}}}`, "Variables: must be an object of texts"},
		"tag without a key":           {"AWS::SNS::Topic", `"Tags": [{"Value": "x"}]`, "Tags[0].Key: is required"},
		"asymmetric key":              {"AWS::KMS::Key", `"KeySpec": "RSA_2048"`, "only SYMMETRIC_DEFAULT is simulated"},
		"inline code":                 {"AWS::Lambda::Function", function + `"Code": {"ZipFile": "x"}`, "property ZipFile"},
		"code that is no asset":       {"AWS::Lambda::Function", function + `"Code": {"S3Bucket": "b", "S3Key": "k"}`, "X: its code s3://b/k is not an asset of the assembly; run `make ready`"},
		"machine without ASL":         {"AWS::StepFunctions::StateMachine", machine + `"Tags": []`, "DefinitionString: is required"},
		"ASL in S3":                   {"AWS::StepFunctions::StateMachine", machine + `"DefinitionS3Location": {"Bucket": "b"}`, "use DefinitionBody_FromString"},
		"ASL not JSON":                {"AWS::StepFunctions::StateMachine", machine + `"DefinitionString": "{"`, "after substitution it is not JSON"},
		"substitution missing":        {"AWS::StepFunctions::StateMachine", machine + `"DefinitionString": "{\"a\": \"${B}${A}\"}"`, "DefinitionSubstitutions: no value for A, B"},
		"substitution not used":       {"AWS::StepFunctions::StateMachine", machine + `"DefinitionString": "{}", "DefinitionSubstitutions": {"B": "x"}`, "B is not used in the definition"},
		"policy on no role":           {"AWS::IAM::Policy", `"PolicyName": "x", "PolicyDocument": {}`, "X: the policy is on no role"},
		"policy on a foreign role":    {"AWS::IAM::Policy", `"PolicyName": "x", "PolicyDocument": {}, "Roles": ["admin"]`, `X: role "admin" is not made by this stack`},
		"policy of a taken name":      {"AWS::IAM::Policy", `"PolicyName": "p", "PolicyDocument": {}, "Roles": ["z"]`, `role z has an inline policy named "p" already`},
		"policy on a user":            {"AWS::IAM::Policy", `"PolicyName": "x", "PolicyDocument": {}, "Roles": ["z"], "Users": ["u"]`, "property Users"},
		"service role unknown":        {"AWS::IAM::ServiceLinkedRole", `"AWSServiceName": "x.amazonaws.com"`, `service-linked role of "x.amazonaws.com" is not known; known are those of backup.amazonaws.com`},
		"alias of a foreign key":      {"AWS::KMS::Alias", `"AliasName": "alias/x", "TargetKeyId": "k"`, `X: key "k" is not made by this stack`},
		"permission elsewhere":        {"AWS::Lambda::Permission", `"FunctionName": "f", "Action": "a", "Principal": "p"`, `X: function "f" is not made by this stack`},
		"policy of another bucket":    {"AWS::S3::BucketPolicy", `"Bucket": "b", "PolicyDocument": {}`, `X: "b" is not made by this stack`},
		"second topic policy":         {"AWS::SNS::TopicPolicy", `"Topics": ["arn:aws:sns:eu-west-1:111111111111:z"], "PolicyDocument": {}`, "has a policy already"},
		"subscription elsewhere":      {"AWS::SNS::Subscription", `"TopicArn": "t", "Protocol": "sqs"`, `X: topic "t" is not made by this stack`},
		"bus elsewhere":               {"AWS::Events::EventBusPolicy", `"EventBusName": "b", "StatementId": "s", "Statement": {}`, `X: event bus "b" is not made by this stack`},
		"bus policy of nothing":       {"AWS::Events::EventBusPolicy", `"StatementId": "s"`, "Statement, or Action and Principal, is required"},
		"rule without a trigger":      {"AWS::Events::Rule", `"Name": "r"`, "EventPattern or ScheduleExpression is required"},
		"schedule without a role":     {"AWS::Scheduler::Schedule", `"ScheduleExpression": "x", "Target": {"Arn": "a"}`, "Target: Arn and RoleArn are required"},
		"group rule to nowhere":       {"AWS::EC2::SecurityGroupEgress", `"GroupId": "sg-1", "IpProtocol": "tcp"`, "one of CidrIp, CidrIpv6 and a security group is required"},
		"group rule to a prefix list": {"AWS::EC2::SecurityGroupEgress", `"GroupId": "sg-1", "IpProtocol": "tcp", "DestinationPrefixListId": "pl-1"`, "property DestinationPrefixListId"},
		"queue with a delay":          {"AWS::SQS::Queue", `"DelaySeconds": 5`, "only 0 is simulated"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Resolve(stackOf(t, oneResource(c.kind, c.properties)), Given{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant an error with %q", err, c.want)
			}
		})
	}
}

func TestPermissionStatements(t *testing.T) {
	for name, c := range map[string]struct {
		permission Permission
		want       string
	}{
		"service": {Permission{StatementID: "s", Action: "a", Principal: "events.amazonaws.com", SourceARN: "arn:x", SourceAccount: "1"},
			`{"Action":"a","Condition":{"ArnLike":{"AWS:SourceArn":"arn:x"},"StringEquals":{"AWS:SourceAccount":"1"}},"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Resource":"fn","Sid":"s"}`},
		"account":   {Permission{Principal: "111111111111"}, `{"Action":"","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Resource":"fn","Sid":""}`},
		"role":      {Permission{Principal: "arn:aws:iam::111111111111:role/r"}, `{"Action":"","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/r"},"Resource":"fn","Sid":""}`},
		"any, URL":  {Permission{Principal: "*", URLAuthType: "AWS_IAM"}, `{"Action":"","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"AWS_IAM"}},"Effect":"Allow","Principal":"*","Resource":"fn","Sid":""}`},
		"one's org": {Permission{Principal: "*", PrincipalOrg: "o-1"}, `{"Action":"","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}},"Effect":"Allow","Principal":"*","Resource":"fn","Sid":""}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(encode(c.permission.Statement("fn", "aws"))); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestDefinitionAsAnObject(t *testing.T) {
	d, err := Resolve(stackOf(t, oneResource("AWS::StepFunctions::StateMachine",
		`"RoleArn": "r", "Definition": {"StartAt": "A", "Note": "${B} <&> $${x.y}"}, "DefinitionSubstitutions": {"B": true}`)), Given{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := d.Machines[0].Definition, `{"Note":"true <&> $${x.y}","StartAt":"A"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEgressByDefaultIsEverything(t *testing.T) {
	d, err := Resolve(stackOf(t, oneResource("AWS::EC2::SecurityGroup", `"GroupDescription": "x"`)), Given{})
	if err != nil {
		t.Fatal(err)
	}
	if g := d.SecurityGroups[0]; len(g.Egress) != 1 || g.Egress[0].CIDR != "0.0.0.0/0" || g.Egress[0].Protocol != "-1" {
		t.Errorf("egress is %+v", g.Egress)
	}
}
