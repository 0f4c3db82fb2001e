package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsbackup"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/jsii-runtime-go"
)

// keep is the removal policy of what holds data: it outlives its stack, yet a
// failed first deployment takes it away again (RetainExceptOnCreate), or its
// fixed name would block the second.
const keep = awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE

// addVaultKey makes the key of the side's vault. The account's administrators
// keep control of it through IAM; extra statements let others use it.
func (s *side) addVaultKey(extra []any) {
	root := statement{
		Sid: "AccountAdministers", Principal: account(s.place.RootARN()), Actions: []string{"kms:*"}, Resources: []string{"*"},
		Why: "in a key policy * is the key itself; without this statement a key can become unmanageable (KMS Developer Guide, default key policy)",
	}
	policy := document(root)
	policy["Statement"] = append(policy["Statement"].([]any), extra...)
	key := awskms.NewCfnKey(s.Stack, text("VaultKey"), &awskms.CfnKeyProps{
		Description:         text("dbferry: recovery points of " + s.place.Vault()),
		EnableKeyRotation:   true,
		PendingWindowInDays: jsii.Number(30),
		KeyPolicy:           policy,
	})
	key.ApplyRemovalPolicy(keep, nil)
	explain(key, []statement{root})
	awskms.NewCfnAlias(s.Stack, text("VaultKeyAlias"), &awskms.CfnAliasProps{
		AliasName: text(s.place.KeyAlias()), TargetKeyId: key.Ref(),
	})
	s.shared.vaultKey = *key.AttrArn()
}

// addVault makes the side's vault, with statements on who else may use it.
// AWS Backup honors backup:CopyIntoBackupVault only, from other accounts.
func (s *side) addVault(access ...statement) {
	props := &awsbackup.CfnBackupVaultProps{
		BackupVaultName:  text(s.place.Vault()),
		EncryptionKeyArn: s.shared.vaultKey,
	}
	if len(access) > 0 {
		props.AccessPolicy = document(access...)
	}
	vault := awsbackup.NewCfnBackupVault(s.Stack, text("Vault"), props)
	vault.ApplyRemovalPolicy(keep, nil)
	explain(vault, access)
}
