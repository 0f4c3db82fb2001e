package dynamodb

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// What lies beside a table and is lost by a restore: it can be looked at.

func (s *Service) resourcePolicy(c *awsworld.Call, in *dynamodb.GetResourcePolicyInput) (*dynamodb.GetResourcePolicyOutput, error) {
	t, err := s.find(c.Account.ID, aws.ToString(in.ResourceArn))
	if err != nil {
		return nil, err
	}
	if t.ResourcePolicy == "" {
		return nil, &types.PolicyNotFoundException{Message: aws.String("Resource-based policy not found for the provided ResourceArn: " + t.arn)}
	}
	return &dynamodb.GetResourcePolicyOutput{Policy: aws.String(t.ResourcePolicy), RevisionId: aws.String("1")}, nil
}

func (s *Service) describeKinesis(c *awsworld.Call, in *dynamodb.DescribeKinesisStreamingDestinationInput) (*dynamodb.DescribeKinesisStreamingDestinationOutput, error) {
	t, err := s.find(c.Account.ID, aws.ToString(in.TableName))
	if err != nil {
		return nil, err
	}
	out := &dynamodb.DescribeKinesisStreamingDestinationOutput{TableName: aws.String(t.Name)}
	if t.KinesisStream != "" {
		out.KinesisDataStreamDestinations = []types.KinesisDataStreamDestination{{StreamArn: aws.String(t.KinesisStream), DestinationStatus: types.DestinationStatusActive}}
	}
	return out, nil
}

func (s *Service) describeInsights(c *awsworld.Call, in *dynamodb.DescribeContributorInsightsInput) (*dynamodb.DescribeContributorInsightsOutput, error) {
	if in.IndexName != nil {
		return nil, &awsworld.Unsimulated{Service: "DynamoDB", Operation: "DescribeContributorInsights of an index"}
	}
	t, err := s.find(c.Account.ID, aws.ToString(in.TableName))
	if err != nil {
		return nil, err
	}
	out := &dynamodb.DescribeContributorInsightsOutput{TableName: aws.String(t.Name), ContributorInsightsStatus: types.ContributorInsightsStatusDisabled}
	if t.ContributorInsights {
		out.ContributorInsightsStatus = types.ContributorInsightsStatusEnabled
	}
	return out, nil
}

// Capacity is what a table, or one of its global secondary indexes, is
// provisioned with; ok says that it is there and not on demand.
func (s *Service) Capacity(account, name, index string) (read, write int64, ok bool) {
	t, err := s.find(account, name)
	if err != nil || t.onDemand() {
		return 0, 0, false
	}
	if index == "" {
		return t.Read, t.Write, true
	}
	i := t.index(index)
	if i == nil {
		return 0, 0, false
	}
	return i.Read, i.Write, true
}

// Active says whether a table can be changed.
func (s *Service) Active(account, name string) bool {
	t, err := s.find(account, name)
	return err == nil && t.status == types.TableStatusActive
}

// Tags are a table's tags.
func (s *Service) Tags(account, name string) map[string]string {
	t, err := s.find(account, name)
	if err != nil {
		return nil
	}
	return maps.Clone(t.Tags)
}
