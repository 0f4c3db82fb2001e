package eventpattern

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func mustParse(t *testing.T, raw string) Pattern {
	t.Helper()
	p, err := Parse([]byte(raw))
	if err != nil {
		t.Fatalf("Parse(%s): %v", raw, err)
	}
	return p
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ pattern, want string }{
		"not JSON":                 {`{`, "not JSON"},
		"not an object":            {`["a"]`, "must be an object"},
		"empty pattern":            {`{}`, "empty object"},
		"empty nested object":      {`{"detail":{}}`, "detail is an empty object"},
		"empty array":              {`{"source":[]}`, "source is an empty array"},
		"bare value":               {`{"source":"aws.s3"}`, `write ["aws.s3"]`},
		"array in array":           {`{"a":[["x"]]}`, "inside an array"},
		"field given twice":        {`{"source":["a"],"source":["b"]}`, `"source" is given twice`},
		"field twice across $or":   {`{"a":["1"],"$or":[{"a":["2"]},{"b":["1"]}]}`, "a is tested twice"},
		"dot in a field":           {`{"detail.status":["X"]}`, "has a dot"},
		"cidr by name":             {`{"ip":[{"cidr":"10.0.0.0/8"}]}`, `operator "cidr" is not supported`},
		"exactly by name":          {`{"ip":[{"exactly":"x"}]}`, `operator "exactly" is not supported`},
		"unknown operator":         {`{"a":[{"Prefix":"x"}]}`, `operator "Prefix" is not supported`},
		"two operators":            {`{"a":[{"prefix":"x","suffix":"y"}]}`, "exactly one operator"},
		"no operator":              {`{"a":[{}]}`, "exactly one operator"},
		"prefix of a number":       {`{"a":[{"prefix":1}]}`, "prefix takes a string"},
		"prefix with wildcard":     {`{"a":[{"prefix":{"wildcard":"x"}}]}`, "prefix takes a string or"},
		"suffix of a list":         {`{"a":[{"suffix":["x"]}]}`, "suffix takes a string"},
		"ignore case of null":      {`{"a":[{"equals-ignore-case":null}]}`, "takes a string, not null"},
		"exists of a string":       {`{"a":[{"exists":"true"}]}`, "exists takes true or false"},
		"wildcard of a number":     {`{"a":[{"wildcard":1}]}`, "wildcard takes a string"},
		"two stars":                {`{"a":[{"wildcard":"x**y"}]}`, "two * in a row"},
		"bad escape":               {`{"a":[{"wildcard":"x\\y"}]}`, "escapes neither"},
		"trailing backslash":       {`{"a":[{"wildcard":"x\\"}]}`, "escapes neither"},
		"anything-but null":        {`{"a":[{"anything-but":null}]}`, "not null"},
		"anything-but mixed":       {`{"a":[{"anything-but":["x",1]}]}`, "all of one kind"},
		"anything-but nothing":     {`{"a":[{"anything-but":[]}]}`, "list is empty"},
		"anything-but numeric":     {`{"a":[{"anything-but":{"numeric":["=",1]}}]}`, `operator "numeric" is not supported inside`},
		"anything-but two":         {`{"a":[{"anything-but":{"prefix":"a","suffix":"b"}}]}`, "exactly one operator"},
		"anything-but empty":       {`{"a":[{"anything-but":{"prefix":""}}]}`, "not empty"},
		"anything-but no prefixes": {`{"a":[{"anything-but":{"prefix":[]}}]}`, "a string or a list"},
		"numeric without pairs":    {`{"a":[{"numeric":[">"]}]}`, "numeric takes"},
		"numeric operator":         {`{"a":[{"numeric":["!=",1]}]}`, "does not know"},
		"numeric of a string":      {`{"a":[{"numeric":["<","1"]}]}`, "takes a number"},
		"numeric too large":        {`{"a":[{"numeric":["<",6e9]}]}`, "outside -5e9"},
		"numeric backwards":        {`{"a":[{"numeric":["<",5,">",1]}]}`, "numeric range"},
		"numeric empty range":      {`{"a":[{"numeric":[">",5,"<",1]}]}`, "numeric range"},
		"$or of one":               {`{"$or":[{"a":["1"]}]}`, "two or more"},
		"$or of values":            {`{"$or":["a","b"]}`, "only objects"},
		"$or not an array":         {`{"$or":{"a":["1"]}}`, "two or more"},
		"operator inside $or":      {`{"$or":[{"prefix":["a"]},{"b":["1"]}]}`, "cannot be a field inside $or"},
		"2,049 characters":         {`{"a":["` + strings.Repeat("x", 2049-10) + `"]}`, "2049 characters"},
		"too many combinations":    {manyOr(10), "more than 1000 combinations"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.pattern))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Parse(%.200s)\n got %v\nwant an error with %q", c.pattern, err, c.want)
			}
		})
	}
}

