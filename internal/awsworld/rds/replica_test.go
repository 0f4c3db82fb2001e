package rds_test

import (
	"context"
	"errors"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
)

// replication is the part of rows by which one follows another: a replica has
// what its source had when it last caught up.
type replication struct {
	follows map[string]string
	held    map[string]bool
	broken  map[string]string
	access  map[string]rds.Access
	cut     []string
	work    map[string]rds.OpenWork
	hosts   map[string][]rds.Host
}

func newReplication() replication {
	return replication{follows: map[string]string{}, held: map[string]bool{}, broken: map[string]string{}, access: map[string]rds.Access{},
		work: map[string]rds.OpenWork{}, hosts: map[string][]rds.Host{}}
}

func (r *rows) Rename(_ context.Context, from, to string) error {
	if _, taken := r.live[to]; taken {
		return errors.New(to + " exists")
	}
	r.live[to], r.access[to], r.held[to] = r.live[from], r.access[from], r.held[from]
	delete(r.live, from)
	if source, ok := r.follows[from]; ok {
		r.follows[to] = source
		delete(r.follows, from)
	}
	for replica, source := range r.follows {
		if source == from {
			r.follows[replica] = to
		}
	}
	return nil
}

func (r *rows) Replicate(_ context.Context, source, replica string) error {
	r.follows[replica] = source
	return nil
}

func (r *rows) Replica(_ context.Context, key string) (rds.ReplicaState, error) {
	_, following := r.follows[key]
	return rds.ReplicaState{Following: following, Healthy: following && r.broken[key] == "", Error: r.broken[key]}, nil
}

func (r *rows) Apply(_ context.Context, replica string, on bool) error {
	r.held[replica] = !on
	return nil
}

func (r *rows) CatchUp(_ context.Context, replica string) (bool, error) {
	if r.held[replica] || r.broken[replica] != "" {
		return false, nil
	}
	c := r.live[replica]
	c.rows = r.live[r.follows[replica]].rows
	r.live[replica] = c
	return true, nil
}

func (r *rows) StopReplica(_ context.Context, replica string) (rds.LogPosition, error) {
	if _, ok := r.follows[replica]; !ok {
		return rds.LogPosition{}, errors.New(replica + " follows nobody")
	}
	delete(r.follows, replica)
	return rds.LogPosition{File: "mysql-bin-changelog.000003", Position: 40134574}, nil
}

func (r *rows) SetAccess(_ context.Context, key string, a rds.Access, _ string) error {
	r.access[key] = a
	return nil
}

func (r *rows) Disconnect(_ context.Context, key string) error {
	r.cut = append(r.cut, key)
	return nil
}

func (r *rows) OpenWork(_ context.Context, key string) (rds.OpenWork, error) { return r.work[key], nil }

func (r *rows) Hosts(_ context.Context, key string, hosts []rds.Host) error {
	r.hosts[key] = hosts
	return nil
}
