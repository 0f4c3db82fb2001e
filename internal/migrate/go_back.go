package migrate

import (
	"context"
	"database/sql"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

// catchUp is how long the old cluster may take to get the last rows, during which
// nobody can write.
const catchUp = 5 * time.Minute

type goBack struct{ *step }

// NewGoBack builds go-back: the new production takes no more writes, the old
// cluster gets the last of them, the two exchange names, proxies are led over, and
// the old cluster is proved to serve. Nothing is deleted. Until the names are
// exchanged, whatever keeps the rows from coming lets the new production go on.
func NewGoBack(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	base, err := newStep(rt)
	if err != nil {
		return nil, err
	}
	s := &goBack{base}
	return s.watching(s.do), nil
}

func (s *goBack) do(ctx context.Context, h *held) (time.Duration, error) {
	if h.Phase == Returned {
		return 0, nil
	}
	if h.Phase != Returning || h.WayBack == nil {
		return 0, fault.New(fault.NotReady, "go back", h.Plan.Cluster, "start with {\"mode\":\"back\"}", "the migration is %s", h.Phase)
	}
	now, old, err := s.writers(ctx, h)
	if err != nil {
		return 0, err
	}
	if !h.WayBack.Complete {
		return s.complete(ctx, h, now, old)
	}
	for _, next := range []func(context.Context, *held, *half, *half) (time.Duration, error){s.part, s.rename, s.proved} {
		if wait, err := next(ctx, h, now, old); err != nil || wait > 0 {
			return wait, err
		}
	}
	return 0, nil
}

// complete stops writes on the new production and waits until the old cluster has
// applied its binary log to the end.
func (s *goBack) complete(ctx context.Context, h *held, now, old *half) (time.Duration, error) {
	if h.WayBack.StoppingAt.IsZero() {
		h.WayBack.StoppingAt = s.Now().UTC()
		if err := s.save(ctx, h); err != nil {
			return 0, err
		}
	}
	end, err := s.stopWrites(ctx, h, now)
	if err != nil {
		return 0, err
	}
	var r dbconn.Replica
	if err := old.sql(ctx, "look at the old cluster", func(db *sql.DB) (err error) { r, err = dbconn.ReplicaStatus(ctx, db); return err }); err != nil {
		return 0, err
	}
	if still := h.WayBack.Ends != nil && *h.WayBack.Ends == end; !still || r.Applied != end {
		if r.Error != "" || s.Now().Sub(h.WayBack.StoppingAt) > catchUp {
			return 0, s.stay(ctx, h, now, r)
		}
		h.WayBack.Ends = &end // it must not move between two looks
		return 2 * lookEvery, s.save(ctx, h)
	}
	h.WayBack.Complete, h.WayBack.Replica = true, r
	if err := s.testify(ctx, &h.Migration, "way-back-complete", map[string]any{"end": end, "applied": r.Applied}); err != nil {
		return 0, err
	}
	return lookEvery, s.save(ctx, h)
}

// stopWrites lets the new production refuse writes, once, since that may stand in
// its binary log, and reads where that ends.
func (s *goBack) stopWrites(ctx context.Context, h *held, now *half) (end dbconn.LogPosition, err error) {
	err = now.sql(ctx, "stop writes on the new production", func(db *sql.DB) error {
		flags, err := readOnlyFlags(ctx, db, h.Plan.Engine)
		if err == nil && flags == "" {
			err = dbconn.SetReadOnly(ctx, db, true)
		}
		if err == nil {
			end, err = dbconn.BinaryLog(ctx, db)
		}
		return err
	})
	return end, err
}

// stay lets the new production go on when the old cluster does not get its rows.
func (s *goBack) stay(ctx context.Context, h *held, now *half, r dbconn.Replica) error {
	if err := now.sql(ctx, "let the new production take writes again", func(db *sql.DB) error { return dbconn.SetReadOnly(ctx, db, false) }); err != nil {
		return err
	}
	h.Phase, h.WayBack.StoppingAt, h.WayBack.Ends, h.WayBack.Replica = Proved, time.Time{}, nil, r
	if err := s.save(ctx, h); err != nil {
		return err
	}
	why := r.Error
	if why == "" {
		why = "it has not applied the last rows within " + catchUp.String()
	}
	return fault.New(fault.VerifyFailed, "go back", h.Plan.Cluster, "the new production serves and takes writes again; mend the replication (`SHOW REPLICA STATUS` on the old cluster) before you try again", "the old cluster has not every row: %s", why)
}

// part ends replication and AWS's deployment, which keeps the names.
func (s *goBack) part(ctx context.Context, h *held, now, old *half) (time.Duration, error) {
	if old.id() == h.Plan.Cluster {
		return 0, nil
	}
	if now.id() == h.Plan.Cluster { // every proxy leads to the cluster that is left
		end, err := s.stopWrites(ctx, h, now)
		if err == nil && (h.WayBack.Ends == nil || end != *h.WayBack.Ends) {
			err = fault.New(fault.VerifyFailed, "go back", h.Plan.Cluster, "decide which cluster serves; to stay with the new production, CALL mysql.rds_set_read_only(0) on it and put the proxies back",
				"the new production has taken writes after the old cluster had every row: its binary log ends at %s, and returning would lose what came after %s", end, h.WayBack.Ends)
		}
		if err != nil {
			return 0, err
		}
		if wait, err := s.detach(ctx, h, h.Plan.Proxies); err != nil || wait > 0 {
			return wait, err
		}
	}
	err := old.sql(ctx, "end the replication", func(db *sql.DB) error {
		r, err := dbconn.ReplicaStatus(ctx, db)
		if err != nil || !r.Configured {
			return err
		}
		return dbconn.Unfollow(ctx, db, aws.ToString(old.cluster.EngineVersion))
	})
	if err != nil {
		return 0, err
	}
	d, err := s.deployment(ctx, &h.Migration)
	if err == nil && (d == nil || aws.ToString(d.Status) == bgDeleting) {
		return 0, s.allowWrites(ctx, h, old) // the names can be changed as soon as AWS lets go of the clusters
	}
	if err != nil {
		return 0, err
	}
	return lookEvery, s.dropDeployment(ctx, h, false)
}

// allowWrites comes before the names change: after that, production's name leads to
// the cluster that is left for as long as DNS is late.
func (s *goBack) allowWrites(ctx context.Context, h *held, old *half) error {
	return old.sql(ctx, "let the old cluster take writes", func(db *sql.DB) error {
		flags, err := readOnlyFlags(ctx, db, h.Plan.Engine)
		if err == nil && flags != "" {
			err = dbconn.SetReadOnly(ctx, db, false)
		}
		return err
	})
}

// rename gives the new cluster another name, and the old one production's.
func (s *goBack) rename(ctx context.Context, h *held, now, old *half) (time.Duration, error) {
	for _, x := range []struct {
		*half
		to string
	}{{now, h.Plan.left()}, {old, h.Plan.Cluster}} {
		if x.id() == x.to {
			continue
		}
		id := x.id()
		_, err := s.rds.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: &id, NewDBClusterIdentifier: &x.to, ApplyImmediately: aws.Bool(true)})
		if fault.HasCode(err, "InvalidDBClusterStateFault", "DBClusterNotFoundFault", "DBClusterAlreadyExistsFault") {
			return lookEvery, nil // a rename is on its way
		}
		return lookEvery, fault.AWS("rename the cluster to "+x.to, id, err)
	}
	if aws.ToString(old.cluster.Status) != "available" {
		return lookEvery, nil
	}
	return 0, nil
}

// proved leads the proxies over and logs in by every door.
func (s *goBack) proved(ctx context.Context, h *held, _, old *half) (time.Duration, error) {
	if h.WayBack.RenamedAt.IsZero() {
		h.WayBack.RenamedAt = s.Now().UTC()
		if err := s.save(ctx, h); err != nil {
			return 0, err
		}
	}
	if wait, err := s.attach(ctx, h, func(context.Context, *held) (time.Duration, error) { return lookEvery, nil }); err != nil || wait > 0 {
		return wait, err
	}
	proofs, wait, err := s.everyDoor(ctx, h, &old.cluster, h.WayBack.RenamedAt)
	if err != nil || wait > 0 {
		return wait, err
	}
	h.Phase = Returned
	if err := s.testify(ctx, &h.Migration, "returned", map[string]any{"resourceId": h.Plan.Blue.ResourceID, "doors": proofs, "left": h.Plan.left()}); err != nil {
		return 0, err
	}
	return 0, s.save(ctx, h)
}
