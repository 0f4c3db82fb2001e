package template

import (
	"encoding/json"
	"strings"
)

// Function is a Lambda function.
type Function struct {
	LogicalID        string
	Name             string
	ARN              string
	RoleARN          string
	Handler          string
	Runtime          string
	Architecture     string // x86_64 or arm64
	Environment      map[string]string
	EnvironmentKey   string // KMS key ARN, empty for Lambda's own
	Timeout          int    // seconds
	Memory           int    // MB
	EphemeralStorage int    // MB
	CodePath         string // asset folder or file on this machine
	Reserved         *int   // concurrency, nil if not reserved
	Subnets          []string
	SecurityGroups   []string
	DeadLetterARN    string
	OnFailureARN     string // of asynchronous invocations
	MaxRetries       int    // of asynchronous invocations
	MaxEventAge      int    // seconds, of asynchronous invocations
	LogGroup         string
	LogFormat        string // Text or JSON
	ApplicationLevel string // empty with format Text
	SystemLevel      string
	Tracing          string // PassThrough or Active
	Tags             map[string]string
	// Policy is the function's resource policy, nil without permissions.
	Policy json.RawMessage

	codeBucket, codeKey string
}

// Permission is one statement of a function's resource policy.
type Permission struct {
	LogicalID     string
	StatementID   string
	Function      string // name or ARN, as written
	Action        string
	Principal     string // service, account id or ARN, as written
	SourceARN     string
	SourceAccount string
	PrincipalOrg  string
	URLAuthType   string // of function URLs
}

// InvokeConfig says what happens to asynchronous invocations.
type InvokeConfig struct {
	LogicalID    string
	Function     string // name or ARN, as written
	OnFailureARN string
	MaxRetries   int
	MaxEventAge  int // seconds
}

// FunctionURL is the address of a function.
type FunctionURL struct {
	LogicalID string
	Function  string // name or ARN, as written
	AuthType  string // AWS_IAM or NONE
	URL       string
}

func functionURLView(f *fields, r *Resource) any {
	f.only("InvokeMode", "BUFFERED")
	return &FunctionURL{LogicalID: r.LogicalID, Function: f.need("TargetFunctionArn"), AuthType: f.choice("AuthType", "AWS_IAM", "NONE"), URL: r.Attributes["FunctionUrl"]}
}

func functionView(f *fields, r *Resource) any {
	v := &Function{LogicalID: r.LogicalID, Name: r.Ref, ARN: r.Attributes["Arn"], RoleARN: f.need("Role"),
		Handler: f.str("Handler"), Runtime: f.need("Runtime"), Timeout: f.number("Timeout", 3), Memory: f.number("MemorySize", 128),
		EphemeralStorage: 512, EnvironmentKey: f.str("KmsKeyArn"), Reserved: f.optional("ReservedConcurrentExecutions"),
		MaxRetries: 2, MaxEventAge: 21600, LogGroup: "/aws/lambda/" + r.Ref, LogFormat: "Text", Tracing: "PassThrough",
		Architecture: "x86_64", Tags: f.tags("Tags")}
	if a := f.texts("Architectures"); len(a) > 0 {
		v.Architecture = a[0]
	}
	f.object("Code", func(c *fields) { v.codeBucket, v.codeKey = c.need("S3Bucket"), c.need("S3Key") })
	if v.codeKey == "" {
		f.p.add("%s.Code: the code must be an asset of the app", f.at)
	}
	f.object("Environment", func(e *fields) { v.Environment = e.textMap("Variables") })
	f.object("VpcConfig", func(c *fields) {
		v.Subnets, v.SecurityGroups = c.texts("SubnetIds"), c.texts("SecurityGroupIds")
		c.only("Ipv6AllowedForDualStack", "false")
	})
	f.object("DeadLetterConfig", func(c *fields) { v.DeadLetterARN = c.str("TargetArn") })
	f.object("EphemeralStorage", func(c *fields) { v.EphemeralStorage = c.number("Size", 512) })
	f.object("TracingConfig", func(c *fields) { v.Tracing = c.choice("Mode", "PassThrough", "Active") })
	f.object("LoggingConfig", v.readLogging)
	f.only("PackageType", "Zip")
	f.harmless("FunctionName", "Description", "RuntimeManagementConfig", "RecursiveLoop")
	return v
}

