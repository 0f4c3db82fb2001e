package survey

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// bounded asks a question. Where a first answer must come in time, the first
// question to each API is cut off, and one that is not reached is not asked
// again. Later questions may take longer: they may be several calls.
func (v *visit) bounded(ctx context.Context, q question) error {
	seen, known := v.f.Endpoints[q.api]
	if v.Bound <= 0 || known && seen == "" {
		return v.note(q.source, q.find(ctx))
	}
	if known {
		v.f.Unread[q.source] = seen
		return nil
	}
	first, cancel := context.WithTimeout(ctx, v.Bound)
	err := q.find(first)
	cancel()
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		v.f.Endpoints[q.api] = fmt.Sprintf("its API did not answer within %s from the function subnets", v.Bound)
		v.f.Unread[q.source] = v.f.Endpoints[q.api]
		return nil
	}
	v.f.Endpoints[q.api] = ""
	return v.note(q.source, err)
}

// reason is the innermost text of an error: what AWS said.
func reason(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return strings.TrimSuffix(err.Error(), ".")
		}
		err = inner
	}
}
