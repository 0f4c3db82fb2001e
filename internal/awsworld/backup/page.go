package backup

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// defaultPage is how many entries a list answers when MaxResults is absent;
// AWS does not publish its number.
const defaultPage = 100

// page cuts one page out of a list. The token is the position of the next one.
func page[T any](items []T, limit *int32, token *string) ([]T, *string, error) {
	size := defaultPage
	if limit != nil {
		size = int(*limit)
	}
	if size < 1 || size > 1000 {
		return nil, nil, invalid("MaxResults must be between 1 and 1000")
	}
	from := 0
	if token != nil {
		n, err := strconv.Atoi(*token)
		if err != nil || n < 0 || n > len(items) {
			return nil, nil, invalid("Invalid NextToken")
		}
		from = n
	}
	to := min(from+size, len(items))
	if to == len(items) {
		return items[from:to], nil, nil
	}
	return items[from:to], aws.String(strconv.Itoa(to)), nil
}

// is compares an optional filter.
func is(filter *string, value string) bool {
	return filter == nil || *filter == "" || strings.EqualFold(*filter, value)
}

// within compares an optional span of time.
func within(t time.Time, after, before *time.Time) bool {
	return (after == nil || t.After(*after)) && (before == nil || t.Before(*before))
}

// endedWithin compares an optional span with the end of a job; a job that has
// not ended is in no span.
func endedWithin(t time.Time, after, before *time.Time) bool {
	if after == nil && before == nil {
		return true
	}
	return !t.IsZero() && within(t, after, before)
}
