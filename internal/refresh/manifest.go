package refresh

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

// ManifestSchema is the version of Manifest; staging refuses one it does not know.
const ManifestSchema = 1

// Manifest is production's statement of what it put into a target's vault. It
// is written once into the target's inbox and never changed.
type Manifest struct {
	Schema            int            `json:"schema"`
	RefreshID         string         `json:"refreshId"`
	Target            string         `json:"target"`
	ProductionAccount string         `json:"productionAccount"`
	TargetAccount     string         `json:"targetAccount"`
	Region            string         `json:"region"`
	ConfigHash        string         `json:"configHash"`
	PublishedAt       time.Time      `json:"publishedAt"`
	CutOff            CutOff         `json:"cutOff"`        // spans the cut-offs of all items
	SpreadSeconds     float64        `json:"spreadSeconds"` // between the first and the last of them
	AgeSeconds        float64        `json:"ageSeconds"`    // of the oldest data, when the manifest was published
	Items             []ManifestItem `json:"items"`
	LeftOut           []ItemName     `json:"leftOut,omitempty"` // what of the data set a partial refresh did not take
}

// Spread is the time between the first and the last cut-off of the items.
func (m Manifest) Spread() time.Duration { return m.CutOff.NotAfter.Sub(m.CutOff.NotBefore) }

// Age is how old the data of a manifest is: as old as its oldest item.
func (m Manifest) Age(now time.Time) time.Duration { return now.Sub(m.CutOff.NotBefore) }

// ManifestItem is one item of a manifest.
type ManifestItem struct {
	Kind          Kind     `json:"kind"`
	ID            string   `json:"id"`
	SourceARN     string   `json:"sourceArn"`
	RecoveryPoint string   `json:"recoveryPoint"` // ARN of the copy in the target's vault
	CutOff        CutOff   `json:"cutOff"`
	Bytes         int64    `json:"bytes"`
	Settings      Settings `json:"settings"`
}

// maxManifest bounds what is read: 10,000 items of 4 KiB each.
const maxManifest = 40 << 20

// ParseManifest reads a manifest strictly. It checks only its form; Verify
// checks what it claims.
func ParseManifest(raw []byte) (Manifest, error) {
	if len(raw) > maxManifest {
		return Manifest{}, fmt.Errorf("manifest of %d bytes is larger than any refresh makes", len(raw))
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var m Manifest
	if err := d.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("manifest is not valid: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Manifest{}, fmt.Errorf("manifest is not valid: text after the closing brace")
	}
	return m, nil
}

var itemName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,255}$`)

// Verify checks every claim of a manifest against what the target knows by
// itself: its own configuration. All faults are named at once.
func (m Manifest) Verify(c config.Config, t config.Target, refreshID string) error {
	var bad []string
	want := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Sprintf(format, args...))
		}
	}
	want(m.Schema == ManifestSchema, "schema %d is not %d", m.Schema, ManifestSchema)
	want(m.RefreshID == refreshID, "it is about refresh %q", m.RefreshID)
	want(m.Target == t.Name && m.TargetAccount == t.Account, "it is for target %q in account %q", m.Target, m.TargetAccount)
	want(m.ProductionAccount == c.Production.Account, "it is from account %q", m.ProductionAccount)
	want(m.Region == c.Region, "it is from Region %q", m.Region)
	want(m.ConfigHash == c.Hash(), "production was deployed from another dbferry.json")
	want(len(m.Items) > 0, "it has no items")
	want(!m.CutOff.NotAfter.Before(m.CutOff.NotBefore) && m.SpreadSeconds == m.Spread().Seconds() && m.AgeSeconds == m.Age(m.PublishedAt).Seconds(),
		"its spread and age are not those of its cut-offs")
	want(!m.CutOff.NotBefore.IsZero() && !m.CutOff.NotAfter.After(m.PublishedAt), "its cut-offs do not lie before its publication")
	seen := map[string]bool{}
	for _, it := range m.Items {
		want(!seen[string(it.Kind)+it.ID], "%s %s stands in it twice", it.Kind, it.ID)
		seen[string(it.Kind)+it.ID] = true
		want(!it.CutOff.NotBefore.Before(m.CutOff.NotBefore) && !it.CutOff.NotAfter.After(m.CutOff.NotAfter), "the cut-off of %s %s is not within its own", it.Kind, it.ID)
		bad = append(bad, it.verify(c, t)...)
	}
	bad = append(bad, m.verifyLeftOut()...)
	if len(bad) > 0 {
		return fmt.Errorf("%s", strings.Join(bad, "; "))
	}
	return nil
}

func (it ManifestItem) verify(c config.Config, t config.Target) []string {
	var bad []string
	if !possibleName(it.ID) {
		return []string{fmt.Sprintf("item name %q is not possible", it.ID)}
	}
	prod := c.ProductionPlace()
	source, points := "", []string{}
	switch it.Kind {
	case Cluster:
		source = prod.Cluster(it.ID)
		points = append(points, fmt.Sprintf("arn:aws:rds:%s:%s:cluster-snapshot:awsbackup:", c.Region, t.Account))
		if it.Settings.Cluster == nil {
			bad = append(bad, "cluster "+it.ID+" has no settings")
		}
	case Table:
		source = prod.Table(it.ID)
		if it.Settings.Table == nil {
			bad = append(bad, "table "+it.ID+" has no settings")
		}
	default:
		return []string{fmt.Sprintf("item %q is of kind %q", it.ID, it.Kind)}
	}
	points = append(points, fmt.Sprintf("arn:aws:backup:%s:%s:recovery-point:", c.Region, t.Account))
	if it.SourceARN != source {
		bad = append(bad, fmt.Sprintf("%s %s names the source %q", it.Kind, it.ID, it.SourceARN))
	}
	if !hasPrefix(it.RecoveryPoint, points) {
		bad = append(bad, fmt.Sprintf("%s %s names the recovery point %q, which is not of account %s", it.Kind, it.ID, it.RecoveryPoint, t.Account))
	}
	if it.Settings.Schema != SettingsSchema {
		bad = append(bad, fmt.Sprintf("%s %s has settings of schema %d", it.Kind, it.ID, it.Settings.Schema))
	}
	return bad
}

func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// sum256 is the hash that the event carries beside the manifest's place.
func sum256(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// Published is the output of production-backup, and so what its success event
// carries to the target: names only, never data.
type Published struct {
	Status    string `json:"status"`
	RefreshID string `json:"refreshId"`
	Manifest  string `json:"manifest"` // s3://bucket/key
	SHA256    string `json:"sha256"`
	Items     int    `json:"items"`
}

func manifestURL(t names.Place, id string) string {
	return "s3://" + t.Inbox() + "/" + names.ManifestKey(id)
}
