package rehearsal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// What follows are the faults of a migration that are made with real sessions.
// They use a table of their own beside the client's.

// holdTransaction leaves a transaction with a changed row open on a cluster,
// as the superuser's session, until end is called.
func (d *databases) holdTransaction(ctx context.Context, key string) (end func() error, err error) {
	db, err := d.troubleTable(ctx, key)
	if err != nil {
		return nil, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err == nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO "+clientSchema+".trouble (id) VALUES (1)")
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return func() error { return errors.Join(tx.Rollback(), db.Close()) }, nil
}

// troubleTable is a pool on a cluster that has the table.
func (d *databases) troubleTable(ctx context.Context, key string) (*sql.DB, error) {
	s, err := d.server(key)
	if err != nil {
		return nil, err
	}
	db, err := s.Superuser(ctx, "")
	if err != nil {
		return nil, err
	}
	if err := execAll(ctx, db, []string{"CREATE TABLE IF NOT EXISTS " + clientSchema + ".trouble (id BIGINT)"}); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// holdDDL lets a statement that changes a table run on a cluster until end is
// called: it waits for a session that reads the table.
func (d *databases) holdDDL(ctx context.Context, key string) (end func() error, err error) {
	db, err := d.troubleTable(ctx, key)
	if err != nil {
		return nil, err
	}
	reader, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err == nil {
		_, err = reader.ExecContext(ctx, "SELECT id FROM "+clientSchema+".trouble")
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	done := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(ctx, "ALTER TABLE "+clientSchema+".trouble ADD COLUMN more INT")
		done <- err
	}()
	end = func() error { return errors.Join(reader.Rollback(), <-done, db.Close()) }
	if err := d.awaitDDL(ctx, key); err != nil {
		return nil, errors.Join(err, end())
	}
	return end, nil
}

// awaitDDL waits until the statement has begun; in real time, bounded by a
// number of looks.
func (d *databases) awaitDDL(ctx context.Context, key string) error {
	for range 500 {
		w, err := d.OpenWork(ctx, key)
		if err != nil || w.Changing > 0 {
			return err
		}
	}
	return fmt.Errorf("the statement that changes a table on %s did not begin", key)
}

// writeAsMaster writes the row that the client will write next on a replica,
// as the master user whom read_only does not bind. The client's own row then
// breaks replication.
func (d *databases) writeAsMaster(ctx context.Context, key, user, password string, id int) error {
	s, err := d.server(key)
	if err != nil {
		return err
	}
	db, err := s.Open(user, password, "")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s.rows VALUES (%d, 'by the master user on green')", clientSchema, id))
	return err
}

// awaitBroken waits until a replica has met what breaks it.
func (d *databases) awaitBroken(ctx context.Context, key string) error {
	for range 2000 {
		state, err := d.Replica(ctx, key)
		if err != nil || state.Following && !state.Healthy {
			return err
		}
	}
	return fmt.Errorf("replication into %s did not break", key)
}
