package backup

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestClusterMetadataInFull(t *testing.T) {
	got, err := readMetadata(typeAurora, map[string]string{
		"DBClusterIdentifier": "stg-orders", "Engine": "aurora-postgresql", "EngineVersion": "16.4", "Port": "5432",
		"dbSubnetGroupName": "stg-db", "VpcSecurityGroupIds": `["sg-1","sg-2"]`, "AVAILABILITYZONES": `["eu-west-1a"]`,
		"DBClusterParameterGroupName": "stg-pg16", "KmsKeyId": "arn:aws:kms:eu-west-1:222222222222:key/k", "CopyTagsToSnapshot": "true",
		"EnableIAMDatabaseAuthentication": "false", "EnableCloudwatchLogsExports": `["postgresql"]`, "DatabaseName": "",
		"BacktrackWindow": "0", "ScalingConfiguration": `{"MinCapacity":1}`, "aws:backup:request-id": "r-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := rds.RestoreDBClusterFromSnapshotInput{
		DBClusterIdentifier: aws.String("stg-orders"), Engine: aws.String("aurora-postgresql"), EngineVersion: aws.String("16.4"),
		Port: aws.Int32(5432), DBSubnetGroupName: aws.String("stg-db"), VpcSecurityGroupIds: []string{"sg-1", "sg-2"},
		AvailabilityZones: []string{"eu-west-1a"}, DBClusterParameterGroupName: aws.String("stg-pg16"),
		KmsKeyId: aws.String("arn:aws:kms:eu-west-1:222222222222:key/k"), CopyTagsToSnapshot: aws.Bool(true),
		EnableIAMDatabaseAuthentication: aws.Bool(false), EnableCloudwatchLogsExports: []string{"postgresql"},
		ScalingConfiguration: &rdstypes.ScalingConfiguration{MinCapacity: aws.Int32(1)},
	}
	ignore := cmpopts.IgnoreUnexported(rds.RestoreDBClusterFromSnapshotInput{}, rdstypes.ScalingConfiguration{})
	if diff := cmp.Diff(want, got.cluster, ignore); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMetadataRefused(t *testing.T) {
	aurora := func(k, v string) map[string]string {
		return map[string]string{"DBClusterIdentifier": "c", "Engine": "aurora-mysql", k: v}
	}
	tests := []struct {
		name, kind string
		in         map[string]string
		want       string
	}{
		{"no engine", typeAurora, map[string]string{"DBClusterIdentifier": "c"}, "Missing required key: Engine"},
		{"empty identifier", typeAurora, aurora("DBClusterIdentifier", ""), "Missing required key: DBClusterIdentifier"},
		{"deletion protection is no key", typeAurora, aurora("DeletionProtection", "true"), "Unrecognized key: DeletionProtection"},
		{"twice in two spellings", typeAurora, aurora("engine", "aurora-mysql"), "given twice"},
		{"list without brackets", typeAurora, aurora("VpcSecurityGroupIds", "sg-1"), "not a JSON list"},
		{"port", typeAurora, aurora("Port", "70000"), "not a port"},
		{"bool", typeAurora, aurora("CopyTagsToSnapshot", "yes"), "neither true nor false"},
		{"backtrack", typeAurora, aurora("BacktrackWindow", "long"), "number of seconds"},
		{"scaling", typeAurora, aurora("ScalingConfiguration", "[]"), "not a JSON object"},
		{"no table name", typeDynamoDB, map[string]string{"encryptionType": "Default"}, "Missing required key: targetTableName"},
		{"billing mode is no key", typeDynamoDB, map[string]string{"targetTableName": "t", "billingMode": "PROVISIONED"}, "Unrecognized key: billingMode"},
		{"encryption", typeDynamoDB, map[string]string{"targetTableName": "t", "encryptionType": "AES"}, "neither Default nor KMS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readMetadata(tt.kind, tt.in)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzMetadata(f *testing.F) {
	f.Add("VpcSecurityGroupIds", `["sg-1"]`)
	f.Add("Port", "5432")
	f.Add("ScalingConfiguration", `{"AutoPause":true}`)
	f.Add("encryptionType", "KMS")
	f.Fuzz(func(t *testing.T, key, value string) {
		for _, kind := range []string{typeAurora, typeDynamoDB} {
			raw := map[string]string{"DBClusterIdentifier": "c", "Engine": "e"}
			if kind == typeDynamoDB {
				raw = map[string]string{"targetTableName": "t"}
			}
			raw[key] = value
			m, err := readMetadata(kind, raw)
			if err == nil && m.cluster.DBClusterIdentifier == nil && m.table.name == "" {
				t.Errorf("%s %q accepted without a name", key, value)
			}
		}
	})
}

func FuzzParseResource(f *testing.F) {
	f.Add("arn:aws:rds:eu-west-1:111111111111:cluster:orders")
	f.Add("arn:aws:dynamodb:eu-west-1:111111111111:table/orders")
	f.Add("arn:aws:dynamodb:eu-west-1:111111111111:table/orders/index/x")
	f.Fuzz(func(t *testing.T, arn string) {
		if r, err := parseResource(arn); err == nil && (r.name == "" || r.arn != arn || !strings.HasSuffix(arn, r.name)) {
			t.Errorf("%q read as %+v", arn, r)
		}
	})
}
