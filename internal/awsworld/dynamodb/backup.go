package dynamodb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// image is a table as it was at one moment.
type image struct {
	spec   TableSpec
	items  map[string]Item
	size   int64
	source string // ARN of the table
	at     time.Time
}

// StartAwsBackupJobInput is AWS Backup's call to save a table.
type StartAwsBackupJobInput struct{ TableARN string }

// StartAwsBackupJobOutput names the image that was kept. It holds the table at
// the moment of the request (docs/aws.md §8).
type StartAwsBackupJobOutput struct {
	Image     string
	SizeBytes int64
	At        time.Time
}

// TableRestore is AWS Backup's call to make a table from an image.
type TableRestore struct {
	Image     string // what StartAwsBackupJob answered
	Name      string // of the new table
	SourceARN string // of the table that was backed up; empty for the image's own
	PointARN  string // recovery point, shown in RestoreSummary

	// Encryption is "Default" (or empty) for an AWS owned key, or "KMS" for Key,
	// where an empty Key means the AWS managed key (docs/aws.md §4.3).
	Encryption, Key string
}

// RestoreTableOutput names the table that is being made.
type RestoreTableOutput struct{ TableARN string }

// StartAwsBackupJob saves a table as a role that AWS Backup has assumed; it
// takes the same way as every call. Only the account's own tables.
func (s *Service) StartAwsBackupJob(ctx context.Context, caller awsworld.Caller, tableARN string) (imageName string, err error) {
	out, err := service.Call[StartAwsBackupJobOutput](ctx, s.w, caller, "DynamoDB", "StartAwsBackupJob", &StartAwsBackupJobInput{TableARN: tableARN})
	if err != nil {
		return "", err
	}
	return out.Image, nil
}

// RestoreTableFromAwsBackup begins to make a table in the caller's account, as
// a role that AWS Backup has assumed.
func (s *Service) RestoreTableFromAwsBackup(ctx context.Context, caller awsworld.Caller, r TableRestore) (tableARN string, err error) {
	out, err := service.Call[RestoreTableOutput](ctx, s.w, caller, "DynamoDB", "RestoreTableFromAwsBackup", &r)
	if err != nil {
		return "", err
	}
	return out.TableARN, nil
}

func (s *Service) startBackup(c *awsworld.Call, in *StartAwsBackupJobInput) (*StartAwsBackupJobOutput, error) {
	t, err := s.find(c.Account.ID, in.TableARN)
	if err != nil {
		return nil, err
	}
	if !t.usable() {
		return nil, inUse(t)
	}
	if t.KeyARN != "" {
		if err := s.kms.Use(c.Ctx, c.Caller.Through("dynamodb"), "Decrypt", t.KeyARN, nil); err != nil {
			return nil, err
		}
	}
	name := "table-image-" + s.w.Hex(16)
	i := &image{spec: t.TableSpec, items: maps.Clone(t.items), size: t.size(), source: t.arn, at: s.w.Now()}
	i.spec.Indexes = slices.Clone(t.Indexes)
	s.images[name] = i
	return &StartAwsBackupJobOutput{Image: name, SizeBytes: i.size, At: i.at}, nil
}

// restoreTable makes a table that is CREATING until the data is there. Indexes,
// capacity and data come back; time to live, streams, point-in-time recovery,
// tags, deletion protection and table class do not (docs/aws.md §8).
func (s *Service) restoreTable(c *awsworld.Call, in *TableRestore) (*RestoreTableOutput, error) {
	a, i := s.account(c.Account.ID), s.images[in.Image]
	if err := s.mayRestore(a, i, in); err != nil {
		return nil, err
	}
	t := s.newTable(a, TableSpec{
		Name: in.Name, Hash: i.spec.Hash, Range: i.spec.Range, Indexes: i.spec.Indexes,
		Read: i.spec.Read, Write: i.spec.Write, SizeBytes: i.spec.SizeBytes,
	})
	key := in.Key
	if in.Encryption == "KMS" && key == "" {
		key = s.kms.AWSManaged(a.id, "dynamodb")
	}
	if err := s.encrypt(c.Ctx, c.Caller, t, key); err != nil {
		return nil, err
	}
	source := in.SourceARN
	if source == "" {
		source = i.source
	}
	t.restore = &types.RestoreSummary{SourceBackupArn: aws.String(in.PointARN), SourceTableArn: aws.String(source), RestoreDateTime: aws.Time(s.w.Now())}
	t.status, t.counted = types.TableStatusCreating, s.w.Now()
	a.tables[t.Name] = t
	s.fill(t, i)
	return &RestoreTableOutput{TableARN: t.arn}, nil
}

func (s *Service) mayRestore(a *account, i *image, in *TableRestore) error {
	switch {
	case i == nil:
		return &types.BackupNotFoundException{Message: aws.String("Backup not found: " + in.PointARN)}
	case in.Encryption != "" && in.Encryption != "Default" && in.Encryption != "KMS":
		return invalid("Encryption type %q is neither Default nor KMS", in.Encryption)
	case in.Encryption != "KMS" && in.Key != "":
		return invalid("A KMS key needs encryption type KMS, not %q", in.Encryption)
	case a.tables[in.Name] != nil:
		return &types.TableAlreadyExistsException{Message: aws.String("Table already exists: " + in.Name)}
	case len(a.tables) >= a.quota:
		return &types.LimitExceededException{Message: aws.String(fmt.Sprintf("Subscriber limit exceeded: There is a limit of %d tables per subscriber", a.quota))}
	case a.restores >= maxRestores || a.restoreBytes+i.size > maxRestoreBytes:
		return &types.LimitExceededException{Message: aws.String(fmt.Sprintf(
			"Subscriber limit exceeded: There is a limit of %d concurrent restores totalling 25 TB; %d restores of %d bytes are running", maxRestores, a.restores, a.restoreBytes))}
	}
	return validName(in.Name)
}

// fill loads the data.
func (s *Service) fill(t *table, i *image) {
	a := t.account
	a.restores++
	a.restoreBytes += i.size
	d := s.draw(s.Timing.Restore)
	if s.Timing.RestoreRate > 0 {
		d += time.Duration(float64(i.size) / float64(s.Timing.RestoreRate) * float64(time.Second))
	}
	s.w.Kernel.After(d, func() {
		a.restores--
		a.restoreBytes -= i.size
		t.items, t.order, t.bytes = maps.Clone(i.items), nil, 0
		for _, item := range t.items {
			t.bytes += sizeOf(item)
		}
		t.status = types.TableStatusActive
		t.backupsFrom = s.w.Now().Add(s.draw(s.Timing.Backups))
	})
}

// DropImage forgets an image when its last recovery point is gone.
func (s *Service) DropImage(imageName string) { delete(s.images, imageName) }
