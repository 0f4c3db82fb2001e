package refresh

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/config"
)

// Difference is one setting of a restored resource that is not as recorded in
// production, and why.
type Difference struct {
	Setting    string `json:"setting"`
	Production string `json:"production"`
	Here       string `json:"here"`
	Why        string `json:"why"`
}

// Finished is the fact that finish-cluster and finish-table leave.
type Finished struct {
	Differences []Difference `json:"differences,omitempty"`
	// Carried names the settings that a restore loses and that are here as in
	// production again.
	Carried []string `json:"carried,omitempty"`
}

// configured begins the reason of every difference that the target's own
// configuration asks for.
const configured = "configured: "

// unplanned is the reason of a difference that nobody asked for.
const unplanned = "not as asked; look at the resource in the console"

// comparison collects the differences between production and here. What is
// neither as in production nor as wished is a difference that nobody asked for.
type comparison[T any] struct {
	production, want, here T
	why                    map[string]string // by setting
	rows                   []Difference
	carried                []string
}

// usual are values that say that a setting is not used, and settings that a
// restore brings along or that are no setting of the source.
var usual = []string{"off", "none", "STANDARD", "standard", "aurora"}
var brought = []string{"billing mode", "engine version", "port", "instance class", "instances", "cluster parameter group", "instance parameter group"}

func (c *comparison[T]) row(setting string, value func(T) string) {
	p, w, h := value(c.production), value(c.want), value(c.here)
	if p == h {
		if !slices.Contains(usual, p) && !slices.Contains(brought, setting) {
			c.carried = append(c.carried, setting)
		}
		return
	}
	why := c.why[setting]
	if why == "" || w != h {
		why = unplanned
	}
	c.rows = append(c.rows, Difference{setting, p, h, why})
}

// others is what stays behind in production.
func (c *comparison[T]) others(list []Other) {
	for _, o := range list {
		c.rows = append(c.rows, Difference{o.What, o.Is, "none", o.Why})
	}
}

// tags: what AWS or the target added is no difference.
func (c *comparison[T]) tags(of func(T) map[string]string) {
	for _, k := range sortedKeys(of(c.production)) {
		c.row("tag "+k, func(s T) string {
			if v, ok := of(s)[k]; ok {
				return v
			}
			return "none"
		})
	}
}

func (c *comparison[T]) scaling(of func(T) []ScalingTarget) {
	for _, t := range of(c.production) {
		c.row(t.what(), func(s T) string {
			if i := slices.IndexFunc(of(s), func(h ScalingTarget) bool { return h.Index == t.Index && h.Dimension == t.Dimension }); i >= 0 {
				return of(s)[i].String()
			}
			return "off"
		})
	}
}

// alarms never have production's actions: who is told there is nobody here.
func (c *comparison[T]) alarms(of func(T) []Alarm, mode string) {
	if len(of(c.here)) > 0 {
		told := map[bool]string{true: "the target's topic", false: "none"}[mode == config.AlarmsNotify]
		c.rows = append(c.rows, Difference{"alarm actions", "production's own", told, configured + "alarms; actions are never carried"})
	}
	for _, a := range of(c.production) {
		c.row("alarm "+a.Name, func(s T) string {
			if i := slices.IndexFunc(of(s), func(h Alarm) bool { return h.Name == a.Name }); i >= 0 {
				return of(s)[i].String()
			}
			return "none"
		})
	}
}

// result puts what nobody asked for first: it is what a person must read.
func (c *comparison[T]) result() Finished {
	slices.SortStableFunc(c.rows, func(a, b Difference) int { return rank(a) - rank(b) })
	return Finished{Differences: c.rows, Carried: c.carried}
}

