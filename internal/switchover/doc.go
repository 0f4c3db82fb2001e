// Package switchover is the domain of the staging application's move to
// refreshed data, and of its way back. One file a step; steps.go lists them.
//
// What makes an application use a resource is a pointer: the target of an RDS
// proxy, an SSM parameter, a CNAME record, the running deployment of an ECS
// service. A switch is a list of moves, each from what a pointer was to what it
// shall be (plan.go), written into the ledger before the first of them is made.
// Every move can be made in either direction and made again (move*.go): the way
// forward, the way back after a failure and the way back by wish are the same
// code.
package switchover
