package backup

import (
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// CrossAccountSetting is the switch that the organization's management account
// must have turned on (docs/aws.md §2.1).
const CrossAccountSetting = "isCrossAccountBackupEnabled"

type globalSettings struct {
	management string
	values     map[string]string
	updated    time.Time
}

// SetGlobalSettings says which account manages the organization and which
// settings it has made, such as CrossAccountSetting: "true". Without it
// cross-account copies are switched off.
func (s *Service) SetGlobalSettings(managementAccount string, values map[string]string) {
	s.global = &globalSettings{management: managementAccount, values: maps.Clone(values), updated: s.w.Now()}
}

// SetRegionSettings replaces the account's opt-ins: optIn says which resource
// types AWS Backup may touch, managed which it manages fully (for DynamoDB:
// the advanced features).
func (s *Service) SetRegionSettings(account string, optIn, managed map[string]bool) {
	a := s.account(account)
	a.optIn, a.managed = maps.Clone(optIn), maps.Clone(managed)
}

func (s *Service) crossAccount() bool {
	return s.global != nil && s.global.values[CrossAccountSetting] == "true"
}

// advanced says whether DynamoDB's advanced features are on: it takes both
// maps (docs/aws.md §2.1).
func (a *account) advanced() bool { return a.optIn[typeDynamoDB] && a.managed[typeDynamoDB] }

func (s *Service) settingsOps() []awsworld.Op {
	region := awsworld.On(ServiceID, "DescribeRegionSettings", "backup:DescribeRegionSettings", s.describeRegion)
	region.Source = "API DescribeRegionSettings; docs/aws.md §2.1"
	region.Differs = "only the resource types that the ground sets are listed"

	global := awsworld.On(ServiceID, "DescribeGlobalSettings", "backup:DescribeGlobalSettings", s.describeGlobal)
	global.Source = "API DescribeGlobalSettings; docs/aws.md §2.1"
	global.Differs = "the error of a member account is not published; InvalidRequestException is assumed"
	return []awsworld.Op{region, global}
}

func (s *Service) describeRegion(c *awsworld.Call, _ *sdk.DescribeRegionSettingsInput) (*sdk.DescribeRegionSettingsOutput, error) {
	a := s.of(c)
	return &sdk.DescribeRegionSettingsOutput{
		ResourceTypeOptInPreference:      maps.Clone(a.optIn),
		ResourceTypeManagementPreference: maps.Clone(a.managed),
	}, nil
}

func (s *Service) describeGlobal(c *awsworld.Call, _ *sdk.DescribeGlobalSettingsInput) (*sdk.DescribeGlobalSettingsOutput, error) {
	if s.global == nil || s.global.management != c.Account.ID {
		return nil, badRequest("Account %s is not the management account of an organization", c.Account.ID)
	}
	return &sdk.DescribeGlobalSettingsOutput{
		GlobalSettings: maps.Clone(s.global.values), LastUpdateTime: aws.Time(s.global.updated),
	}, nil
}