// manyOr nests n two-way choices: 2^n combinations.
func manyOr(n int) string {
	inner := `{"z":["1"]}`
	var b strings.Builder
	b.WriteString(`{"a":["1"]`)
	for i := range n {
		f := string(rune('b' + i))
		b.WriteString(`,"` + f + `":{"$or":[` + inner + `,{"y":["1"]}]}`)
	}
	return b.String() + "}"
}

func TestLongestPatternIsCountedInCompactCharacters(t *testing.T) {
	p := mustParse(t, "{ \"a\" : [ \""+strings.Repeat("é", MaxLength-10)+"\" ] }\n")
	if n := len([]rune(p.String())); n != MaxLength {
		t.Errorf("pattern has %d characters, want %d", n, MaxLength)
	}
}

func TestMatch(t *testing.T) {
	for name, c := range map[string]struct {
		pattern, event string
		why            string // empty: matches
	}{
		"string":                           {`{"a":["x","y"]}`, `{"a":"y"}`, ""},
		"string differs in case":           {`{"a":["x"]}`, `{"a":"X"}`, `a is "X", want "x"`},
		"field name differs in case":       {`{"a":["x"]}`, `{"A":"x"}`, `a is missing, want "x"`},
		"number is not its text":           {`{"a":[1]}`, `{"a":"1"}`, `a is "1", want 1`},
		"numbers by value":                 {`{"a":[300]}`, `{"a":3.0e2}`, ""},
		"long numbers by text":             {`{"a":[111111111111111111111]}`, `{"a":111111111111111111112}`, "a is 111111111111111111112"},
		"account-sized number":             {`{"a":[111122223333]}`, `{"a":111122223333}`, ""},
		"beyond the range only as written": {`{"a":[111122223333]}`, `{"a":1.11122223333e11}`, "want 111122223333"},
		"null":                             {`{"a":[null]}`, `{"a":null}`, ""},
		"null is not missing":              {`{"a":[null]}`, `{}`, "a is missing, want null"},
		"null is not empty":                {`{"a":[null]}`, `{"a":""}`, `a is "", want null`},
		"empty string":                     {`{"a":[""]}`, `{"a":""}`, ""},
		"true":                             {`{"a":[true]}`, `{"a":true}`, ""},
		"true is not its text":             {`{"a":[true]}`, `{"a":"true"}`, "want true"},
		"star is a character":              {`{"account":["*"]}`, `{"account":"1"}`, `want "*"`},

		"nested":                         {`{"a":{"b":["x"]}}`, `{"a":{"b":"x","c":1}}`, ""},
		"nested in a scalar":             {`{"a":{"b":["x"]}}`, `{"a":"x"}`, "a.b is missing"},
		"object where a value is wanted": {`{"a":["x"]}`, `{"a":{"x":1}}`, "a is missing"},

		"array, any element":             {`{"a":["x"]}`, `{"a":["w","x"]}`, ""},
		"array, no element":              {`{"a":["x"]}`, `{"a":["v","w"]}`, `a is "v" and "w", want "x"`},
		"array of many":                  {`{"a":["x"]}`, `{"a":["1","2","3","4"]}`, "a is one of 4 values, none fits"},
		"empty array has no value":       {`{"a":["x",null]}`, `{"a":[]}`, "a is missing"},
		"arrays in arrays":               {`{"a":{"b":["x"]}}`, `{"a":[[{"b":"w"}],[{"b":"x"}]]}`, ""},
		"two fields of one element":      {`{"e":{"f":["Anna"],"l":["Smith"]}}`, `{"e":[{"f":"John","l":"Doe"},{"f":"Anna","l":"Smith"}]}`, ""},
		"fields of different elements":   {`{"e":{"f":["Anna"],"l":["Doe"]}}`, `{"e":[{"f":"John","l":"Doe"},{"f":"Anna","l":"Smith"}]}`, "no single array element matches e.f, e.l together"},
		"different arrays are free":      {`{"a":{"x":[1]},"b":{"x":[2]}}`, `{"a":[{"x":1},{"x":0}],"b":[{"x":0},{"x":2}]}`, ""},
		"missing from the same element":  {`{"e":{"f":["Anna"],"l":[{"exists":false}]}}`, `{"e":[{"f":"John","l":"Doe"},{"f":"Anna"}]}`, ""},
		"missing from the other element": {`{"e":{"a":[{"exists":false}],"f":["Anna"]}}`, `{"e":[{"f":"John"},{"a":1,"f":"Anna"}]}`, "no single array element"},

		"prefix":                      {`{"a":[{"prefix":"aw"}]}`, `{"a":"aws"}`, ""},
		"prefix differs":              {`{"a":[{"prefix":"ws"}]}`, `{"a":"aws"}`, `want a string beginning with "ws"`},
		"prefix of a number":          {`{"a":[{"prefix":"1"}]}`, `{"a":12}`, "a is 12"},
		"prefix in any case":          {`{"a":[{"prefix":{"equals-ignore-case":"AW"}}]}`, `{"a":"aws"}`, ""},
		"suffix":                      {`{"a":[{"suffix":".json"}]}`, `{"a":"x.json"}`, ""},
		"suffix longer than value":    {`{"a":[{"suffix":"x.json"}]}`, `{"a":".json"}`, "ending with"},
		"suffix in any case":          {`{"a":[{"suffix":{"equals-ignore-case":".JSON"}}]}`, `{"a":"x.json"}`, ""},
		"equals-ignore-case":          {`{"a":[{"equals-ignore-case":"Alice"}]}`, `{"a":"aLICE"}`, ""},
		"equals-ignore-case differs":  {`{"a":[{"equals-ignore-case":"Alice"}]}`, `{"a":"alic"}`, "in any case"},
		"wildcard":                    {`{"a":[{"wildcard":"dir/*/x*.png"}]}`, `{"a":"dir/a/b/x1.png"}`, ""},
		"wildcard of nothing":         {`{"a":[{"wildcard":"dir*"}]}`, `{"a":"dir"}`, ""},
		"wildcard parts do not share": {`{"a":[{"wildcard":"ab*ba"}]}`, `{"a":"aba"}`, `a string like "ab*ba"`},
		"wildcard order":              {`{"a":[{"wildcard":"*b*a*"}]}`, `{"a":"ab"}`, "a string like"},
		"wildcard escaped star":       {`{"a":[{"wildcard":"a\\*\\\\"}]}`, `{"a":"a*\\"}`, ""},
		"wildcard escape is no star":  {`{"a":[{"wildcard":"a\\*"}]}`, `{"a":"ab"}`, "a string like"},

		"anything-but":                   {`{"a":[{"anything-but":"x"}]}`, `{"a":"y"}`, ""},
		"anything-but the value":         {`{"a":[{"anything-but":"x"}]}`, `{"a":"x"}`, `want anything but "x"`},
		"anything-but needs the field":   {`{"a":[{"anything-but":"x"}]}`, `{}`, "a is missing"},
		"anything-but, other type":       {`{"a":[{"anything-but":["1"]}]}`, `{"a":1}`, ""},
		"anything-but null":              {`{"a":[{"anything-but":"x"}]}`, `{"a":null}`, ""},
		"anything-but, one of an array":  {`{"a":[{"anything-but":"x"}]}`, `{"a":["x","y"]}`, ""},
		"anything-but numbers":           {`{"a":[{"anything-but":[100,200]}]}`, `{"a":2e2}`, "want anything but 100 or 200"},
		"anything-but prefix":            {`{"a":[{"anything-but":{"prefix":"in"}}]}`, `{"a":"out"}`, ""},
		"anything-but prefix holds":      {`{"a":[{"anything-but":{"prefix":"in"}}]}`, `{"a":"init"}`, "anything but a string beginning"},
		"anything-but suffixes":          {`{"a":[{"anything-but":{"suffix":[".png",".jpg"]}}]}`, `{"a":"x.jpg"}`, "ending with"},
		"anything-but ignoring case":     {`{"a":[{"anything-but":{"equals-ignore-case":["X","y"]}}]}`, `{"a":"Y"}`, "in any case"},
		"anything-but wildcard":          {`{"a":[{"anything-but":{"wildcard":"*/lib/*"}}]}`, `{"a":"/bin/x"}`, ""},
		"anything-but prefix of numbers": {`{"a":[{"anything-but":{"prefix":"1"}}]}`, `{"a":12}`, ""},

		"numeric range":          {`{"a":[{"numeric":[">",0,"<=",5]}]}`, `{"a":5}`, ""},
		"numeric below":          {`{"a":[{"numeric":[">",0,"<=",5]}]}`, `{"a":0}`, "a number > 0 and <= 5"},
		"numeric at least":       {`{"a":[{"numeric":[">=",1]}]}`, `{"a":1.0}`, ""},
		"numeric less":           {`{"a":[{"numeric":["<",10]}]}`, `{"a":10}`, "a number < 10"},
		"numeric equal":          {`{"a":[{"numeric":["=",3.018e2]}]}`, `{"a":301.8}`, ""},
		"numeric of text":        {`{"a":[{"numeric":["=",1]}]}`, `{"a":"1"}`, "a number = 1"},
		"numeric beyond a limit": {`{"a":[{"numeric":[">",1]}]}`, `{"a":6e9}`, "a number > 1"},

		"exists":                      {`{"a":[{"exists":true}]}`, `{"a":null}`, ""},
		"exists, missing":             {`{"a":[{"exists":true}]}`, `{}`, "want any value"},
		"exists, not a leaf":          {`{"a":[{"exists":true}]}`, `{"a":{"b":1}}`, "want any value"},
		"exists false":                {`{"a":{"b":[{"exists":false}]}}`, `{}`, ""},
		"exists false, there":         {`{"a":[{"exists":false}]}`, `{"a":1}`, "a is 1, want no such field"},
		"exists false, not a leaf":    {`{"a":[{"exists":false}]}`, `{"a":{"b":1}}`, ""},
		"exists false, empty array":   {`{"a":[{"exists":false}]}`, `{"a":[]}`, ""},
		"missing or a value, missing": {`{"a":[{"exists":false},"x"]}`, `{}`, ""},
		"missing or a value, value":   {`{"a":[{"exists":false},"x"]}`, `{"a":"x"}`, ""},
		"missing or a value, other":   {`{"a":[{"exists":false},"x"]}`, `{"a":"y"}`, `want no such field or "x"`},

		"$or, first":       {`{"s":["q"],"$or":[{"a":[1]},{"b":[2],"c":[3]}]}`, `{"s":"q","a":1}`, ""},
		"$or, second":      {`{"s":["q"],"$or":[{"a":[1]},{"b":[2],"c":[3]}]}`, `{"s":"q","b":2,"c":3}`, ""},
		"$or, none":        {`{"s":["q"],"$or":[{"a":[1]},{"b":[2],"c":[3]}]}`, `{"s":"q","b":2}`, "a is missing, want 1; or c is missing, want 3"},
		"$or, common part": {`{"s":["q"],"$or":[{"a":[1]},{"b":[2]}]}`, `{"s":"p","a":1}`, `s is "p", want "q"`},
		"$or, nested":      {`{"d":{"$or":[{"a":[1]},{"$or":[{"b":[1]},{"c":[1]}]}]}}`, `{"d":{"c":1}}`, ""},

		"event is not JSON":     {`{"a":[1]}`, `{`, "the event is not a JSON object"},
		"event is an array":     {`{"a":[1]}`, `[1]`, "the event is not a JSON object"},
		"event is null":         {`{"a":[1]}`, `null`, "the event is null"},
		"event has more behind": {`{"a":[1]}`, `{"a":1}{}`, "the event has text after"},
	} {
		t.Run(name, func(t *testing.T) {
			ok, why := mustParse(t, c.pattern).Match([]byte(c.event))
			if ok != (c.why == "") || !strings.Contains(why, c.why) {
				t.Errorf("%s\non %s\n got %v %q\nwant %q", c.pattern, c.event, ok, why, c.why)
			}
			if ok && why != "" {
				t.Errorf("a match explains itself: %q", why)
			}
		})
	}
}

