package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What the settings of restored resources may be; empty means the default.
var (
	storageTypes = []string{"", "aurora", "aurora-iopt1"}
	insights     = []string{"", InsightsAsProduction}
	alarmModes   = []string{"", AlarmsQuiet, AlarmsNotify, AlarmsNone}
	tableClasses = []string{"", "STANDARD", "STANDARD_INFREQUENT_ACCESS"}
	billingModes = []string{"", "PAY_PER_REQUEST"}

	roleARN = regexp.MustCompile(`^arn:aws:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,512}$`)
)

func (s ClusterSettings) validateSettings(at, account string, p *Problems) {
	p.between(at+".backupRetentionDays", s.BackupRetentionDays, 0, 35, "days, RDS's limit")
	if s.BacktrackHours != nil {
		p.between(at+".backtrackHours", *s.BacktrackHours, 0, 72, "hours, RDS's limit")
	}
	p.between(at+".maxACU", s.MaxACU, 0, 256, "capacity units, Aurora's limit")
	p.between(at+".maxReplicas", s.MaxReplicas, 0, 15, "readers, Aurora's limit")
	p.oneOf(at+".storageType", s.StorageType, storageTypes)
	p.oneOf(at+".databaseInsights", s.DatabaseInsights, insights)
	p.oneOf(at+".alarms", s.Alarms, alarmModes)
	if s.MonitoringRole != "" {
		p.role(at+".monitoringRole", s.MonitoringRole, account)
	}
	seen := map[FeatureRole]bool{}
	for i, r := range s.Roles {
		p.role(fmt.Sprintf("%s.roles[%d]", at, i)+".role", r.Role, account)
		if seen[r] {
			p.addf("%s: the same role for the same feature twice", fmt.Sprintf("%s.roles[%d]", at, i))
		}
		seen[r] = true
	}
}

func (s TableSettings) validate(at string, p *Problems) {
	p.pattern(at+".match", s.Match)
	p.oneOf(at+".tableClass", s.TableClass, tableClasses)
	p.oneOf(at+".billingMode", s.BillingMode, billingModes)
	p.oneOf(at+".alarms", s.Alarms, alarmModes)
	if s.MaxCapacity < 0 {
		p.addf("%s.maxCapacity: %d is below 0", at, s.MaxCapacity)
	}
	if s.BillingMode != "" && (s.MaxCapacity > 0 || s.AutoScaling != nil && *s.AutoScaling) {
		p.addf("%s.billingMode: a table on demand has no capacity to scale; leave out maxCapacity and autoScaling", at)
	}
}

// role wants the ARN of a role of the target's own account.
func (p *Problems) role(at, arn, account string) {
	switch {
	case !roleARN.MatchString(arn):
		p.addf("%s: %q is not the ARN of a role", at, arn)
	case !strings.HasPrefix(arn, "arn:aws:iam::"+account+":"):
		p.addf("%s: %s is not a role of account %s", at, arn, account)
	}
}

func (p *Problems) between(at string, v, low, high int, what string) {
	if v < low || v > high {
		p.addf("%s: %d is not between %d and %d %s", at, v, low, high, what)
	}
}

func (p *Problems) oneOf(at, v string, values []string) {
	if !slices.Contains(values, v) {
		p.addf("%s: %q is none of %s", at, v, strings.Join(values[1:], ", "))
	}
}
