package rehearsal

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld/backup"
	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/secretsmanager"
	"github.com/dbferry/dbferry/internal/ground"
)

// setScene puts the ground into the accounts.
func (s *stage) setScene() error {
	org := s.ground.Organization
	for _, a := range s.ground.Accounts {
		if err := s.addAccount(a, org.ID); err != nil {
			return err
		}
	}
	if s.w.Account(org.ManagementAccount) == nil {
		s.w.AddAccount(org.ManagementAccount, "management", org.ID)
	}
	s.backup.SetGlobalSettings(org.ManagementAccount, map[string]string{backup.CrossAccountSetting: fmt.Sprint(org.CrossAccountBackup)})
	for _, a := range s.ground.Accounts {
		if err := s.putAccount(a); err != nil {
			return fmt.Errorf("ground of account %s: %w", a.ID, err)
		}
	}
	for _, c := range s.ground.Clusters {
		if err := s.putCluster(c); err != nil {
			return fmt.Errorf("ground, cluster %s: %w", c.ID, err)
		}
	}
	for _, t := range s.ground.Tables {
		if err := s.putTable(t); err != nil {
			return fmt.Errorf("ground, table %s: %w", t.Name, err)
		}
	}
	if err := s.setApplications(); err != nil {
		return err
	}
	return s.putTrouble()
}

func (s *stage) putAccount(a ground.Account) error {
	for _, service := range a.ServiceLinkedRoles {
		if err := s.serviceLinkedRole(a.ID, service); err != nil {
			return err
		}
	}
	s.backup.SetRegionSettings(a.ID, a.BackupOptIn, a.BackupAdvanced)
	for _, n := range a.Subnets {
		s.rds.PutSubnet(a.ID, rds.Subnet{ID: n.ID, VPC: n.VPC, AZ: n.Zone, CIDR: n.CIDR})
		s.vpcs[a.ID+"/"+n.ID] = n.VPC
	}
	for _, g := range a.SubnetGroups {
		if err := s.rds.PutSubnetGroup(a.ID, rds.SubnetGroup{Name: g.Name, VPC: g.VPC, Description: g.Name, Subnets: g.Subnets}); err != nil {
			return err
		}
	}
	for _, g := range a.SecurityGroups {
		group := rds.SecurityGroup{ID: g.ID, Name: g.Name, VPC: g.VPC}
		for _, r := range g.Ingress {
			group.Ingress = append(group.Ingress, rds.Rule{FromPort: r.From, ToPort: r.To, Group: r.Group, CIDR: r.CIDR})
		}
		s.rds.PutSecurityGroup(a.ID, group)
	}
	for _, g := range a.ParameterGroups {
		put := s.rds.PutParameterGroup
		if g.Instance {
			put = s.rds.PutInstanceParameterGroup
		}
		put(a.ID, rds.ParameterGroup{Name: g.Name, Family: g.Family, Description: g.Name, Parameters: a.Parameters[g.Name]})
	}
	for _, r := range a.Roles {
		if err := s.putRole(a.ID, r); err != nil {
			return err
		}
	}
	return s.putSecrets(a)
}

func (s *stage) putSecrets(a ground.Account) error {
	for _, sec := range a.Secrets {
		value, err := json.Marshal(map[string]string{"username": sec.User, "password": sec.Password})
		if err != nil {
			return err
		}
		spec := secretsmanager.SecretSpec{Name: sec.Name, Value: string(value)}
		if sec.Deleted {
			spec.DeletedDate = s.w.Now()
		}
		if _, err := s.secrets.PutSecret(a.ID, spec); err != nil {
			return err
		}
		s.w.Secrets.Add(sec.Password, "secret "+sec.Name+" of account "+a.ID)
	}
	return nil
}

func (s *stage) putCluster(c ground.Cluster) error {
	account := s.config.Production.Account
	for _, u := range append([]ground.User{c.Master}, c.Users...) {
		s.w.Secrets.Add(u.Password, "production's password of "+u.Name+" in "+c.ID)
	}
	policy, err := c.Key.KeyPolicy(s.config)
	if err != nil {
		return err
	}
	key, err := s.kms.PutKey(account, kms.KeySpec{ID: c.Key.ID, Aliases: []string{"alias/" + c.ID}, Policy: policy, Description: "storage of " + c.ID})
	if err != nil {
		return err
	}
	s.rds.PutEngineVersion(rds.EngineVersion{Engine: c.Engine, Version: c.EngineVersion})
	key, owned := s.ownerOf(c.Key, account, key)
	spec := rds.ClusterSpec{
		OwnedKey: owned, Foreign: foreign(c.Engine), ID: c.ID, Engine: c.Engine, EngineVersion: c.EngineVersion, MasterUser: c.Master.Name, MasterPassword: c.Master.Password, KeyARN: key,
		SubnetGroup: c.SubnetGroup, SecurityGroups: c.SecurityGroups, LogExports: c.LogExports, Tags: c.Tags, VolumeBytes: c.VolumeGB * 1_000_000_000,
		DeletionProtection: true, CopyTagsToSnapshot: true,
	}
	applyCluster(&spec, c.Settings)
	if err := s.rds.PutCluster(account, spec); err != nil {
		return err
	}
	if err := s.putInstances(account, c); err != nil {
		return err
	}
	return s.putBeside(account, "cluster:"+c.ID, "AWS/RDS", c.Settings.Scaling, c.Settings.Alarms)
}

func (s *stage) putTable(t ground.Table) error {
	account := s.config.Production.Account
	spec := dynamodb.TableSpec{
		Name: t.Name, Hash: cartKey, TTLAttribute: t.TTLAttribute, PointInTime: t.PointInTime, Tags: t.Tags,
	}
	applyTable(&spec, t.Settings)
	if t.KeyLost {
		key, err := s.kms.PutKey(s.config.Production.Account, kms.KeySpec{Description: "of table " + t.Name})
		if err != nil {
			return err
		}
		spec.KeyARN, spec.KeyLostAt = key, s.w.Now()
	}
	for i := range t.Items {
		spec.Items = append(spec.Items, cart(cartID(i), i))
	}
	if err := s.dynamodb.PutTable(account, spec); err != nil {
		return err
	}
	return s.putBeside(account, "table/"+t.Name, "AWS/DynamoDB", t.Settings.Scaling, t.Settings.Alarms)
}

// cartKey is the key of the sample's tables, cartID the one of their n-th item.
var cartKey = dynamodb.Attribute{Name: "id", Type: types.ScalarAttributeTypeS}

func cartID(n int) string { return fmt.Sprintf("cart-%05d", n+1) }

// cart is one item, with attributes of several types.
func cart(id string, n int) dynamodb.Item {
	return dynamodb.Item{
		"id":      &types.AttributeValueMemberS{Value: id},
		"expires": &types.AttributeValueMemberN{Value: fmt.Sprint(1_900_000_000 + n)},
		"open":    &types.AttributeValueMemberBOOL{Value: n%3 == 0},
		"lines": &types.AttributeValueMemberL{Value: []types.AttributeValue{
			&types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
				"sku": &types.AttributeValueMemberS{Value: fmt.Sprintf("sku-%03d", n%97)}, "count": &types.AttributeValueMemberN{Value: fmt.Sprint(n%5 + 1)},
			}},
		}},
	}
}