func TestZeroPatternMatchesNothing(t *testing.T) {
	if ok, why := (Pattern{}).Match([]byte(`{}`)); ok || why == "" {
		t.Errorf("got %v %q", ok, why)
	}
}

// Each folder of testdata holds one pattern, match-*.json and miss-*.json. A
// near miss names, in the file <event>.why, the field that differs.
func TestSampleEvents(t *testing.T) {
	patterns, err := filepath.Glob("testdata/*/pattern.json")
	if err != nil || len(patterns) == 0 {
		t.Fatalf("no samples found: %v", err)
	}
	for _, file := range patterns {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			p := mustParse(t, read(t, file))
			matches, _ := filepath.Glob(dir + "/match-*.json")
			misses, _ := filepath.Glob(dir + "/miss-*.json")
			if len(matches) < 1 || len(misses) < 2 {
				t.Fatalf("%d matches and %d near misses, want 1 and 2 at least", len(matches), len(misses))
			}
			for _, m := range matches {
				if ok, why := p.Match([]byte(read(t, m))); !ok {
					t.Errorf("%s does not match: %s", m, why)
				}
			}
			for _, m := range misses {
				want := strings.TrimSpace(read(t, strings.TrimSuffix(m, ".json")+".why"))
				if ok, why := p.Match([]byte(read(t, m))); ok || why != want {
					t.Errorf("%s: got %v %q, want %q", m, ok, why, want)
				}
			}
		})
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func FuzzParseAndMatch(f *testing.F) {
	f.Add([]byte(`{"a":[{"anything-but":{"prefix":"x"}},{"exists":false}]}`), []byte(`{"a":[1,"x",[{"b":null}]]}`))
	f.Add([]byte(`{"$or":[{"a":{"b":[1]}},{"c":[{"wildcard":"*x\\*"}]}]}`), []byte(`{"a":[{"b":1}],"c":"x*"}`))
	f.Add([]byte(`{"a":[{"numeric":[">",0,"<",5]},{"suffix":{"equals-ignore-case":"É"}}]}`), []byte(`{"a":4}`))
	f.Fuzz(func(t *testing.T, pattern, event []byte) {
		p, err := Parse(pattern)
		if err != nil {
			return
		}
		again, err := Parse([]byte(p.String()))
		if err != nil {
			t.Fatalf("a parsed pattern does not parse again: %v", err)
		}
		ok, why := p.Match(event)
		ok2, why2 := again.Match(event)
		if ok != ok2 || why != why2 || ok != (why == "") {
			t.Fatalf("%v %q, then %v %q", ok, why, ok2, why2)
		}
	})
}
