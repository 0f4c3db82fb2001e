// Package secretsmanager simulates AWS Secrets Manager as far as dbferry uses
// it. Every secret part of every value is registered with the world, which
// searches whatever leaves a function for it.
package secretsmanager

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

const serviceID = "Secrets Manager"

// Keys is how a secret's KMS key is used; the kms service is one.
type Keys interface {
	Use(ctx context.Context, caller awsworld.Caller, action, keyARN string, extra map[string][]string) error
}

// Service is Secrets Manager in all accounts of one world.
type Service struct {
	// Keys is asked for secrets with a KMS key of the customer's; nil leaves
	// KMS out.
	Keys Keys

	w       *awsworld.World
	secrets map[string]*secret // by account + "/" + name
}

// SecretSpec describes a secret with its current value.
type SecretSpec struct {
	Name   string
	Value  string // usually JSON: {"username":…,"password":…}
	Policy []byte // resource policy as JSON; empty for none
	KeyARN string // KMS key of the customer's; empty for aws/secretsmanager
	Tags   map[string]string
	// DeletedDate is when its deletion was asked for; zero: it stays.
	DeletedDate time.Time
}

type version struct {
	id, value string
	created   time.Time
}

type secret struct {
	SecretSpec
	arn, owner string
	policy     *iam.Policy
	current    *version
	previous   *version
	created    time.Time
	changed    time.Time
}

// New registers the operations of Secrets Manager.
func New(w *awsworld.World) *Service {
	s := &Service{w: w, secrets: map[string]*secret{}}
	w.Register(s.ops()...)
	return s
}

// PutSecret creates a secret, or gives an existing one a new current value
// (the old one becomes AWSPREVIOUS), and returns its ARN with the random
// suffix that AWS appends.
func (s *Service) PutSecret(account string, spec SecretSpec) (string, error) {
	p, err := service.Policy("policy of secret "+spec.Name, account, spec.Policy)
	if err != nil {
		return "", awsworld.Errorf("MalformedPolicyDocumentException", "%v", err)
	}
	s.register(account, spec)
	x := s.secrets[account+"/"+spec.Name]
	if x == nil {
		x = &secret{arn: s.w.ARN("secretsmanager", account, "secret:"+spec.Name+"-"+s.w.Hex(6)), owner: account, created: s.w.Now()}
		s.secrets[account+"/"+spec.Name] = x
	}
	spec.Tags = maps.Clone(spec.Tags)
	if x.current == nil || x.current.value != spec.Value {
		x.previous = x.current
		x.current = &version{id: s.w.UUID(), value: spec.Value, created: s.w.Now()}
	}
	x.SecretSpec, x.policy, x.changed = spec, p, s.w.Now()
	return x.arn, nil
}

// ARN is the ARN of a secret.
func (s *Service) ARN(account, name string) (string, bool) {
	x := s.secrets[account+"/"+name]
	if x == nil {
		return "", false
	}
	return x.arn, true
}

// Value is the current value, for tests and the ground.
func (s *Service) Value(account, name string) (string, bool) {
	x := s.secrets[account+"/"+name]
	if x == nil {
		return "", false
	}
	return x.current.value, true
}

// notSecret are the fields of a database secret that may be shown.
var notSecret = []string{"username", "engine", "host", "port", "dbname", "dbclusteridentifier", "dbinstanceidentifier", "masterarn"}

// register tells the world what must never leave a function.
func (s *Service) register(account string, spec SecretSpec) {
	var fields map[string]any
	if json.Unmarshal([]byte(spec.Value), &fields) != nil {
		s.w.Secrets.Add(spec.Value, "secret "+spec.Name+" of account "+account)
		return
	}
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		v, ok := fields[k].(string)
		if ok && !slices.Contains(notSecret, strings.ToLower(k)) && v != "" {
			s.w.Secrets.Add(v, k+" in secret "+spec.Name+" of account "+account)
		}
	}
}

// find takes a name, an ARN, or an ARN without its suffix.
func (s *Service) find(account, id string) *secret {
	if !strings.HasPrefix(id, "arn:") {
		return s.secrets[account+"/"+id]
	}
	for _, k := range slices.Sorted(maps.Keys(s.secrets)) {
		x := s.secrets[k]
		if x.arn == id || x.arn[:len(x.arn)-7] == id {
			return x
		}
	}
	return nil
}

// of lists the secrets of an account by name.
func (s *Service) of(account string) []*secret {
	var out []*secret
	for _, k := range slices.Sorted(maps.Keys(s.secrets)) {
		if x := s.secrets[k]; x.owner == account {
			out = append(out, x)
		}
	}
	return out
}
