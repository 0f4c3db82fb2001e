package rehearsal

import (
	"context"
	"fmt"
	"strings"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/sqlserver"
)

// databases is rds.Databases on real servers: one for each cluster.
type databases struct {
	farm    *sqlserver.Farm
	servers map[string]*sqlserver.Server // by account/cluster
	images  map[string]*sqlserver.Image
	made    int

	following map[string]*following // replicas, by account/cluster
}

var _ rds.Databases = (*databases)(nil)

func newDatabases(farm *sqlserver.Farm) *databases {
	return &databases{farm: farm, servers: map[string]*sqlserver.Server{}, images: map[string]*sqlserver.Image{}, following: map[string]*following{}}
}

// engineOf translates RDS's engine.
func engineOf(engine string) sqlserver.Engine {
	if engine == rds.AuroraPostgreSQL {
		return sqlserver.Postgres
	}
	return sqlserver.MySQL
}

// fresh makes a name that no server or image of the farm has had.
func (d *databases) fresh(what, key string) string {
	d.made++
	return fmt.Sprintf("%s-%d-%s", what, d.made, strings.ReplaceAll(key, "/", "-"))
}

func (d *databases) server(key string) (*sqlserver.Server, error) {
	if s := d.servers[key]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("cluster %s has no database server", key)
}

// Create implements rds.Databases.
func (d *databases) Create(_ context.Context, key, engine, user, password string) error {
	s, err := d.farm.Create(d.fresh("db", key), engineOf(engine), sqlserver.Options{AdminUser: user, AdminPassword: password})
	if err != nil {
		return err
	}
	d.servers[key] = s
	return nil
}

// Snapshot implements rds.Databases. The server's work belongs to no simulated
// time-out, so the context is cut off from the caller's.
func (d *databases) Snapshot(ctx context.Context, key string) (string, error) {
	s, err := d.server(key)
	if err != nil {
		return "", err
	}
	name := d.fresh("image", key)
	image, err := d.farm.Snapshot(context.WithoutCancel(ctx), s, name)
	if err != nil {
		return "", err
	}
	d.images[name] = image
	return name, nil
}

// Restore implements rds.Databases.
func (d *databases) Restore(ctx context.Context, image, key, _ string) error {
	s, err := d.copyOf(ctx, image, d.fresh("db", key))
	if err != nil {
		return err
	}
	d.servers[key] = s
	return nil
}

func (d *databases) copyOf(ctx context.Context, image, name string) (*sqlserver.Server, error) {
	i := d.images[image]
	if i == nil {
		return nil, fmt.Errorf("there is no database image %q", image)
	}
	return d.farm.Restore(context.WithoutCancel(ctx), i, name)
}

// SetPassword implements rds.Databases, as RDS does it from inside.
func (d *databases) SetPassword(ctx context.Context, key, user, password string) error {
	s, err := d.server(key)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	db, err := s.Superuser(ctx, "")
	if err != nil {
		return err
	}
	defer db.Close()
	if s.Engine() == sqlserver.Postgres {
		return dbconn.AccountsOf(dbconn.AuroraPostgres, db).SetPassword(ctx, dbconn.Account{User: user}, password)
	}
	return dbconn.AccountsOf(dbconn.AuroraMySQL, db).SetPassword(ctx, dbconn.Account{User: user, Host: "%"}, password)
}

// Delete implements rds.Databases.
func (d *databases) Delete(_ context.Context, key string) error {
	s, err := d.server(key)
	if err != nil {
		return err
	}
	delete(d.servers, key)
	delete(d.following, key)
	return s.Remove()
}

// DeleteImage implements rds.Databases.
func (d *databases) DeleteImage(_ context.Context, image string) error {
	i := d.images[image]
	if i == nil {
		return nil
	}
	delete(d.images, image)
	return i.Remove()
}

// Addr implements rds.Databases.
func (d *databases) Addr(ctx context.Context, key string) (string, error) {
	if err := d.refresh(ctx, key); err != nil {
		return "", err
	}
	s, err := d.server(key)
	if err != nil {
		return "", err
	}
	return s.Addr(context.WithoutCancel(ctx))
}
