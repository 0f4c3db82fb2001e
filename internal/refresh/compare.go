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
}

// configured begins the reason of every difference that the target's own
// configuration asks for.
const configured = "configured: "

// unplanned is the reason of a difference that nobody asked for.
const unplanned = "not as asked; look at the resource in the console"

// comparison collects differences. Reasons are kept by setting; a setting
// without one must not differ.
type comparison struct {
	why  map[string]string
	rows []Difference
}

func (c *comparison) row(setting string, production, here any) {
	p, h := fmt.Sprint(production), fmt.Sprint(here)
	if p == h {
		return
	}
	why, ok := c.why[setting]
	if !ok {
		why = unplanned
	}
	c.rows = append(c.rows, Difference{setting, p, h, why})
}

// other is something of production that stays behind.
func (c *comparison) others(list []Other) {
	for _, o := range list {
		c.rows = append(c.rows, Difference{o.What, o.Is, "none", o.Why})
	}
}

// tags: what AWS or the target added is no difference.
func (c *comparison) tags(production, here map[string]string) {
	for _, k := range sortedKeys(production) {
		v, ok := here[k]
		if !ok {
			v = "none"
		}
		c.row("tag "+k, production[k], v)
	}
}

func (c *comparison) scaling(production, here []ScalingTarget) {
	for _, t := range production {
		is := "off"
		if i := slices.IndexFunc(here, func(h ScalingTarget) bool { return h.Index == t.Index && h.Dimension == t.Dimension }); i >= 0 {
			is = here[i].String()
		}
		c.row(t.what(), t, is)
	}
}

// alarms never have production's actions: who is told there is nobody here.
func (c *comparison) alarms(production, here []Alarm, mode string) {
	if len(here) > 0 {
		c.why["alarm actions"] = configured + "alarms; actions are never carried"
		c.row("alarm actions", "production's own", map[bool]string{true: "the target's topic", false: "none"}[mode == config.AlarmsNotify])
	}
	for _, a := range production {
		is := "none"
		if i := slices.IndexFunc(here, func(h Alarm) bool { return h.Name == a.Name }); i >= 0 {
			is = here[i].String()
		}
		c.row("alarm "+a.Name, a, is)
	}
}

// result puts what nobody asked for first: it is what a person must read.
func (c *comparison) result() []Difference {
	slices.SortStableFunc(c.rows, func(a, b Difference) int { return rank(a) - rank(b) })
	return c.rows
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
func compareTable(production, here TableSettings, why map[string]string, alarms string) []Difference {
	c := comparison{why: why}
	mode := map[bool]string{true: "on demand", false: "provisioned"}
	c.row("billing mode", mode[production.OnDemand], mode[here.OnDemand])
	c.row("table class", production.Class, here.Class)
	c.row("deletion protection", onOff(production.DeletionProtection), onOff(here.DeletionProtection))
	c.row("time to live", orOff(production.TTLAttribute), orOff(here.TTLAttribute))
	c.row("point-in-time recovery", recovery(production), recovery(here))
	c.row("stream", orOff(production.StreamView), orOff(here.StreamView))
	c.tags(production.Tags, here.Tags)
	c.scaling(production.Scaling, here.Scaling)
	c.alarms(production.Alarms, here.Alarms, alarms)
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
func compareCluster(production, here ClusterSettings, why map[string]string, alarms string) []Difference {
	c := comparison{why: why}
	c.row("engine version", production.EngineVersion, here.EngineVersion)
	c.row("port", production.Port, here.Port)
	c.row("instance class", production.InstanceClass, here.InstanceClass)
	c.row("instances", production.Instances, here.Instances)
	c.row("Serverless v2 capacity", production.ServerlessV2, here.ServerlessV2)
	c.row("cluster parameter group", production.ParameterGroup, here.ParameterGroup)
	c.row("instance parameter group", production.InstanceParameterGroup, here.InstanceParameterGroup)
	c.row("log exports", orOff(strings.Join(production.LogExports, ", ")), orOff(strings.Join(here.LogExports, ", ")))
	c.row("IAM authentication", onOff(production.IAMAuthentication), onOff(here.IAMAuthentication))
	c.row("tags copied to snapshots", onOff(production.CopyTagsToSnapshot), onOff(here.CopyTagsToSnapshot))
	c.row("deletion protection", onOff(production.DeletionProtection), onOff(here.DeletionProtection))
	c.row("backup retention", days(production.BackupRetentionDays), days(here.BackupRetentionDays))
	c.row("backtrack window", window(production.BacktrackSeconds), window(here.BacktrackSeconds))
	c.row("storage type", production.StorageType, here.StorageType)
	c.monitoring(production.Monitoring, here.Monitoring)
	c.features(production.Features, here.Features)
	c.tags(production.Tags, here.Tags)
	c.scaling(production.Replicas, here.Replicas)
	c.alarms(production.Alarms, here.Alarms, alarms)
	c.others(production.Others)
	return c.result()
}

func (c *comparison) monitoring(production, here Monitoring) {
	seconds := func(m Monitoring) string {
		if m.Interval == 0 {
			return "off"
		}
		return fmt.Sprintf("every %d s", m.Interval)
	}
	insights := func(m Monitoring) string {
		if !m.Insights {
			return "off"
		}
		return days(m.InsightsDays)
	}
	c.row("enhanced monitoring", seconds(production), seconds(here))
	c.row("Performance Insights", insights(production), insights(here))
	c.row("Database Insights mode", production.Mode, here.Mode)
}

// features compares how many roles each feature has.
func (c *comparison) features(production, here []string) {
	count := func(list []string, f string) int {
		return len(slices.DeleteFunc(slices.Clone(list), func(v string) bool { return v != f }))
	}
	for _, f := range slices.Compact(slices.Clone(production)) {
		c.row(roleOf(f), fmt.Sprint(count(production, f), " role(s)"), fmt.Sprint(count(here, f), " role(s)"))
	}
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
