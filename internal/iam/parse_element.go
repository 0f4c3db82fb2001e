package iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// checkAction accepts "*" and "vendor:name", the name with wildcards.
func checkAction(s string) error {
	if s == "*" {
		return nil
	}
	vendor, name, found := strings.Cut(s, ":")
	if !found || vendor == "" || name == "" || strings.ContainsAny(s, " \t\n") {
		return fmt.Errorf("%q is not an action; write service:Name", s)
	}
	return nil
}

// checkResource accepts "*" and ARNs of six parts. AWS refuses the same.
func checkResource(variables bool) func(string) error {
	return func(s string) error {
		if s == "*" {
			return nil
		}
		if strings.Count(s, ":") < 5 || !strings.HasPrefix(s, "arn:") {
			return fmt.Errorf("%q is neither an ARN of six parts nor \"*\"", s)
		}
		if !variables {
			return nil
		}
		return checkVariables(s)
	}
}

func readPrincipals(raw json.RawMessage, into **Principals) error {
	var star string
	if readString(raw, &star) == nil {
		if star != "*" {
			return fmt.Errorf("%q is not a principal; write \"*\" or {\"AWS\": …}", star)
		}
		*into = &Principals{Anyone: true}
		return nil
	}
	p := &Principals{}
	err := eachMember(raw, func(key string, value json.RawMessage) error {
		switch key {
		case "AWS":
			return readList(value, &p.AWS, checkAWSPrincipal)
		case "Service":
			return readList(value, &p.Service, checkServicePrincipal)
		case "Federated", "CanonicalUser":
			return errors.New("principals of this type are not evaluated")
		}
		return errors.New("is not a type of principal")
	})
	if err == nil && p.AWS == nil && p.Service == nil {
		err = errors.New("names nobody")
	}
	*into = p
	return err
}

// checkAWSPrincipal accepts what AWS accepts: an account, an ARN without
// wildcards, or "*" alone.
func checkAWSPrincipal(s string) error {
	if s == "*" || isAccount(s) {
		return nil
	}
	a, ok := splitARN(s)
	switch {
	case !ok || !isAccount(a.account):
		return fmt.Errorf("%q is not a principal; use an account id, an ARN of IAM or STS, or \"*\"", s)
	case strings.ContainsAny(s, "*?"):
		return fmt.Errorf("%q: a principal takes no wildcard; use the account and a condition on aws:PrincipalArn", s)
	case a.service == "iam" && (a.resource == "root" || hasName(a.resource, "role/", "user/")):
		return nil
	case a.service == "sts" && hasName(a.resource, "assumed-role/"):
		return nil
	}
	return fmt.Errorf("%q is not an account, role, user or assumed-role session", s)
}

func hasName(resource string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(resource, p) && len(resource) > len(p) {
			return true
		}
	}
	return false
}

func checkServicePrincipal(s string) error {
	if !strings.Contains(s, ".") || strings.ContainsAny(s, "*?: /") {
		return fmt.Errorf("%q is not a service principal; write it out, as backup.amazonaws.com", s)
	}
	return nil
}
