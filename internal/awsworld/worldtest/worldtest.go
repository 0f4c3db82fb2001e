// Package worldtest sets up small worlds for the tests of the simulated
// services: two accounts of one organization, and roles with policies written
// by hand.
package worldtest

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/sim"
)

// The two accounts and the Region of every test world.
const (
	Production = "111111111111"
	Staging    = "222222222222"
	Org        = "o-example1234"
	Region     = "eu-west-1"
)

// Start is when every test world begins.
var Start = time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)

// Fixture is one world under test.
type Fixture struct {
	t *testing.T
	W *awsworld.World
}

// New makes a world with the two accounts.
func New(t *testing.T) *Fixture {
	t.Helper()
	w := awsworld.New(sim.New(Start), Region, 1)
	w.AddAccount(Production, "production", Org)
	w.AddAccount(Staging, "staging", Org)
	return &Fixture{t: t, W: w}
}

// Role creates a role that the service principal may assume, with one policy
// made of the given statements, and returns its ARN.
func (f *Fixture) Role(account, name, service string, statements ...string) string {
	f.t.Helper()
	arn := "arn:aws:iam::" + account + ":role/" + name
	f.W.Account(account).PutRole(&awsworld.Role{
		ARN: arn, Name: name, Account: account,
		Trust: f.policy("trust of "+name, account,
			`{"Effect":"Allow","Principal":{"Service":"`+service+`"},"Action":"sts:AssumeRole"}`),
		Policies: []iam.Policy{f.policy("policy of "+name, account, statements...)},
	})
	return arn
}

func (f *Fixture) policy(name, account string, statements ...string) iam.Policy {
	f.t.Helper()
	doc, err := iam.ParseDocument(Policy(statements...))
	if err != nil {
		f.t.Fatal(err)
	}
	return iam.Policy{Name: name, Account: account, Doc: doc}
}

// Policy is a policy document of the given statements.
func Policy(statements ...string) []byte {
	text := `{"Version":"2012-10-17","Statement":[`
	for i, s := range statements {
		if i > 0 {
			text += ","
		}
		text += s
	}
	return []byte(text + "]}")
}

// Allow is a statement of an identity policy.
func Allow(action, resource string) string {
	return `{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}`
}

// As makes a function with a new role of these statements, and gives the SDK
// configuration that runs under it.
func (f *Fixture) As(account, name string, statements ...string) aws.Config {
	f.t.Helper()
	arn := f.Role(account, name, "lambda.amazonaws.com", statements...)
	caller, err := f.W.AssumeAsService("lambda.amazonaws.com", arn, name, "")
	if err != nil {
		f.t.Fatal(err)
	}
	return f.W.Config(caller)
}

// Run runs the body as a process of the world and waits until nothing is left
// to do.
func (f *Fixture) Run(body func()) {
	f.t.Helper()
	f.W.Kernel.Go(body)
	if err := f.W.Kernel.Run(nil, Start.AddDate(1, 0, 0)); err != nil {
		f.t.Fatal(err)
	}
}
