package stagingapp

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/dbferry/dbferry/internal/awsworld/ecs"
	"github.com/dbferry/dbferry/internal/dbconn"
)

// pool is the connection that a task keeps to one database. It is held, not
// taken from database/sql's pool for every call: pgx pings a pooled connection
// after a second of real time, which would make two runs differ.
type pool struct {
	task string
	db   *sql.DB
	conn *sql.Conn
}

func (p *pool) close() {
	p.conn.Close()
	p.db.Close()
}

func poolKey(t ecs.Task, d Database) string { return t.ID + "/" + d.Name }

// query asks a database over the task's connection, which is opened anew after
// a failure.
func (a *App) query(ctx context.Context, t ecs.Task, d Database) error {
	key := poolKey(t, d)
	if a.pools[key] == nil {
		p, err := a.open(ctx, t, d)
		if err != nil {
			return err
		}
		a.pools[key] = p
	}
	err := answer(ctx, a.pools[key].conn, d.Query)
	if err != nil {
		a.forget(key)
	}
	return err
}

// answer reads all that a query answers.
func answer(ctx context.Context, conn *sql.Conn, query string) error {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var value sql.RawBytes
		if err := rows.Scan(&value); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (a *App) open(ctx context.Context, t ecs.Task, d Database) (*pool, error) {
	host, err := value(t, d.Host, d.HostVar)
	if err != nil {
		return nil, err
	}
	secret, err := a.secret(ctx, t, d)
	if err != nil {
		return nil, err
	}
	var login struct{ Username, Password string }
	if json.Unmarshal([]byte(secret), &login) != nil {
		return nil, fmt.Errorf("variable %s%s leads to no secret with username and password", d.SecretVar, d.SecretAt)
	}
	db, err := dbconn.Open(ctx, a.Dialer, dbconn.Login{Engine: d.Engine, Host: host, Port: d.Port, User: login.Username, Password: login.Password})
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &pool{t.ID, db, conn}, nil
}

// secret is what a variable holds, or the secret that one names.
func (a *App) secret(ctx context.Context, t ecs.Task, d Database) (string, error) {
	if d.SecretAt == "" {
		return value(t, "", Variable{Name: d.SecretVar})
	}
	id, err := value(t, "", Variable{Name: d.SecretAt})
	if err != nil {
		return "", err
	}
	out, err := a.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.SecretString), nil
}

// value is the literal, or what a variable of the task holds.
func value(t ecs.Task, literal string, v Variable) (string, error) {
	if v.Name == "" {
		return literal, nil
	}
	text, ok := t.Env[v.Name]
	if !ok {
		return "", fmt.Errorf("task %s has no variable %s", t.ID, v.Name)
	}
	return strings.TrimSuffix(strings.TrimPrefix(text, v.Before), v.After), nil
}

// forget closes a connection.
func (a *App) forget(key string) {
	if p := a.pools[key]; p != nil {
		delete(a.pools, key)
		p.close()
	}
}

// tidy closes the connections of tasks that are gone.
func (a *App) tidy() {
	live := map[string]bool{}
	for _, t := range a.Tasks() {
		live[t.ID] = true
	}
	for _, key := range slices.Sorted(maps.Keys(a.pools)) {
		if !live[a.pools[key].task] {
			a.forget(key)
		}
	}
}

// read gets an item, and lists a hash key when it is told to. An item that is
// not there is a failure: the application's data is gone.
func (a *App) read(ctx context.Context, t ecs.Task, table Table) error {
	name, err := value(t, table.Table, table.TableVar)
	if err != nil {
		return err
	}
	key := map[string]types.AttributeValue{}
	for _, k := range slices.Sorted(maps.Keys(table.Key)) {
		key[k] = &types.AttributeValueMemberS{Value: table.Key[k]}
	}
	got, err := a.dynamodb.GetItem(ctx, &dynamodb.GetItemInput{TableName: &name, Key: key})
	switch {
	case err != nil:
		return err
	case len(got.Item) == 0:
		return fmt.Errorf("table %s has no item %v", name, table.Key)
	case table.Hash[0] == "":
		return nil
	}
	_, err = a.dynamodb.Query(ctx, &dynamodb.QueryInput{
		TableName: &name, KeyConditionExpression: new("#k = :v"), ExpressionAttributeNames: map[string]string{"#k": table.Hash[0]},
		ExpressionAttributeValues: map[string]types.AttributeValue{":v": &types.AttributeValueMemberS{Value: table.Hash[1]}},
	})
	return err
}
