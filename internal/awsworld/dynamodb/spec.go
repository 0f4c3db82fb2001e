package dynamodb

import (
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Item is one item by attribute name.
type Item = map[string]types.AttributeValue

// Attribute is a key attribute: a name and S, N or B.
type Attribute struct {
	Name string
	Type types.ScalarAttributeType
}

// Index is a secondary index.
type Index struct {
	Name        string
	Local       bool
	Hash, Range Attribute            // Range may be empty
	Projection  types.ProjectionType // empty for ALL
	NonKey      []string             // for INCLUDE
	Read, Write int64                // of a global index of a provisioned table
}

// TableSpec describes a table.
type TableSpec struct {
	Name        string
	Hash, Range Attribute // Range may be empty
	Indexes     []Index

	// Read and Write are the provisioned units; zero means on demand.
	Read, Write int64

	TTLAttribute       string               // empty when the time to live is off
	Stream             types.StreamViewType // empty when off
	PointInTime        bool
	RecoveryDays       int32 // 1 to 35; 0 for 35
	DeletionProtection bool
	Class              types.TableClass // empty for STANDARD
	KeyARN             string           // KMS key; empty for an AWS owned key
	KeyLostAt          time.Time        // when DynamoDB lost the use of the key; zero: it has it
	Tags               map[string]string

	ResourcePolicy      string   // JSON; shown and not enforced
	KinesisStream       string   // ARN of a streaming destination
	Replicas            []string // other Regions of a global table; nothing is replicated
	ContributorInsights bool

	Items []Item

	// SizeBytes pretends that the table is larger than its items, which decides
	// how long backups and restores take; 0 counts the items.
	SizeBytes int64
}

var tableName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`)

func validName(name string) error {
	if !tableName.MatchString(name) {
		return invalid("1 validation error detected: Value %q at 'tableName' failed to satisfy constraint: 3 to 255 characters out of a-z, A-Z, 0-9, '_', '-' and '.'", name)
	}
	return nil
}

func (s TableSpec) onDemand() bool { return s.Read == 0 && s.Write == 0 }

// check finds what is wrong with a spec.
func (s TableSpec) check() error {
	if err := validName(s.Name); err != nil {
		return err
	}
	keys := []Attribute{s.Hash}
	if s.Range.Name != "" {
		keys = append(keys, s.Range)
	}
	for _, i := range s.Indexes {
		keys = append(keys, i.Hash)
		if i.Range.Name != "" {
			keys = append(keys, i.Range)
		}
		if i.Local && i.Hash != s.Hash {
			return invalid("Table %s: local index %s must have the table's hash key", s.Name, i.Name)
		}
	}
	seen := map[string]types.ScalarAttributeType{}
	for _, k := range keys {
		if k.Name == "" || k.Type != "S" && k.Type != "N" && k.Type != "B" {
			return invalid("Table %s: key attribute %q has type %q; want S, N or B", s.Name, k.Name, k.Type)
		}
		if other, ok := seen[k.Name]; ok && other != k.Type {
			return invalid("Table %s: attribute %s is both %s and %s", s.Name, k.Name, other, k.Type)
		}
		seen[k.Name] = k.Type
	}
	return nil
}
