package switchover

import "github.com/dbferry/dbferry/internal/lambdafn"

// Steps are the functions of the switch, by folder name. A test compares them
// with what each functions/<name>/main.go builds.
var Steps = map[string]lambdafn.Constructor{
	"plan-switch":      NewPlanSwitch,
	"probe-candidate":  NewProbeCandidate,
	"point-proxy":      NewPointProxy,
	"write-parameters": NewWriteParameters,
	"roll-services":    NewRollServices,
	"verify-serving":   NewVerifyServing,
	"roll-back":        NewRollBack,
	"retire-items":     NewRetireItems,
}
