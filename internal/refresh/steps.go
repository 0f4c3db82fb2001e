package refresh

import "github.com/dbferry/dbferry/internal/lambdafn"

// Steps are the functions of the refresh, by folder name. A test compares them
// with what each functions/<name>/main.go builds.
var Steps = map[string]lambdafn.Constructor{
	"check-ground":        NewCheckGround,
	"record-settings":     NewRecordSettings,
	"back-up":             NewBackUp,
	"check-backups":       NewCheckBackups,
	"copy-recovery-point": NewCopyRecoveryPoint,
	"publish-manifest":    NewPublishManifest,
	"staging-ready":       NewStagingReady,
	"verify-manifest":     NewVerifyManifest,
	"restore-cluster":     NewRestoreCluster,
	"prepare-cluster":     NewPrepareCluster,
	"add-instances":       NewAddInstances,
	"finish-cluster":      NewFinishCluster,
	"reset-credentials":   NewResetCredentials,
	"restore-table":       NewRestoreTable,
	"finish-table":        NewFinishTable,
	"record-candidate":    NewRecordCandidate,
	"close-run":           NewCloseRun,
	"notify":              NewNotify,
}
