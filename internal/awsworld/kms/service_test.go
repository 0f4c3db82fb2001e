package kms_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/sim"
)

const prod, staging = "111111111111", "222222222222"

type fixture struct {
	t *testing.T
	w *awsworld.World
	*kms.Service
}

// inWorld runs the test as a process of a world with two accounts.
func inWorld(t *testing.T, test func(f fixture)) {
	t.Helper()
	w := awsworld.New(sim.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), "eu-west-1", 1)
	w.AddAccount(prod, "production", "o-example")
	w.AddAccount(staging, "staging", "o-example")
	f := fixture{t: t, w: w, Service: kms.New(w)}
	w.Kernel.Go(func() { test(f) })
	if err := w.Kernel.Run(nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	w.Kernel.Stop()
}

// role makes a role with these statements and returns its session.
func (f fixture) role(account, name string, statements ...string) awsworld.Caller {
	f.t.Helper()
	parse := func(text string) iam.Policy {
		doc, err := iam.ParseDocument([]byte(text))
		if err != nil {
			f.t.Fatal(err)
		}
		return iam.Policy{Name: name, Account: account, Doc: doc}
	}
	arn := fmt.Sprintf("arn:aws:iam::%s:role/%s", account, name)
	f.w.Account(account).PutRole(&awsworld.Role{
		ARN: arn, Name: name, Account: account,
		Trust:    parse(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
		Policies: []iam.Policy{parse(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`)},
	})
	c, err := f.w.AssumeAsService("lambda.amazonaws.com", arn, "test", "")
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func (f fixture) key(account string, spec kms.KeySpec) string {
	f.t.Helper()
	arn, err := f.PutKey(account, spec)
	if err != nil {
		f.t.Fatal(err)
	}
	return arn
}

// outcome is "ok", "denied", or the type of the error.
func outcome(err error) string {
	var (
		disabled *types.DisabledException
		state    *types.KMSInvalidStateException
		missing  *types.NotFoundException
	)
	switch _, denied := awsworld.IsDenied(err); {
	case err == nil:
		return "ok"
	case denied:
		return "denied"
	case errors.As(err, &disabled):
		return "disabled"
	case errors.As(err, &state):
		return "state"
	case errors.As(err, &missing):
		return "missing"
	}
	return err.Error()
}

const (
	allowAll   = `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`
	allowNone  = `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`
	serviceRDS = `{"Effect":"Allow","Action":["kms:DescribeKey"],"Resource":"*"},
	 {"Effect":"Allow","Action":["kms:ListGrants","kms:ReEncryptFrom","kms:GenerateDataKeyWithoutPlaintext"],"Resource":"*","Condition":{"StringLike":{"kms:ViaService":"rds.*.amazonaws.com"}}},
	 {"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"},"StringLike":{"kms:ViaService":"rds.*.amazonaws.com"}}}`
	sharedPolicy = `{"Version":"2012-10-17","Statement":[
	 {"Sid":"Own","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"kms:*","Resource":"*"},
	 {"Sid":"Use","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:DescribeKey"],"Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"rds.eu-west-1.amazonaws.com"}}},
	 {"Sid":"Grant","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"kms:CreateGrant","Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}]}`
)

func TestUse(t *testing.T) {
	cases := []struct {
		name    string
		account string
		role    string // statements
		policy  string // key policy; empty for the default
		state   types.KeyState
		via     string
		action  string
		want    string
	}{
		{"own account, identity policy allows", prod, allowAll, "", "", "", "Decrypt", "ok"},
		{"prefix is accepted", prod, allowAll, "", "", "", "kms:Decrypt", "ok"},
		{"own account, identity policy silent", prod, allowNone, "", "", "", "Decrypt", "denied"},
		{"other account, key policy does not know it", staging, allowAll, "", "", "rds", "Decrypt", "denied"},
		{"other account through RDS", staging, serviceRDS, sharedPolicy, "", "rds", "ReEncryptFrom", "ok"},
		{"other account not through RDS", staging, serviceRDS, sharedPolicy, "", "", "ReEncryptFrom", "denied"},
		{"service-linked role has no Decrypt", staging, serviceRDS, sharedPolicy, "", "rds", "Decrypt", "denied"},
		{"grant for an AWS resource", staging, serviceRDS, sharedPolicy, "", "rds", "CreateGrant", "ok"},
		{"grant of its own", staging, serviceRDS, sharedPolicy, "", "", "CreateGrant", "denied"},
		{"disabled key", prod, allowAll, "", types.KeyStateDisabled, "", "Decrypt", "disabled"},
		{"disabled key can be described", prod, allowAll, "", types.KeyStateDisabled, "", "DescribeKey", "ok"},
		{"key pending deletion", prod, allowAll, "", types.KeyStatePendingDeletion, "", "GenerateDataKey", "state"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(f fixture) {
				arn := f.key(prod, kms.KeySpec{Policy: []byte(c.policy)})
				if c.state != "" {
					if err := f.SetState(arn, c.state); err != nil {
						t.Error(err)
					}
				}
				caller := f.role(c.account, "user", c.role).Through(c.via)
				err := f.Use(context.Background(), caller, c.action, arn, nil)
				if got := outcome(err); got != c.want {
					t.Errorf("got %s, want %s: %v", got, c.want, err)
				}
				if err != nil && !strings.Contains(err.Error(), arn) {
					t.Errorf("error does not name the key: %v", err)
				}
			})
		})
	}
}

func TestAWSManagedKeyStaysInItsAccountAndService(t *testing.T) {
	inWorld(t, func(f fixture) {
		arn := f.AWSManaged(prod, "rds")
		if again := f.AWSManaged(prod, "rds"); again != arn {
			t.Errorf("made twice: %s, %s", arn, again)
		}
		if by, ok := f.Managed(arn); !ok || by != types.KeyManagerTypeAws {
			t.Errorf("managed by %s", by)
		}
		own, other := f.role(prod, "own", allowNone), f.role(staging, "other", allowAll)
		ctx := context.Background()
		for _, c := range []struct {
			name   string
			caller awsworld.Caller
			want   string
		}{
			{"own account through RDS", own.Through("rds"), "ok"},
			{"own account directly", own, "denied"},
			{"own account through another service", own.Through("dynamodb"), "denied"},
			{"other account through RDS", other.Through("rds"), "denied"},
		} {
			if got := outcome(f.Use(ctx, c.caller, "Decrypt", arn, nil)); got != c.want {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
		}
	})
}

func TestPutKeyRefuses(t *testing.T) {
	named := func(arn string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":"kms:*","Resource":"*"}]}`
	}
	inWorld(t, func(f fixture) {
		f.role(staging, "there", allowAll)
		f.key(prod, kms.KeySpec{Aliases: []string{"alias/taken"}})
		for _, c := range []struct {
			name string
			spec kms.KeySpec
			want string
		}{
			{"role that exists", kms.KeySpec{Policy: []byte(named("arn:aws:iam::222222222222:role/there"))}, ""},
			{"account", kms.KeySpec{Policy: []byte(named("222222222222"))}, ""},
			{"role that does not exist", kms.KeySpec{Policy: []byte(named("arn:aws:iam::222222222222:role/gone"))}, "invalid principals"},
			{"no JSON", kms.KeySpec{Policy: []byte("{")}, "MalformedPolicyDocument"},
			{"no principal", kms.KeySpec{Policy: []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`)}, "Principal"},
			{"alias taken", kms.KeySpec{Aliases: []string{"alias/taken"}}, "AlreadyExists"},
			{"alias without prefix", kms.KeySpec{Aliases: []string{"shop"}}, "InvalidAliasName"},
		} {
			_, err := f.PutKey(prod, c.spec)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want %q", c.name, err, c.want)
			}
		}
	})
}

func TestDescribeThroughTheSDK(t *testing.T) {
	inWorld(t, func(f fixture) {
		arn := f.key(prod, kms.KeySpec{ID: "0f2f5ee0-0000-4000-8000-000000000001", Aliases: []string{"alias/shop"}, Policy: []byte(sharedPolicy)})
		client := sdk.NewFromConfig(f.w.Config(f.role(prod, "reader", allowAll)))
		for _, name := range []string{arn, "alias/shop", "0f2f5ee0-0000-4000-8000-000000000001", "arn:aws:kms:eu-west-1:111111111111:alias/shop"} {
			out, err := client.DescribeKey(f.ctx(), &sdk.DescribeKeyInput{KeyId: aws.String(name)})
			if err != nil || *out.KeyMetadata.Arn != arn || out.KeyMetadata.KeyManager != types.KeyManagerTypeCustomer {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err := client.DescribeKey(f.ctx(), &sdk.DescribeKeyInput{KeyId: aws.String("alias/none")})
		if outcome(err) != "missing" {
			t.Errorf("missing alias: %v", err)
		}
		if _, err := client.GetKeyPolicy(f.ctx(), &sdk.GetKeyPolicyInput{KeyId: aws.String(arn)}); err != nil {
			t.Error(err)
		}
		list, err := client.ListAliases(f.ctx(), &sdk.ListAliasesInput{})
		if err != nil || len(list.Aliases) != 1 {
			t.Errorf("aliases: %v, %v", list, err)
		}
		stranger := sdk.NewFromConfig(f.w.Config(f.role(staging, "stranger", allowAll)))
		_, err = stranger.DescribeKey(f.ctx(), &sdk.DescribeKeyInput{KeyId: aws.String(arn)})
		if err == nil || !strings.Contains(err.Error(), "AccessDeniedException") {
			t.Errorf("stranger: %v", err)
		}
	})
}

func (f fixture) ctx() context.Context { return context.Background() }

func TestGrants(t *testing.T) {
	inWorld(t, func(f fixture) {
		arn := f.key(prod, kms.KeySpec{Policy: []byte(sharedPolicy)})
		owner := sdk.NewFromConfig(f.w.Config(f.role(prod, "owner", allowAll)))
		guest := f.role(staging, "guest", allowNone)
		if got := outcome(f.Use(f.ctx(), guest, "Decrypt", arn, nil)); got != "denied" {
			t.Errorf("before the grant: %s", got)
		}
		g, err := owner.CreateGrant(f.ctx(), &sdk.CreateGrantInput{
			KeyId: aws.String(arn), GranteePrincipal: aws.String(guest.Principal.ARN), Operations: []types.GrantOperation{"Decrypt"},
		})
		if err != nil {
			t.Errorf("CreateGrant: %v", err)
			return
		}
		if got := outcome(f.Use(f.ctx(), guest, "Decrypt", arn, nil)); got != "ok" {
			t.Errorf("with the grant: %s", got)
		}
		if got := outcome(f.Use(f.ctx(), guest, "Encrypt", arn, nil)); got != "denied" {
			t.Errorf("what the grant does not cover: %s", got)
		}
		list, err := owner.ListGrants(f.ctx(), &sdk.ListGrantsInput{KeyId: aws.String(arn)})
		if err != nil || len(list.Grants) != 1 || *list.Grants[0].GrantId != *g.GrantId {
			t.Errorf("ListGrants: %v, %v", list, err)
		}
		if _, err := owner.RevokeGrant(f.ctx(), &sdk.RevokeGrantInput{KeyId: aws.String(arn), GrantId: g.GrantId}); err != nil {
			t.Error(err)
		}
		if got := outcome(f.Use(f.ctx(), guest, "Decrypt", arn, nil)); got != "denied" {
			t.Errorf("after revoking: %s", got)
		}
		_, err = owner.CreateGrant(f.ctx(), &sdk.CreateGrantInput{
			KeyId: aws.String(arn), GranteePrincipal: aws.String("arn:aws:iam::222222222222:role/gone"), Operations: []types.GrantOperation{"Decrypt"},
		})
		if err == nil || !strings.Contains(err.Error(), "InvalidArn") {
			t.Errorf("grantee that does not exist: %v", err)
		}
	})
}

func TestServiceGrantIsHeldUntilRevoked(t *testing.T) {
	inWorld(t, func(f fixture) {
		arn := f.key(prod, kms.KeySpec{Policy: []byte(sharedPolicy)})
		slr := f.role(staging, "slr", serviceRDS)
		spec := kms.GrantSpec{Grantee: "rds.amazonaws.com", Operations: []string{"Decrypt"}, Context: map[string]string{"aws:rds:dbc-id": "cluster-X"}}
		if _, err := f.Grant(f.ctx(), slr, arn, spec); outcome(err) != "denied" {
			t.Errorf("not through RDS: %v", err)
		}
		id, err := f.Grant(f.ctx(), slr.Through("rds"), arn, spec)
		if err != nil {
			t.Errorf("through RDS: %v", err)
		}
		if err := f.Held(arn, id); err != nil {
			t.Errorf("held: %v", err)
		}
		if err := f.SetState(arn, types.KeyStateDisabled); err != nil {
			t.Error(err)
		}
		if got := outcome(f.Held(arn, id)); got != "disabled" {
			t.Errorf("disabled key: %s", got)
		}
		if f.Enabled(arn) {
			t.Error("a disabled key is not enabled")
		}
		if err := f.SetState(arn, types.KeyStateEnabled); err != nil {
			t.Error(err)
		}
		f.Retire(arn, id)
		if err := f.Held(arn, id); err == nil || !strings.Contains(err.Error(), arn) {
			t.Errorf("retired: %v", err)
		}
	})
}
