// Package refresh is the domain of the first job: production data reaches a
// staging account through AWS Backup. One file a step; steps.go lists them. The
// state machines in statemachines/ decide the order, this package decides what
// one step does, and internal/converge decides that it does it once.
//
// Facts live in the ledger below runs/<refresh id>/ (keys.go); a state carries
// only names, so nothing in a payload grows with the number of items.
package refresh
