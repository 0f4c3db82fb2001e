package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/ledger"
	"github.com/dbferry/dbferry/internal/refresh"
)

// Input is what an operator gives to production-migrate.
type Input struct {
	Cluster                 string `json:"cluster"`                            // identifier
	TargetEngineVersion     string `json:"targetEngineVersion,omitempty"`      // empty: the same version
	ClusterParameterGroup   string `json:"clusterParameterGroup,omitempty"`    // of green; empty: blue's, or the default of a new family
	InstanceParameterGroup  string `json:"instanceParameterGroup,omitempty"`   // the same, for instances
	Mode                    Mode   `json:"mode,omitempty"`                     // empty: everything
	Reason                  string `json:"reason,omitempty"`                   // free text for the evidence
	SwitchoverSecondsWanted int    `json:"switchoverTimeoutSeconds,omitempty"` // in place of the configuration's
}

// Mode is how far an execution goes.
type Mode string

// The modes. Each continues what an earlier execution has done.
const (
	ModeAll     Mode = ""        // everything, with both approvals
	ModePlan    Mode = "plan"    // stop after the plan is written; nothing is changed
	ModeCreate  Mode = "create"  // stop when green is verified
	ModeSwitch  Mode = "switch"  // from a verified green on
	ModeAbandon Mode = "abandon" // remove green, before a switchover
	ModeRetire  Mode = "retire"  // after a switchover: retire the old cluster
	ModeBack    Mode = "back"    // after a switchover, while the way back is open: the old cluster serves again
)

// Phase is how far a migration has come.
type Phase string

// The phases.
const (
	Planned   Phase = "planned"   // nothing was changed
	Building  Phase = "building"  // green is asked for
	Settling  Phase = "settling"  // green is there
	Verified  Phase = "verified"  // green is proved
	Switching Phase = "switching" // AWS was asked to switch over
	Switched  Phase = "switched"  // the new production serves
	Proved    Phase = "proved"    // and that is proved
	Retired   Phase = "retired"   // the old cluster is gone, its snapshot stays
	Returning Phase = "returning" // the old cluster is being given production's name again
	Returned  Phase = "returned"  // it serves again; the new one is left under another name
	Abandoned Phase = "abandoned" // green is gone, production is what it was
)

// Over says whether nothing of the migration is left to do.
func (p Phase) Over() bool { return p == Retired || p == Abandoned || p == Returned || p == "" }

// beyond says whether AWS may have changed names already.
func (p Phase) beyond() bool {
	return p == Switching || p == Switched || p == Proved || p == Retired || p == Returning || p == Returned
}

// Migration is the record of one cluster's migration. It stands in the ledger
// from the first plan until the next migration of the cluster.
type Migration struct {
	ID        string    `json:"id"`
	Plan      Plan      `json:"plan"`
	PlanHash  string    `json:"planHash"`
	Phase     Phase     `json:"phase"`
	Execution string    `json:"execution"` // that works on it now
	PlannedAt time.Time `json:"plannedAt"`

	Deployment   string    `json:"deployment,omitempty"` // bgd-…
	BuildingAt   time.Time `json:"buildingAt,omitzero"`
	Green        *Side     `json:"green,omitempty"` // as it was before the switchover
	Good         int       `json:"good,omitempty"`  // readings in a row that found everything well
	ReadAt       time.Time `json:"readAt,omitzero"`
	Rebooted     []string  `json:"rebooted,omitempty"` // green instances that got their parameters by a reboot
	VerifyingAt  time.Time `json:"verifyingAt,omitzero"`
	Audit        *Login    `json:"audit,omitempty"` // on green, whose record the audit log must have
	SwitchingAt  time.Time `json:"switchingAt,omitzero"`
	SwitchedAt   time.Time `json:"switchedAt,omitzero"`
	Attempts     int       `json:"attempts,omitempty"` // switchovers that were asked for
	RetiringAt   time.Time `json:"retiringAt,omitzero"`
	Snapshot     string    `json:"snapshot,omitempty"`     // of the old cluster
	SwitchedBack bool      `json:"switchedBack,omitempty"` // AWS rolled the last switchover back

	// Detached are proxies that dbferry has taken off the cluster and not yet put
	// back; GreenGoes says that the deployment had to be deleted for that, which
	// takes green along.
	Detached  []string `json:"detached,omitempty"`
	GreenGoes bool     `json:"greenGoes,omitempty"`

	// Coordinates are where the new production's binary log began to be its own.
	Coordinates *dbconn.LogPosition `json:"coordinates,omitempty"`
	WayBack     *WayBack            `json:"wayBack,omitempty"`

	// KeptOut says that maintenance may be on, of the round with this number.
	KeptOut bool `json:"keptOut,omitempty"`
	Round   int  `json:"round,omitempty"`

	Evidence Chain `json:"evidence"`
}

// cutOff says that proxies lead nowhere though production serves: an execution
// was ended in the middle.
func (m Migration) cutOff() bool {
	return len(m.Detached) > 0 && !m.Phase.beyond() && !(m.Plan.Early && !m.GreenGoes)
}

