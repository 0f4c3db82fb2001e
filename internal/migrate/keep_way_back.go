package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

// keepLook is between two looks at the way back.
const keepLook = 5 * time.Minute

type keepWayBack struct {
	*step
	sns *sns.Client
}

// NewKeepWayBack builds keep-way-back: it lets the old cluster follow the new
// production from where the switchover ended, looks how far it is behind, tells
// people once that there is a way back and once that it is broken, and ends it
// when its time is over. AWS keeps the old cluster read-only meanwhile.
func NewKeepWayBack(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &keepWayBack{base, sns.NewFromConfig(rt.AWS)}
	return s.looking(s.do), nil
}

func (s *keepWayBack) do(ctx context.Context, h *held) (time.Duration, error) {
	if h.Phase != Proved || h.Plan.WayBack == 0 || h.WayBack != nil && !h.WayBack.ClosedAt.IsZero() {
		return 0, nil
	}
	if h.WayBack == nil {
		h.WayBack = &WayBack{OpenedAt: s.Now().UTC(), Until: s.Now().UTC().Add(time.Duration(h.Plan.WayBack) * time.Minute)}
		if err := s.save(ctx, h); err != nil {
			return 0, err
		}
	}
	now, old, err := s.writers(ctx, h)
	if err != nil {
		return 0, err
	}
	if over := !s.Now().Before(h.WayBack.Until); over {
		return 0, s.end(ctx, h, old)
	}
	if err := s.follow(ctx, h, now, old); err != nil {
		return 0, err
	}
	h.WayBack.ReadAt = s.Now().UTC()
	if h.WayBack.Replica.Receiving {
		if err := s.testify(ctx, &h.Migration, "way-back-opened", map[string]any{"from": h.Coordinates, "old": old.id(), "until": h.WayBack.Until}); err != nil {
			return 0, err
		}
	}
	if err := s.save(ctx, h); err != nil {
		return 0, err
	}
	s.tell(ctx, h)
	return max(lookEvery, min(keepLook, h.WayBack.Until.Sub(s.Now()))), nil
}

// follow makes the old cluster a replica, once, and reads how it stands.
func (s *keepWayBack) follow(ctx context.Context, h *held, now, old *half) error {
	if h.Coordinates == nil {
		at, told := s.coordinates(ctx, h)
		if !told {
			return fault.New(fault.VerifyFailed, "open the way back", h.Plan.Cluster, "look for \"Binary log coordinates in green environment\" in the events of instance "+h.Green.Writer,
				"RDS has told no binary log coordinates of the switchover")
		}
		h.Coordinates = &at
	}
	user, password, err := s.replicationLogin(ctx, h)
	if err != nil {
		return err
	}
	return old.sql(ctx, "let the old cluster follow", func(db *sql.DB) error {
		r, err := dbconn.ReplicaStatus(ctx, db)
		if err != nil {
			return err
		}
		switch {
		case !r.Configured:
			err = dbconn.Follow(ctx, db, aws.ToString(old.cluster.EngineVersion), aws.ToString(now.cluster.Endpoint), int(aws.ToInt32(now.cluster.Port)), user, password, *h.Coordinates)
		case !r.Receiving && !r.Applying && r.Error == "":
			err = dbconn.Resume(ctx, db) // a call that made it a replica was lost in the middle
		}
		if err == nil {
			h.WayBack.Replica, err = dbconn.ReplicaStatus(ctx, db)
		}
		return err
	})
}

// end closes the way back when its time is over.
func (s *keepWayBack) end(ctx context.Context, h *held, old *half) error {
	err := old.sql(ctx, "close the way back", func(db *sql.DB) error {
		r, err := dbconn.ReplicaStatus(ctx, db)
		if err != nil || !r.Configured {
			return err
		}
		h.WayBack.Replica = r
		return dbconn.Unfollow(ctx, db, aws.ToString(old.cluster.EngineVersion))
	})
	if err != nil {
		return err
	}
	h.WayBack.ClosedAt = s.Now().UTC()
	if err := s.testify(ctx, &h.Migration, "way-back-closed", map[string]any{"last": h.WayBack.Replica}); err != nil {
		return err
	}
	return s.save(ctx, h)
}

// tell sends a message when the way back is open, and another when it is broken.
// A message that cannot be sent does not end it.
func (s *keepWayBack) tell(ctx context.Context, h *held) {
	b := h.WayBack
	state := "open"
	switch {
	case b.Replica.Error != "":
		state = "broken"
	case !b.Replica.Receiving:
		return // it is just connecting
	}
	if b.Told == state {
		return
	}
	lines := []string{
		fmt.Sprintf("The new production of %s serves. The way back to the old cluster is %s, until %s.", h.Plan.Cluster, state, b.Until.Format(time.RFC3339)), "",
		"Return with one command: start dbferry-production-migrate with " + fmt.Sprintf("{\"cluster\":%q,\"mode\":\"back\"}", h.Plan.Cluster),
		"What it costs: " + b.loss() + ".",
	}
	if b.Replica.Error != "" {
		lines = append(lines, "Why: "+b.Replica.Error)
	}
	if _, err := s.sns.Publish(ctx, &sns.PublishInput{TopicArn: aws.String(s.here.TopicARN()), Subject: aws.String(cutSubject("dbferry: the way back of " + h.Plan.Cluster + " is " + state)),
		Message: aws.String(strings.Join(lines, "\n"))}); err != nil {
		s.Log.Warn("the way back was not told", "migration", h.ID, "err", err.Error())
		return
	}
	b.Told = state
	if err := s.save(ctx, h); err != nil {
		s.Log.Warn("that it was told was not recorded", "migration", h.ID, "err", err.Error())
	}
}
