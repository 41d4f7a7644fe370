package tmpl_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/quick"
	"unicode/utf8"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/tmpl"
)

func request() *hosttest.Message {
	m := hosttest.Request("GET", "/a/b%20c?name=J%C3%B6rg+M&x=1&x=2&quote=%22%0d%0a",
		"x-user: bob", "x-empty: ", "x-euro: 12€", "x-two: first", "x-two: second",
		"x-quote: a\"b\\c", "x-ctl: a\tb\x01c\x7f", "x-latin: caf\xe9", "x-space: a b/c?d=e&f")
	m.Properties = map[string]string{
		"source.address":                   "[2001:db8::1]:4711",
		"source.port":                      "\x67\x12\x00\x00\x00\x00\x00\x00",
		"response.grpc_status":             "\xff\xff\xff\xff\xff\xff\xff\xff",
		"connection.mtls":                  "\x01",
		"connection.requested_server_name": "example.org",
		"metadata.filter_metadata.envoy.filters.http.jwt_authn.sub": "alice",
		"request.headers.x.y": "dotted",
	}
	return m
}

func TestAppend(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		esc  tmpl.Escape
		want string
	}{
		"no operators":                    {"plain text", tmpl.Text, "plain text"},
		"empty":                           {"", tmpl.Header, ""},
		"a percent sign":                  {"100%%", tmpl.Header, "100%"},
		"a percent sign before a name":    {"%%METHOD%%", tmpl.Header, "%METHOD%"},
		"one header":                      {"user=%REQ(x-user)%;", tmpl.Header, "user=bob;"},
		"a header in capitals":            {"%REQ(X-USER)%", tmpl.Header, "bob"},
		"a pseudo-header":                 {"%REQ(:method)%", tmpl.Header, "GET"},
		"both lines of a header":          {"%REQ(x-two)%", tmpl.Header, "first,second"},
		"both lines of another header":    {"%REQ(x-none?x-two):7%", tmpl.Header, "first,s"},
		"a missing header":                {"[%REQ(x-none)%]", tmpl.Header, "[]"},
		"another header instead":          {"%REQ(x-none?x-user)%", tmpl.Header, "bob"},
		"the first header wins":           {"%REQ(x-user?x-two)%", tmpl.Header, "bob"},
		"an empty header is not missing":  {"[%REQ(x-empty?x-user)%]", tmpl.Header, "[]"},
		"both headers missing":            {"[%REQ(x-none?x-no)%]", tmpl.Header, "[]"},
		"a limit":                         {"%REQ(x-user):2%", tmpl.Header, "bo"},
		"a limit beyond the end":          {"%REQ(x-user):200%", tmpl.Header, "bob"},
		"a limit inside a UTF-8 sequence": {"%REQ(x-euro):4%", tmpl.Header, "12"},
		"a limit after a UTF-8 sequence":  {"%REQ(x-euro):5%", tmpl.Header, "12€"},
		"the request line":                {"%METHOD% %SCHEME%://%AUTHORITY%%PATH%?%RAW_QUERY%", tmpl.Text, "GET https://example.org/a/b%20c?name=J%C3%B6rg+M&x=1&x=2&quote=%22%0d%0a"},
		"a query parameter, decoded":      {"%QUERY_PARAM(name)%", tmpl.Header, "Jörg M"},
		"both of two parameters":          {"%QUERY_PARAM(x)%", tmpl.Header, "1,2"},
		"a missing parameter":             {"[%QUERY_PARAM(y)%]", tmpl.Header, "[]"},
		"the client's address":            {"%CLIENT_IP%", tmpl.Header, "2001:db8::1"},
		"an attribute":                    {"%PROPERTY(connection.requested_server_name)%", tmpl.Header, "example.org"},
		"an attribute with dots in a key": {"%PROPERTY(metadata.filter_metadata['envoy.filters.http.jwt_authn'].sub)%", tmpl.Header, "alice"},
		"a key in brackets at the end":    {"%PROPERTY(request.headers['x.y'])%", tmpl.Header, "dotted"},
		"an attribute that is missing":    {"[%PROPERTY(xds.route_name)%]", tmpl.Header, "[]"},
		"a number":                        {"%PROPERTY(source.port)%", tmpl.Header, "4711"},
		"a negative number":               {"%PROPERTY(response.grpc_status)%", tmpl.Header, "-1"},
		"a truth value":                   {"%PROPERTY(connection.mtls)%", tmpl.Header, "true"},

		"in a header, control characters go":              {"%REQ(x-ctl)%", tmpl.Header, "a\tbc"},
		"in a header, a line break goes":                  {"%QUERY_PARAM(quote)%", tmpl.Header, `"`},
		"in a header, blank ends go":                      {"Bearer %REQ(x-none)% ", tmpl.Header, "Bearer"},
		"in text, blank ends stay":                        {" %REQ(x-none)%\n", tmpl.Text, " \n"},
		"in text, a line break of a value goes":           {"a=%QUERY_PARAM(quote)%\nb=1", tmpl.Text, "a=\"\nb=1"},
		"in a URL, all but unreserved is encoded":         {"/check?u=%REQ(x-space)%&q=%RAW_QUERY:6%", tmpl.URL, "/check?u=a%20b%2Fc%3Fd%3De%26f&q=name%3DJ"},
		"in a URL, a limit counts before encoding":        {"/%REQ(x-space):2%", tmpl.URL, "/a%20"},
		"in JSON, quotes and backslashes":                 {`{"a":"%REQ(x-quote)%"}`, tmpl.JSON, `{"a":"a\"b\\c"}`},
		"in JSON, control characters":                     {`{"a":"%REQ(x-ctl)%"}`, tmpl.JSON, `{"a":"a\u0009b\u0001c\u007f"}`},
		"in JSON, what is not UTF-8":                      {`{"a":"%REQ(x-latin)%"}`, tmpl.JSON, "{\"a\":\"caf\ufffd\"}"},
		"in JSON, two operators in a string":              {`["%REQ(x-user)%@%AUTHORITY%"]`, tmpl.JSON, `["bob@example.org"]`},
		"in JSON, a percent sign":                         {`{"a%%":"5%%"}`, tmpl.JSON, `{"a%":"5%"}`},
		"in JSON, an attribute with quotes":               {`{"a":"%PROPERTY(request.headers['x.y'])%"}`, tmpl.JSON, `{"a":"dotted"}`},
		"in JSON, no operator":                            {`{"a":[1,true,null]}`, tmpl.JSON, `{"a":[1,true,null]}`},
		"in JSON, an operator after an escaped backslash": {`"\\%REQ(x-user)%"`, tmpl.JSON, `"\\bob"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tm, err := tmpl.Parse(c.text, c.esc)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(tm.Append([]byte("before:"), request())); got != "before:"+c.want {
				t.Errorf("got  %q\nwant %q", got, "before:"+c.want)
			}
			if hasOperator := strings.Contains(strings.ReplaceAll(c.text, "%%", ""), "%"); tm.Constant() == hasOperator {
				t.Errorf("Constant() = %v", tm.Constant())
			}
		})
	}
}

func TestAppendKeepsBlanksThatWereThere(t *testing.T) {
	t.Parallel()
	tm, err := tmpl.Parse(" %REQ(x-none)% ", tmpl.Header)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(tm.Append([]byte("a "), request())); got != "a " {
		t.Errorf("got %q", got)
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		esc  tmpl.Escape
		want string
	}{
		"an unknown operator":          {"ab%METOD%", tmpl.Text, "column 3: unknown operator %METOD%; did you mean %METHOD%? (%% is a percent sign)"},
		"an operator in small letters": {"%req(x)%", tmpl.Text, "column 1: unknown operator %req%; did you mean %REQ%? (%% is a percent sign)"},
		"an operator of Envoy's that is not here": {"%DOWNSTREAM_REMOTE_ADDRESS%", tmpl.Text,
			"column 1: unknown operator %DOWNSTREAM_REMOTE_ADDRESS%; there are REQ, QUERY_PARAM, METHOD, SCHEME, AUTHORITY, PATH, RAW_QUERY, CLIENT_IP, PROPERTY (%% is a percent sign)"},
		"a percent sign alone":       {"100% sure", tmpl.Text, "column 4: want an operator such as %METHOD% after %, or %% for a percent sign"},
		"a percent sign at the end":  {"100%", tmpl.Text, "column 4: want an operator such as %METHOD% after %, or %% for a percent sign"},
		"a percent-encoded byte":     {"/a%20b", tmpl.URL, "column 3: want an operator such as %METHOD% after %, or %% for a percent sign"},
		"no end":                     {"%METHOD", tmpl.Text, "column 8: want % at the end of %METHOD"},
		"no argument":                {"%REQ%", tmpl.Text, "column 5: want ( after %REQ"},
		"an argument too many":       {"%METHOD(x)%", tmpl.Text, "column 8: %METHOD% takes no argument"},
		"no closing parenthesis":     {"%REQ(x-user%", tmpl.Text, "column 12: want ) after the argument of %REQ"},
		"an empty header name":       {"%REQ()%", tmpl.Text, "column 6: want the name of a header"},
		"a header name that is none": {"%REQ(x user)%", tmpl.Text, "column 6: want the name of a header"},
		"no second name":             {"%REQ(x?)%", tmpl.Text, "column 8: want the name of a header after ?"},
		"no name of a parameter":     {"%QUERY_PARAM()%", tmpl.Text, "column 14: want the name of a query parameter"},
		"no attribute":               {"%PROPERTY()%", tmpl.Text, "column 11: want the name of an attribute"},
		"an attribute ends in a dot": {"%PROPERTY(a.)%", tmpl.Text, "column 13: want the name of an attribute"},
		"brackets without quotes":    {"%PROPERTY(a[b])%", tmpl.Text, "column 13: want a name in single quotes after ["},
		"brackets with nothing":      {"%PROPERTY(a[''])%", tmpl.Text, "column 14: want a name in single quotes after ["},
		"brackets that do not end":   {"%PROPERTY(a['b)%", tmpl.Text, "column 17: want '] after the name"},
		"a limit of zero":            {"%METHOD:0%", tmpl.Text, "column 9: want a limit from 1 to 1048576 after :"},
		"a limit of no number":       {"%METHOD:x%", tmpl.Text, "column 9: want a limit from 1 to 1048576 after :"},
		"a limit too large":          {"%METHOD:99999999999999999999%", tmpl.Text, "column 9: want a limit from 1 to 1048576 after :"},
		"a line break in a header":   {"a\nb", tmpl.Header, "column 2: control character in a header value"},

		"JSON: an operator without quotes":     {`{"a": %METHOD%}`, tmpl.JSON, "column 7: not valid JSON once filled: want a value; operators stand inside quotes"},
		"JSON: an operator as a key":           {`{"a":1,"%METHOD%" : 2}`, tmpl.JSON, "column 9: operator in the key of a JSON object; only values can be filled"},
		"JSON: an operator as part of a key":   {`{"a-%METHOD%":"%PATH%"}`, tmpl.JSON, "column 5: operator in the key of a JSON object; only values can be filled"},
		"JSON: an operator behind a backslash": {`"\%METHOD%"`, tmpl.JSON, "column 2: not valid JSON once filled: invalid escape in a string; operators stand inside quotes"},
		"JSON: empty":                          {``, tmpl.JSON, "column 1: not valid JSON once filled: want a value, got nothing; operators stand inside quotes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tmpl.Parse(c.text, c.esc)
			if err == nil || err.Error() != c.want {
				t.Errorf("Parse(%q):\ngot  %v\nwant %s", c.text, err, c.want)
			}
		})
	}
}

func TestParseRefusesBrokenJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{`, `{"a":"%METHOD%"`, `{"a":"%METHOD%}`, `{"a":"x"} %METHOD%`, `{"a":"\u00%METHOD%"}`, `{"a":1,"a":2}`, `%METHOD%`} {
		if _, err := tmpl.ParseJSON(text); err == nil || !strings.HasPrefix(err.Error(), "column ") {
			t.Errorf("%s: got %v, want an error with a column", text, err)
		}
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	// AllocsPerRun does not go with parallel tests.
	tm, err := tmpl.ParseJSON(`{"path":"%PATH%","raw_query":"%RAW_QUERY%","user":"%REQ(x-user)%"}`)
	if err != nil {
		t.Fatal(err)
	}
	m, buf := request(), make([]byte, 0, 1024)
	if got := testing.AllocsPerRun(100, func() { buf = tm.Append(buf[:0], m) }); got != 0 {
		t.Errorf("Append allocates %v times", got)
	}
}

// shape replaces every string value, so that two documents differ only in what
// an operator may fill.
func shape(v any) any {
	switch v := v.(type) {
	case string:
		return "s"
	case []any:
		for i := range v {
			v[i] = shape(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = shape(v[k])
		}
	}
	return v
}

// However a client fills the operators, the JSON keeps its shape and the values
// arrive as they were sent.
func FuzzJSON(f *testing.F) {
	const text = `{"path":"%PATH%","q":["%QUERY_PARAM(a)%",{"h":"<%REQ(x-a)%>"}],"n":1,"cut":"%REQ(x-a):5%","p":"%PROPERTY(a.b)%"}`
	tm, err := tmpl.ParseJSON(text)
	if err != nil {
		f.Fatal(err)
	}
	want := shape(decode(f, []byte(text)))
	f.Add("/", "a")
	f.Add(`/","admin":true,"x":"?a=%22%7d`, `"}`)
	f.Add("/\xff\u2028\\u0022?a=\x00", "\x1f\x7f\ud7ff")
	f.Add("/?a=%ff%C0%80", "日本語")
	f.Fuzz(func(t *testing.T, path, value string) {
		m := hosttest.Request("GET", path)
		m.AddHeader("x-a", value)
		m.Properties = map[string]string{"a.b": value}
		out := tm.Append(nil, m)
		if !json.Valid(out) || !utf8.Valid(out) {
			t.Fatalf("not valid: %q", out)
		}
		v := decode(t, out).(map[string]any)
		if got := v["p"]; got != strings.ToValidUTF8(value, "\ufffd") && utf8.ValidString(value) {
			t.Errorf("%q arrived as %q", value, got)
		}
		if cut := v["cut"].(string); utf8.ValidString(value) && (len(cut) > 5 || !strings.HasPrefix(value, cut) || len(value)-len(cut) > 0 && len(cut) < 2) {
			t.Errorf("%q was cut to %q", value, cut)
		}
		if got := shape(v); !reflect.DeepEqual(got, want) {
			t.Errorf("another shape: %s", out)
		}
	})
}

func decode(t testing.TB, b []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return v
}

// A form or a query keeps its parameters, and each arrives as it was sent.
func FuzzURL(f *testing.F) {
	tm, err := tmpl.Parse("/check/%REQ(x-a)%?a=%REQ(x-a)%&b=%PATH%", tmpl.URL)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("/", "x&b=1#")
	f.Add("/../?a=b", "../\x00\xff+%2f")
	f.Fuzz(func(t *testing.T, target, value string) {
		m := hosttest.Request("GET", target)
		m.AddHeader("x-a", value)
		u, err := url.Parse(string(tm.Append(nil, m)))
		if err != nil {
			t.Fatal(err)
		}
		path, _, _ := msg.SplitPath(target)
		if want := (url.Values{"a": {value}, "b": {path}}); !reflect.DeepEqual(u.Query(), want) || u.Fragment != "" {
			t.Errorf("got %q, want %q", u.Query(), want)
		}
		if want := "/check/" + value; u.Path != want {
			t.Errorf("got path %q, want %q", u.Path, want)
		}
	})
}

func TestHeaderIsAlwaysAValidValue(t *testing.T) {
	t.Parallel()
	tm, err := tmpl.Parse(" a %REQ(x-a)% b%REQ(x-b)% ", tmpl.Header)
	if err != nil {
		t.Fatal(err)
	}
	if err := quick.Check(func(a, b []byte) bool {
		m := hosttest.Request("GET", "/")
		m.AddHeader("x-a", string(a))
		m.AddHeader("x-b", string(b))
		return msg.ValidHeaderValue(string(tm.Append(nil, m)))
	}, nil); err != nil {
		t.Error(err)
	}
}

// Parse takes any text: it never panics, and what it accepts as JSON is JSON
// however it is filled.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":"%REQ(b?c):3%"}`, "%PROPERTY(a['b'].c)%", "%%", "%", `"\%METHOD%"`, `{"%PATH%":1}`, `["\\%PATH%","%PATH%"]`, `[2e999,"%PATH%"]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, esc := range []tmpl.Escape{tmpl.Header, tmpl.Text, tmpl.URL} {
			if tm, err := tmpl.Parse(text, esc); err == nil {
				tm.Append(nil, request())
			}
		}
		tm, err := tmpl.ParseJSON(text)
		if err != nil {
			return
		}
		one, two := hosttest.Request("GET", "/"), hosttest.Request(`",`, "/\":{}\\", `x: "`)
		a, b := tm.Append(nil, one), tm.Append(nil, two)
		if !json.Valid(a) || !json.Valid(b) {
			t.Fatalf("%q gives %q and %q", text, a, b)
		}
		if !reflect.DeepEqual(shape(decode(t, a)), shape(decode(t, b))) {
			t.Errorf("%q: two shapes: %s and %s", text, a, b)
		}
	})
}
