package survey

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dbferry/dbferry/internal/check"
	"github.com/dbferry/dbferry/internal/fault"
	"github.com/dbferry/dbferry/internal/names"
)

// maxReady is the largest ready.json that is read.
const maxReady = 1 << 20

// ready reads what the target says of itself. For the deployed function, that
// it cannot be read is what the preflight complains of; a person may simply not
// be let in.
func (v *visit) ready(ctx context.Context) error {
	inbox := v.config.Place(v.f.Target).Inbox()
	out, err := v.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &inbox, Key: aws.String(names.ReadyKey)})
	if err != nil {
		named := fault.AWS("read ready.json", inbox, err)
		if fault.Is(named, fault.Throttled) || fault.Is(named, fault.Unavailable) || v.Tolerant && fault.Is(named, fault.Denied) {
			return named
		}
		v.f.ReadyError = err.Error()
		return nil
	}
	defer out.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(out.Body, maxReady))
	if err != nil {
		return fault.AWS("read ready.json", inbox, err)
	}
	if v.f.Ready, err = ParseReady(raw); err != nil {
		v.f.ReadyError = err.Error()
	}
	return nil
}

// ParseReady reads a ready.json, also one of another version.
func ParseReady(raw []byte) (*check.Ready, error) {
	var r check.Ready
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("it is not what staging-ready writes: %v", err)
	}
	return &r, nil
}

// receivesFromReady takes over what the target says of itself.
func (v *visit) receivesFromReady() {
	if r := v.f.Ready; r != nil && r.Schema == check.ReadySchema {
		v.f.Receives = &r.Receives
		return
	}
	v.f.Unread[check.FromReceives] = "the target has not said; see ready-present and ready-fresh"
}