// Side is a cluster as it was recorded.
type Side struct {
	Cluster    string   `json:"cluster"`
	ARN        string   `json:"arn"`
	ResourceID string   `json:"resourceId"`
	Version    string   `json:"version"`
	Endpoint   string   `json:"endpoint"`
	Port       int      `json:"port"`
	Writer     string   `json:"writer"`
	Members    []string `json:"members"` // writer first
}

// Plan is what will be done, in all detail that a person needs to approve it.
// Its hash is what an approval is bound to.
type Plan struct {
	Cluster   string   `json:"cluster"`
	Account   string   `json:"account"`
	Engine    string   `json:"engine"`
	From      Version  `json:"from"`
	To        Version  `json:"to"`
	Blue      Side     `json:"blue"`
	Lane      Lane     `json:"lane"`
	Proxies   []string `json:"proxies,omitempty"`     // all that lead to the cluster
	Detach    []string `json:"detach,omitempty"`      // those of them that are taken off for the switchover
	Early     bool     `json:"detachFirst,omitempty"` // they are off from before green is created
	Reason    string   `json:"reason,omitempty"`
	Name      string   `json:"deploymentName"`
	Carry     Carry    `json:"carry"`  // what Blue/Green loses and dbferry puts back
	Checks    []string `json:"checks"` // "name: result", in order
	Warnings  []string `json:"warnings,omitempty"`
	Abort     []string `json:"abort"` // criteria, in words
	Hooks     []string `json:"hooks,omitempty"`
	WayBack   int      `json:"wayBackMinutes,omitempty"` // how long after the switchover; 0: none
	Timeout   int      `json:"switchoverTimeoutSeconds"`
	Config    string   `json:"configurationHash"`
	Migration string   `json:"migration"`
}

// Version is an engine version with its parameter groups.
type Version struct {
	Engine        string `json:"engineVersion"`
	ClusterGroup  string `json:"clusterParameterGroup"`
	InstanceGroup string `json:"instanceParameterGroup"`
}

// Lane is how RDS Proxy follows.
type Lane string

// The lanes.
const (
	LaneNative Lane = "native" // proxies have blue as their target already: AWS leads them over
	LaneDetach Lane = "detach" // some are taken off blue, and put on the new production
	LaneNone   Lane = "none"   // there is no proxy
)

// Carry is what has to be done again for the new production.
type Carry struct {
	Roles   []Role                  `json:"roles,omitempty"`
	Scaling []refresh.ScalingTarget `json:"scaling,omitempty"` // replica auto scaling
}

// Role is a role of the cluster, by feature.
type Role struct {
	Feature string `json:"feature,omitempty"`
	ARN     string `json:"arn"`
}

// Hash identifies the plan.
func (p Plan) Hash() string {
	raw, err := json.Marshal(p)
	if err != nil {
		panic(err) // texts and numbers only
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// changes says in words what the migration is for.
func (p Plan) changes() string {
	switch {
	case p.From.Engine != p.To.Engine:
		return fmt.Sprintf("engine version %s → %s", p.From.Engine, p.To.Engine)
	case p.From.ClusterGroup != p.To.ClusterGroup:
		return fmt.Sprintf("cluster parameter group %s → %s", p.From.ClusterGroup, p.To.ClusterGroup)
	case p.From.InstanceGroup != p.To.InstanceGroup:
		return fmt.Sprintf("parameter group %s → %s", p.From.InstanceGroup, p.To.InstanceGroup)
	}
	return "nothing but a fresh copy of the storage"
}

// old is the identifier that AWS gives to what was blue, once it has switched
// (docs/migration.md §1.2).
func (p Plan) old(id string) string { return id + "-old1" }

// abortCriteria are the limits in words.
func abortCriteria(l config.MigrateLimits, timeout int) []string {
	return []string{
		fmt.Sprintf("green is more than %d s behind, or replication does not move", l.Lag()),
		fmt.Sprintf("a transaction on blue is open for more than %d s", l.Transaction()),
		fmt.Sprintf("a member of blue or green is not available in %d readings in a row", l.Read()),
		fmt.Sprintf("AWS has not switched over within %d s: it rolls back by itself", timeout),
		fmt.Sprintf("green is not built and settled within %d h", l.Green()),
		fmt.Sprintf("nobody approves within %d h", l.Approval()),
	}
}

// Keys of the ledger.
// RecordKey is where the ledger has the migration of a cluster.
func RecordKey(cluster string) string { return "migrate/" + ledger.Segment(cluster) + "/current.json" }
func approvalKey(cluster, id string, g Gate) string {
	return "migrate/" + ledger.Segment(cluster) + "/" + ledger.Segment(id) + "/approval-" + string(g) + ".json"
}
func evidenceKey(cluster, id string, seq int) string {
	return fmt.Sprintf("migrate/%s/%s/evidence/%06d.json", ledger.Segment(cluster), ledger.Segment(id), seq)
}

// BundleKey is where the ledger has the evidence of a migration in one file.
func BundleKey(cluster, id string) string {
	return "migrate/" + ledger.Segment(cluster) + "/" + ledger.Segment(id) + "/evidence.jsonl"
}
func executionKey(execution string) string {
	return "migrate/executions/" + ledger.Segment(execution[len(execution)-min(len(execution), 80):]) + ".json"
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
