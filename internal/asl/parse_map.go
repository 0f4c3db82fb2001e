package asl

import (
	"regexp"

	"github.com/dbferry/dbferry/internal/jsonata"
)

var labelPattern = regexp.MustCompile(`^[A-Za-z0-9_.!-]{1,40}$`)

func (p *parser) readMap(o *object) *Map {
	m := &Map{
		Items:          o.template("Items", "Items", jsonata.Array),
		ItemSelector:   o.template("ItemSelector", "ItemSelector"),
		MaxConcurrency: o.seconds("MaxConcurrency", 0),
		ToleratedCount: o.seconds("ToleratedFailureCount", 0),
		ToleratedShare: o.template("ToleratedFailurePercentage", "ToleratedFailurePercentage", jsonata.Number),
		Label:          o.constant("Label"),
	}
	if o.get("ItemBatcher") != nil {
		o.wrong("ItemBatcher is not supported: let each child take one item")
	}
	m.ItemReader = readItemReader(o)
	m.ResultWriter = readResultWriter(o)
	processor := o.needObject("ItemProcessor")
	if processor == nil {
		return m
	}
	readProcessorConfig(processor, m)
	m.Processor = p.machine(processor, false)
	checkMap(o, m)
	return m
}

func readProcessorConfig(o *object, m *Map) {
	c := o.sub("ProcessorConfig")
	if c == nil {
		return // INLINE
	}
	m.Distributed = c.oneOf("Mode", "INLINE", "DISTRIBUTED") == "DISTRIBUTED"
	m.ExecutionType = c.constant("ExecutionType")
	if m.Distributed && m.ExecutionType != "STANDARD" && m.ExecutionType != "EXPRESS" {
		c.wrong("ExecutionType must be STANDARD or EXPRESS in DISTRIBUTED mode, not %q", m.ExecutionType)
	}
	if !m.Distributed && m.ExecutionType != "" {
		c.wrong("ExecutionType belongs to DISTRIBUTED mode")
	}
	c.done()
}

func checkMap(o *object, m *Map) {
	if m.Items != nil && m.ItemReader != nil {
		o.wrong("Items and ItemReader exclude each other")
	}
	if m.Label != "" && !labelPattern.MatchString(m.Label) {
		o.wrong("Label must be 1 to 40 letters, digits or . _ - !, not %q", m.Label)
	}
	if share := m.ToleratedShare; share != nil && share.literal != nil && (share.literal.Number() < 0 || share.literal.Number() > 100) {
		o.wrong("ToleratedFailurePercentage must be between 0 and 100")
	}
	if !m.Distributed && (m.ItemReader != nil || m.ResultWriter != nil || m.Label != "" || m.ToleratedCount != nil || m.ToleratedShare != nil) {
		o.wrong("ItemReader, ResultWriter, Label and the tolerated failures belong to DISTRIBUTED mode")
	}
}

func readItemReader(o *object) *ItemReader {
	r := o.sub("ItemReader")
	if r == nil {
		return nil
	}
	out := &ItemReader{Resource: r.needText("Resource"), Arguments: r.template("Arguments", "ItemReader/Arguments", jsonata.Object)}
	if out.Resource != "arn:aws:states:::s3:getObject" {
		r.wrong("Resource %q is not supported: only arn:aws:states:::s3:getObject", out.Resource)
	}
	if out.Arguments == nil {
		r.wrong("Arguments is missing: Bucket and Key")
	}
	if c := r.needObject("ReaderConfig"); c != nil {
		out.InputType = c.needText("InputType")
		if out.InputType != "JSON" && out.InputType != "JSONL" {
			c.wrong("InputType %q is not supported: only JSON and JSONL", out.InputType)
		}
		out.MaxItems = c.template("MaxItems", "ItemReader/ReaderConfig/MaxItems", jsonata.Number)
		c.done()
	}
	r.done()
	return out
}

func readResultWriter(o *object) *ResultWriter {
	w := o.sub("ResultWriter")
	if w == nil {
		return nil
	}
	out := &ResultWriter{Resource: w.constant("Resource"), Arguments: w.template("Arguments", "ResultWriter/Arguments", jsonata.Object)}
	out.Transformation, out.OutputType = "COMPACT", "JSON"
	if out.Resource != "" {
		out.Transformation = "NONE"
	}
	if c := w.sub("WriterConfig"); c != nil {
		out.Transformation = c.oneOf("Transformation", out.Transformation, "NONE", "COMPACT", "FLATTEN")
		out.OutputType = c.oneOf("OutputType", "JSON", "JSONL")
		c.done()
	} else if out.Resource == "" {
		w.wrong("at least one of WriterConfig, or Resource with Arguments, is needed")
	}
	if out.Resource != "" && out.Resource != "arn:aws:states:::s3:putObject" {
		w.wrong("Resource %q is not supported: only arn:aws:states:::s3:putObject", out.Resource)
	}
	if (out.Resource == "") != (out.Arguments == nil) {
		w.wrong("Resource and Arguments (Bucket and Prefix) go together")
	}
	if out.Resource == "" && out.OutputType == "JSONL" {
		w.wrong("OutputType JSONL is supported only together with Resource")
	}
	w.done()
	return out
}