func (v *Function) readLogging(c *fields) {
	if g := c.str("LogGroup"); g != "" {
		v.LogGroup = g
	}
	v.LogFormat = c.choice("LogFormat", "Text", "JSON")
	v.ApplicationLevel, v.SystemLevel = c.str("ApplicationLogLevel"), c.str("SystemLogLevel")
}

func permissionView(f *fields, r *Resource) any {
	return &Permission{LogicalID: r.LogicalID, StatementID: r.Ref, Function: f.need("FunctionName"), Action: f.need("Action"),
		Principal: f.need("Principal"), SourceARN: f.str("SourceArn"), SourceAccount: f.str("SourceAccount"),
		PrincipalOrg: f.str("PrincipalOrgID"), URLAuthType: f.str("FunctionUrlAuthType")}
}

func invokeConfigView(f *fields, r *Resource) any {
	v := &InvokeConfig{LogicalID: r.LogicalID, Function: f.need("FunctionName"),
		MaxRetries: f.number("MaximumRetryAttempts", 2), MaxEventAge: f.number("MaximumEventAgeInSeconds", 21600)}
	f.only("Qualifier", "$LATEST")
	f.object("DestinationConfig", func(c *fields) {
		c.object("OnFailure", func(o *fields) { v.OnFailureARN = o.need("Destination") })
	})
	return v
}

// joinLambda finds the code of functions and adds what stands beside them.
func (d *Deployment) joinLambda(s *Stack, p *problems) {
	for _, fn := range d.Functions {
		fn.CodePath = assetPath(s, fn.codeBucket, fn.codeKey)
		if fn.CodePath == "" && fn.codeKey != "" {
			p.add("%s: its code s3://%s/%s is not an asset of the assembly; %s", d.byID[fn.LogicalID].where(), fn.codeBucket, fn.codeKey, again)
		}
	}
	for _, c := range d.InvokeConfigs {
		if fn := d.function(c.Function, c.LogicalID, p); fn != nil {
			fn.OnFailureARN, fn.MaxRetries, fn.MaxEventAge = c.OnFailureARN, c.MaxRetries, c.MaxEventAge
		}
	}
	statements := map[*Function][]any{}
	for _, perm := range d.Permissions {
		if fn := d.function(perm.Function, perm.LogicalID, p); fn != nil {
			statements[fn] = append(statements[fn], perm.Statement(fn.ARN, d.Partition))
		}
	}
	for _, fn := range d.Functions {
		if len(statements[fn]) > 0 {
			fn.Policy = policyDocument(statements[fn])
		}
	}
}

func assetPath(s *Stack, bucket, key string) string {
	for _, a := range s.Assets {
		if a.Bucket == bucket && a.Key == key {
			return a.Path
		}
	}
	return ""
}

func (d *Deployment) function(nameOrARN, user string, p *problems) *Function {
	for _, fn := range d.Functions {
		if fn.Name == nameOrARN || fn.ARN == nameOrARN {
			return fn
		}
	}
	p.add("%s: function %q is not made by this stack", d.byID[user].where(), nameOrARN)
	return nil
}

// Statement is the policy statement that Lambda's AddPermission writes. An
// account id as principal becomes the account's root.
func (perm *Permission) Statement(functionARN, partition string) map[string]any {
	st := map[string]any{"Sid": perm.StatementID, "Effect": "Allow", "Action": perm.Action, "Resource": functionARN}
	switch {
	case perm.Principal == "*":
		st["Principal"] = "*"
	case strings.HasPrefix(perm.Principal, "arn:"):
		st["Principal"] = map[string]any{"AWS": perm.Principal}
	case isAccount(perm.Principal):
		st["Principal"] = map[string]any{"AWS": accountRoot(perm.Principal, partition)}
	default:
		st["Principal"] = map[string]any{"Service": perm.Principal}
	}
	equal := map[string]any{}
	condition := map[string]any{}
	for key, value := range map[string]string{"AWS:SourceAccount": perm.SourceAccount, "aws:PrincipalOrgID": perm.PrincipalOrg,
		"lambda:FunctionUrlAuthType": perm.URLAuthType} {
		if value != "" {
			equal[key] = value
		}
	}
	if len(equal) > 0 {
		condition["StringEquals"] = equal
	}
	if perm.SourceARN != "" {
		condition["ArnLike"] = map[string]any{"AWS:SourceArn": perm.SourceARN}
	}
	if len(condition) > 0 {
		st["Condition"] = condition
	}
	return st
}
