package refresh

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
	"github.com/dbferry/dbferry/internal/names"
)

// Trigger is what an execution of staging-restore was started for. It is what
// an event or an operator claims; verify-manifest believes none of it before it
// has read the manifest.
type Trigger struct {
	RefreshID string
	SHA256    string // what the event says the manifest's hash is; empty when it says nothing
	Resume    bool
	ByHand    bool
}

// RestoreInput is what an operator gives to staging-restore.
type RestoreInput struct {
	RefreshID string `json:"refreshId,omitempty"` // restore this refresh, if nobody has begun it
	Resume    string `json:"resume,omitempty"`    // continue this refresh
}

// event is the envelope of an EventBridge event; fields that are not needed
// are left to AWS to change.
type event struct {
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Detail     json.RawMessage `json:"detail"`
}

// ParseTrigger reads the input of staging-restore: production's success event,
// the inbox's Object Created event, or an operator's wish.
func ParseTrigger(raw []byte, c config.Config, t config.Target) (Trigger, error) {
	var e event
	if err := json.Unmarshal(raw, &e); err != nil {
		return Trigger{}, fmt.Errorf("the input is not a JSON object: %w", err)
	}
	switch {
	case e.Source == "aws.states" && e.DetailType == "Step Functions Execution Status Change":
		return succeeded(e, c, t)
	case e.Source == "aws.s3" && e.DetailType == "Object Created":
		return arrived(e, c, t)
	case e.Source != "" || e.DetailType != "":
		return Trigger{}, fmt.Errorf("an event %q from %q starts nothing here", e.DetailType, e.Source)
	}
	return byHand(raw)
}

func byHand(raw []byte) (Trigger, error) {
	var in RestoreInput
	if err := lambdafn.Strict(raw, &in); err != nil {
		return Trigger{}, err
	}
	tr := Trigger{RefreshID: in.RefreshID + in.Resume, Resume: in.Resume != "", ByHand: true}
	if (in.RefreshID == "") == (in.Resume == "") || !ValidID(tr.RefreshID) {
		return Trigger{}, fmt.Errorf(`give {"refreshId":"<id>"} to restore a refresh, or {"resume":"<id>"} to continue one`)
	}
	return tr, nil
}

// succeeded reads production's success event. Its account and machine were
// matched by the rule already; they are checked again, because a rule can be
// edited.
func succeeded(e event, c config.Config, t config.Target) (Trigger, error) {
	var d struct {
		Status          string `json:"status"`
		StateMachineARN string `json:"stateMachineArn"`
		Output          string `json:"output"`
		OutputDetails   struct {
			Included bool `json:"included"`
		} `json:"outputDetails"`
	}
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		return Trigger{}, fmt.Errorf("the event's detail cannot be read: %w", err)
	}
	machine := c.ProductionPlace().MachineARN("production-backup", t.Name)
	if e.Account != c.Production.Account || d.StateMachineARN != machine {
		return Trigger{}, notProduction("the event comes from machine %q of account %q, not from %s", d.StateMachineARN, e.Account, machine)
	}
	if d.Status != "SUCCEEDED" || !d.OutputDetails.Included {
		return Trigger{}, fmt.Errorf("the event has status %q and output included=%v; the inbox's event starts the restore without it", d.Status, d.OutputDetails.Included)
	}
	var p Published
	if err := lambdafn.Strict([]byte(d.Output), &p); err != nil {
		return Trigger{}, fmt.Errorf("the output in the event cannot be read: %w", err)
	}
	if !ValidID(p.RefreshID) || len(p.SHA256) != 64 || p.Manifest != manifestURL(c.Place(t), p.RefreshID) {
		return Trigger{}, notProduction("the output in the event names refresh %q and manifest %q", p.RefreshID, p.Manifest)
	}
	return Trigger{RefreshID: p.RefreshID, SHA256: p.SHA256}, nil
}

// arrived reads the inbox's own event: sure, but it knows only the key.
func arrived(e event, c config.Config, t config.Target) (Trigger, error) {
	var d struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key string `json:"key"`
		} `json:"object"`
		Requester string `json:"requester"`
	}
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		return Trigger{}, fmt.Errorf("the event's detail cannot be read: %w", err)
	}
	inbox := c.Place(t).Inbox()
	id, isManifest := strings.CutPrefix(d.Object.Key, names.ManifestPrefix)
	id, isJSON := strings.CutSuffix(id, ".json")
	if e.Account != t.Account || d.Bucket.Name != inbox || !isManifest || !isJSON || !ValidID(id) {
		return Trigger{}, notProduction("object %q in bucket %q of account %q is not a manifest in %s", d.Object.Key, d.Bucket.Name, e.Account, inbox)
	}
	if d.Requester != "" && d.Requester != c.Production.Account {
		return Trigger{}, notProduction("object %q was put into %s by %q, not by production's account %s", d.Object.Key, inbox, d.Requester, c.Production.Account)
	}
	return Trigger{RefreshID: id}, nil
}

// notProduction is the error of an event that has the right form and the wrong
// origin.
func notProduction(format string, args ...any) error {
	return fault.New(fault.Forged, "believe the event", "", "see in CloudTrail who caused it", format, args...)
}

// originOf names why a trigger was not understood: forged, or only malformed.
func originOf(err error) fault.Name {
	if fault.Is(err, fault.Forged) {
		return fault.Forged
	}
	return fault.BadRequest
}
