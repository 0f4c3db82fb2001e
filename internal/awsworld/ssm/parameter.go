package ssm

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

const (
	standardSize = 4 << 10
	advancedSize = 8 << 10
	maxVersions  = 100
	ownKey       = "alias/aws/ssm" // the AWS managed key, which needs no policy
)

// ParameterSpec describes a parameter with one version.
type ParameterSpec struct {
	Name, Value string
	Secure      bool
	KeyARN      string // of a SecureString; empty for aws/ssm
	Tags        map[string]string
}

// parameter is one parameter with its versions, the oldest first.
type parameter struct {
	name, arn string
	kind      types.ParameterType
	tags      map[string]string
	versions  []*version
}

type version struct {
	number  int64
	value   string
	tier    types.ParameterTier
	key     string
	pattern string
	text    string // description
	labels  []string
	at      time.Time
	by      string
}

func (p *parameter) last() *version { return p.versions[len(p.versions)-1] }

// PutParameter creates a parameter, or adds a version to it; the scene before
// dbferry, or somebody else at work.
func (s *Service) PutParameter(accountID string, spec ParameterSpec) error {
	a := s.account(accountID)
	if err := validName(spec.Name); err != nil {
		return fmt.Errorf("parameter %s in account %s: %w", spec.Name, accountID, err)
	}
	p := a.parameters[spec.Name]
	if p == nil {
		p = &parameter{name: spec.Name, arn: s.parameterARN(accountID, spec.Name), kind: types.ParameterTypeString, tags: maps.Clone(spec.Tags)}
		if spec.Secure {
			p.kind = types.ParameterTypeSecureString
		}
		a.parameters[spec.Name] = p
	}
	s.add(p, &version{value: spec.Value, tier: types.ParameterTierStandard, key: spec.KeyARN, by: "arn:aws:iam::" + accountID + ":root"})
	return nil
}

// Value is the present value of a parameter, for tests and reports.
func (s *Service) Value(account, name string) (string, bool) {
	p := s.account(account).parameters[name]
	if p == nil {
		return "", false
	}
	return p.last().value, true
}

// Label attaches labels to the last version, which then is never dropped.
func (s *Service) Label(account, name string, labels ...string) {
	if p := s.account(account).parameters[name]; p != nil {
		p.last().labels = append(p.last().labels, labels...)
	}
}

func (s *Service) add(p *parameter, v *version) {
	v.number, v.at = 1, s.w.Now()
	if len(p.versions) > 0 {
		v.number = p.last().number + 1
	}
	p.versions = append(p.versions, v)
	if len(p.versions) > maxVersions {
		p.versions = p.versions[1:]
	}
	if p.kind == types.ParameterTypeSecureString && len(v.value) >= 6 {
		s.w.Secrets.Add(v.value, "parameter "+p.name)
	}
}

var parameterName = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

func validName(name string) error {
	lower := strings.ToLower(strings.TrimPrefix(name, "/"))
	switch {
	case len(name) > 1011 || !parameterName.MatchString(name):
		return validation("Parameter name %q must only contain letters, numbers, dots, dashes, underscores and slashes.", name)
	case strings.HasPrefix(lower, "aws") || strings.HasPrefix(lower, "ssm"):
		return validation("Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive): %s", name)
	case strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		return validation("Parameter name must be a fully qualified name: %s", name)
	case strings.Count(name, "/") > 15:
		return awsworld.Errorf("HierarchyLevelLimitExceededException", "The parameter %s has more than 15 levels", name)
	}
	return nil
}

func (s *Service) put(c *awsworld.Call, in *sdk.PutParameterInput) (*sdk.PutParameterOutput, error) {
	if err := service.OnlyFields(c, "Name", "Value", "AllowedPattern", "DataType", "Description", "KeyId", "Overwrite", "Tags", "Tier", "Type"); err != nil {
		return nil, err
	}
	a, name := s.account(c.Account.ID), plainName(aws.ToString(in.Name))
	p := a.parameters[name]
	if err := mayPut(p, name, in); err != nil {
		return nil, err
	}
	v, err := newVersion(c, p, in)
	if err != nil {
		return nil, err
	}
	kind := in.Type
	if p != nil {
		kind = p.kind
	}
	if kind == types.ParameterTypeSecureString {
		v.key = cmp.Or(aws.ToString(in.KeyId), keyOf(p), ownKey)
		if err := s.useKey(c, map[bool]string{true: "kms:GenerateDataKey", false: "kms:Encrypt"}[v.tier == types.ParameterTierAdvanced], v.key, name); err != nil {
			return nil, err
		}
	}
	if p == nil {
		p = &parameter{name: name, arn: s.parameterARN(a.id, name), kind: kind, tags: tagMap(in.Tags)}
		a.parameters[name] = p
	}
	s.add(p, v)
	return &sdk.PutParameterOutput{Version: v.number, Tier: v.tier}, nil
}

