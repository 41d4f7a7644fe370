package jsonr

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// The error of each text, with its place; "" is accepted. The fuzz targets
// start from the same texts.
var texts = map[string]struct {
	text string
	err  string
}{
	"an object":                     {`{"a": [1, -0.5e+10, "x", true, false, null, {}, []]}`, ""},
	"space around":                  {" \t\r\n1 \t\r\n", ""},
	"a lone number":                 {"0", ""},
	"a lone string":                 {`"a\u0041\"\\\/\b\f\n\r\t"`, ""},
	"a pair of surrogates":          {`"\ud83d\ude00"`, ""},
	"a lone surrogate":              {`"\ud800\u0041"`, ""},
	"a surrogate at the end":        {`"\ud800"`, ""},
	"two high surrogates":           {`"\ud800\ud83d\ude00"`, ""},
	"same key in two objects":       {`{"a":{"a":1},"b":[{"a":1},{"a":2}]}`, ""},
	"keys that differ in case":      {`{"a":1,"A":2}`, ""},
	"a key that ends in backslash":  {`{"a\\":1,"b":[2]}`, ""},
	"nothing":                       {"", "want a value, got nothing (line 1, column 1)"},
	"only space":                    {" \n", "want a value, got nothing (line 2, column 1)"},
	"a byte order mark":             {"\ufeff{}", "want a value (line 1, column 1)"},
	"text after the value":          {`{} {}`, "text after the value (line 1, column 4)"},
	"two numbers":                   {`1 2`, "text after the value (line 1, column 3)"},
	"an object cut off":             {`{"a":`, "a: the text ends where a value should be (line 1, column 6)"},
	"an array cut off":              {`{"a":[1`, "a.0: the text ends inside an object or array (line 1, column 8)"},
	"a string cut off":              {`{"a":"x`, "a: the text ends inside a string (line 1, column 8)"},
	"an escape cut off":             {`"\`, "the text ends inside a string (line 1, column 3)"},
	"a comma too many":              {`{"a":1,}`, "a: want a key in double quotes (line 1, column 8)"},
	"a comma too many in an array":  {`[1,]`, "1: want a value (line 1, column 4)"},
	"a comma missing":               {`{"a":1 "b":2}`, "a: want a comma or } (line 1, column 8)"},
	"a comma missing in an array":   {`[1 2]`, "0: want a comma or ] (line 1, column 4)"},
	"a colon missing":               {`{"a" 1}`, "a: want a colon (line 1, column 6)"},
	"a fault on another line":       {"{\n\"a\":\n  x}", "a: want a value (line 3, column 3)"},
	"a bracket for a brace":         {`{"a":[1}`, "a.0: want a comma or ] (line 1, column 8)"},
	"a key without quotes":          {`{a:1}`, "want a key in double quotes (line 1, column 2)"},
	"single quotes":                 {`{'a':1}`, "want a key in double quotes (line 1, column 2)"},
	"a comment":                     {"{} // x", "text after the value (line 1, column 4)"},
	"a leading zero":                {`{"n":01}`, "n: number with a leading zero (line 1, column 7)"},
	"a negative leading zero":       {`-01`, "number with a leading zero (line 1, column 3)"},
	"a plus sign":                   {`+1`, "want a value (line 1, column 1)"},
	"a bare minus":                  {`-`, "want a digit (line 1, column 2)"},
	"a dot without digits":          {`1.`, "want a digit (line 1, column 3)"},
	"a dot first":                   {`.5`, "want a value (line 1, column 1)"},
	"an exponent without digits":    {`1e+`, "want a digit (line 1, column 4)"},
	"a hexadecimal number":          {`0x1F`, "text after the value (line 1, column 2)"},
	"not a number":                  {`NaN`, "want a value (line 1, column 1)"},
	"a word cut off":                {`[tru]`, "0: want a value (line 1, column 2)"},
	"a word too long":               {`nulls`, "text after the value (line 1, column 5)"},
	"a control character":           {"\"a\nb\"", "control character in a string (line 1, column 3)"},
	"an unknown escape":             {`"\x41"`, "invalid escape in a string (line 1, column 2)"},
	"a short unicode escape":        {`"\u12"`, "invalid escape in a string (line 1, column 2)"},
	"a wrong unicode escape":        {`"\u12g4"`, "invalid escape in a string (line 1, column 2)"},
	"invalid UTF-8 in a string":     {"{\"a\":\"\xff\"}", "a: invalid UTF-8 (line 1, column 7)"},
	"an encoded surrogate":          {"\"\xed\xa0\x80\"", "invalid UTF-8 (line 1, column 2)"},
	"an overlong encoding":          {"\"\xc0\xaf\"", "invalid UTF-8 (line 1, column 2)"},
	"a repeated key":                {`{"a":{"b":1,"c":2,"b":3}}`, "a.b: repeated key (line 1, column 19)"},
	"a repeated key, escaped":       {`{"ab":1,"a\u0062":2}`, "ab: repeated key (line 1, column 9)"},
	"a repeated key after an array": {`{"a":[{"x":1}],"a":2}`, "a: repeated key (line 1, column 16)"},
	"a repeated empty key":          {`{"":1,"":2}`, `"": repeated key (line 1, column 7)`},
	"a repeated key among many":     {`{` + manyKeys(40) + `,"k3":1}`, "k3: repeated key (line 1, column 312)"},
	"many keys":                     {`{` + manyKeys(40) + `}`, ""},
	"a path with dots and arrays":   {`{"a.b":[0,{"c*":[x]}]}`, `a\.b.1.c\*.0: want a value (line 1, column 18)`},
	"a path that would not print":   {"{\"\\u001b[2J\":x}", `�\[2J: want a value (line 1, column 14)`},
	"as deep as allowed":            {strings.Repeat("[", 64) + strings.Repeat("]", 64), ""},
	"one deeper than allowed":       {strings.Repeat("[", 65) + strings.Repeat("]", 65), strings.Repeat("0.", 63) + "0: nested deeper than 64 levels (line 1, column 65)"},
	"one deeper, with objects":      {strings.Repeat(`{"a":`, 64) + "{}" + strings.Repeat("}", 64), strings.Repeat("a.", 63) + "a: nested deeper than 64 levels (line 1, column 321)"},
}

func manyKeys(n int) string {
	var keys []string
	for i := range n {
		keys = append(keys, `"k`+strconv.Itoa(i)+`":`+strconv.Itoa(i%10))
	}
	return strings.Join(keys, ",")
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, test := range texts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(test.text), Limits{})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != test.err {
				t.Errorf("Parse(%q)\n got %q\nwant %q", test.text, got, test.err)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text   string
		limits Limits
		err    string
	}{
		"size at the limit":          {`"123"`, Limits{Size: 5}, ""},
		"size over the limit":        {`"1234"`, Limits{Size: 5}, "larger than 5 bytes (line 1, column 6)"},
		"size over the default":      {strings.Repeat(" ", DefaultSize) + "1", Limits{}, "larger than 1048576 bytes (line 1, column 1048577)"},
		"depth at the limit":         {`[{"a":1}]`, Limits{Depth: 2}, ""},
		"depth over the limit":       {`[{"a":[]}]`, Limits{Depth: 2}, "0.a: nested deeper than 2 levels (line 1, column 7)"},
		"depth is never over 512":    {strings.Repeat("[", 513) + strings.Repeat("]", 513), Limits{Depth: 1 << 20}, strings.Repeat("0.", 100) + "0...: nested deeper than 512 levels (line 1, column 513)"},
		"a megabyte of open bracket": {strings.Repeat("[", DefaultSize), Limits{}, strings.Repeat("0.", 63) + "0: nested deeper than 64 levels (line 1, column 65)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(test.text), test.limits)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != test.err {
				t.Errorf("got %q, want %q", got, test.err)
			}
		})
	}
}

func TestParseAllListsRepeatedKeys(t *testing.T) {
	t.Parallel()
	v, repeated, err := ParseAll([]byte(`{"a":1,"a":2,"b":{"c":1,"c":2},"d":3}`), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range repeated {
		got = append(got, repeated[i].Error())
	}
	want := "a: repeated key (line 1, column 8);b.c: repeated key (line 1, column 25)"
	if s := strings.Join(got, ";"); s != want {
		t.Errorf("got %q, want %q", s, want)
	}
	if d, ok := v.Get("d"); !ok || d.Raw() != "3" {
		t.Errorf("the value beside the faults: d = %q, %v", d.Raw(), ok)
	}
	_, repeated, err = ParseAll([]byte(`{`+strings.Repeat(`"a":1,`, 100)+`"a":1}`), Limits{})
	if err != nil || len(repeated) != maxRepeated {
		t.Errorf("%d faults listed (%v), want %d", len(repeated), err, maxRepeated)
	}
}

func parse(t *testing.T, text string) Value {
	t.Helper()
	v, err := Parse([]byte(text), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for text, test := range map[string]struct {
		n     int64
		isInt bool
		f     float64
	}{
		"8080":                 {8080, true, 8080},
		"8080.0":               {8080, true, 8080},
		"8.08e3":               {8080, true, 8080},
		"80800E-1":             {8080, true, 8080},
		"-0":                   {0, true, 0},
		"0.5":                  {0, false, 0.5},
		"9007199254740993":     {9007199254740993, true, 9007199254740992},
		"9007199254740992.0":   {9007199254740992, true, 9007199254740992},
		"9007199254740994.0":   {0, false, 9007199254740994},
		"9223372036854775807":  {math.MaxInt64, true, math.MaxInt64},
		"9223372036854775808":  {0, false, 9223372036854775808},
		"-9223372036854775808": {math.MinInt64, true, math.MinInt64},
		"1e30":                 {0, false, 1e30},
		"-1e30":                {0, false, -1e30},
		"1e-400":               {0, true, 0},
	} {
		v := parse(t, text)
		if n, ok := v.Int(); n != test.n || ok != test.isInt {
			t.Errorf("%s: Int() = %d, %v; want %d, %v", text, n, ok, test.n, test.isInt)
		}
		if f, ok := v.Float(); f != test.f || !ok {
			t.Errorf("%s: Float() = %v, %v; want %v", text, f, ok, test.f)
		}
	}
	if f, ok := parse(t, "1e999").Float(); ok {
		t.Errorf("1e999: Float() = %v, true; want not ok", f)
	}
	if n, ok := parse(t, `"8080"`).Int(); ok {
		t.Errorf("a string: Int() = %d, true; want not ok", n)
	}
}

func TestKindsDoNotMix(t *testing.T) {
	t.Parallel()
	for text, kind := range map[string]Kind{
		"null": Null, "true": Bool, "false": Bool, "1": Number, `"true"`: String, "[1]": Array, `{"a":1}`: Object,
	} {
		v := parse(t, " "+text+" ")
		if v.Kind() != kind || v.Raw() != text {
			t.Errorf("%s: kind %d, raw %q; want kind %d", text, v.Kind(), v.Raw(), kind)
		}
		if got := v.Bool(); got != (text == "true") {
			t.Errorf("%s: Bool() = %v", text, got)
		}
		if got := v.String(); (got != "") != (kind == String) {
			t.Errorf("%s: String() = %q", text, got)
		}
		if got := v.Len(); (got == 1) != (kind == Array || kind == Object) {
			t.Errorf("%s: Len() = %d", text, got)
		}
	}
	if v := (Value{}); v.Kind() != Null || v.Raw() != "null" || v.Len() != 0 {
		t.Error("the zero value is not null")
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	const doc = `{"user":{"id":"u1","groups":["a",{"name":"b"}],"null":null},
		"https://example.org/t":1,"0":"zero","a*":2,"":{"x":3},"01":4,"\u0061b":5,"é":6}`
	v := parse(t, doc)
	for path, want := range map[string]string{
		`user.id`:                `"u1"`,
		`user.groups.0`:          `"a"`,
		`user.groups.1.name`:     `"b"`,
		`user.null`:              `null`,
		`https://example\.org/t`: `1`,
		`0`:                      `"zero"`,
		`a\*`:                    `2`,
		`ab`:                     `5`,
		`\é`:                     "error",
		`é`:                      `6`,
		`user.groups.01`:         "none",
		`user.groups.2`:          "none",
		`user.groups.-1`:         "none",
		`user.groups.name`:       "none",
		`user.id.0`:              "none",
		`USER.id`:                "none",
		``:                       "error",
		`.`:                      "error",
		`user.`:                  "error",
		`.user`:                  "error",
		`user..id`:               "error",
		`user.groups.#`:          "error",
		`user.groups.#.name`:     "error",
		`user.*`:                 "error",
		`user.i?`:                "error",
		`user|id`:                "error",
		`user.@this`:             "error",
		`@pretty`:                "error",
		`user.groups.#(name=b)`:  "error",
		`{user.id}`:              "error",
		`[user.id]`:              "error",
		`!"x"`:                   "error",
		`user\`:                  "error",
		`us\er`:                  "error",
	} {
		got := "none"
		if err := CheckPath(path); err != nil {
			got = "error"
		} else if e, ok := v.Get(path); ok {
			got = e.Raw()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestEachStopsWhenToldTo(t *testing.T) {
	t.Parallel()
	var keys []string
	parse(t, `{"a":{"x":[1,2]},"b":"}","c":3}`).Each(func(key string, v Value) bool {
		keys = append(keys, key+"="+v.Raw())
		return key != "b"
	})
	if got := strings.Join(keys, " "); got != `a={"x":[1,2]} b="}"` {
		t.Errorf("got %s", got)
	}
}

func TestAppendString(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                 `""`,
		"plain é 😀 <&>":    `"plain é 😀 <&>"`,
		"\"\\/":            `"\"\\/"`,
		"\n\r\t\b\x00\x7f": `"\n\r\t\u0008\u0000\u007f"`,
		"a\xffb\xed\xa0":   `"a�b��"`,
		"\u2028":           "\"\u2028\"",
	} {
		if got := string(AppendString(nil, in)); got != want {
			t.Errorf("AppendString(%q) = %s, want %s", in, got, want)
		}
	}
	if got := string(AppendString([]byte(`{"a":`), "b")); got != `{"a":"b"` {
		t.Errorf("appended: %s", got)
	}
}

// The examples of RFC 7396, appendix A, and what it leaves to the reader.
func TestMerge(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ base, overlay, want string }{
		"replaces":                      {`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		"adds":                          {`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		"removes":                       {`{"a":"b"}`, `{"a":null}`, `{}`},
		"removes one of two":            {`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		"replaces an array":             {`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		"replaces by an array":          {`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		"merges within":                 {`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		"replaces arrays whole":         {`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		"replaces the top":              {`["a","b"]`, `["c","d"]`, `["c","d"]`},
		"replaces an object by a list":  {`{"a":"b"}`, `["c"]`, `["c"]`},
		"replaces the top by null":      {`{"a":"foo"}`, `null`, `null`},
		"replaces the top by a text":    {`{"a":"foo"}`, `"bar"`, `"bar"`},
		"keeps a null of the base":      {`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		"an object for a list":          {`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		"null inside a new object":      {`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		"null inside a list stays":      {`{}`, `{"a":[null,{"b":null}]}`, `{"a":[null,{"b":null}]}`},
		"an empty overlay":              {`{"a":{"b":1}}`, `{}`, `{"a":{"b":1}}`},
		"an empty base":                 {``, `{"a":1}`, `{"a":1}`},
		"keys in another spelling":      {`{"a\u0062":1}`, `{"ab":2}`, `{"ab":2}`},
		"a null for what is not there":  {`{"a":1}`, `{"b":null}`, `{"a":1}`},
		"a repeated key in the overlay": {`{}`, `{"a":1,"a":2}`, "a: repeated key (line 1, column 8)"},
		"a broken base":                 {`{`, `{}`, "want a key in double quotes (line 1, column 2)"},
		"an empty text as overlay":      {`{}`, ``, "want a value, got nothing (line 1, column 1)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := Merge([]byte(test.base), []byte(test.overlay))
			got := string(out)
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// Reading must not cost more with a hostile text than with a plain one of the
// same size: a body of one object with very many keys is checked with a map.
func TestParseAllocatesLittle(t *testing.T) {
	text := []byte(`{"allowed":true,"user":{"id":"u-1","groups":["a","b"]},"ttl":30}`)
	got := testing.AllocsPerRun(100, func() {
		v, err := Parse(text, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if id, ok := v.Get("user.id"); !ok || id.String() != "u-1" {
			t.Fatal("user.id is gone")
		}
	})
	if got > 8 {
		t.Errorf("%v allocations for a small reply, want at most 8", got)
	}
}

// same tells whether a value holds what encoding/json decodes.
func same(v Value, want any) bool {
	switch w := want.(type) {
	case nil:
		return v.Kind() == Null
	case bool:
		return v.Kind() == Bool && v.Bool() == w
	case json.Number:
		return v.Kind() == Number && v.Raw() == string(w)
	case string:
		return v.Kind() == String && v.String() == w
	case []any:
		if v.Kind() != Array || v.Len() != len(w) {
			return false
		}
		equal := true
		i := 0
		v.Each(func(key string, e Value) bool {
			equal = key == strconv.Itoa(i) && same(e, w[i])
			i++
			return equal
		})
		return equal
	case map[string]any:
		if v.Kind() != Object || v.Len() != len(w) {
			return false
		}
		equal := true
		v.Each(func(key string, e Value) bool {
			x, ok := w[key]
			equal = ok && same(e, x) && utf8.ValidString(key)
			return equal
		})
		return equal
	}
	return false
}
