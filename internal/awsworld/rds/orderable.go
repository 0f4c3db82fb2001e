package rds

import (
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// knownClasses are a few real instance classes of Aurora, for who asks without
// naming one; class is the form of all that are offered.
var (
	knownClasses = []string{"db.r5.large", "db.r6g.large", "db.r6g.xlarge", "db.r7g.large", "db.serverless", "db.t4g.medium"}
	class        = regexp.MustCompile(`^db\.(serverless|(t3|t4g|r4|r5|r6g|r6gd|r6i|r6id|r7g|r7i|r8g|r8gd|x2g)\.(medium|large|[0-9]*xlarge))$`)
)

// WithdrawClass takes an instance class out of what RDS offers.
func (s *Service) WithdrawClass(class string) { s.withdrawn = append(s.withdrawn, class) }

// WithdrawVersion takes an engine version out of what RDS offers; clusters that
// have it keep it.
func (s *Service) WithdrawVersion(engine, version string) {
	s.versions = slices.DeleteFunc(s.versions, func(v EngineVersion) bool { return v.Engine == engine && v.Version == version })
}

type option struct{ class, version string }

func (s *Service) describeOrderable(c *awsworld.Call, in *rds.DescribeOrderableDBInstanceOptionsInput) (*rds.DescribeOrderableDBInstanceOptionsOutput, error) {
	if err := service.OnlyFields(c, "Engine", "EngineVersion", "DBInstanceClass", "Marker", "MaxRecords"); err != nil {
		return nil, err
	}
	if err := checkEngine(aws.ToString(in.Engine)); err != nil {
		return nil, err
	}
	var all []option
	classes := knownClasses
	if in.DBInstanceClass != nil {
		classes = []string{*in.DBInstanceClass}
	}
	for _, name := range classes {
		if !class.MatchString(name) || slices.Contains(s.withdrawn, name) {
			continue
		}
		for _, v := range s.versions {
			if v.Engine == *in.Engine && (in.EngineVersion == nil || *in.EngineVersion == v.Version) {
				all = append(all, option{name, v.Version})
			}
		}
	}
	slices.SortFunc(all, func(a, b option) int {
		return slices.Compare([]string{a.class, a.version}, []string{b.class, b.version})
	})
	rows, next, err := page(all, func(o option) string { return o.class + " " + o.version }, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeOrderableDBInstanceOptionsOutput{Marker: next}
	for _, o := range rows {
		out.OrderableDBInstanceOptions = append(out.OrderableDBInstanceOptions, types.OrderableDBInstanceOption{
			Engine: aws.String(*in.Engine), EngineVersion: aws.String(o.version), DBInstanceClass: aws.String(o.class), Vpc: aws.Bool(true),
		})
	}
	return out, nil
}
