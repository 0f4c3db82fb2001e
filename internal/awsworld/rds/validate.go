package rds

import (
	"regexp"
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/awsworld"
)

func invalidValue(format string, args ...any) error {
	return awsworld.Errorf("InvalidParameterValue", format, args...)
}

func invalidCombination(format string, args ...any) error {
	return awsworld.Errorf("InvalidParameterCombination", format, args...)
}

var identifier = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// validID checks an identifier of a cluster or instance, which RDS stores in
// lower case: 1 to 63 letters, digits and single hyphens (RDS API reference,
// CreateDBInstance).
func validID(parameter, id string) error {
	if len(id) > 63 || !identifier.MatchString(strings.ToLower(id)) {
		return invalidValue("The parameter %s is not a valid identifier: %q. Identifiers must begin with a letter; must contain only ASCII letters, "+
			"digits, and hyphens; must not end with a hyphen or contain two consecutive hyphens; and must be 1 to 63 characters long.", parameter, id)
	}
	return nil
}

// validSnapshotID checks the name of a snapshot: at most 255 characters. AWS
// Backup's own begin with awsbackup:, which nobody else can choose.
func validSnapshotID(parameter, id string) error {
	name := strings.TrimPrefix(id, backupPrefix)
	if len(id) > 255 || !identifier.MatchString(strings.ToLower(name)) {
		return invalidValue("The parameter %s is not a valid identifier: %q. Identifiers must begin with a letter; must contain only ASCII letters, "+
			"digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.", parameter, id)
	}
	return nil
}

// validPassword is the rule of docs/aws.md §7.1: 8 to 41 printable ASCII
// characters except / " @ (and the space, which the service refuses too).
func validPassword(p string) error {
	if len(p) < 8 || len(p) > 41 {
		return invalidValue("The parameter MasterUserPassword is not a valid password because it is shorter than 8 or longer than 41 characters.")
	}
	for _, r := range p {
		if r <= ' ' || r > '~' || strings.ContainsRune(`/"@`, r) {
			return invalidValue(`The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '"', ' ' may be used.`)
		}
	}
	return nil
}

func validScaling(s Scaling) error {
	halves := s.Min*2 == float64(int(s.Min*2)) && s.Max*2 == float64(int(s.Max*2))
	switch {
	case s.Min < 0 || s.Min > 256 || s.Max < 1 || s.Max > 256 || s.Min > s.Max || !halves:
		return invalidValue("Serverless v2 capacity from %g to %g isn't valid. Use steps of 0.5 ACU, a minimum from 0 to 256 and a maximum from 1 to 256 that is not below it.", s.Min, s.Max)
	case s.AutoPause != 0 && s.Min != 0:
		return invalidCombination("SecondsUntilAutoPause can be set only when MinCapacity is 0.")
	case s.AutoPause != 0 && (s.AutoPause < 300 || s.AutoPause > 86400):
		return invalidValue("SecondsUntilAutoPause must be between 300 and 86400, not %d.", s.AutoPause)
	}
	return nil
}

func checkLogs(engine, version string, names []string) error {
	for _, name := range names {
		if !slices.Contains(logTypes(engine), name) {
			return invalidCombination("You cannot use the log type '%s' with engine version %s %s.", name, engine, version)
		}
	}
	return nil
}
