package main

import (
	"flag"
	"fmt"
	"strings"

	"github.com/dbferry/dbferry/internal/migrate"
	"github.com/dbferry/dbferry/internal/rehearsal"
)

// migrateFlags are the options of a migration.
func (o *options) migrateFlags(f *flag.FlagSet) {
	o.Migrate = &rehearsal.MigrationScenario{Proxy: true}
	in := &o.Migrate.Input
	f.StringVar(&in.Cluster, "cluster", "", "identifier of the cluster; empty: the first of the data set")
	f.StringVar(&in.TargetEngineVersion, "to", "", "engine version of green; empty: the latest minor version that the cluster can go to")
	f.StringVar((*string)(&in.Mode), "mode", "", "plan: stop after the plan; create: stop when green is verified; switch: go on two days later; abandon: remove green two days later; back: return to the old cluster when the new one has served for twenty minutes; empty: everything")
	f.Func("trouble", "what goes wrong: "+strings.Join(rehearsal.Troubles(), ", "), func(name string) error { return o.Migrate.Plan(name) })
	f.Func("lane", "native: clients come through an RDS proxy that AWS leads over; none: through the cluster's own name", func(lane string) error {
		if lane != string(migrate.LaneNative) && lane != string(migrate.LaneNone) {
			return fmt.Errorf("want %s or %s", migrate.LaneNative, migrate.LaneNone)
		}
		o.Migrate.Proxy = lane == string(migrate.LaneNative)
		return nil
	})
}
