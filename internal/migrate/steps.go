package migrate

import "github.com/dbferry/dbferry/internal/lambdafn"

// Steps are the functions of the migration, by folder name. A test compares them
// with what each functions/<name>/main.go builds.
var Steps = map[string]lambdafn.Constructor{
	"plan-migration":   NewPlanMigration,
	"create-green":     NewCreateGreen,
	"settle-green":     NewSettleGreen,
	"verify-green":     NewVerifyGreen,
	"request-approval": NewRequestApproval,
	"answer-approval":  NewAnswerApproval,
	"set-maintenance":  NewSetMaintenance,
	"set-proxies":      NewSetProxies,
	"switch-over":      NewSwitchOver,
	"prove-switchover": NewProveSwitchover,
	"keep-way-back":    NewKeepWayBack,
	"go-back":          NewGoBack,
	"retire-blue":      NewRetireBlue,
	"abandon-green":    NewAbandonGreen,
	"close-migration":  NewCloseMigration,
}
