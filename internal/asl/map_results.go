package asl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/jsonata"
)

// result is $states.result of a Distributed Map: the children's outputs in the
// order of the items, or where they were written (Developer Guide,
// "ResultWriter").
func (r *mapRun) result() (*jsonata.Value, error) {
	w := r.v.state.Map.ResultWriter
	if w != nil && w.Resource != "" {
		return r.write(w)
	}
	transformation := "COMPACT"
	if w != nil {
		transformation = w.Transformation
	}
	entries, err := resultEntries(r.children, transformation)
	if err != nil {
		return nil, err
	}
	result := jsonata.NewArray(entries...)
	return result, r.v.b.x.sized(result, "The result of the state '"+r.v.state.Name+"' has")
}

// resultEntries are the results in the given transformation; a child that did
// not succeed is always written as with NONE.
func resultEntries(children []*Execution, transformation string) ([]*jsonata.Value, error) {
	entries := []*jsonata.Value{}
	for _, x := range children {
		if transformation == "NONE" || x.Status != Succeeded {
			entries = append(entries, metadata(x))
			continue
		}
		out, err := jsonata.Parse(x.Output)
		if err != nil {
			return nil, err
		}
		if transformation == "FLATTEN" && out.Kind() == jsonata.Array {
			entries = append(entries, out.Items()...)
			continue
		}
		entries = append(entries, out)
	}
	return entries, nil
}

// metadata describes a child as the files of a ResultWriter do: input and output
// are JSON text in a string.
func metadata(x *Execution) *jsonata.Value {
	included := jsonata.NewObject(field{Name: "Included", Value: jsonata.NewBool(true)})
	var fields []field
	add := func(name string, v *jsonata.Value) { fields = append(fields, field{Name: name, Value: v}) }
	text := func(name, s string) { add(name, jsonata.NewString(s)) }
	if x.Status != Succeeded {
		text("Cause", x.Cause)
		text("Error", x.Error)
	}
	text("ExecutionArn", x.ExecutionArn)
	text("Input", string(x.Input))
	add("InputDetails", included)
	text("Name", x.Name)
	if x.Status == Succeeded {
		text("Output", string(x.Output))
		add("OutputDetails", included)
	}
	add("RedriveCount", jsonata.NewNumber(0))
	add("StartDate", timestamp(x.StartDate))
	text("StateMachineArn", x.StateMachineArn)
	text("Status", string(x.Status))
	add("StopDate", timestamp(x.StopDate))
	return jsonata.NewObject(fields...)
}

// write hands the result files to the Env.
func (r *mapRun) write(w *ResultWriter) (*jsonata.Value, error) {
	v := r.v
	arguments, err := v.evaluate(w.Arguments, nil)
	if err != nil {
		return nil, err
	}
	bucket, prefix := arguments.Get("Bucket"), arguments.Get("Prefix")
	if bucket == nil || bucket.Kind() != jsonata.String {
		return nil, &Error{Name: ErrResultWriterFailed, Cause: "the Arguments of the ResultWriter lack a Bucket"}
	}
	folder := r.id
	if prefix != nil && prefix.Text() != "" {
		folder = strings.TrimSuffix(prefix.Text(), "/") + "/" + r.id
	}
	files, err := resultFiles(r.children, w, bucket.Text(), folder, r.arn)
	if err != nil {
		return nil, err
	}
	err = v.b.x.engine.Env.WriteResults(v.b.ctx, WriteCall{
		Execution: v.b.x, State: v.state.Name, Resource: w.Resource, Bucket: bucket.Text(), MapRunArn: r.arn, Files: files,
	})
	if err != nil {
		return nil, renamed(err, ErrResultWriterFailed)
	}
	return jsonata.NewObject(
		field{Name: "MapRunArn", Value: jsonata.NewString(r.arn)},
		field{Name: "ResultWriterDetails", Value: jsonata.NewObject(
			field{Name: "Bucket", Value: bucket},
			field{Name: "Key", Value: jsonata.NewString(folder + "/manifest.json")},
		)},
	), nil
}

type manifestFile struct {
	Key  string
	Size int
}

// resultFiles are SUCCEEDED_0 and FAILED_0, each if there is anything to put in
// it, and the manifest that lists them. AWS begins a new file at 5 GB.
func resultFiles(children []*Execution, w *ResultWriter, bucket, folder, arn string) ([]ResultFile, error) {
	var files []ResultFile
	listed := map[string][]manifestFile{"FAILED": {}, "PENDING": {}, "SUCCEEDED": {}}
	for _, status := range []string{"SUCCEEDED", "FAILED"} {
		some := slices.DeleteFunc(slices.Clone(children), func(x *Execution) bool {
			return (x.Status == Succeeded) != (status == "SUCCEEDED")
		})
		if len(some) == 0 {
			continue
		}
		entries, err := resultEntries(some, w.Transformation)
		if err != nil {
			return nil, err
		}
		f := ResultFile{Key: fmt.Sprintf("%s/%s_0.%s", folder, status, strings.ToLower(w.OutputType)), Body: encodeItems(entries, w.OutputType)}
		files = append(files, f)
		listed[status] = append(listed[status], manifestFile{f.Key, len(f.Body)})
	}
	manifest, err := json.Marshal(map[string]any{"DestinationBucket": bucket, "MapRunArn": arn, "ResultFiles": listed})
	return append(files, ResultFile{Key: folder + "/manifest.json", Body: manifest}), err
}

func encodeItems(items []*jsonata.Value, outputType string) []byte {
	if outputType == "JSON" {
		return jsonata.NewArray(items...).JSON()
	}
	var b bytes.Buffer
	for _, item := range items {
		b.Write(item.JSON())
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// DecodeItems splits an object that an ItemReader has read: a JSON array, or
// one JSON value a line for JSONL.
func DecodeItems(inputType string, data []byte) ([]json.RawMessage, error) {
	if inputType == "JSON" {
		v, err := jsonata.Parse(data)
		if err != nil {
			return nil, &Error{Name: ErrItemReaderFailed, Cause: err.Error()}
		}
		if v.Kind() != jsonata.Array {
			return nil, &Error{Name: ErrItemReaderFailed, Cause: "the object holds no JSON array, but a value of the type " + v.Kind().String()}
		}
		var items []json.RawMessage
		for _, item := range v.Items() {
			items = append(items, item.JSON())
		}
		return items, nil
	}
	var items []json.RawMessage
	for n, line := range bytes.Split(data, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		v, err := jsonata.Parse(line)
		if err != nil {
			return nil, &Error{Name: ErrItemReaderFailed, Cause: fmt.Sprintf("line %d: %v", n+1, err)}
		}
		items = append(items, v.JSON())
	}
	return items, nil
}