// mayPut checks what a parameter's history demands.
func mayPut(p *parameter, name string, in *sdk.PutParameterInput) error {
	if err := validName(name); err != nil {
		return err
	}
	overwrite := aws.ToBool(in.Overwrite)
	switch {
	case overwrite && len(in.Tags) > 0:
		return validation("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag.")
	case p == nil && in.Type == "":
		return validation("A parameter type is required when you create a parameter.")
	case p == nil:
		return nil
	case !overwrite:
		return &types.ParameterAlreadyExists{Message: aws.String("The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")}
	case in.Type != "" && in.Type != p.kind:
		return awsworld.Errorf("HierarchyTypeMismatchException", "The parameter %s is a %s and can't become a %s", name, p.kind, in.Type)
	case len(p.versions) == maxVersions && len(p.versions[0].labels) > 0:
		return &types.ParameterMaxVersionLimitExceeded{Message: aws.String(fmt.Sprintf(
			"You attempted to create a new version of %s by calling the PutParameter API with the overwrite flag. Version %d, the oldest version, can't be deleted "+
				"because it has a label associated with it. Move the label to another version of the parameter, and try again.", name, p.versions[0].number))}
	}
	return nil
}

// newVersion checks the value and what holds for it.
func newVersion(c *awsworld.Call, p *parameter, in *sdk.PutParameterInput) (*version, error) {
	v := &version{value: aws.ToString(in.Value), tier: in.Tier, pattern: aws.ToString(in.AllowedPattern), text: aws.ToString(in.Description), by: c.Caller.String()}
	had := types.ParameterTierStandard
	if p != nil {
		had = p.last().tier
		v.pattern, v.text = cmp.Or(v.pattern, p.last().pattern), cmp.Or(v.text, p.last().text)
	}
	if v.tier == types.ParameterTierIntelligentTiering || v.tier == "" && had == types.ParameterTierAdvanced {
		v.tier = had
		if len(v.value) > standardSize {
			v.tier = types.ParameterTierAdvanced
		}
	}
	v.tier = cmp.Or(v.tier, types.ParameterTierStandard)
	switch {
	case in.DataType != nil && *in.DataType != "text":
		return nil, &awsworld.Unsimulated{Service: serviceID, Operation: "PutParameter with data type " + *in.DataType}
	case strings.Contains(v.value, "{{"):
		return nil, validation("Parameter value: can't nest another parameter. Do not use \"{{}}\" in the value.")
	case v.value == "":
		return nil, validation("1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.")
	case had == types.ParameterTierAdvanced && v.tier == types.ParameterTierStandard:
		return nil, validation("This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier.")
	case v.tier == types.ParameterTierStandard && len(v.value) > standardSize:
		return nil, validation("Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.")
	case len(v.value) > advancedSize:
		return nil, validation("Advanced tier parameters support a maximum parameter value of 8192 characters.")
	}
	return v, v.matches()
}

func (v *version) matches() error {
	if v.pattern == "" {
		return nil
	}
	re, err := regexp.Compile("^(?:" + v.pattern + ")$")
	if err != nil {
		return awsworld.Errorf("InvalidAllowedPatternException", "The pattern %s is not valid", v.pattern)
	}
	if !re.MatchString(v.value) {
		return &types.ParameterPatternMismatchException{Message: aws.String("Parameter value, cannot be validated against allowedPattern: " + v.pattern)}
	}
	return nil
}

func keyOf(p *parameter) string {
	if p == nil {
		return ""
	}
	return p.last().key
}

// useKey asks KMS on the caller's behalf; the AWS managed key allows everybody
// of the account who may use the parameter.
func (s *Service) useKey(c *awsworld.Call, action, key, name string) error {
	if s.Keys == nil || c.Caller.Ground || key == ownKey || key == "" {
		return nil
	}
	return s.Keys.Use(c.Ctx, c.Caller.Through("ssm"), action, key, map[string][]string{
		"kms:EncryptionContext:PARAMETER_ARN": {s.parameterARN(c.Account.ID, name)},
	})
}

func (s *Service) deleteParameter(c *awsworld.Call, in *sdk.DeleteParameterInput) (*sdk.DeleteParameterOutput, error) {
	a, name := s.account(c.Account.ID), plainName(aws.ToString(in.Name))
	if a.parameters[name] == nil {
		return nil, parameterNotFound(name)
	}
	delete(a.parameters, name)
	return &sdk.DeleteParameterOutput{}, nil
}

func parameterNotFound(name string) error {
	return &types.ParameterNotFound{Message: aws.String("Parameter " + name + " not found.")}
}

// find is the version that a name with an optional selector asks for.
func (a *account) find(name string) (*parameter, *version, error) {
	plain, selector := splitSelector(plainName(name))
	p := a.parameters[plain]
	if p == nil {
		return nil, nil, parameterNotFound(plain)
	}
	if selector == "" {
		return p, p.last(), nil
	}
	for _, v := range p.versions {
		if fmt.Sprint(v.number) == selector || slices.Contains(v.labels, selector) {
			return p, v, nil
		}
	}
	return nil, nil, &types.ParameterVersionNotFound{Message: aws.String(fmt.Sprintf("Systems Manager could not find version %s of %s.", selector, plain))}
}
