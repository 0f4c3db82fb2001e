package rehearsal

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/dbferry/dbferry/internal/awsworld/events"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/ground"
)

// othersWork is how long the work of others on a resource takes, when the
// ground has some.
const othersWork = 24 * time.Hour

// addAccount puts an account into its organization, under its policies.
func (s *stage) addAccount(a ground.Account, org string) error {
	org = cmp.Or(a.Organization, org)
	if org == "none" {
		org = ""
	}
	account := s.w.AddAccount(a.ID, a.Name, org)
	for i, raw := range a.ServiceControlPolicies {
		p, err := service.Policy(fmt.Sprintf("service control policy %d of %s", i+1, a.Name), a.ID, raw)
		if err != nil {
			return err
		}
		p.Level = "account"
		account.ServicePolicies = append(account.ServicePolicies, *p)
	}
	return nil
}

// ownerOf is the key of a cluster's storage: the customer's, or none of an
// account.
func (s *stage) ownerOf(k ground.Key, account, customers string) (key string, awsOwned bool) {
	switch k.Owner {
	case "aws":
		return s.kms.AWSManaged(account, "rds"), false
	case "aws-owned":
		return "", true
	case "none":
		return "", false
	}
	return customers, false
}

// foreign says that RDS lists clusters of an engine which are not Aurora's.
func foreign(engine string) bool { return !strings.HasPrefix(engine, "aurora-") }

// putTrouble puts into the accounts what stands in the way of a refresh, when
// the ground has some.
func (s *stage) putTrouble() error {
	for _, w := range s.ground.Withdrawn {
		if engine, version, ok := strings.Cut(w, " "); ok {
			s.rds.WithdrawVersion(engine, version)
		} else {
			s.rds.WithdrawClass(w)
		}
	}
	for _, a := range s.ground.Accounts {
		if err := s.troubleIn(a); err != nil {
			return fmt.Errorf("ground of account %s: %w", a.ID, err)
		}
	}
	account := s.config.Production.Account
	for _, c := range s.ground.Clusters {
		if err := s.troubleWith(c, account); err != nil {
			return fmt.Errorf("ground, cluster %s: %w", c.ID, err)
		}
	}
	for _, t := range s.ground.Tables {
		if t.Status != "" {
			s.dynamodb.SetStatus(account, t.Name, ddbtypes.TableStatus(t.Status))
		}
		if err := s.foreignBackup(t.BackedUp, s.config.ProductionPlace().Table(t.Name)); err != nil {
			return fmt.Errorf("ground, table %s: %w", t.Name, err)
		}
	}
	return nil
}

func (s *stage) troubleIn(a ground.Account) error {
	for name, limit := range a.Quotas {
		s.rds.SetQuota(a.ID, name, limit)
	}
	for _, r := range a.Rules {
		if _, err := s.events.PutRule(a.ID, events.RuleSpec{Name: r.Name, Pattern: r.Pattern, Disabled: r.Disabled}); err != nil {
			return err
		}
	}
	for _, c := range a.Clusters {
		if err := s.rds.PutServing(a.ID, rds.ClusterSpec{ID: c.ID, Engine: c.Engine, SubnetGroup: c.SubnetGroup, SecurityGroups: c.SecurityGroups}); err != nil {
			return err
		}
		if c.Class == "" {
			continue
		}
		if err := s.rds.PutInstance(a.ID, rds.InstanceSpec{ID: c.ID + "-1", Cluster: c.ID, Class: c.Class}); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) troubleWith(c ground.Cluster, account string) error {
	if c.Status != "" {
		s.rds.Busy(account, c.ID, c.Status, othersWork)
	}
	if c.Key.State != "" {
		key, ok := s.kms.KeyARN(account, c.Key.ID)
		if !ok {
			return fmt.Errorf("it has no key %s", c.Key.ID)
		}
		if err := s.kms.SetState(key, kmstypes.KeyState(c.Key.State)); err != nil {
			return err
		}
	}
	return s.foreignBackup(c.BackedUp, s.config.ProductionPlace().Cluster(c.ID))
}

func (s *stage) foreignBackup(wanted bool, resource string) error {
	if !wanted {
		return nil
	}
	_, err := s.backup.RunForeignBackup(s.config.Production.Account, resource, othersWork)
	return err
}
