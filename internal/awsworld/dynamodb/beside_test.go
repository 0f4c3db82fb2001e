package dynamodb_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
)

// TestWhatARestoreLoses: what lies beside a table, and its class and
// protection, are the table's own; a restore brings none of it (docs/aws.md §8).
func TestWhatARestoreLoses(t *testing.T) {
	inWorld(t, func(f fixture) {
		f.shop(1, func(s *dynamodb.TableSpec) {
			s.ResourcePolicy, s.KinesisStream, s.Replicas, s.ContributorInsights = "{}", "arn:aws:kinesis:eu-west-1:111111111111:stream/x", []string{"us-east-1"}, true
			s.Class, s.DeletionProtection = types.TableClassStandardInfrequentAccess, true
		})
		client, role := f.client(prod), f.role(prod)
		image, err := f.StartAwsBackupJob(ctx, role, carts)
		f.ok(err)
		_, err = f.RestoreTableFromAwsBackup(ctx, role, dynamodb.TableRestore{Image: image, Name: "restored"})
		f.ok(err)
		f.sleep(time.Hour)
		look := func(name string) []string {
			var out []string
			if _, err := client.GetResourcePolicy(ctx, &sdk.GetResourcePolicyInput{ResourceArn: aws.String("arn:aws:dynamodb:eu-west-1:111111111111:table/" + name)}); err == nil {
				out = append(out, "policy")
			} else if code(err) != "PolicyNotFoundException" {
				t.Error(err)
			}
			k, err := client.DescribeKinesisStreamingDestination(ctx, &sdk.DescribeKinesisStreamingDestinationInput{TableName: &name})
			f.ok(err)
			if len(k.KinesisDataStreamDestinations) > 0 {
				out = append(out, "kinesis")
			}
			i, err := client.DescribeContributorInsights(ctx, &sdk.DescribeContributorInsightsInput{TableName: &name})
			f.ok(err)
			d := describe(f, client, name)
			out = append(out, string(i.ContributorInsightsStatus), string(d.TableClassSummary.TableClass))
			if len(d.Replicas) > 0 || *d.DeletionProtectionEnabled {
				out = append(out, "replicas, protection")
			}
			return out
		}
		if diff := cmp.Diff([]string{"policy", "kinesis", "ENABLED", "STANDARD_INFREQUENT_ACCESS", "replicas, protection"}, look("shop-carts")); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"DISABLED", "STANDARD"}, look("restored")); diff != "" {
			t.Error(diff)
		}
	})
}
