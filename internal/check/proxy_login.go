package check

import (
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/names"
)

var proxyLogin = Check{
	Name: "proxy-login", Side: Target, Scope: Ground, Needs: []Source{FromProxies},
	Proves:      "each proxy uses the secret of the login with which the new data is proved, and whose password dbferry sets in it",
	NotPromised: "that the proxy's role may read the secret; RDS says so when a cluster is registered (AUTH_FAILURE)",
	Run: func(f Facts) []Finding {
		return eachProxy(f, func(c config.ClusterPointer, name string, p ProxyFacts) Finding {
			set, err := f.Target.ClusterSettings(c.Cluster)
			if err != nil {
				return unproved(name, "the target has no settings for "+c.Cluster)
			}
			l, ok := set.ProofLogin(c.Login)
			if !ok {
				return unproved(name, c.Cluster+" has no login, so nothing can be proved through the proxy")
			}
			for _, arn := range p.Secrets {
				switch {
				case names.IsSecret(arn, l.Secret):
					return proved(name, "it uses %s", l.Secret)
				case names.IsLoginSecret(arn, f.Target.Name, c.Cluster, l.User):
					return proved(name, "it uses a secret that a refresh made for %s", l.User)
				}
			}
			return hinders(name, "it does not use the secret "+l.Secret, "`aws rds modify-db-proxy --db-proxy-name "+name+" --auth AuthScheme=SECRETS,SecretArn=…` with all its secrets, this one among them")
		})
	},
}
