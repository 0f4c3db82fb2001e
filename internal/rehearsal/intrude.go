package rehearsal

import (
	"context"
	"fmt"

	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/sqlserver"
)

// intrude tries production's password of every user on a restored cluster; in
// says who came in. That is a breach only in a refresh that succeeded: a cluster
// that did not get so far is in quarantine.
func (s *stage) intrude(ctx context.Context, server *sqlserver.Server, cluster string) (in, err error) {
	for _, c := range s.ground.Clusters {
		if c.ID != cluster {
			continue
		}
		for _, u := range append([]ground.User{c.Master}, c.Users...) {
			db, err := server.Open(u.Name, u.Password, "")
			if err != nil {
				return nil, err
			}
			err = db.PingContext(ctx)
			db.Close()
			switch {
			case err == nil, dbconn.IsForbidden(err):
				return fmt.Errorf("production's password of %s still opens the copy of %s", u.Name, cluster), nil
			case !dbconn.IsAuth(err):
				return nil, err
			}
		}
	}
	return nil, nil
}
