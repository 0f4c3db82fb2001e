package refresh

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/lambdafn"
)

// Notified is the output of notify.
type Notified struct {
	Status string `json:"status"`
}

type notify struct {
	step
	sns *sns.Client
}

// NewNotify builds notify: one message per end of an execution, and one per
// refresh that succeeded, readable as mail and in a chat. The message is sent
// again only if recording that it was sent failed.
func NewNotify(rt lambdafn.Runtime) (lambdafn.Handler, error) {
	s := &notify{step: newStep(rt), sns: sns.NewFromConfig(rt.AWS)}
	return func(ctx context.Context, raw []byte) ([]byte, error) {
		end, err := ParseEnd(raw)
		if err != nil {
			return nil, &fault.Error{Name: fault.BadRequest, Op: "read how the run ended", Cause: err}
		}
		if err := s.do(ctx, end); err != nil {
			return nil, err
		}
		return json.Marshal(Notified{Status: "DONE"})
	}, nil
}

func (s *notify) do(ctx context.Context, end End) error {
	end, err := s.complete(ctx, end)
	if err != nil {
		return err
	}
	if end, err = s.halfWay(ctx, end); err != nil {
		return err
	}
	key := toldKey(end)
	if mine, err := s.take(ctx, key, end); err != nil || !mine {
		return err
	}
	record := told{End: end, At: s.Now().UTC(), Sent: true}
	if err := s.send(ctx, end); err != nil {
		// Let the next try send at once; if this is lost too, it waits for the lease.
		if e := s.ledger.Put(ctx, key, told{End: end}); e != nil {
			s.Log.Warn("lease not given back", "key", key, "err", e.Error())
		}
		return err
	}
	return s.ledger.Put(ctx, key, record)
}

// told is the record that people were told of an end, or are being told.
type told struct {
	End
	At   time.Time `json:"at"`
	Sent bool      `json:"sent"`
}

// tellLease is longer than the function may run: whoever took it longer ago and
// has not sent is dead. A stopped execution's function runs on beside the one
// that the rule starts, so two may want to tell the same end.
const tellLease = 2 * time.Minute

// take makes this call the one that tells; false when people were told already.
func (s *notify) take(ctx context.Context, key string, end End) (bool, error) {
	mine := told{End: end, At: s.Now().UTC()}
	if created, err := s.ledger.Create(ctx, key, mine); err != nil || created {
		return created, err
	}
	var there told
	ver, _, err := s.ledger.Get(ctx, key, &there)
	if err != nil || there.Sent {
		return false, err
	}
	if s.Now().Sub(there.At) >= tellLease {
		taken, err := s.ledger.Replace(ctx, key, ver, mine)
		if err != nil || taken {
			return taken, err
		}
	}
	return false, fault.New(fault.Unavailable, "send the notification", key, "", "another call is sending it, or died doing so")
}

func (s *notify) send(ctx context.Context, end End) error {
	cut, err := s.cutOffs(ctx, end)
	if err != nil {
		return err
	}
	differ, err := s.differenceLines(ctx, end)
	if err != nil {
		return err
	}
	o, err := s.switchOf(ctx, end.Execution)
	if err != nil {
		return err
	}
	n := message(end, s.Side, s.Config.Region, cut, differ, o)
	body, err := n.perProtocol()
	if err != nil {
		return err
	}
	_, err = s.sns.Publish(ctx, &sns.PublishInput{
		TopicArn: aws.String(s.here.TopicARN()), Subject: &n.subject, Message: &body, MessageStructure: aws.String("json"),
	})
	return fault.AWS("send the notification", s.here.TopicARN(), err)
}
