package jsonr

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// FuzzParse holds Parse against encoding/json: both accept the same texts and
// read the same values from them, but for what Parse is stricter about.
func FuzzParse(f *testing.F) {
	for _, test := range texts {
		f.Add([]byte(test.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, repeated, err := ParseAll(text, Limits{})
		var want any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		reference := json.Valid(text) && d.Decode(&want) == nil
		switch {
		case err != nil && reference:
			if !stricter(text, err) {
				t.Fatalf("refused %q: %v", text, err)
			}
		case err == nil && !reference:
			t.Fatalf("accepted %q", text)
		case err == nil && len(repeated) == 0:
			if !same(v, want) {
				t.Fatalf("%q reads as %s", text, v.Raw())
			}
			if _, err := Parse(text, Limits{}); err != nil {
				t.Fatalf("Parse refused what ParseAll took: %v", err)
			}
		case err == nil:
			if _, err := Parse(text, Limits{}); err == nil {
				t.Fatalf("Parse accepted the repeated key of %q", text)
			}
			if !repeats(text) {
				t.Fatalf("%q: %v, but no key is repeated", text, repeated[0].Error())
			}
		}
		if err == nil && len(repeated) == 0 && repeats(text) {
			t.Fatalf("%q: a repeated key was not found", text)
		}
	})
}

// stricter tells whether a refusal is one of the documented differences from
// encoding/json: UTF-8, depth, size.
func stricter(text []byte, err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch {
	case e.Text == "invalid UTF-8":
		return !utf8.Valid(text)
	case strings.HasPrefix(e.Text, "nested deeper"):
		return bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > DefaultDepth
	default:
		return strings.HasPrefix(e.Text, "larger than") && len(text) > DefaultSize
	}
}

// repeats looks for a repeated key by the tokens of encoding/json.
func repeats(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	type open struct {
		keys  map[string]bool // nil for an array
		value bool            // the next token is a value, not a key
	}
	var stack []open
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		top := len(stack) - 1
		if delim, ok := token.(json.Delim); ok {
			switch delim {
			case '{':
				stack = append(stack, open{keys: map[string]bool{}})
			case '[':
				stack = append(stack, open{})
			default:
				stack = stack[:top]
				top--
				if top >= 0 {
					stack[top].value = false
				}
			}
			continue
		}
		if top < 0 || stack[top].keys == nil {
			continue
		}
		if stack[top].value {
			stack[top].value = false
			continue
		}
		key := token.(string)
		if stack[top].keys[key] {
			return true
		}
		stack[top].keys[key] = true
		stack[top].value = true
	}
}

// FuzzGet holds Get against gjson: a path that CheckPath accepts means the same
// to both. gjson's paths are what most users know.
func FuzzGet(f *testing.F) {
	const doc = `{"user":{"id":"u1","groups":["a",{"name":"b"}]},"a.b":1,"0":[2],"a*":3,"é":4}`
	for _, path := range []string{"user.id", `a\.b`, "user.groups.1.name", "0.0", `a\*`, "é", "user.groups", "user.groups.01", "@this", "a:b"} {
		f.Add(doc, path)
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		v, err := Parse([]byte(text), Limits{})
		if err != nil || CheckPath(path) != nil || strings.Contains(text, `\`) {
			return
		}
		if v.Len() == 0 {
			return // gjson finds things inside a lone string
		}
		got, ok := v.Get(path)
		want := gjson.Get(text, path)
		if !ok && want.Exists() && !canonical(path) {
			return // gjson reads 01 and +1 as indexes
		}
		if ok != want.Exists() || ok && got.Raw() != want.Raw {
			t.Fatalf("%s in %s: got %q %v, gjson has %q", path, text, got.Raw(), ok, want.Raw)
		}
	})
}

// canonical tells whether no name in the path is a number in another spelling.
func canonical(path string) bool {
	for _, name := range strings.Split(path, ".") {
		if len(name) > 1 && strings.Trim(name, "0123456789") == "" && (name[0] == '0' || len(name) > 9) {
			return false
		}
	}
	return true
}

// FuzzMerge holds Merge against RFC 7396's pseudo-code, as it stands there.
func FuzzMerge(f *testing.F) {
	f.Add([]byte(`{"a":{"b":1,"c":[1]}}`), []byte(`{"a":{"b":null,"d":{"e":null}}}`))
	f.Add([]byte(`[1]`), []byte(`{"a":null}`))
	f.Add([]byte(`{"\u0061":1}`), []byte(`{"a":{}}`))
	f.Fuzz(func(t *testing.T, base, overlay []byte) {
		out, err := Merge(base, overlay)
		if err != nil {
			return
		}
		if len(base) == 0 {
			base = []byte("{}")
		}
		var b, o, got any
		if json.Unmarshal(base, &b) != nil || json.Unmarshal(overlay, &o) != nil {
			return // a number beyond float64
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("merging %q into %q gives %q: %v", overlay, base, out, err)
		}
		if want := mergePatch(b, o); !reflect.DeepEqual(got, want) {
			t.Fatalf("merging %q into %q gives %q", overlay, base, out)
		}
		if _, err := Parse(out, Limits{}); err != nil && len(out) <= DefaultSize {
			t.Fatalf("merging %q into %q gives %q, which does not parse: %v", overlay, base, out, err)
		}
	})
}

func mergePatch(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, ok := target.(map[string]any)
	if !ok {
		t = map[string]any{}
	}
	for name, value := range p {
		if value == nil {
			delete(t, name)
		} else {
			t[name] = mergePatch(t[name], value)
		}
	}
	return t
}

// FuzzAppendString holds AppendString against encoding/json's reader.
func FuzzAppendString(f *testing.F) {
	f.Add("plain")
	f.Add("\"\\\n\x00\x7f\xff\u2028é😀")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(AppendString(nil, s), &got); err != nil {
			t.Fatal(err)
		}
		if want := string([]rune(s)); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		v, err := Parse(AppendString(nil, s), Limits{})
		if err != nil || v.String() != string([]rune(s)) {
			t.Fatalf("Parse reads %q back as %q (%v)", s, v.String(), err)
		}
	})
}
