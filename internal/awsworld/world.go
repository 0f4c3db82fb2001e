// Package awsworld is the simulated AWS of the rehearsal: accounts with roles,
// policies and resources, on one simulated clock, behind the real SDK clients.
//
// Every call, whether it comes from a handler through the SDK edge or from one
// simulated service acting through a role, takes the same pipe (pipe.go):
// identify, fault before, authorise, do, fault after, journal. The services
// live in packages of their own below this one and register their operations
// as rows of one table (op.go), from which FIDELITY.md is generated.
//
// Everything runs as processes of one sim.Kernel, one at a time, so no lock is
// needed and two runs give the same history.
package awsworld

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dbferry/dbferry/internal/iam"
	"github.com/dbferry/dbferry/internal/sim"
)

// Latency is how long a simulated API call takes unless the world says
// otherwise.
const Latency = 15 * time.Millisecond

// World is a set of AWS accounts in one Region.
type World struct {
	Kernel  *sim.Kernel
	Region  string
	Journal *Journal
	Waits   *Waits
	Secrets *Secrets

	// Latency is how long every simulated API call takes. It must not be zero:
	// an SDK waiter that runs out would otherwise never see time pass.
	Latency time.Duration

	accounts map[string]*Account
	ops      map[opKey]*Op
	keys     map[string]Caller // access key id → who signs with it
	faults   []*faultState
	sites    map[Site]int
	ids      uint64
	seed     uint64
	starts   time.Time
}

// New returns an empty world. The seed decides every identifier and delay, so
// that the same seed gives the same run.
func New(k *sim.Kernel, region string, seed uint64) *World {
	w := &World{
		Kernel: k, Region: region, seed: seed, starts: k.Now(),
		Secrets: NewSecrets(), Latency: Latency,
		accounts: map[string]*Account{}, ops: map[opKey]*Op{},
		keys: map[string]Caller{}, sites: map[Site]int{},
	}
	w.Journal = &Journal{
		world: w, ByName: map[string]int{}, Busiest: map[string]int{}, seen: map[alike]struct{}{}, seconds: map[operation]*second{},
	}
	w.Waits = &Waits{world: w, byKey: map[string]*Wait{}}
	return w
}

// Now is the simulated time.
func (w *World) Now() time.Time { return w.Kernel.Now() }

// Start is the simulated time at which the world began.
func (w *World) Start() time.Time { return w.starts }

// Seconds is a simulated time as seconds since the start of the world, the
// form in which reports give times.
func (w *World) Seconds(t time.Time) float64 {
	return t.Sub(w.starts).Round(time.Millisecond).Seconds()
}

// Account is one AWS account: who it is and which roles it has. Resources are
// kept by the service packages.
type Account struct {
	ID   string
	Name string // "production", or a target's name; for screens only
	Org  string // organisation id; empty when in none

	// ServicePolicies are the organisation's SCPs that bind this account.
	ServicePolicies []iam.Policy

	roles map[string]*Role
}

// AddAccount creates an account; adding it twice is a mistake of the caller.
func (w *World) AddAccount(id, name, org string) *Account {
	if _, ok := w.accounts[id]; ok {
		panic("awsworld: account " + id + " added twice")
	}
	a := &Account{ID: id, Name: name, Org: org, roles: map[string]*Role{}}
	w.accounts[id] = a
	return a
}

// Account finds an account by id; nil when there is none.
func (w *World) Account(id string) *Account { return w.accounts[id] }

// Accounts lists the accounts by id.
func (w *World) Accounts() []*Account {
	ids := slices.Sorted(maps.Keys(w.accounts))
	out := make([]*Account, len(ids))
	for i, id := range ids {
		out[i] = w.accounts[id]
	}
	return out
}

// Role is an IAM role with its trust policy and the policies attached to it.
type Role struct {
	ARN      string
	Name     string
	Account  string
	Trust    iam.Policy
	Policies []iam.Policy // inline, attached and AWS-managed alike
	Boundary *iam.Policy

	// Service is set for a service-linked role: the service that alone may
	// assume it.
	Service string
}

// PutRole creates or replaces a role.
func (a *Account) PutRole(r *Role) { a.roles[r.ARN] = r }

// DeleteRole removes a role.
func (a *Account) DeleteRole(arn string) { delete(a.roles, arn) }

// Role finds a role by ARN; nil when there is none.
func (a *Account) Role(arn string) *Role { return a.roles[arn] }

// RoleNamed finds a role by name; nil when there is none.
func (a *Account) RoleNamed(name string) *Role {
	for _, r := range a.Roles() {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// Roles lists the account's roles by ARN.
func (a *Account) Roles() []*Role {
	arns := slices.Sorted(maps.Keys(a.roles))
	out := make([]*Role, len(arns))
	for i, arn := range arns {
		out[i] = a.roles[arn]
	}
	return out
}

// PrincipalExists says whether an ARN or account id in a policy's Principal
// names something that exists. KMS, S3 and IAM refuse policies that name a
// principal that does not exist yet (docs/aws.md, "Principals").
func (w *World) PrincipalExists(principal string) bool {
	if principal == "*" || w.accounts[principal] != nil {
		return true
	}
	acct := accountOf(principal)
	if w.accounts[acct] == nil {
		// An account outside the simulated organisation: AWS would know it.
		return acct != ""
	}
	return principal == fmt.Sprintf("arn:aws:iam::%s:root", acct) || w.accounts[acct].roles[principal] != nil
}
