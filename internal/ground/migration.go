package ground

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/config"
)

// MigrationGroup is the cluster parameter group that a derived migration gives
// to its cluster, with replication on; NextMigrationGroup is another that it may
// get.
const (
	MigrationGroup     = "production-replicated"
	NextMigrationGroup = "production-next"
)

// ReplicationPassword is what the account of a way back has.
const ReplicationPassword = "Rehearse-b7e0d3c1a95f2846d0aa"

// WithMigration prepares production for the migration of a cluster, as an owner
// does who has read the preflight: replication on, a reader, the secrets of
// production.migrate, and security groups that let dbferry's functions in.
func (g Ground) WithMigration(c config.Config, cluster string) (Ground, error) {
	m := c.Production.Migrate
	if m == nil {
		return g, fmt.Errorf("ground: dbferry.json has no production.migrate; docs/migrate.md shows one")
	}
	set, err := m.Cluster(cluster)
	if err != nil {
		return g, fmt.Errorf("ground: %w", err)
	}
	g.Clusters = slices.Clone(g.Clusters)
	i := slices.IndexFunc(g.Clusters, func(x Cluster) bool { return x.ID == cluster })
	if i < 0 {
		return g, fmt.Errorf("ground: production has no cluster %s", cluster)
	}
	cl := &g.Clusters[i]
	user := slices.IndexFunc(cl.Users, func(u User) bool { return u.Name == set.Login.User })
	if user < 0 {
		return g, fmt.Errorf("ground: cluster %s has no user %s, which production.migrate names", cluster, set.Login.User)
	}
	cl.Settings.ParameterGroup = MigrationGroup
	cl.Settings.Readers = max(cl.Settings.Readers, 1)
	g.Accounts = slices.Clone(g.Accounts)
	a := g.Account(c.Production.Account)
	a.ParameterGroups = append(slices.Clone(a.ParameterGroups), ParameterGroup{Name: MigrationGroup, Family: familyOf(cl.Engine, cl.EngineVersion)},
		ParameterGroup{Name: NextMigrationGroup, Family: familyOf(cl.Engine, cl.EngineVersion)})
	a.Parameters = map[string]map[string]string{MigrationGroup: replicated(cl.Engine), NextMigrationGroup: replicated(cl.Engine)}
	a.Secrets = append(slices.Clone(a.Secrets), Secret{Name: set.MasterSecret, User: cl.Master.Name, Password: cl.Master.Password},
		Secret{Name: set.Login.Secret, User: set.Login.User, Password: cl.Users[user].Password})
	if b := set.WayBack; b != nil {
		a.Secrets = append(a.Secrets, Secret{Name: b.Secret, User: b.User, Password: ReplicationPassword})
	}
	a.SecurityGroups = slices.Clone(a.SecurityGroups)
	for i := range a.SecurityGroups {
		if slices.Contains(m.Network.DatabaseSecurityGroups, a.SecurityGroups[i].ID) {
			// The functions' own group is not known before it is deployed.
			a.SecurityGroups[i].Ingress = append(slices.Clone(a.SecurityGroups[i].Ingress), Rule{3306, 3306, "", "10.0.0.0/8"}, Rule{5432, 5432, "", "10.0.0.0/8"})
		}
	}
	return g, g.validate()
}

func replicated(engine string) map[string]string {
	if strings.HasSuffix(engine, "postgresql") {
		return map[string]string{"rds.logical_replication": "1"}
	}
	return map[string]string{"binlog_format": "ROW"}
}

// familyOf is the parameter group family of an engine version.
func familyOf(engine, version string) string {
	if strings.HasSuffix(engine, "postgresql") {
		major, _, _ := strings.Cut(version, ".")
		return engine + major
	}
	return engine + version[:min(len(version), 3)]
}
