package migrate

import (
	"bytes"
	"encoding/json"
	"html/template"
	"time"
)

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"indent": func(raw json.RawMessage) (string, error) {
		var b bytes.Buffer
		err := json.Indent(&b, raw, "", "  ")
		return b.String(), err
	},
	"utc": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
}).Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>dbferry: evidence of a migration</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ddd}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:12px;background:#f6f6f6;padding:.6rem;margin:.2rem 0}code{font-size:12px}
</style></head><body>
<h1>Evidence of a migration</h1>
<p>{{len .}} entries. Each hash covers its entry and the hash before it; <code>dbferry verify-evidence FILE</code> follows the chain of the file beside this page.</p>
<table><tr><th>#</th><th>UTC</th><th>what</th></tr>
{{range .}}<tr><td>{{.Seq}}</td><td>{{utc .At}}</td><td><b>{{.Kind}}</b> <code>{{.Hash}}</code><pre>{{indent .Data}}</pre></td></tr>
{{end}}</table></body></html>
`))

// Page is the evidence for reading.
func Page(entries []Entry) ([]byte, error) {
	var b bytes.Buffer
	err := page.Execute(&b, entries)
	return b.Bytes(), err
}
