package states

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	"github.com/dbferry/dbferry/internal/iam"
)

// ReadItems reads the items of a Distributed Map from S3 with the machine's
// role (docs/aws.md §13).
func (s *Service) ReadItems(ctx context.Context, call asl.ReadCall) ([]json.RawMessage, error) {
	var args struct {
		Bucket, Key string
		VersionId   *string
	}
	if err := json.Unmarshal(call.Arguments, &args); err != nil {
		return nil, fmt.Errorf("the Arguments of the ItemReader: %w", err)
	}
	e := s.byARN[call.Execution.ExecutionArn]
	caller, err := s.mapCaller(e, args.Bucket)
	if err != nil {
		return nil, err
	}
	out, err := service.Call[s3.GetObjectOutput](s.at(ctx, e, call.State), s.w, caller, "S3", "GetObject",
		&s3.GetObjectInput{Bucket: &args.Bucket, Key: &args.Key, VersionId: args.VersionId})
	if err != nil {
		return nil, fmt.Errorf("read s3://%s/%s: %w", args.Bucket, args.Key, err)
	}
	body, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, fmt.Errorf("read s3://%s/%s: %w", args.Bucket, args.Key, err)
	}
	s.w.Secrets.Search(e.where(call.State, "items"), string(body))
	return asl.DecodeItems(call.InputType, body)
}

// WriteResults stores the result files of a Distributed Map. AWS uploads them
// in parts; here one PutObject a file.
func (s *Service) WriteResults(ctx context.Context, call asl.WriteCall) error {
	e := s.byARN[call.Execution.ExecutionArn]
	caller, err := s.mapCaller(e, call.Bucket)
	if err != nil {
		return err
	}
	for _, f := range call.Files {
		s.w.Secrets.Search(e.where(call.State, "results"), string(f.Body))
		_, err := service.Call[s3.PutObjectOutput](s.at(ctx, e, call.State), s.w, caller, "S3", "PutObject",
			&s3.PutObjectInput{Bucket: &call.Bucket, Key: &f.Key, Body: strings.NewReader(string(f.Body))})
		if err != nil {
			return fmt.Errorf("write s3://%s/%s: %w", call.Bucket, f.Key, err)
		}
	}
	return nil
}

// mapCaller is the machine's session, for a bucket of the machine's account.
func (s *Service) mapCaller(e *execution, bucket string) (awsworld.Caller, error) {
	if s.BucketOwner != nil {
		if owner := s.BucketOwner(bucket); owner != "" && owner != e.machine.Account {
			return awsworld.Caller{}, fmt.Errorf("bucket %s is in account %s: a Distributed Map uses only buckets of its own account, %s", bucket, owner, e.machine.Account)
		}
	}
	return s.session(e)
}

// StartChild starts one child of a Distributed Map. The machine's role must be
// allowed to start its own machine; that is asked once for each map run.
func (s *Service) StartChild(_ context.Context, call asl.ChildCall) (*asl.Execution, error) {
	parent := s.byARN[call.Parent.ExecutionArn]
	if err := s.mayMap(parent, call); err != nil {
		return nil, err
	}
	s.w.Secrets.Search(parent.where(call.State, "item input"), string(call.Input))
	x, err := s.engine.Start(call.Machine, call.Input, call.Meta)
	if err != nil {
		return nil, err
	}
	c := &parent.children
	c.Started++
	c.AtOnce = max(c.AtOnce, c.Started-c.Succeeded-c.Failed)
	s.byARN[x.ExecutionArn] = &execution{x: x, machine: parent.machine, parent: parent, item: itemKind(parent, call.Input), maps: map[string]bool{}}
	return x, nil
}

func (s *Service) mayMap(parent *execution, call asl.ChildCall) error {
	if parent.maps[call.Meta.MapRunArn] {
		return nil
	}
	caller, err := s.session(parent)
	if err != nil {
		return err
	}
	caller.Site = parent.site(call.State)
	r := awsworld.Resource{ARN: parent.machine.arn, Owner: parent.machine.Account, Kind: iam.NoPolicy}
	if err := s.w.Authorise(caller, "states:StartExecution", r, nil); err != nil {
		return &asl.Error{Name: asl.ErrPermissions, Cause: "The Distributed Map could not start child executions: " + cause(err)}
	}
	parent.maps[call.Meta.MapRunArn] = true
	return nil
}

// itemKind reads $.item.kind of a child's input, the third coordinate of fault
// sites; a child without one works on its parent's item.
func itemKind(parent *execution, input []byte) string {
	var in struct {
		Item struct {
			Kind string `json:"kind"`
		} `json:"item"`
	}
	if json.Unmarshal(input, &in) != nil || in.Item.Kind == "" {
		return parent.item
	}
	return in.Item.Kind
}
