package refresh

import (
	"encoding/json"
	"strings"
)

// notice is one message to people, before it takes a form.
type notice struct {
	subject   string // at most 100 printable ASCII characters, as SNS takes them
	headline  string
	facts     []string // lines
	why, next string
	link      string // to the execution
	execution string // ARN
	thread    string // what messages belong together: the refresh
	kind      string // the verdict
}

// perProtocol is the message as SNS takes it with the structure "json": e-mail
// and all else get text; HTTPS, by which Amazon Q Developer (AWS Chatbot)
// subscribes for Slack and Teams, gets the only form that it shows.
func (n notice) perProtocol() (string, error) {
	chat, err := json.Marshal(n.chat())
	if err != nil {
		return "", err
	}
	raw, err := json.Marshal(map[string]string{"default": n.mail(), "https": string(chat)})
	return string(raw), err
}

func (n notice) mail() string {
	lines := append([]string{n.headline}, n.facts...)
	if n.why != "" {
		lines = append(lines, "", "Why: "+n.why)
	}
	return strings.Join(append(lines, "", "Next: "+n.next, "Execution: "+n.link), "\n")
}

// custom is a custom notification (Amazon Q Developer in chat applications,
// "Custom notifications", event schema).
type custom struct {
	Version  string         `json:"version"`
	Source   string         `json:"source"`
	Content  customContent  `json:"content"`
	Metadata customMetadata `json:"metadata"`
}

type customContent struct {
	TextType    string   `json:"textType"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	NextSteps   []string `json:"nextSteps,omitempty"`
}

type customMetadata struct {
	ThreadID         string   `json:"threadId,omitempty"` // messages of one refresh stand together
	Summary          string   `json:"summary"`
	EventType        string   `json:"eventType"`
	RelatedResources []string `json:"relatedResources,omitempty"`
}

// How long texts may be in a chat: a Slack block ends at 3,000 characters, and
// the schema has narrower limits for the rest.
const (
	mostChatText = 2500
	mostChatStep = 350
)

func (n notice) chat() custom {
	c := custom{Version: "1.0", Source: "custom", Content: customContent{TextType: "client-markdown", Title: n.subject, NextSteps: []string{cutTo(n.next, mostChatStep)}}}
	c.Metadata = customMetadata{ThreadID: n.thread, Summary: n.headline, EventType: n.kind, RelatedResources: []string{n.execution}}
	text := n.headline
	if n.why != "" {
		text += "\nWhy: " + cutTo(n.why, mostChatText/2)
	}
	if facts := strings.TrimSpace(strings.Join(n.facts, "\n")); facts != "" {
		text += "\n```\n" + cutTo(facts, mostChatText-min(mostChatText/2, len(n.why))-500) + "\n```"
	}
	c.Content.Description = text + "\n" + n.link
	return c
}

// cutTo shortens a text to about so many bytes, between two characters.
func cutTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "… (the mail has all of it)"
}
