package config

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Problems is every reason why a configuration is refused.
type Problems []string

// Error lists them, one a line.
func (p Problems) Error() string {
	return fmt.Sprintf("%d problem(s) in the configuration:\n  - %s", len(p), strings.Join(p, "\n  - "))
}

func (p *Problems) addf(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

var (
	accountID   = regexp.MustCompile(`^[0-9]{12}$`)
	region      = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	orgID       = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`)
	targetName  = regexp.MustCompile(`^[a-z][a-z0-9-]{0,18}[a-z0-9]$`)
	vpcID       = regexp.MustCompile(`^vpc-[0-9a-f]{8,17}$`)
	subnetID    = regexp.MustCompile(`^subnet-[0-9a-f]{8,17}$`)
	groupID     = regexp.MustCompile(`^sg-[0-9a-f]{8,17}$`)
	clusterID   = regexp.MustCompile(`^[a-z](-?[a-z0-9])*$`)
	tableName   = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`)
	scheduleExp = regexp.MustCompile(`^(cron|rate)\(.+\)$`)
)

// Validate checks the whole configuration and reports every problem at once,
// as a Problems.
func (c Config) Validate() error {
	var p Problems
	if !region.MatchString(c.Region) {
		p.addf("region: %q is not a Region such as eu-west-1", c.Region)
	}
	if !orgID.MatchString(c.OrganizationID) {
		p.addf("organizationId: %q is not an organization id such as o-exampleorg", c.OrganizationID)
	}
	if !accountID.MatchString(c.Production.Account) {
		p.addf("production.account: %q is not a 12-digit account id", c.Production.Account)
	}
	p.emails("production.notify", c.Production.Notify)
	if c.Production.Migrate != nil {
		c.Production.Migrate.validate("production.migrate", &p)
	}
	c.validateTargets(&p)
	c.DataSet.validate(&p)
	c.Limits.validate(&p)
	if len(p) > 0 {
		return p
	}
	return nil
}

func (c Config) validateTargets(p *Problems) {
	if len(c.Targets) == 0 {
		p.addf("targets: at least one is needed")
	}
	seen := map[string]string{c.Production.Account: "production"}
	namesSeen := map[string]bool{"production": true}
	for i, t := range c.Targets {
		at := fmt.Sprintf("targets[%d]", i)
		if !targetName.MatchString(t.Name) {
			p.addf("%s.name: %q must be 2 to 20 characters of a-z, 0-9 and -, beginning with a letter", at, t.Name)
		}
		if namesSeen[t.Name] {
			p.addf("%s.name: %q is taken", at, t.Name)
		}
		namesSeen[t.Name] = true
		if !accountID.MatchString(t.Account) {
			p.addf("%s.account: %q is not a 12-digit account id", at, t.Account)
		} else if other, ok := seen[t.Account]; ok {
			p.addf("%s.account: %s is already the account of %s; a target never shares an account, so that nothing in it can be mistaken for another's", at, t.Account, other)
		}
		seen[t.Account] = t.Name
		t.validate(at, p)
	}
}

func (t Target) validate(at string, p *Problems) {
	if t.Bus != "" && t.Bus != "default" {
		p.addf("%s.bus: %q: leave it empty for a bus of its own, or say default", at, t.Bus)
	}
	if t.Schedule != "" && !scheduleExp.MatchString(t.Schedule) {
		p.addf("%s.schedule: %q is not an expression such as cron(0 3 * * ? *) or rate(1 day)", at, t.Schedule)
	}
	p.emails(at+".notify", t.Notify)
	t.Network.validate(at+".network", p)
	for i, s := range t.Clusters {
		s.validate(fmt.Sprintf("%s.clusters[%d]", at, i), p)
		s.validateSettings(fmt.Sprintf("%s.clusters[%d]", at, i), t.Account, p)
	}
	t.validateRotation(at, p)
	for i, s := range t.Tables {
		s.validate(fmt.Sprintf("%s.tables[%d]", at, i), p)
	}
	if t.Switch != nil {
		t.Switch.validate(at+".switch", t, p)
	}
}

