package iam

import "strings"

// nouns gives each service's resource and policy the name operators know.
var nouns = map[string]struct{ resource, policy string }{
	"s3":             {"bucket", "bucket policy"},
	"sqs":            {"queue", "queue policy"},
	"sns":            {"topic", "topic policy"},
	"events":         {"event bus", "bus policy"},
	"lambda":         {"function", "function policy"},
	"secretsmanager": {"secret", "secret policy"},
	"backup":         {"vault", "vault policy"},
	"kms":            {"key", "key policy"},
	"dynamodb":       {"table", "table policy"},
}

// resourceName is "vault copies in 222222222222".
func (e *evaluation) resourceName() string {
	resource, _ := e.nouns()
	return resource + " " + e.shortName() + inAccount(e.req.Owner)
}

// policyName is "vault policy of copies in 222222222222".
func (e *evaluation) policyName() string {
	_, policy := e.nouns()
	return policy + " of " + e.shortName() + inAccount(e.req.Owner)
}

func (e *evaluation) nouns() (resource, policy string) {
	switch e.req.Kind {
	case Key:
		return "key", "key policy"
	case Trust:
		return "role", "trust policy"
	case VaultCopy:
		return "vault", "vault policy"
	}
	a, _ := splitARN(e.req.Resource)
	if n, ok := nouns[a.service]; ok && e.req.Kind == General {
		return n.resource, n.policy
	}
	return "resource", "resource policy"
}

// shortName is the name inside the ARN: what follows the type, and for objects
// in a bucket the bucket.
func (e *evaluation) shortName() string {
	a, ok := splitARN(e.req.Resource)
	if !ok {
		return e.req.Resource
	}
	if a.service == "s3" {
		bucket, _, _ := strings.Cut(a.resource, "/")
		return bucket
	}
	return a.resource[strings.LastIndexAny(a.resource, "/:")+1:]
}
