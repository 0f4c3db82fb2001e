package rds

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// The two engines.
const (
	AuroraMySQL      = "aurora-mysql"
	AuroraPostgreSQL = "aurora-postgresql"
)

// EngineVersion is a version that clusters can be created with.
type EngineVersion struct {
	Engine, Version string
	Default         bool // used when a restore names no version
}

// knownVersions are a few real ones; PutEngineVersion adds more.
func knownVersions() []EngineVersion {
	return []EngineVersion{
		{AuroraMySQL, "8.0.mysql_aurora.3.04.4", false},
		{AuroraMySQL, "8.0.mysql_aurora.3.08.2", true},
		{AuroraMySQL, "8.0.mysql_aurora.3.10.1", false},
		{AuroraPostgreSQL, "15.13", false},
		{AuroraPostgreSQL, "16.4", false},
		{AuroraPostgreSQL, "16.8", true},
		{AuroraPostgreSQL, "17.5", false},
	}
}

// PutEngineVersion makes a version known, and the engine's default if it says so.
func (s *Service) PutEngineVersion(v EngineVersion) {
	s.versions = slices.DeleteFunc(s.versions, func(o EngineVersion) bool { return o.Engine == v.Engine && o.Version == v.Version })
	for i := range s.versions {
		if v.Default && s.versions[i].Engine == v.Engine {
			s.versions[i].Default = false
		}
	}
	s.versions = append(s.versions, v)
	slices.SortStableFunc(s.versions, func(a, b EngineVersion) int {
		if a.Engine != b.Engine {
			return strings.Compare(a.Engine, b.Engine)
		}
		return compareVersions(a.Version, b.Version)
	})
}

func (s *Service) knows(engine, version string) bool {
	return slices.ContainsFunc(s.versions, func(v EngineVersion) bool { return v.Engine == engine && v.Version == version })
}

func (s *Service) defaultVersion(engine string) string {
	for _, v := range s.versions {
		if v.Engine == engine && v.Default {
			return v.Version
		}
	}
	return ""
}

// restoreVersion is the version that a restored cluster gets: the one asked
// for, else the engine's default, which need not be the snapshot's. Nothing
// goes back to an older version (docs/aws.md §4.2).
func (s *Service) restoreVersion(engine, asked, had string) (string, error) {
	version := asked
	if version == "" {
		version = s.defaultVersion(engine)
	}
	if !s.knows(engine, version) {
		return "", invalidCombination("Cannot find version %s for %s", version, engine)
	}
	version = s.upgraded(version)
	if compareVersions(version, had) < 0 {
		return "", invalidCombination("Cannot restore a snapshot of %s %s to the older version %s", engine, had, version)
	}
	return version, nil
}

// compareVersions compares the numbers in two versions, from left to right.
func compareVersions(a, b string) int {
	return slices.Compare(numbers(a), numbers(b))
}

func numbers(version string) []int {
	var out []int
	for _, part := range strings.FieldsFunc(version, func(r rune) bool { return !unicode.IsDigit(r) }) {
		n, err := strconv.Atoi(part)
		if err != nil {
			n = 0 // more digits than any version has
		}
		out = append(out, n)
	}
	return out
}

// family is the parameter group family of a version: aurora-mysql8.0,
// aurora-postgresql16.
func family(engine, version string) string {
	n := numbers(version)
	switch {
	case len(n) == 0:
		return engine
	case engine == AuroraPostgreSQL || len(n) == 1:
		return engine + strconv.Itoa(n[0])
	}
	return engine + strconv.Itoa(n[0]) + "." + strconv.Itoa(n[1])
}

// defaultOptionGroup names the option group that every cluster has and that
// IAM is asked about.
func defaultOptionGroup(engine, version string) string {
	f := strings.TrimPrefix(family(engine, version), engine)
	return "default:" + engine + "-" + strings.ReplaceAll(f, ".", "-")
}

func defaultPort(engine string) int32 {
	if engine == AuroraPostgreSQL {
		return 5432
	}
	return 3306
}

func logTypes(engine string) []string {
	if engine == AuroraPostgreSQL {
		return []string{"iam-db-auth-error", "instance", "postgresql"}
	}
	return []string{"audit", "error", "general", "iam-db-auth-error", "instance", "slowquery"}
}

func checkEngine(engine string) error {
	if engine != AuroraMySQL && engine != AuroraPostgreSQL {
		return awsworld.Errorf("InvalidParameterValue", "Invalid DB engine: %s", engine)
	}
	return nil
}