func rank(d Difference) int {
	switch {
	case d.Why == unplanned:
		return 0
	case strings.HasPrefix(d.Why, configured):
		return 2
	}
	return 1
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func orOff(v string) string {
	if v == "" {
		return "off"
	}
	return v
}

// compareTable names what is not as in production.
func compareTable(production, want, here TableSettings, why map[string]string, alarms string) Finished {
	type S = TableSettings
	c := comparison[S]{production: production, want: want, here: here, why: why}
	c.row("billing mode", func(s S) string { return map[bool]string{true: "on demand", false: "provisioned"}[s.OnDemand] })
	c.row("table class", func(s S) string { return s.Class })
	c.row("deletion protection", func(s S) string { return onOff(s.DeletionProtection) })
	c.row("time to live", func(s S) string { return orOff(s.TTLAttribute) })
	c.row("point-in-time recovery", recovery)
	c.row("stream", func(s S) string { return orOff(s.StreamView) })
	c.tags(func(s S) map[string]string { return s.Tags })
	c.scaling(func(s S) []ScalingTarget { return s.Scaling })
	c.alarms(func(s S) []Alarm { return s.Alarms }, alarms)
	c.others(production.Others)
	return c.result()
}

func recovery(s TableSettings) string {
	if !s.PointInTime {
		return "off"
	}
	return days(s.RecoveryDays)
}

// compareCluster names what is not as in production.
func compareCluster(production, want, here ClusterSettings, why map[string]string, alarms string) Finished {
	type S = ClusterSettings
	c := comparison[S]{production: production, want: want, here: here, why: why}
	for _, r := range []struct {
		setting string
		value   func(S) string
	}{
		{"engine version", func(s S) string { return s.EngineVersion }},
		{"port", func(s S) string { return fmt.Sprint(s.Port) }},
		{"instance class", func(s S) string { return s.InstanceClass }},
		{"instances", func(s S) string { return fmt.Sprint(s.Instances) }},
		{"Serverless v2 capacity", func(s S) string { return s.ServerlessV2.String() }},
		{"cluster parameter group", func(s S) string { return s.ParameterGroup }},
		{"instance parameter group", func(s S) string { return s.InstanceParameterGroup }},
		{"log exports", func(s S) string { return orOff(strings.Join(s.LogExports, ", ")) }},
		{"IAM authentication", func(s S) string { return onOff(s.IAMAuthentication) }},
		{"tags copied to snapshots", func(s S) string { return onOff(s.CopyTagsToSnapshot) }},
		{"deletion protection", func(s S) string { return onOff(s.DeletionProtection) }},
		{"backup retention", func(s S) string { return days(s.BackupRetentionDays) }},
		{"backtrack window", func(s S) string { return window(s.BacktrackSeconds) }},
		{"storage type", func(s S) string { return s.StorageType }},
		{"enhanced monitoring", func(s S) string { return everySeconds(s.Monitoring.Interval) }},
		{"Performance Insights", insights},
		{"Database Insights mode", func(s S) string { return s.Monitoring.Mode }},
	} {
		c.row(r.setting, r.value)
	}
	for _, f := range slices.Compact(slices.Clone(production.Features)) {
		c.row(roleOf(f), func(s S) string { return roles(s.Features, f) })
	}
	c.tags(func(s S) map[string]string { return s.Tags })
	c.scaling(func(s S) []ScalingTarget { return s.Replicas })
	c.alarms(func(s S) []Alarm { return s.Alarms }, alarms)
	c.others(production.Others)
	return c.result()
}

func everySeconds(n int32) string {
	if n == 0 {
		return "off"
	}
	return fmt.Sprintf("every %d s", n)
}

func insights(s ClusterSettings) string {
	if !s.Monitoring.Insights {
		return "off"
	}
	return days(s.Monitoring.InsightsDays)
}

// roles counts those of a feature.
func roles(features []string, f string) string {
	n := 0
	for _, v := range features {
		if v == f {
			n++
		}
	}
	if n == 1 {
		return "1 role"
	}
	return fmt.Sprintf("%d roles", n)
}

// roleOf is how a feature's role is called; Aurora MySQL's have no feature.
func roleOf(feature string) string {
	if feature == "" {
		return "associated role"
	}
	return "associated role for " + feature
}

func days(n int32) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

func window(seconds int64) string {
	if seconds == 0 {
		return "off"
	}
	return fmt.Sprintf("%g h", float64(seconds)/3600)
}

// String is the range, in ACUs.
func (s *Scaling) String() string {
	switch {
	case s == nil:
		return "none"
	case s.AutoPause > 0:
		return fmt.Sprintf("%g to %g ACU, paused after %d s", s.Min, s.Max, s.AutoPause)
	}
	return fmt.Sprintf("%g to %g ACU", s.Min, s.Max)
}
