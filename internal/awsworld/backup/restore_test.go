package backup_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
)

func TestClusterRestoreFails(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(s *scene, m map[string]string)
		want  string
	}{
		{"no such subnet group", func(_ *scene, m map[string]string) { m["DBSubnetGroupName"] = "production-db" }, "production-db"},
		{"security group of another VPC", func(_ *scene, m map[string]string) { m["VpcSecurityGroupIds"] = `["sg-production"]` }, "sg-production"},
		{"name taken", func(s *scene, m map[string]string) { s.restoreNamed(m) }, "already exists"},
		{"role without permissions", func(s *scene, _ map[string]string) { s.role(staging, restoreRole).Policies = nil }, "You are not authorized to perform this operation."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			s.run(func() {
				c := s.copyOver(*s.backUp(orders).RecoveryPointArn)
				m := map[string]string{"DBClusterIdentifier": "orders-copy", "Engine": "aurora-postgresql", "DBSubnetGroupName": "db", "point": *c.DestinationRecoveryPointArn}
				tt.spoil(s, m)
				if r := s.restoreNamed(m); r.Status != types.RestoreJobStatusFailed || !strings.Contains(aws.ToString(r.StatusMessage), tt.want) || r.CreatedResourceArn != nil {
					t.Errorf("got %s %q", r.Status, aws.ToString(r.StatusMessage))
				}
			})
		})
	}
}

// restoreNamed restores the recovery point that the map holds under "point".
func (s *scene) restoreNamed(m map[string]string) *sdk.DescribeRestoreJobOutput {
	meta := map[string]string{}
	for k, v := range m {
		if k != "point" {
			meta[k] = v
		}
	}
	return s.restore(&sdk.StartRestoreJobInput{RecoveryPointArn: aws.String(m["point"]), Metadata: meta})
}

func TestStartRestoreRefused(t *testing.T) {
	s := newScene(t)
	s.run(func() {
		c := s.copyOver(*s.backUp(orders).RecoveryPointArn)
		good := func() *sdk.StartRestoreJobInput {
			return &sdk.StartRestoreJobInput{
				RecoveryPointArn: c.DestinationRecoveryPointArn, IamRoleArn: aws.String(restoreRole), IdempotencyToken: aws.String("t"),
				Metadata: map[string]string{"DBClusterIdentifier": "c", "Engine": "aurora-postgresql", "DBSubnetGroupName": "db"},
			}
		}
		for _, tt := range []struct {
			name string
			edit func(in *sdk.StartRestoreJobInput)
			code string
		}{
			{"type", func(in *sdk.StartRestoreJobInput) { in.ResourceType = aws.String("DynamoDB") }, "InvalidParameterValueException"},
			{"metadata", func(in *sdk.StartRestoreJobInput) { in.Metadata["Tags"] = "[]" }, "InvalidParameterValueException"},
			{"no role", func(in *sdk.StartRestoreJobInput) { in.IamRoleArn = nil }, "MissingParameterValueException"},
			{"role that may not be passed", func(in *sdk.StartRestoreJobInput) { in.IamRoleArn = aws.String(linkedRole) }, "AccessDeniedException"},
			{"good", func(*sdk.StartRestoreJobInput) {}, ""},
		} {
			in := good()
			tt.edit(in)
			if _, err := s.client(staging).StartRestoreJob(context.Background(), in); code(err) != tt.code || (err != nil) != (tt.code != "") {
				t.Errorf("%s: got %v, want %s", tt.name, err, tt.code)
			}
		}
		if _, err := s.client(staging).StartRestoreJob(context.Background(), good()); err != nil {
			t.Error(err)
		}
		list, err := s.client(staging).ListRestoreJobs(context.Background(), &sdk.ListRestoreJobsInput{ByResourceType: aws.String("Aurora")})
		s.check(err)
		if len(list.RestoreJobs) != 1 || list.RestoreJobs[0].Status != types.RestoreJobStatusPending {
			t.Errorf("got %+v", list.RestoreJobs)
		}
	})
}
