package template

// kind is what CloudFormation knows of one resource type: how an instance gets
// its name, what Ref and Fn::GetAtt give ("Return values" on the type's page),
// and how its properties read. Formats use {partition}, {region}, {account},
// {suffix}, {name} and what derive adds.
type kind struct {
	nameIn     string // property with the physical name; empty if AWS mints an id
	longest    int    // characters of a physical name, 0 if AWS sets no limit here
	mint       func(seed, int) string
	derive     func(*identity)
	ref        string
	attributes map[string]string
	view       func(*fields, *Resource) any
}

// kinds is the table of supported types, one row a type.
var kinds = map[string]kind{
	"AWS::Backup::BackupVault": {nameIn: "BackupVaultName", longest: 50, ref: "{name}", view: vaultView,
		attributes: map[string]string{"BackupVaultArn": "arn:{partition}:backup:{region}:{account}:backup-vault:{name}", "BackupVaultName": "{name}"}},
	"AWS::CloudWatch::Alarm": {nameIn: "AlarmName", longest: 255, mint: mintName, ref: "{name}", view: alarmView,
		attributes: map[string]string{"Arn": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}"}},
	"AWS::CloudWatch::Dashboard": {nameIn: "DashboardName", longest: 255, mint: mintName, ref: "{name}", view: dashboardView},
	"AWS::EC2::SecurityGroup": {mint: mintGroup, derive: deriveGroup, ref: "{name}", view: groupView,
		attributes: map[string]string{"GroupId": "{name}", "Id": "{name}", "VpcId": "{vpc}", "GroupName": "{groupName}"}},
	"AWS::EC2::SecurityGroupEgress":  {mint: mintGroupRule, ref: "{name}", view: egressView, attributes: map[string]string{"Id": "{name}"}},
	"AWS::EC2::SecurityGroupIngress": {mint: mintGroupRule, ref: "{name}", view: ingressView, attributes: map[string]string{"Id": "{name}"}},
	"AWS::Events::EventBus": {nameIn: "Name", longest: 256, ref: "{name}", view: busView,
		attributes: map[string]string{"Arn": "arn:{partition}:events:{region}:{account}:event-bus/{name}", "Name": "{name}"}},
	"AWS::Events::EventBusPolicy": {mint: mintName, ref: "{name}", view: busPolicyView},
	"AWS::Events::Rule": {nameIn: "Name", longest: 64, mint: mintName, derive: deriveRule, ref: "{ruleID}", view: ruleView,
		attributes: map[string]string{"Arn": "arn:{partition}:events:{region}:{account}:rule/{rulePath}"}},
	"AWS::IAM::ManagedPolicy": {nameIn: "ManagedPolicyName", longest: 128, mint: mintName, derive: derivePath, ref: "arn:{partition}:iam::{account}:policy{path}{name}", view: managedPolicyView,
		attributes: map[string]string{"PolicyArn": "arn:{partition}:iam::{account}:policy{path}{name}"}},
	"AWS::IAM::Policy": {mint: mintName, ref: "{name}", view: policyView, attributes: map[string]string{"Id": "{name}"}},
	"AWS::IAM::Role": {nameIn: "RoleName", longest: 64, mint: mintName, derive: derivePath, ref: "{name}", view: roleView,
		attributes: map[string]string{"Arn": "arn:{partition}:iam::{account}:role{path}{name}", "RoleId": "AROA{unique}"}},
	"AWS::IAM::ServiceLinkedRole": {mint: mintName, derive: deriveServiceRole, ref: "{roleName}", view: serviceLinkedRoleView,
		attributes: map[string]string{"RoleName": "{roleName}"}},
	"AWS::KMS::Alias": {nameIn: "AliasName", longest: 256, ref: "{name}", view: aliasView},
	"AWS::KMS::Key": {mint: mintUUID, ref: "{name}", view: keyView,
		attributes: map[string]string{"Arn": "arn:{partition}:kms:{region}:{account}:key/{name}", "KeyId": "{name}"}},
	"AWS::Lambda::EventInvokeConfig": {mint: mintName, ref: "{name}", view: invokeConfigView},
	"AWS::Lambda::Function": {nameIn: "FunctionName", longest: 64, mint: mintName, ref: "{name}", view: functionView,
		attributes: map[string]string{"Arn": "arn:{partition}:lambda:{region}:{account}:function:{name}"}},
	"AWS::Lambda::Url": {mint: mintName, ref: "arn:{partition}:lambda:{region}:{account}:function:{name}", view: functionURLView,
		attributes: map[string]string{"FunctionUrl": "https://{name}.lambda-url.{region}.on.aws/", "FunctionArn": "{name}"}},
	"AWS::Lambda::Permission": {mint: mintName, ref: "{name}", view: permissionView, attributes: map[string]string{"Id": "{name}"}},
	"AWS::Logs::LogGroup": {nameIn: "LogGroupName", longest: 512, mint: mintName, ref: "{name}", view: logGroupView,
		attributes: map[string]string{"Arn": "arn:{partition}:logs:{region}:{account}:log-group:{name}:*"}},
	"AWS::Logs::MetricFilter": {nameIn: "FilterName", longest: 512, mint: mintName, ref: "{name}", view: metricFilterView},
	"AWS::S3::Bucket": {nameIn: "BucketName", longest: 63, mint: mintLowerName, ref: "{name}", view: bucketView,
		attributes: map[string]string{"Arn": "arn:{partition}:s3:::{name}", "DomainName": "{name}.s3.{suffix}",
			"DualStackDomainName": "{name}.s3.dualstack.{region}.{suffix}", "RegionalDomainName": "{name}.s3.{region}.{suffix}"}},
	"AWS::S3::BucketPolicy": {nameIn: "Bucket", ref: "{name}", view: bucketPolicyView},
	"AWS::SNS::Subscription": {mint: mintUUID, derive: deriveSubscription, ref: "{topic}:{name}", view: subscriptionView,
		attributes: map[string]string{"Arn": "{topic}:{name}"}},
	"AWS::SNS::Topic": {nameIn: "TopicName", longest: 256, mint: mintName, ref: "arn:{partition}:sns:{region}:{account}:{name}", view: topicView,
		attributes: map[string]string{"TopicArn": "arn:{partition}:sns:{region}:{account}:{name}", "TopicName": "{name}"}},
	"AWS::SNS::TopicPolicy": {mint: mintName, ref: "{name}", view: topicPolicyView, attributes: map[string]string{"Id": "{name}"}},
	"AWS::SQS::Queue": {nameIn: "QueueName", longest: 80, mint: mintName, ref: "https://sqs.{region}.{suffix}/{account}/{name}", view: queueView,
		attributes: map[string]string{"Arn": "arn:{partition}:sqs:{region}:{account}:{name}", "QueueName": "{name}", "QueueUrl": "https://sqs.{region}.{suffix}/{account}/{name}"}},
	"AWS::SQS::QueuePolicy": {mint: mintName, ref: "{name}", view: queuePolicyView, attributes: map[string]string{"Id": "{name}"}},
	"AWS::SSM::Parameter": {nameIn: "Name", longest: 1011, mint: mintName, derive: deriveParameter, ref: "{name}", view: parameterView,
		attributes: map[string]string{"Type": "{type}", "Value": "{value}"}},
	"AWS::Scheduler::Schedule": {nameIn: "Name", longest: 64, mint: mintName, derive: deriveSchedule, ref: "{name}", view: scheduleView,
		attributes: map[string]string{"Arn": "arn:{partition}:scheduler:{region}:{account}:schedule/{group}/{name}"}},
	"AWS::StepFunctions::StateMachine": {nameIn: "StateMachineName", longest: 80, mint: mintName, ref: "arn:{partition}:states:{region}:{account}:stateMachine:{name}", view: machineView,
		attributes: map[string]string{"Arn": "arn:{partition}:states:{region}:{account}:stateMachine:{name}", "Name": "{name}", "StateMachineRevisionId": "INITIAL"}},
}

// ignored are the types that make nothing.
var ignored = map[string]bool{"AWS::CDK::Metadata": true}

// SupportedTypes lists the resource types that Resolve understands, sorted.
func SupportedTypes() []string { return sortedKeys(kinds) }
