package rds

import "strings"

// DropSubnetGroup removes a DB subnet group, as its owner would. Like the other
// ground methods it asks nobody.
func (s *Service) DropSubnetGroup(account, name string) {
	delete(s.account(account).subnetGroups, strings.ToLower(name))
}

// UpgradeOnRestore makes AWS restore snapshots of a version as another one, as it
// does when the version's support has ended (docs/aws.md §4.2).
func (s *Service) UpgradeOnRestore(from, to string) {
	if s.upgrades == nil {
		s.upgrades = map[string]string{}
	}
	s.upgrades[from] = to
}

// upgraded is the version that a restore of this one gets.
func (s *Service) upgraded(version string) string {
	if to := s.upgrades[version]; to != "" {
		return to
	}
	return version
}
