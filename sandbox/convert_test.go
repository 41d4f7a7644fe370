package sandbox_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/gatehouse-proxy/gatehouse/sandbox"
)

// decodeFunc reads JSON.
func decodeFunc() sandbox.Value {
	return sandbox.Func("decode", func(c *sandbox.Call) error {
		s, err := c.CheckString(1)
		if err != nil {
			return err
		}
		v, err := c.Run().DecodeJSON(s)
		c.Return(v)
		return err
	})
}

// evaluate runs source with the function json.decode, json.encode and go, which
// passes its argument through ToGo and FromGo, and returns the first result.
func evaluate(t *testing.T, source string, limits sandbox.Limits) (sandbox.Value, *sandbox.Run, error) {
	t.Helper()
	env := sandbox.NewEnv()
	env.AllowAll()
	env.Define("json.null", sandbox.Null)
	env.Define("json.decode", decodeFunc())
	env.Define("json.encode", sandbox.Func("encode", func(c *sandbox.Call) error {
		s, err := c.Run().EncodeJSON(c.Arg(1))
		c.Return(sandbox.String(s))
		return err
	}))
	env.Define("go", sandbox.Func("go", func(c *sandbox.Call) error {
		x, err := c.Run().ToGo(c.Arg(1))
		if err != nil {
			return err
		}
		v, err := c.Run().FromGo(x)
		c.Return(v)
		return err
	}))
	p, err := sandbox.Compile("convert", source, sandbox.Config{Env: env, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.NewScript().Run(nil)
	if err != nil || len(r.Results()) == 0 {
		return sandbox.Nil, r, err
	}
	return r.Results()[0], r, nil
}

func TestJSON(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ source, want, err string }{
		"scalars are written as Lua prints them": {source: `return json.encode({1, -0.5, 1e15, 2^53, 1/3, true, false, "x"})`, want: `[1,-0.5,1e+15,9.007199254741e+15,0.33333333333333,true,false,"x"]`},
		"nil and Null are null":                  {source: `return json.encode(nil) .. json.encode(json.null)`, want: `nullnull`},
		"fields keep the order of insertion":     {source: `local t = {} t.z = 1 t.a = 2 t.m = 3 return json.encode(t)`, want: `{"z":1,"a":2,"m":3}`},
		"an empty table is an object":            {source: `return json.encode({a = {}})`, want: `{"a":{}}`},
		"a list filled from its end is an array": {source: `local t = {} for i = 5, 1, -1 do t[i] = i end return json.encode(t)`, want: `[1,2,3,4,5]`},
		"a list whose end was removed":           {source: `local t = {1, 2, 3} t[3] = nil return json.encode(t)`, want: `[1,2]`},
		"a list with a hole is refused":          {source: `local r = json.encode({1, nil, 3}) return r`, err: "convert:1: JSON has no sparse arrays"},
		"a far index is refused":                 {source: `local r = json.encode({[1000] = 1}) return r`, err: "convert:1: JSON has no sparse arrays"},
		"numbers among other keys become names":  {source: `return json.encode({1, x = 2, [2.5] = 3, [-1] = 4})`, want: `{"1":1,"x":2,"2.5":3,"-1":4}`},
		"a number and a string that are one name": {
			source: `local r = json.encode({x = 1, [1] = 2, ["1"] = 3}) return r`, err: `convert:1: keys 1 and "1" are the same field`},
		"numbers that 14 digits do not tell apart": {source: `return json.encode({x = 1, [2^53] = 1, [2^53 - 1] = 2})`, want: `{"x":1,"9.007199254740992e+15":1,"9.007199254740991e+15":2}`},
		"a boolean is no name":                     {source: `local r = json.encode({[true] = 1}) return r`, err: "convert:1: cannot convert a key that is a boolean"},
		"NaN is refused":                           {source: `local r = json.encode({0/0}) return r`, err: "convert:1: JSON has no number nan"},
		"infinity is refused":                      {source: `local r = json.encode(-1/0) return r`, err: "convert:1: JSON has no number -inf"},
		"a function is refused":                    {source: `local r = json.encode(print) return r`, err: "convert:1: JSON has no function"},
		"a coroutine is refused":                   {source: `local r = json.encode(coroutine.create(print)) return r`, err: "convert:1: JSON has no thread"},
		"a table in itself is refused":             {source: `local t = {} t[1] = t local r = json.encode(t) return r`, err: "convert:1: nested deeper than 100 levels"},
		"100 levels are written":                   {source: `local t = {} for i = 1, 99 do t = {t} end return #json.encode(t)`, want: "200"},
		"101 levels are not":                       {source: `local t = {} for i = 1, 100 do t = {t} end local r = json.encode(t) return r`, err: "convert:1: nested deeper than 100 levels"},
		"what JSON must escape is escaped, nothing else": {
			source: `return json.encode("\"\\/\b\f\n\r\t\0\31\127\200é")`, want: `"\"\\/\u0008\u000c\n\r\t\u0000\u001f` + "\x7f\xc8é" + `"`},
		"metamethods are not called": {source: `return json.encode(setmetatable({1}, {__index = error, __len = error, __pairs = error}))`, want: `[1]`},

		"values are read":                  {source: `local t = json.decode(' {"a" : [1, -2.5e3, true, false, null, "x"] , "b":{} } ') return t.a[1] .. t.a[2] .. tostring(t.a[3]) .. tostring(t.a[4]) .. tostring(t.a[5] == json.null) .. t.a[6] .. #t.a`, want: "1-2500truefalsetruex6"},
		"escapes are read":                 {source: `return json.decode([["\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00"]])`, want: "\"\\/\b\f\n\r\tAé€😀"},
		"a NUL is read":                    {source: `return #json.decode([["\u0000"]])`, want: "1"},
		"bytes over 0x7F are kept":         {source: `return json.decode('"\255"')`, want: "\xff"},
		"the last of repeated keys counts": {source: `return json.decode('{"a":1,"a":2}').a`, want: "2"},
		"100 levels are read":              {source: `return #json.encode(json.decode(("["):rep(100) .. "1" .. ("]"):rep(100)))`, want: "201"},
		"101 levels are not read":          {source: `local r = json.decode(("["):rep(101) .. ("]"):rep(101)) return r`, err: "convert:1: JSON, byte 101: nested deeper than 100 levels"},
		"a million levels are not":         {source: `local r = json.decode(("{\"a\":"):rep(1000000)) return r`, err: "convert:1: JSON, byte 501: nested deeper than 100 levels"},
		"nothing":                          {source: `local r = json.decode("") return r`, err: "convert:1: JSON, byte 1: want a value, got the end of the text"},
		"two values":                       {source: `local r = json.decode("1 2") return r`, err: "convert:1: JSON, byte 3: want the end of the text, got '2'"},
		"a comma too many in a list":       {source: `local r = json.decode("[1,]") return r`, err: "convert:1: JSON, byte 4: want a value, got ']'"},
		"a comma too many in an object":    {source: `local r = json.decode('{"a":1,}') return r`, err: "convert:1: JSON, byte 8: want a key in double quotes, got '}'"},
		"a list without end":               {source: `local r = json.decode("[1") return r`, err: "convert:1: JSON, byte 3: want ',' or ']', got the end of the text"},
		"no colon":                         {source: `local r = json.decode('{"a" 1}') return r`, err: "convert:1: JSON, byte 6: want ':', got '1'"},
		"a leading zero":                   {source: `local r = json.decode("01") return r`, err: "convert:1: JSON, byte 2: want the end of the text, got '1'"},
		"a leading plus":                   {source: `local r = json.decode("+1") return r`, err: "convert:1: JSON, byte 1: want a value, got '+'"},
		"a point without digits":           {source: `local r = json.decode("1.") return r`, err: "convert:1: JSON, byte 3: want a digit, got the end of the text"},
		"an exponent without digits":       {source: `local r = json.decode("1e+") return r`, err: "convert:1: JSON, byte 4: want a digit, got the end of the text"},
		"hexadecimal":                      {source: `local r = json.decode("0x10") return r`, err: "convert:1: JSON, byte 2: want the end of the text, got 'x'"},
		"NaN":                              {source: `local r = json.decode("NaN") return r`, err: "convert:1: JSON, byte 1: want a value, got 'N'"},
		"a number that is not finite":      {source: `local r = json.decode("[1e999]") return r`, err: "convert:1: JSON, byte 2: want a number below 1.8e308, got '1'"},
		"a tiny number is zero":            {source: `return json.decode("1e-999")`, want: "0"},
		"single quotes":                    {source: `local r = json.decode("'a'") return r`, err: "convert:1: JSON, byte 1: want a value, got '''"},
		"a string without end":             {source: `local r = json.decode('"a') return r`, err: "convert:1: JSON, byte 3: want '\"', got the end of the text"},
		"a string that ends in an escape":  {source: `local r = json.decode('"a\\') return r`, err: "convert:1: JSON, byte 4: want '\"', got the end of the text"},
		"a line break in a string":         {source: `local r = json.decode('"a\n"') return r`, err: "convert:1: JSON, byte 3: want an escape for a control character, got byte 10"},
		"an escape that JSON lacks":        {source: `local r = json.decode([["\x41"]]) return r`, err: "convert:1: JSON, byte 3: want one of \"\\/bfnrtu, got 'x'"},
		"a lone surrogate":                 {source: `local r = json.decode([["\ud800"]]) return r`, err: `convert:1: JSON, byte 2: want \u with four hexadecimal digits, surrogates in pairs, got '\'`},
		"a low surrogate first":            {source: `local r = json.decode([["\udc00\ud800"]]) return r`, err: `convert:1: JSON, byte 2: want \u with four hexadecimal digits, surrogates in pairs, got '\'`},
		"a short escape":                   {source: `local r = json.decode([["\u12"]]) return r`, err: `convert:1: JSON, byte 2: want \u with four hexadecimal digits, surrogates in pairs, got '\'`},
		"a comment":                        {source: `local r = json.decode("1 // x") return r`, err: "convert:1: JSON, byte 3: want the end of the text, got '/'"},
		"an error can be caught":           {source: `local ok, e = pcall(json.decode, "x") return tostring(ok) .. " " .. e`, want: "false JSON, byte 1: want a value, got 'x'"},

		"values pass through Go":       {source: `return json.encode(go({a = {1, 2, {b = "x"}}, c = true, d = 0.5}))`, want: `{"a":[1,2,{"b":"x"}],"c":true,"d":0.5}`},
		"Go gets no function":          {source: `local r = go({print}) return r`, err: "convert:1: cannot convert a function"},
		"Go gets no table as a key":    {source: `local r = go({[{}] = 1}) return r`, err: "convert:1: cannot convert a key that is a table"},
		"Go gets no table in itself":   {source: `local t = {} t.t = t local r = go(t) return r`, err: "convert:1: nested deeper than 100 levels"},
		"Go gets a sparse list by key": {source: `return json.encode(go({x = 1, [3] = 2}))`, want: `{"3":2,"x":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, _, err := evaluate(t, c.source, sandbox.Limits{Memory: 64 << 20})
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Fatalf("error %v\nwant  %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, ok := v.AsString()
			if n, isNumber := v.AsNumber(); isNumber {
				r := newRun(t)
				got, _ = r.EncodeJSON(sandbox.Number(n))
			} else if !ok {
				t.Fatalf("got a %s", v.Type())
			}
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// newRun returns a run that was not started, for the host's own conversions.
func newRun(t testing.TB) *sandbox.Run {
	t.Helper()
	return newRunWith(t, sandbox.Limits{})
}

func newRunWith(t testing.TB, l sandbox.Limits) *sandbox.Run {
	t.Helper()
	p, err := sandbox.Compile("host", "return ...", sandbox.Config{Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	return p.NewScript().NewRun(nil)
}

// What the host converts is paid by the run, whatever the script does later:
// bombs end by the budget that they use up.
func TestConversionBombs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		source string
		kind   sandbox.ErrorKind
	}{
		"a table that is shared at each of 60 levels, to Go":   {`local t = {1} for i = 1, 60 do t = {t, t} end return go(t)`, sandbox.Memory},
		"a table that is shared at each of 60 levels, to JSON": {`local t = {"xxxxxxxxxxxxxxxx"} for i = 1, 60 do t = {t, t} end return json.encode(t)`, sandbox.Memory},
		"control characters, six bytes each":                   {`return json.encode(("\1"):rep(200000))`, sandbox.Memory},
		"a list of a million empty lists":                      {`return json.decode("[" .. ("[],"):rep(250000) .. "[]]")`, sandbox.Memory},
		"reading the same text for ever":                       {`local s = "[" .. ("1,"):rep(1000) .. "1]" while true do pcall(json.decode, s) end`, sandbox.Memory},
		"failing for ever":                                     {`local s = ("["):rep(99) while true do pcall(json.decode, s) end`, sandbox.Memory},
		"looking at a table of holes for ever":                 {`local t = {} for i = 1, 1000 do t["k" .. i] = 1 end for k in pairs(t) do t[k] = nil end while true do json.encode(t) end`, sandbox.Instructions},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, r, err := evaluate(t, c.source, sandbox.Limits{Memory: 1 << 20, Instructions: 500_000})
			var e *sandbox.Error
			if !errors.As(err, &e) || !e.Overrun() {
				t.Fatalf("error %v, want an overrun", err)
			}
			if s := r.Stats(); s.Memory > 1<<20 || s.Instructions > 500_000 {
				t.Errorf("used %+v", s)
			}
			if e.Kind != c.kind {
				t.Errorf("kind %s, want %s", e.Kind, c.kind)
			}
		})
	}
}

func TestFromGoAndBack(t *testing.T) {
	t.Parallel()
	type opaque struct{ n int }
	for name, c := range map[string]struct{ in, want any }{
		"nil":              {nil, nil},
		"a boolean":        {true, true},
		"an int":           {-7, -7.0},
		"an int8":          {int8(-7), -7.0},
		"a uint64":         {uint64(1 << 40), float64(1 << 40)},
		"a float32":        {float32(0.5), 0.5},
		"a string":         {"a\x00b", "a\x00b"},
		"bytes":            {[]byte("ab"), "ab"},
		"strings":          {[]string{"a", "b"}, []any{"a", "b"}},
		"an empty list":    {[]any{}, map[string]any{}},
		"a list":           {[]any{1, "x", []any{true}}, []any{1.0, "x", []any{true}}},
		"a map":            {map[string]any{"a": 1, "b": nil}, map[string]any{"a": 1.0}},
		"a map of strings": {map[string]string{"a": "b"}, map[string]any{"a": "b"}},
		"a Value":          {sandbox.Number(3), 3.0},
		"Null":             {sandbox.Null, nil},
		"an opaque value":  {sandbox.Opaque(opaque{1}, nil), opaque{1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t)
			v, err := r.FromGo(c.in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.ToGo(v)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %#v, want %#v", got, c.want)
			}
		})
	}
}

func TestFromGoRefuses(t *testing.T) {
	t.Parallel()
	deep := any("x")
	for range 101 {
		deep = []any{deep}
	}
	for name, c := range map[string]struct {
		in     any
		limits sandbox.Limits
		kind   sandbox.ErrorKind
	}{
		"a struct":                       {struct{}{}, sandbox.Limits{}, sandbox.Misuse},
		"a map with other keys":          {map[int]string{}, sandbox.Limits{}, sandbox.Misuse},
		"a channel in a list":            {[]any{make(chan int)}, sandbox.Limits{}, sandbox.Misuse},
		"101 levels":                     {deep, sandbox.Limits{}, sandbox.Misuse},
		"a string over the memory":       {strings.Repeat("x", 1000), sandbox.Limits{Memory: 1000}, sandbox.Memory},
		"a list over the memory":         {make([]any, 100), sandbox.Limits{Memory: 1600}, sandbox.Memory},
		"a map over the memory":          {map[string]string{"a": "b", "c": "d"}, sandbox.Limits{Memory: 200}, sandbox.Memory},
		"a list over the instructions":   {make([]any, 100), sandbox.Limits{Instructions: 50}, sandbox.Instructions},
		"bytes over the instructions":    {make([]byte, 1600), sandbox.Limits{Instructions: 50}, sandbox.Instructions},
		"anything where nothing is left": {1, sandbox.Limits{Instructions: -1}, sandbox.Instructions},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newRunWith(t, c.limits).FromGo(c.in)
			var e *sandbox.Error
			if !errors.As(err, &e) || e.Kind != c.kind {
				t.Errorf("error %#v, want one of kind %s", err, c.kind)
			}
		})
	}
}

// A map has no order of its own; what scripts see has.
func TestFromGoSortsKeys(t *testing.T) {
	t.Parallel()
	for range 20 {
		r := newRun(t)
		v, err := r.FromGo(map[string]any{"c": 1, "a": 2, "b": 3, "d": 4})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := r.EncodeJSON(v); got != `{"a":2,"b":3,"c":1,"d":4}` {
			t.Fatal(got)
		}
	}
}

func TestConversionAfterClose(t *testing.T) {
	t.Parallel()
	r := newRun(t)
	r.Close()
	var e *sandbox.Error
	if _, err := r.FromGo("x"); !errors.As(err, &e) || e.Kind != sandbox.Misuse {
		t.Errorf("FromGo: %v", err)
	}
	if _, err := r.DecodeJSON("1"); !errors.As(err, &e) || e.Kind != sandbox.Misuse {
		t.Errorf("DecodeJSON: %v", err)
	}
}

// FuzzJSON: text that is read can be written, and what was written reads the same.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,true,null,"\u00e9\ud83d\ude00"]}`, `[[[]]]`, `"\n"`, `1e-7`, `{"1":1,"x":[{}]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := newRun(t)
		v, err := r.DecodeJSON(text)
		if err != nil {
			return
		}
		first, err := r.EncodeJSON(v)
		if err != nil {
			t.Fatalf("%q is read but not written: %v", text, err)
		}
		again, err := r.DecodeJSON(first)
		if err != nil {
			t.Fatalf("%q is written as %q: %v", text, first, err)
		}
		if second, _ := r.EncodeJSON(again); second != first {
			t.Fatalf("%q is written as %q, then as %q", text, first, second)
		}
	})
}
