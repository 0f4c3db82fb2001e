package survey

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
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
	late, err := Within(ctx, v.now, v.Bound, q.find)
	v.f.Endpoints[q.api] = late
	if late != "" {
		v.f.Unread[q.source] = late
		return nil
	}
	return v.note(q.source, err)
}

// Within cuts a first question off after a while; late says so. An answer that
// comes too late counts as none.
func Within(ctx context.Context, now func() time.Time, bound time.Duration, find func(context.Context) error) (late string, err error) {
	began := now()
	first, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	err = find(first)
	if ctx.Err() == nil && (errors.Is(err, context.DeadlineExceeded) || now().Sub(began) > bound) {
		return fmt.Sprintf("its API did not answer within %s from the function subnets", bound), nil
	}
	return "", err
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
