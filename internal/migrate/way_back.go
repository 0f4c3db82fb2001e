package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/refresh"
)

// WayBack is replication from the new production into the old cluster, for a
// while after the switchover (docs/migration.md §4.6).
type WayBack struct {
	OpenedAt time.Time      `json:"openedAt"`
	Until    time.Time      `json:"until"` // it is closed by itself then
	ReadAt   time.Time      `json:"readAt,omitzero"`
	Replica  dbconn.Replica `json:"replica"` // as it was last read
	Told     string         `json:"told,omitempty"`
	ClosedAt time.Time      `json:"closedAt,omitzero"`

	// Of the way back itself.
	StoppingAt time.Time           `json:"stoppingAt,omitzero"` // the new production takes no more writes
	Ends       *dbconn.LogPosition `json:"ends,omitempty"`      // of its binary log, as it was last read
	Complete   bool                `json:"complete,omitempty"`  // the old cluster has every row
	RenamedAt  time.Time           `json:"renamedAt,omitzero"`
}

// going says whether a way back was begun and is not over: while users may be
// kept out it is not.
func (m Migration) going() bool { return m.Phase == Returning || m.Phase == Returned && m.KeptOut }

// over says whether nothing of the migration is left to do.
func (m Migration) over() bool { return m.Phase.Over() && !m.going() }

// shut says why there is no way back; empty when there is.
func (m Migration) shut() string {
	switch b := m.WayBack; {
	case m.Phase != Proved:
		return fmt.Sprintf("it is %s: the way back is open for a while after the switchover is proved", m.Phase)
	case b == nil:
		return "no way back was opened: production.migrate.clusters[].wayBack is not set, or it is not opened yet. Returning would lose everything written since " + m.SwitchedAt.Format(time.RFC3339)
	case !b.ClosedAt.IsZero():
		return fmt.Sprintf("the way back was closed at %s. Returning would lose everything written since then", b.ClosedAt.Format(time.RFC3339))
	case b.Replica.Error != "":
		return "the way back is broken: " + b.Replica.Error + ". Returning would lose everything written since then"
	}
	return ""
}

// loss is what returning would cost now, in words.
func (b WayBack) loss() string {
	switch r := b.Replica; {
	case !r.Healthy():
		return "replication into the old cluster is not healthy; returning now would lose what was written since it stopped"
	case r.Behind < 0:
		return "how far the old cluster is behind is not known; returning waits until it has every row"
	default:
		return fmt.Sprintf("the old cluster is %d s behind; returning stops writes, waits until it has every row, and loses none", r.Behind)
	}
}

// left is the name under which the new cluster is left when production returns.
func (p Plan) left() string { return p.Cluster + "-new1" }

func (m Migration) greenResource() string {
	if m.Green == nil {
		return ""
	}
	return m.Green.ResourceID
}

var coordinatesText = regexp.MustCompile(`file (\S+) and position (\d+)`)

// coordinates is the event from which a way back begins. It is under green's old
// instance name and is kept for 14 days (docs/migration.md §1.5); its absence is
// no reason to doubt the switchover.
func (s *step) coordinates(ctx context.Context, h *held) (at dbconn.LogPosition, told bool) {
	out, err := s.rds.DescribeEvents(ctx, &rds.DescribeEventsInput{SourceType: types.SourceTypeDbInstance, SourceIdentifier: &h.Green.Writer, Duration: aws.Int32(1440)})
	if err != nil {
		s.Log.Warn("binary log coordinates not read", "err", err.Error())
		return at, false
	}
	for _, e := range out.Events {
		if m := coordinatesText.FindStringSubmatch(aws.ToString(e.Message)); m != nil {
			n, err := strconv.ParseInt(m[2], 10, 64)
			return dbconn.LogPosition{File: m[1], Position: n}, err == nil
		}
	}
	return at, false
}

// writers logs in as the master user to the new production and to the old
// cluster, each found by its resource id.
func (s *step) writers(ctx context.Context, h *held) (now, old *half, err error) {
	now, err = s.half(ctx, h, h.Green.ResourceID)
	if err == nil {
		old, err = s.half(ctx, h, h.Plan.Blue.ResourceID)
	}
	return now, old, err
}

// half is one of the two clusters.
type half struct {
	s       *step
	secret  string
	cluster types.DBCluster
}

func (s *step) half(ctx context.Context, h *held, resource string) (*half, error) {
	set, err := s.conf.Cluster(h.Plan.Cluster)
	if err != nil {
		return nil, &fault.Error{Name: fault.BadRequest, Op: "look at both clusters", Cause: err}
	}
	c, err := s.byResource(ctx, resource)
	if err == nil && c == nil {
		err = fault.New(fault.VerifyFailed, "look at both clusters", resource, "look at the RDS console", "the cluster with this resource id is gone")
	}
	if err != nil {
		return nil, err
	}
	return &half{s, set.MasterSecret, *c}, nil
}

func (x *half) id() string { return aws.ToString(x.cluster.DBClusterIdentifier) }

// sql works on the writer's databases.
func (x *half) sql(ctx context.Context, what string, work func(*sql.DB) error) error {
	db, err := x.s.login(ctx, config.MigrateCluster{}, x.secret, aws.ToString(x.cluster.Engine), aws.ToString(x.cluster.Endpoint), int(aws.ToInt32(x.cluster.Port)))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := work(db); err != nil {
		return fault.New(fault.VerifyFailed, what, x.id(), "log in as the master user and look: `SHOW REPLICA STATUS`", "%v", err)
	}
	return nil
}

// refuseWrites lets the old cluster refuse writes by itself, before AWS's
// deployment object goes, which has kept it read-only until then.
func (s *step) refuseWrites(ctx context.Context, h *held) error {
	old, err := s.half(ctx, h, h.Plan.Blue.ResourceID)
	if err != nil {
		return err
	}
	return old.sql(ctx, "let the old cluster refuse writes", func(db *sql.DB) error { return dbconn.SetReadOnly(ctx, db, true) })
}

// replicationLogin is the account that the old cluster follows with.
func (s *step) replicationLogin(ctx context.Context, h *held) (user, password string, err error) {
	set, err := s.conf.Cluster(h.Plan.Cluster)
	if err != nil || set.WayBack == nil {
		return "", "", fault.New(fault.BadRequest, "open the way back", h.Plan.Cluster, "set production.migrate.clusters[].wayBack and deploy", "there is no wayBack for it any more")
	}
	cred, err := refresh.ReadSecret(ctx, s.secrets, set.WayBack.Secret)
	if err != nil {
		return "", "", err
	}
	return cred.User, cred.Password(), nil
}
