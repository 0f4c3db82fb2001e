package backup

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// metadata is what StartRestoreJob's map of strings asks for.
type metadata struct {
	cluster rds.RestoreDBClusterFromSnapshotInput
	table   tableRestore
}

// tableRestore is a DynamoDB restore's metadata.
type tableRestore struct {
	name       string
	encryption string // "Default" or "KMS"; empty when not given
	key        string // ARN; empty means the AWS managed key under "KMS"
}

// setter puts one value of the map in its place.
type setter func(m *metadata, value string) error

// requestID is a key that AWS itself may put into the map.
const requestID = "aws:backup:request-id"

var clusterKeys = map[string]setter{
	"dbclusteridentifier":             text(func(m *metadata) **string { return &m.cluster.DBClusterIdentifier }),
	"engine":                          text(func(m *metadata) **string { return &m.cluster.Engine }),
	"engineversion":                   text(func(m *metadata) **string { return &m.cluster.EngineVersion }),
	"enginemode":                      text(func(m *metadata) **string { return &m.cluster.EngineMode }),
	"databasename":                    text(func(m *metadata) **string { return &m.cluster.DatabaseName }),
	"dbclusterparametergroupname":     text(func(m *metadata) **string { return &m.cluster.DBClusterParameterGroupName }),
	"dbsubnetgroupname":               text(func(m *metadata) **string { return &m.cluster.DBSubnetGroupName }),
	"kmskeyid":                        text(func(m *metadata) **string { return &m.cluster.KmsKeyId }),
	"optiongroupname":                 text(func(m *metadata) **string { return &m.cluster.OptionGroupName }),
	"availabilityzones":               list(func(m *metadata) *[]string { return &m.cluster.AvailabilityZones }),
	"vpcsecuritygroupids":             list(func(m *metadata) *[]string { return &m.cluster.VpcSecurityGroupIds }),
	"enablecloudwatchlogsexports":     list(func(m *metadata) *[]string { return &m.cluster.EnableCloudwatchLogsExports }),
	"copytagstosnapshot":              truth(func(m *metadata) **bool { return &m.cluster.CopyTagsToSnapshot }),
	"enableiamdatabaseauthentication": truth(func(m *metadata) **bool { return &m.cluster.EnableIAMDatabaseAuthentication }),
	"backtrackwindow":                 setBacktrack,
	"port":                            setPort,
	"scalingconfiguration":            setScaling,
	requestID:                         ignore,
}

var tableKeys = map[string]setter{
	"targettablename": func(m *metadata, v string) error { m.table.name = v; return nil },
	"encryptiontype": func(m *metadata, v string) error {
		for _, known := range []string{"Default", "KMS"} {
			if strings.EqualFold(v, known) {
				m.table.encryption = known
				return nil
			}
		}
		return fmt.Errorf("%q is neither Default nor KMS", v)
	},
	"kmsmasterkeyarn": func(m *metadata, v string) error { m.table.key = v; return nil },
	requestID:         ignore,
}

// readMetadata reads the map of a restore. Keys are matched without regard to
// case, empty values count as absent, lists and objects are JSON in a string
// (docs/aws.md §4.2, §4.3). Unknown keys are refused.
func readMetadata(kind string, raw map[string]string) (metadata, error) {
	keys, required := clusterKeys, []string{"DBClusterIdentifier", "Engine"}
	if kind == typeDynamoDB {
		keys, required = tableKeys, []string{"targetTableName"}
	}
	var m metadata
	seen := map[string]bool{}
	for _, k := range slices.Sorted(maps.Keys(raw)) {
		lower := strings.ToLower(k)
		set, ok := keys[lower]
		switch {
		case !ok:
			return m, invalid("Invalid restore metadata. Unrecognized key: %s", k)
		case seen[lower]:
			return m, invalid("Invalid restore metadata. Key %s is given twice", k)
		case raw[k] == "":
			continue
		}
		seen[lower] = true
		if err := set(&m, raw[k]); err != nil {
			return m, invalid("Invalid restore metadata. %s: %v", k, err)
		}
	}
	for _, k := range required {
		if !seen[strings.ToLower(k)] {
			return m, invalid("Invalid restore metadata. Missing required key: %s", k)
		}
	}
	return m, nil
}

func ignore(*metadata, string) error { return nil }

func text(at func(*metadata) **string) setter {
	return func(m *metadata, v string) error {
		*at(m) = aws.String(v)
		return nil
	}
}

func list(at func(*metadata) *[]string) setter {
	return func(m *metadata, v string) error {
		if err := json.Unmarshal([]byte(v), at(m)); err != nil {
			return fmt.Errorf("%q is not a JSON list of strings", v)
		}
		return nil
	}
}

func truth(at func(*metadata) **bool) setter {
	return func(m *metadata, v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", v)
		}
		*at(m) = aws.Bool(b)
		return nil
	}
}

func setPort(m *metadata, v string) error {
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("%q is not a port", v)
	}
	m.cluster.Port = aws.Int32(int32(n))
	return nil
}

func setBacktrack(m *metadata, v string) error {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a number of seconds", v)
	}
	if n > 0 {
		m.cluster.BacktrackWindow = aws.Int64(n)
	}
	return nil
}

func setScaling(m *metadata, v string) error {
	var s rdstypes.ScalingConfiguration
	if err := json.Unmarshal([]byte(v), &s); err != nil {
		return fmt.Errorf("%q is not a JSON object", v)
	}
	m.cluster.ScalingConfiguration = &s
	return nil
}
