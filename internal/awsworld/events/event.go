package events

import (
	"encoding/json"
	"time"
)

// Event is one event as rules and targets see it.
type Event struct {
	ID         string
	DetailType string
	Source     string
	Account    string // of the sender; kept when the event crosses accounts
	Time       time.Time
	Region     string
	Resources  []string
	Detail     json.RawMessage

	// hops is how many buses have passed the event on; crossed says that one of
	// them was in another account. AWS keeps the same outside of the event.
	hops    int
	crossed bool
}

// JSON is the event as AWS writes it.
func (e Event) JSON() []byte {
	resources := e.Resources
	if resources == nil {
		resources = []string{}
	}
	raw, err := json.Marshal(struct {
		Version    string          `json:"version"`
		ID         string          `json:"id"`
		DetailType string          `json:"detail-type"`
		Source     string          `json:"source"`
		Account    string          `json:"account"`
		Time       string          `json:"time"`
		Region     string          `json:"region"`
		Resources  []string        `json:"resources"`
		Detail     json.RawMessage `json:"detail"`
	}{"0", e.ID, e.DetailType, e.Source, e.Account, e.Time.UTC().Format("2006-01-02T15:04:05Z"), e.Region, resources, e.Detail})
	if err != nil {
		panic("awsworld/events: an event whose detail is checked JSON did not marshal: " + err.Error())
	}
	return raw
}
