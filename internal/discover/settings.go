package discover

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/fault"
)

// settings writes one entry for each cluster.
func (l *look) settings(ctx context.Context) error {
	if len(l.own) == 0 {
		return nil
	}
	secrets, err := l.secretNames(ctx)
	if err != nil {
		return err
	}
	groups, err := l.groupsByFamily(ctx)
	if err != nil {
		return err
	}
	for _, c := range l.own {
		family, err := l.family(ctx, c)
		if err != nil {
			return err
		}
		id := aws.ToString(c.DBClusterIdentifier)
		l.target.Clusters = append(l.target.Clusters, config.ClusterSettings{Match: id, ParameterGroup: l.parameterGroup(id, family, groups), MasterSecret: l.masterSecret(id, secrets)})
		l.leave("targets[0].clusters[], %s: logins, the database accounts that stay usable, each with a secret of account %s; until then every account but the master's will be locked", id, l.target.Account)
	}
	return nil
}

// family is the parameter group family of a cluster's engine version; empty
// when the target is not offered that version, which the preflight refuses.
func (l *look) family(ctx context.Context, c rdstypes.DBCluster) (string, error) {
	out, err := rds.NewFromConfig(l.Target).DescribeDBEngineVersions(ctx, &rds.DescribeDBEngineVersionsInput{Engine: c.Engine, EngineVersion: c.EngineVersion})
	if err != nil {
		return "", fault.AWS("look for the engine version", aws.ToString(c.EngineVersion), err)
	}
	if len(out.DBEngineVersions) == 0 {
		return "", nil
	}
	return aws.ToString(out.DBEngineVersions[0].DBParameterGroupFamily), nil
}

// groupsByFamily are the target's own cluster parameter groups.
func (l *look) groupsByFamily(ctx context.Context) (map[string][]string, error) {
	out := map[string][]string{}
	pages := rds.NewDescribeDBClusterParameterGroupsPaginator(rds.NewFromConfig(l.Target), &rds.DescribeDBClusterParameterGroupsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault.AWS("list the parameter groups", l.target.Account, err)
		}
		for _, g := range page.DBClusterParameterGroups {
			name, family := aws.ToString(g.DBClusterParameterGroupName), aws.ToString(g.DBParameterGroupFamily)
			if !strings.HasPrefix(name, "default.") {
				out[family] = append(out[family], name)
			}
		}
	}
	return out, nil
}

// parameterGroup takes the only group that fits; where several do, none.
func (l *look) parameterGroup(cluster, family string, groups map[string][]string) string {
	switch fitting := groups[family]; len(fitting) {
	case 0:
		return ""
	case 1:
		l.chose("targets[0].clusters[], %s: parameterGroup %s, the only one of family %s", cluster, fitting[0], family)
		return fitting[0]
	default:
		l.leave("targets[0].clusters[], %s: parameterGroup, one of %s; until then the engine's default is used", cluster, strings.Join(fitting, ", "))
		return ""
	}
}

// masterWords are what people call the secret of the master user.
var masterWords = []string{"master", "admin", "root", "superuser"}

// masterSecret takes the one secret whose name has a word for the master user
// and shares most words with the cluster's. Its value is not read.
func (l *look) masterSecret(cluster string, secrets []string) string {
	var best []string
	most := 0
	for _, name := range secrets {
		words := wordsOf(name)
		if !slices.ContainsFunc(masterWords, func(w string) bool { return slices.Contains(words, w) }) {
			continue
		}
		shared := 0
		for _, w := range wordsOf(cluster) {
			if slices.Contains(words, w) {
				shared++
			}
		}
		switch {
		case shared == 0 || shared < most:
		case shared > most:
			best, most = []string{name}, shared
		default:
			best = append(best, name)
		}
	}
	if len(best) == 1 {
		l.chose("targets[0].clusters[], %s: masterSecret %s, by its name alone", cluster, best[0])
		return best[0]
	}
	hint := "no secret looks like it"
	if len(best) > 1 {
		hint = "it may be one of " + strings.Join(best, ", ")
	}
	l.leave("targets[0].clusters[], %s: masterSecret, account %s's own secret {\"username\",\"password\"} for the master user; %s", cluster, l.target.Account, hint)
	return config.PlaceholderName + "/" + cluster + "/master"
}

// wordsOf cuts a name at what is no letter and no digit.
func wordsOf(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}
