package refresh

import (
	"context"
	"fmt"
	"time"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/ledger"
)

// claimState is the claim of a refresh as an execution that wants it finds it.
type claimState struct {
	mine bool
	over ledger.Version // of a claim that may be taken over; empty when there is none
}

// claimPatience is how long a second trigger waits for the one that has the
// claim but has not begun: longer than verify-manifest and its retries take.
const claimPatience = time.Hour

// standing reads the claim. An answer with a status ends the matter: another
// execution has the refresh, or will have begun it in a moment. A claim whose
// execution died before it had begun binds nobody, so that either trigger, or an
// operator, can still begin the refresh; one that died later is continued by hand
// only, because an event that comes then comes late or twice.
func (s *verifyManifest) standing(ctx context.Context, tr Trigger, execution string) (claimState, Begun, error) {
	var there ledger.Holder
	ver, found, err := s.ledger.Get(ctx, claimKey(tr.RefreshID), &there)
	if err != nil || !found || there.Execution == execution {
		return claimState{mine: found}, Begun{}, err
	}
	alive, err := s.executionAlive(ctx, there.Execution)
	if err != nil {
		return claimState{}, Begun{}, err
	}
	_, _, begun, err := s.ledger.Bytes(ctx, runKey(tr.RefreshID, "run.json"))
	if err != nil {
		return claimState{}, Begun{}, err
	}
	_, _, done, err := s.ledger.Bytes(ctx, succeededKey(tr.RefreshID))
	if err != nil {
		return claimState{}, Begun{}, err
	}
	switch {
	case done: // whoever asks, there is nothing left to do
	case tr.Resume && alive:
		return claimState{}, Begun{}, fault.New(fault.Busy, "resume "+tr.RefreshID, tr.RefreshID,
			"wait for it to end, or stop it in the Step Functions console", "%s works on it", there.Execution)
	case tr.Resume, !alive && !begun, tr.ByHand && !alive:
		return claimState{over: ver}, Begun{}, nil
	case !begun:
		return claimState{}, Begun{Status: waitingStatus, RefreshID: tr.RefreshID, HandledBy: there.Execution,
			WaitSeconds: 10, Deadline: there.AcquiredAt.Add(claimPatience).UnixMilli()}, nil
	}
	return claimState{}, Begun{Status: duplicateStatus, RefreshID: tr.RefreshID, HandledBy: there.Execution}, nil
}

// claim makes this execution the one that restores the refresh. When another
// one was faster, the answer is what standing says about that one.
func (s *verifyManifest) claim(ctx context.Context, tr Trigger, c claimState, execution string) (Begun, error) {
	if c.mine {
		return Begun{}, nil
	}
	h := ledger.Holder{RefreshID: tr.RefreshID, Target: s.t.Name, Execution: execution, AcquiredAt: s.Now().UTC()}
	var won bool
	var err error
	if c.over != "" {
		won, err = s.ledger.Replace(ctx, claimKey(tr.RefreshID), c.over, h)
	} else {
		won, err = s.ledger.Create(ctx, claimKey(tr.RefreshID), h)
	}
	if err != nil || won {
		return Begun{}, err
	}
	again, answer, err := s.standing(ctx, tr, execution)
	if err == nil && answer.Status == "" && !again.mine {
		err = fault.New(fault.Unavailable, "claim "+tr.RefreshID, tr.RefreshID, "", "others are taking and freeing it at the same moment")
	}
	return answer, err
}

// eventAge is how old a refresh may be that an event begins: EventBridge tries
// for a day, so an older event was replayed. An operator may begin an older one.
const eventAge = 48 * time.Hour

// fresh refuses a manifest of the future and, from an event, one that is old or
// overtaken: events of two refreshes may come in the wrong order, and a newer
// candidate must not be followed by older data unasked.
func (s *verifyManifest) fresh(ctx context.Context, tr Trigger, m Manifest) error {
	age := s.Now().Sub(m.PublishedAt)
	if age < -5*time.Minute {
		return s.forged(tr, "", fmt.Errorf("it was published at %s, which has not come yet", m.PublishedAt.Format(time.RFC3339)))
	}
	if tr.ByHand {
		return nil
	}
	byHand := fmt.Sprintf("if you want its data nevertheless, start this machine with {\"refreshId\":%q}", m.RefreshID)
	if age > eventAge {
		return fault.New(fault.Stale, "begin the restore of "+m.RefreshID, m.RefreshID, byHand,
			"its manifest was published at %s, %s ago; an event begins nothing that is older than %s", m.PublishedAt.Format(time.RFC3339), age.Round(time.Minute), eventAge)
	}
	newer, item, err := s.overtakenBy(ctx, m)
	if err == nil && newer != "" {
		err = fault.New(fault.Stale, "begin the restore of "+m.RefreshID, m.RefreshID, byHand, "refresh %s, which is newer, has restored %s already", newer, item)
	}
	return err
}

// overtakenBy finds a newer candidate that holds one of the manifest's items.
// Ids begin with the minute in which they were minted, so they are in order.
func (s *verifyManifest) overtakenBy(ctx context.Context, m Manifest) (newer, item string, err error) {
	keys, err := s.ledger.List(ctx, candidatePrefix)
	if err != nil {
		return "", "", err
	}
	has := map[Kind]map[string]bool{Cluster: {}, Table: {}}
	for _, it := range m.Items {
		has[it.Kind][it.ID] = true
	}
	for _, key := range keys {
		if key <= candidateKey(m.RefreshID) {
			continue
		}
		var c Candidate
		if _, _, err := s.ledger.Get(ctx, key, &c); err != nil {
			return "", "", err
		}
		for _, it := range c.Items {
			if has[it.Kind][it.Source] {
				return c.RefreshID, it.Source, nil
			}
		}
	}
	return "", "", nil
}
