// Package stack builds dbferry's CloudFormation stacks: dbferry-production, and
// dbferry-<name> for each target. Start with New, then production.go and
// target.go, which list what stands in each account.
//
// Stacks never refer to each other. What one account must know of the other is
// a name computed from the configuration (internal/names), so they deploy in
// any order.
//
// Resources are L2 constructs where those write exactly what is meant. L1 is
// used where L2 would add something unseen or look something up: rules, roles
// and every policy (no grants: a policy is what stands in the policies files),
// functions (L2 looks the VPC up), and event notifications of the inbox (L2
// adds a custom resource with a function of its own).
//
// Service-linked roles are not in the templates: AWS::IAM::ServiceLinkedRole
// fails when the role exists, and in most accounts it does. The step
// staging-ready looks for them and prints the command that creates them.
package stack
