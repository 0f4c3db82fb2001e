package rehearsal

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/migrate"
)

// troubles are what can go wrong in a migration beside calls, by name.
var troubles = map[string]func(*MigrationScenario){
	"build-fails":      func(m *MigrationScenario) { m.Trouble.CreateFails = "the DB cluster's storage could not be cloned" },
	"lag":              func(m *MigrationScenario) { m.Trouble.Lag = 8 * time.Hour },
	"long-transaction": func(m *MigrationScenario) { m.Trouble.LongTransaction = 7 * 24 * time.Hour },
	"ddl":              func(m *MigrationScenario) { m.Trouble.DDL = 7 * 24 * time.Hour },
	"write-on-green":   func(m *MigrationScenario) { m.Trouble.Broken = "Error 1062: Duplicate entry '1' for key 'PRIMARY'" },
	"late-member":      func(m *MigrationScenario) { m.Trouble.LateMember = 20 * time.Minute },
	"pending-reboot": func(m *MigrationScenario) {
		m.Trouble.PendingReboot, m.Input.ClusterParameterGroup = true, ground.NextMigrationGroup
	},
	"switchover-timeout": func(m *MigrationScenario) { m.Trouble.Stalls = 1 },
	"refused":            func(m *MigrationScenario) { m.Refuse = migrate.GateSwitch },
	"expired":            func(m *MigrationScenario) { m.Silent = migrate.GateSwitch },
	"retire-refused":     func(m *MigrationScenario) { m.Refuse = migrate.GateRetire },
	"retire-expired":     func(m *MigrationScenario) { m.Silent = migrate.GateRetire },
	"late-proxy":         func(m *MigrationScenario) { m.LateProxy, m.Proxy = "Settle green", false },
	"later-proxy":        func(m *MigrationScenario) { m.LateProxy, m.Proxy = "Maintenance on", false },
	"proxy-refused":      func(m *MigrationScenario) { m.ProxiesBlock, m.Proxy = true, true },
}

// Troubles are their names.
func Troubles() []string { return slices.Sorted(maps.Keys(troubles)) }

// Plan adds a named trouble to the scenario.
func (m *MigrationScenario) Plan(name string) error {
	add := troubles[name]
	if add == nil {
		return fmt.Errorf("trouble %q is none of %s", name, strings.Join(Troubles(), ", "))
	}
	add(m)
	return nil
}
