package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
)

// role is a role whose policies are all known when it is made, so that what
// uses it never starts before it may.
type role struct {
	id, name    string
	description string
	trust       statement
	managed     []string    // ARNs of AWS-managed policies
	policy      []statement // the one inline policy
}

// addRole returns the role's ARN.
func (s *side) addRole(r role) string {
	props := &awsiam.CfnRoleProps{
		RoleName:                 text(r.name),
		Description:              text(r.description),
		AssumeRolePolicyDocument: document(r.trust),
	}
	if len(r.managed) > 0 {
		arns := make([]any, len(r.managed))
		for i, a := range r.managed {
			arns[i] = a
		}
		props.ManagedPolicyArns = &arns
	}
	if len(r.policy) > 0 {
		props.Policies = []any{&awsiam.CfnRole_PolicyProperty{PolicyName: text("own"), PolicyDocument: document(r.policy...)}}
	}
	made := awsiam.NewCfnRole(s.Stack, text(r.id), props)
	explain(made, r.policy)
	return *made.AttrArn()
}

// assumedBy lets a service of this account take the role. aws:SourceAccount is
// sent by Lambda, Step Functions, EventBridge and Scheduler (each one's page on
// the confused deputy).
func (s *side) assumedBy(servicePrincipal string, narrower condition) statement {
	return statement{
		Sid: "AssumedByService", Principal: service(servicePrincipal), Actions: []string{"sts:AssumeRole"},
		Condition: condition{"StringEquals": {"aws:SourceAccount": s.place.Account}}.also(narrower),
	}
}

// assumedByBackup has no condition: AWS Backup documents aws:SourceAccount for
// its topics and vault keys only, not for the roles that it assumes.
func assumedByBackup() statement {
	return statement{Sid: "AssumedByBackup", Principal: service("backup.amazonaws.com"), Actions: []string{"sts:AssumeRole"}}
}

func calledFrom(sourceARNs ...string) condition {
	return condition{"ArnLike": {"aws:SourceArn": list(sourceARNs)}}
}

// backupServiceRole is one of the two roles that AWS Backup works with. Their
// policies are AWS's own, since AWS extends them as its jobs need more.
func (s *side) backupServiceRole(id, name, policy, description string) {
	s.addRole(role{
		id: id, name: name, description: description, trust: assumedByBackup(),
		managed: []string{"arn:aws:iam::aws:policy/service-role/" + policy},
	})
}
