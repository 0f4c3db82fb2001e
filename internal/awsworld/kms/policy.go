package kms

import "fmt"

// defaultPolicy is what AWS gives a key that is created without one: the
// account decides by its identity policies (KMS developer guide, "Default key
// policy").
func defaultPolicy(account string) []byte {
	return fmt.Appendf(nil, `{
  "Version": "2012-10-17",
  "Id": "key-default-1",
  "Statement": [
    {"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::%s:root"}, "Action": "kms:*", "Resource": "*"}
  ]
}`, account)
}

// managedPolicy is the policy of an AWS managed key: everybody in the account
// may use it through the service, nobody may change it, and no other account
// gets in (KMS developer guide, "AWS managed keys").
func managedPolicy(account, service, region string) []byte {
	return fmt.Appendf(nil, `{
  "Version": "2012-10-17",
  "Id": "auto-%[2]s",
  "Statement": [
    {"Sid": "Allow access through %[2]s for all principals in the account that are authorized to use it", "Effect": "Allow", "Principal": {"AWS": "*"},
     "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:ListGrants", "kms:DescribeKey"], "Resource": "*",
     "Condition": {"StringEquals": {"kms:CallerAccount": "%[1]s", "kms:ViaService": "%[2]s.%[3]s.amazonaws.com"}}},
    {"Sid": "Allow direct access to key metadata to the account", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::%[1]s:root"},
     "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"], "Resource": "*"}
  ]
}`, account, service, region)
}
