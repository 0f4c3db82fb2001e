package stack

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/config"
)

// settingsStatements are those of the steps that give settings, by step and Sid.
func settingsStatements(t config.Target) map[string]statement {
	g := grants{config.Config{Region: "eu-west-1"}.Place(t)}
	out := map[string]statement{}
	for step, list := range map[string][]statement{"add-instances": g.addInstances(t), "finish-cluster": g.finishCluster(t), "finish-table": g.finishTable(t)} {
		for _, s := range list {
			out[step+"/"+s.Sid] = s
		}
	}
	return out
}

// TestSettingsAreAllowedAsConfigured: roles are passed, readers scaled and
// alarms put only where the configuration asks for it, and by name.
func TestSettingsAreAllowedAsConfigured(t *testing.T) {
	const monitoring, load = "arn:aws:iam::222222222222:role/monitoring", "arn:aws:iam::222222222222:role/load"
	plain := config.Target{Name: "staging", Account: "222222222222", Clusters: []config.ClusterSettings{{Match: "*"}}, Tables: []config.TableSettings{{Match: "*"}}}
	full := plain
	full.Clusters = []config.ClusterSettings{
		{Match: "a", MonitoringRole: monitoring, Roles: []config.FeatureRole{{Role: load}}, MaxReplicas: 2},
		{Match: "*", MonitoringRole: monitoring, Roles: []config.FeatureRole{{Feature: "s3Import", Role: load}}},
	}
	silent := plain
	silent.Clusters = []config.ClusterSettings{{Match: "*", Alarms: config.AlarmsNone}}
	silent.Tables = []config.TableSettings{{Match: "*", Alarms: config.AlarmsNone}}
	conditional := []string{"add-instances/PassMonitoringRoles", "finish-cluster/AddRoles", "finish-cluster/PassClusterRoles", "finish-cluster/RegisterScaling", "finish-cluster/ScaleReaders",
		"finish-cluster/PutAlarms", "finish-table/PutAlarms"}
	for name, c := range map[string]struct {
		target config.Target
		want   []string
	}{
		"nothing asked":   {plain, []string{"finish-cluster/PutAlarms", "finish-table/PutAlarms"}},
		"everything":      {full, conditional},
		"no alarms":       {silent, nil},
		"a table without": {config.Target{Tables: []config.TableSettings{{Match: "x", Alarms: config.AlarmsNone}}, Clusters: silent.Clusters}, []string{"finish-table/PutAlarms"}},
	} {
		t.Run(name, func(t *testing.T) {
			all := settingsStatements(c.target)
			var got []string
			for _, sid := range conditional {
				if _, ok := all[sid]; ok {
					got = append(got, sid)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	all := settingsStatements(full)
	for sid, want := range map[string]statement{
		"add-instances/PassMonitoringRoles": {Resources: []string{monitoring}, Condition: condition{"StringEquals": {"iam:PassedToService": "monitoring.rds.amazonaws.com"}}},
		"finish-cluster/PassClusterRoles":   {Resources: []string{load}, Condition: condition{"StringEquals": {"iam:PassedToService": "rds.amazonaws.com"}}},
		"finish-table/PutAlarms": {Resources: []string{"arn:aws:cloudwatch:eu-west-1:222222222222:alarm:dbferry/*"},
			Condition: condition{"ForAllValues:StringEquals": {"cloudwatch:AlarmActions": "arn:aws:sns:eu-west-1:222222222222:dbferry-staging"}}},
	} {
		got := all[sid]
		if diff := cmp.Diff(want, statement{Resources: got.Resources, Condition: got.Condition}); diff != "" {
			t.Errorf("%s: %s", sid, diff)
		}
	}
	for sid, s := range all {
		if slices.Contains(s.Actions, "application-autoscaling:PutScalingPolicy") && s.Condition["StringEquals"]["aws:ResourceTag/dbferry:owner"] != "dbferry" {
			t.Errorf("%s is not limited to what carries dbferry's tag: %v", sid, s.Condition)
		}
	}
}
