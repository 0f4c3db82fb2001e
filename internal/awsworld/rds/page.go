package rds

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// page cuts one page out of a list that is sorted by name. MaxRecords is 20 to
// 100, and 100 when absent; the marker is the name of the last row given.
func page[T any](all []T, name func(T) string, marker *string, maxRecords *int32) (rows []T, next *string, err error) {
	limit := 100
	if maxRecords != nil {
		limit = int(*maxRecords)
		if limit < 20 || limit > 100 {
			return nil, nil, invalidValue("Invalid value %d for MaxRecords. Must be between 20 and 100", limit)
		}
	}
	if marker != nil && *marker != "" {
		after, err := base64.RawURLEncoding.DecodeString(*marker)
		if err != nil {
			return nil, nil, invalidValue("The Marker parameter is not valid: %s", *marker)
		}
		all = slices.DeleteFunc(slices.Clone(all), func(row T) bool { return name(row) <= string(after) })
	}
	if len(all) <= limit {
		return all, nil, nil
	}
	last := base64.RawURLEncoding.EncodeToString([]byte(name(all[limit-1])))
	return all[:limit], aws.String(last), nil
}

// filter is the one filter an operation understands beside the engine.
type filter map[string][]string

// readFilters takes the filters and refuses, by name, those that are not
// simulated.
func readFilters(op string, in []types.Filter, known ...string) (filter, error) {
	out := filter{}
	for _, f := range in {
		name := aws.ToString(f.Name)
		if !slices.Contains(known, name) {
			return nil, &awsworld.Unsimulated{Service: "RDS", Operation: op + " with filter " + name}
		}
		for _, v := range f.Values {
			// Clusters and instances may be given by ARN.
			out[name] = append(out[name], strings.ToLower(v[strings.LastIndex(v, ":")+1:]))
		}
	}
	return out, nil
}

// readARNFilters is readFilters for values that are ARNs and stay whole.
func readARNFilters(op string, in []types.Filter, known ...string) (filter, error) {
	f, err := readFilters(op, in, known...)
	if err != nil {
		return nil, err
	}
	for _, x := range in {
		f[aws.ToString(x.Name)] = nil
		for _, v := range x.Values {
			f[aws.ToString(x.Name)] = append(f[aws.ToString(x.Name)], strings.ToLower(v))
		}
	}
	return f, nil
}

func (f filter) admits(name, value string) bool {
	values, set := f[name]
	return !set || slices.Contains(values, strings.ToLower(value))
}