// validateRotation wants applications to be told of passwords that change: a
// login that nothing leads to would lock them out of the next generation.
func (t Target) validateRotation(at string, p *Problems) {
	for i, s := range t.Clusters {
		for j, l := range s.Logins {
			if !l.Rotates() {
				continue
			}
			told := false
			if t.Switch != nil {
				for _, r := range t.Switch.References() {
					of, err := t.ClusterSettings(r.Item)
					told = told || r.What == AskSecret && r.User == l.User && err == nil && of.Match == s.Match
				}
			}
			if !told {
				p.addf("%s.clusters[%d].logins[%d].rotate: no parameter of the target's switch has ${secret:<cluster>/%s}, so applications would not learn the new password", at, i, j, l.User)
			}
		}
	}
}

func (n Network) validate(at string, p *Problems) {
	if !vpcID.MatchString(n.VPC) {
		p.addf("%s.vpc: %q is not a VPC id", at, n.VPC)
	}
	if n.DBSubnetGroup == "" {
		p.addf("%s.dbSubnetGroup: is missing; without it AWS restores into the default VPC", at)
	}
	p.ids(at+".functionSubnets", n.FunctionSubnets, subnetID, "subnet")
	p.ids(at+".databaseSecurityGroups", n.DatabaseSecurityGroups, groupID, "security group")
}

func (s ClusterSettings) validate(at string, p *Problems) {
	p.pattern(at+".match", s.Match)
	if s.Instances < 0 || s.Instances > 16 {
		p.addf("%s.instances: %d is not between 1 and 16, Aurora's limit", at, s.Instances)
	}
	if s.InstanceClass != "" && !strings.HasPrefix(s.InstanceClass, "db.") {
		p.addf("%s.instanceClass: %q is not an instance class such as db.r6g.large", at, s.InstanceClass)
	}
	if s.MasterSecret == "" {
		p.addf("%s.masterSecret: is missing; restored clusters carry production's master password until it is replaced", at)
	}
	users := map[string]bool{}
	for i, l := range s.Logins {
		if l.User == "" || l.Secret == "" {
			p.addf("%s.logins[%d]: user and secret are both needed", at, i)
		}
		if users[l.User] {
			p.addf("%s.logins[%d].user: %q is listed twice", at, i, l.User)
		}
		users[l.User] = true
	}
}

func (d DataSet) validate(p *Problems) {
	if len(d.Clusters)+len(d.Tables) == 0 {
		p.addf("dataSet: is empty; name at least one cluster or table")
	}
	for i, s := range d.Clusters {
		s.validate(fmt.Sprintf("dataSet.clusters[%d]", i), clusterID, "cluster identifier", p)
	}
	for i, s := range d.Tables {
		s.validate(fmt.Sprintf("dataSet.tables[%d]", i), tableName, "table name", p)
	}
}

func (s Selector) validate(at string, id *regexp.Regexp, what string, p *Problems) {
	n := 0
	for _, set := range []bool{s.ID != "", s.Prefix != "", s.Tag != nil} {
		if set {
			n++
		}
	}
	if n != 1 {
		p.addf("%s: exactly one of id, prefix and tag is needed", at)
	}
	if s.ID != "" && !id.MatchString(s.ID) {
		p.addf("%s.id: %q is not a %s", at, s.ID, what)
	}
	if s.Tag != nil && s.Tag.Key == "" {
		p.addf("%s.tag.key: is missing", at)
	}
}

func (l Limits) validate(p *Problems) {
	if l.SpreadMinutes < 0 || l.SpreadMinutes > 1440 {
		p.addf("limits.spreadMinutes: %d is not between 1 and 1440", l.SpreadMinutes)
	}
	if r := l.Retention(); r < 7 || r > 365 {
		p.addf("limits.retentionDays: %d is not between 7 and 365; AWS advises at least 7", r)
	}
}

func (p *Problems) pattern(at, match string) {
	if match == "" {
		p.addf("%s: is missing", at)
	} else if _, err := path.Match(match, "x"); err != nil {
		p.addf("%s: %q is not a pattern: %v", at, match, err)
	}
}

func (p *Problems) ids(at string, ids []string, form *regexp.Regexp, what string) {
	if len(ids) == 0 {
		p.addf("%s: at least one is needed", at)
	}
	for i, id := range ids {
		if !form.MatchString(id) {
			p.addf("%s[%d]: %q is not a %s id", at, i, id, what)
		}
	}
}

func (p *Problems) emails(at string, list []string) {
	for i, e := range list {
		if !strings.Contains(e, "@") {
			p.addf("%s[%d]: %q is not an e-mail address", at, i, e)
		}
	}
}
