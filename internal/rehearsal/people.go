package rehearsal

import (
	"database/sql"
)

// Database logs in to a cluster of an account, past its network, as somebody who
// has a user's password; empty names no database. A wrong password shows at the
// first query. Close what it returns.
func (o *Operator) Database(account, cluster, user, password, database string) (*sql.DB, error) {
	server, err := o.s.databases.server(account + "/" + cluster)
	if err != nil {
		return nil, err
	}
	return server.Open(user, password, database)
}
