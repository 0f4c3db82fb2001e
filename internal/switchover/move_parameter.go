package switchover

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/names"
)

// parameter reads a parameter's value and version; found is false when there is
// none. A SecureString is refused: a pointer is no secret, and its value is recorded.
func (s *step) parameter(ctx context.Context, name string) (value string, version int64, found bool, err error) {
	out, err := s.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	if fault.HasCode(err, "ParameterNotFound") {
		return "", 0, false, nil
	}
	if err != nil {
		return "", 0, false, fault.AWS("read the parameter", name, err)
	}
	if out.Parameter.Type == ssmtypes.ParameterTypeSecureString {
		return "", 0, true, fault.New(fault.BadRequest, "read the parameter", name, "store pointers as String; secrets belong into Secrets Manager", "it is a SecureString")
	}
	return aws.ToString(out.Parameter.Value), out.Parameter.Version, true, nil
}

// moveParameter converges a parameter on a value. A value that is neither where
// the move comes from nor where it goes to is somebody else's change.
func (s *step) moveParameter(ctx context.Context, m Move, d Direction) error {
	from, to := m.ends(d)
	value, version, found, err := s.parameter(ctx, m.Name)
	if err != nil {
		return err
	}
	switch {
	case d == Backward && m.Absent && !found, found && value == to && !(d == Backward && m.Absent):
		return nil
	case d == Backward && m.Absent && value == from:
		return s.removeParameter(ctx, m.Name)
	case !found && d == Forward && m.Absent:
		return s.createParameter(ctx, m.Name, to)
	case found && value == from && !m.Absent:
		return s.overwrite(ctx, m.Name, to, version)
	}
	return foreign("parameter "+m.Name, value, from, to)
}

// overwrite adds a version to a parameter, whose earlier ones stay in its
// history. SSM cannot be told to write only over a certain version, but says
// which one it has made: when somebody else wrote in the very moment, that is told.
func (s *step) overwrite(ctx context.Context, name, value string, over int64) error {
	out, err := s.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Overwrite: aws.Bool(true)})
	if err != nil {
		return fault.AWS("write the parameter", name, err)
	}
	if out.Version > over+1 {
		return fault.New(fault.NameTaken, "move parameter "+name, name, fmt.Sprintf("`aws ssm get-parameter-history --name %s` has version %d; find out who wrote it", name, out.Version-1),
			"somebody else wrote version %d while the switch wrote version %d", out.Version-1, out.Version)
	}
	return nil
}

// createParameter makes one that was not there, and marks it as ours, so that
// the way back may remove it.
func (s *step) createParameter(ctx context.Context, name, value string) error {
	_, err := s.ssm.PutParameter(ctx, &ssm.PutParameterInput{
		Name: &name, Value: &value, Type: ssmtypes.ParameterTypeString, Description: aws.String("written by dbferry"),
		Tags: []ssmtypes.Tag{{Key: aws.String(names.TagOwner), Value: aws.String(names.Prefix)}, {Key: aws.String(names.TagTarget), Value: &s.t.Name}},
	})
	if fault.HasCode(err, "ParameterAlreadyExists") {
		now, _, found, lookErr := s.parameter(ctx, name)
		if lookErr == nil && found && now == value {
			return nil // an earlier call of ours; its reply was lost
		}
		if lookErr == nil {
			return foreign("parameter "+name, now, "", value)
		}
	}
	return fault.AWS("create the parameter", name, err)
}

func (s *step) removeParameter(ctx context.Context, name string) error {
	_, err := s.ssm.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name})
	if fault.HasCode(err, "ParameterNotFound") {
		return nil
	}
	return fault.AWS("remove the parameter that the switch had made", name, err)
}

// foreign is the error of a pointer that somebody else has moved.
func foreign(what, is, from, to string) error {
	return fault.New(fault.NameTaken, "move "+what, what, "find out who changed it; put it where it shall be, then start again",
		"it is %q, neither %q nor %q: somebody else moved it", is, from, to)
}
