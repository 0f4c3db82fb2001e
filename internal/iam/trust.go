package iam

// A role's trust policy follows mandatoryPolicy (resource.go) without grants:
//
//   - the trust policy must allow, even to an administrator of the same account
//   - naming a role or user of the same account is enough by itself
//   - naming the account leaves it to identity policies
//   - across accounts the caller's identity policy must allow as well
//   - a service principal needs the trust policy only
//
// Source: IAM user guide, "Policy evaluation for requests within a single
// account" (role trust policies and KMS keys are its two exceptions).

// policyNamesResource is false for roles: statements of trust policies carry no
// Resource, and the fix of a refusal must not either.
func (k ResourceKind) policyNamesResource() bool { return k != Trust }
