package iam

import (
	"maps"
	"slices"
	"strings"
)

// requestContext is the request's condition keys, in lower case. A key without
// values is absent.
type requestContext map[string][]string

// newContext takes the keys of the request and adds those that follow from it:
//
//	aws:PrincipalArn, aws:PrincipalAccount, aws:PrincipalType   callers that are roles or users
//	aws:PrincipalOrgID                                          the same, in an organization
//	aws:PrincipalIsAWSService                                   every caller
//	aws:PrincipalServiceName                                    service principals
//	aws:ResourceAccount                                         when the owner is known
//	kms:CallerAccount                                           kms actions of roles and users
//
// A service principal has no ARN, account, type or organization: policies meet
// it by aws:SourceAccount and aws:SourceArn, which the caller of this package
// supplies (IAM user guide, "AWS global condition context keys").
func newContext(r Request) requestContext {
	c := requestContext{}
	for _, key := range slices.Sorted(maps.Keys(r.Context)) {
		lower := strings.ToLower(key)
		c[lower] = append(c[lower], r.Context[key]...)
	}
	p := r.Principal
	c.fill("aws:ResourceAccount", r.Owner)
	if p.Service != "" {
		c.fill("aws:PrincipalIsAWSService", "true")
		c.fill("aws:PrincipalServiceName", p.Service)
		return c
	}
	c.fill("aws:PrincipalIsAWSService", "false")
	c.fill("aws:PrincipalArn", p.ARN)
	c.fill("aws:PrincipalAccount", p.Account)
	c.fill("aws:PrincipalOrgID", p.Org)
	c.fill("aws:PrincipalType", principalType(p.ARN))
	if strings.HasPrefix(strings.ToLower(r.Action), "kms:") {
		c.fill("kms:CallerAccount", p.Account)
	}
	return c
}

// fill adds a key unless the request brought it or there is nothing to say.
func (c requestContext) fill(key, value string) {
	lower := strings.ToLower(key)
	if _, there := c[lower]; !there && value != "" {
		c[lower] = []string{value}
	}
}

func (c requestContext) values(key string) []string { return c[strings.ToLower(key)] }

// principalType is the value of aws:PrincipalType.
func principalType(arn string) string {
	a, ok := splitARN(arn)
	switch {
	case !ok:
		return ""
	case strings.HasPrefix(a.resource, "role/"):
		return "AssumedRole"
	case strings.HasPrefix(a.resource, "user/"):
		return "User"
	case a.resource == "root":
		return "Account"
	}
	return ""
}
