package iam

import "slices"

// grip is how firmly a Principal element holds the caller. It matters because a
// principal named by itself is let in, while naming its account only passes the
// decision on to that account's identity policies (IAM user guide, "AWS JSON
// policy elements: Principal").
type grip int

const (
	noGrip    grip = iota
	byAccount      // account id or root: a delegation
	byRole         // the ARN of the caller's role: the permissions boundary still limits
	byItself       // session or user ARN, service principal, or "*": the boundary does not limit
)

// grip tells how the element covers the caller.
func (p Principals) grip(who Principal) grip {
	if p.Anyone {
		return byItself
	}
	if who.Service != "" && slices.Contains(p.Service, who.Service) {
		return byItself
	}
	best := noGrip
	for _, want := range p.AWS {
		best = max(best, awsGrip(want, who))
	}
	return best
}

func awsGrip(want string, who Principal) grip {
	switch {
	case want == "*":
		return byItself
	case who.Service != "":
		return noGrip
	case want == who.Session && want != "":
		return byItself
	case want == who.ARN && (who.isUser() || isRootARN(want)):
		return byItself
	case want == who.ARN:
		return byRole
	case accountOf(want) == who.Account && who.Account != "":
		return byAccount
	}
	return noGrip
}

// accountOf is the account that an entry stands for as a whole, or "".
func accountOf(want string) string {
	if isAccount(want) {
		return want
	}
	if a, ok := splitARN(want); ok && isRootARN(want) {
		return a.account
	}
	return ""
}

func isRootARN(s string) bool {
	a, ok := splitARN(s)
	return ok && a.service == "iam" && a.resource == "root"
}

// excludes tells whether a NotPrincipal element spares the caller. AWS spares a
// caller only when its account, its role or user, and its session are all
// listed (IAM user guide, "AWS JSON policy elements: NotPrincipal").
func (p Principals) excludes(who Principal) bool {
	switch {
	case p.Anyone || slices.Contains(p.AWS, "*"):
		return true
	case who.Service != "":
		return slices.Contains(p.Service, who.Service)
	}
	account := slices.ContainsFunc(p.AWS, func(s string) bool { return accountOf(s) == who.Account })
	return account && slices.Contains(p.AWS, who.ARN) && (who.Session == "" || slices.Contains(p.AWS, who.Session))
}
