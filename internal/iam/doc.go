// Package iam decides, from policies alone, whether AWS would allow a request.
//
// It is pure: a Request and the Policies that bear on it go in, a Decision
// comes out, with the statements that decided it and, for a refusal, the
// account, the side and the statement that is missing. Nothing here knows of
// time, of accounts as such, or of the SDK, so a logged decision can be taken
// again later with one statement removed.
//
// One rule lives in one file: wildcard.go, variable.go, condition.go,
// principal.go, statement.go say whether a statement applies; identity.go,
// resource.go, key.go, trust.go, vault.go, grant.go, boundary.go and scp.go say
// what that means. The rules are those of the IAM user guide's pages "Policy
// evaluation logic" and "IAM JSON policy reference"; where AWS is silent, the
// comment says what was assumed.
package iam
