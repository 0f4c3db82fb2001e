// Package migrate is the domain of production-migrate: one Aurora cluster gets
// another version or other parameters by RDS Blue/Green, with a plan that a
// person approves, a switchover that is watched and proved, and evidence of all
// of it. Facts about AWS are in docs/migration.md.
package migrate
