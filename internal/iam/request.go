package iam

import (
	"slices"
	"strings"
)

// Principal is who asks. Either ARN or Service is set.
type Principal struct {
	// ARN is the value of aws:PrincipalArn: the ARN of the role (also for a
	// session of it) or of the user. Empty for a service principal.
	ARN string
	// Session is the ARN of the assumed-role session, if there is one:
	// arn:aws:sts::111111111111:assumed-role/name/session.
	Session string
	// Account is the 12-digit account of the principal; read from ARN when
	// empty. A service principal has none.
	Account string
	// Service is set when AWS itself calls, as backup.amazonaws.com.
	Service string
	// Org is the organization of the account ("o-…") and feeds
	// aws:PrincipalOrgID; empty when the account is in none.
	Org string
	// ServiceLinked marks a service-linked role: service control policies do
	// not apply to it (Organizations user guide, "Tasks and entities not
	// restricted by SCPs").
	ServiceLinked bool
}

// String names the principal as messages do: "role copier in 111111111111".
func (p Principal) String() string {
	if p.Service != "" {
		return "service principal " + p.Service
	}
	a, ok := splitARN(p.ARN)
	if !ok {
		return "an unknown principal"
	}
	kind, name, found := strings.Cut(a.resource, "/")
	if !found {
		return a.resource + " of " + a.account
	}
	return kind + " " + name[strings.LastIndex(name, "/")+1:] + " in " + a.account
}

func (p Principal) isUser() bool {
	a, ok := splitARN(p.ARN)
	return ok && strings.HasPrefix(a.resource, "user/")
}

// ResourceKind is how AWS treats the policies around a resource: one constant
// per distinct behavior.
type ResourceKind int

const (
	// General is the usual resource (bucket, queue, topic, bus, function,
	// secret). Same account: an identity policy or the resource policy
	// suffices. Across accounts: both must allow.
	General ResourceKind = iota
	// Key is a KMS key. Its policy must always allow. Identity policies of the
	// same account count only when it delegates to the account; grants count
	// too.
	Key
	// Trust is a role to be assumed. Its trust policy must always allow; in the
	// same account that is enough for a principal it names, while naming the
	// account leaves it to identity policies.
	Trust
	// VaultCopy is a backup vault (docs/aws.md, "Vault rules"). Same account: as
	// General. Across accounts only backup:CopyIntoBackupVault is honored.
	VaultCopy
	// NoPolicy is a resource that carries no policy of its own (clusters, jobs,
	// state machines, a role being passed): identity policies of the owner's
	// principals decide, and nobody else is let in.
	NoPolicy
	// Shared is a resource whose sharing is settled by other means (snapshot
	// attributes, AWS RAM). The caller of this package has checked that;
	// identity policies decide, from whichever account.
	Shared
)

var kindNames = [...]string{"general", "key", "trust", "vault-copy", "no-policy", "shared"}

// String is the kind in lower case, for logs.
func (k ResourceKind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

func (k ResourceKind) hasPolicy() bool { return k != NoPolicy && k != Shared }

// Request is one question: may this principal do this action on this resource.
// An operation that touches several resources is several requests.
type Request struct {
	Principal Principal
	Action    string // "backup:StartBackupJob"
	Resource  string // ARN, or "*" for an action without a resource
	Owner     string // account that owns the resource; empty = the principal's
	Kind      ResourceKind
	// Context holds the condition keys AWS would put into the request, spelled
	// as AWS does; looked up without regard to case. A key that AWS omits must
	// be absent here. Keys that follow from the other fields are filled in, see
	// the list in context.go; what stands here wins.
	Context map[string][]string
}

func (r Request) crossAccount() bool {
	return r.Principal.Service == "" && r.Owner != "" && r.Owner != r.Principal.Account
}

// normalized fills what can be read off other fields.
func (r Request) normalized() Request {
	if r.Principal.Account == "" && r.Principal.Service == "" {
		if a, ok := splitARN(r.Principal.ARN); ok {
			r.Principal.Account = a.account
		}
	}
	if r.Owner == "" {
		r.Owner = r.Principal.Account
	}
	return r
}

type arnParts struct{ partition, service, region, account, resource string }

// splitARN splits arn:partition:service:region:account:resource.
func splitARN(s string) (arnParts, bool) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" {
		return arnParts{}, false
	}
	return arnParts{p[1], p[2], p[3], p[4], p[5]}, true
}

func isAccount(s string) bool {
	return len(s) == 12 && !slices.ContainsFunc([]byte(s), func(b byte) bool { return b < '0' || b > '9' })
}
