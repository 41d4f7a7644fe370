package conf_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-proxy/gatehouse/filters/all/golden"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf/conftest"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/secret"
)

// config has a field of every type, and each of the ways to narrow one.
type config struct {
	Cluster  string
	Prefix   string
	Port     int
	Retries  int
	Shadow   bool
	Timeout  time.Duration
	MaxBody  int
	Scopes   []string
	Methods  []string
	Mode     string
	Deny     int
	Allow    []conf.StatusRange
	Header   string
	Strip    []string
	Add      [][2]string
	Token    secret.Value
	Verdict  string
	Lookup   lookup
	CacheSet bool
	Cache    struct {
		TTL  time.Duration
		Size int
	}
	Rules []rule
}

type lookup struct {
	Path string
	Key  secret.Value
}

type rule struct {
	Path    string
	Methods []string
}

func (c *config) Fields() conf.Fields {
	return conf.Fields{
		conf.String("cluster", &c.Cluster, "Envoy cluster of the service.").Required().Example("auth"),
		conf.Alias("upstream", "cluster", "Another name for `cluster`."),
		conf.String("prefix", &c.Prefix, "Path in front of the request's own.").Default("/").Between("1", "8").
			Check("a path that starts with /", startsWithSlash).Pattern("^/"),
		conf.Int("port", &c.Port, "Port shown to the service.").Default("8080").Between("1", "65535"),
		conf.Int("retries", &c.Retries, "How often a failed call is repeated."),
		conf.Bool("shadow", &c.Shadow, "Decide, count and log, but do not act.").Default("false"),
		conf.Duration("timeout", &c.Timeout, "How long the service may take | over all retries.").Default("500ms").Between("1ms", "30s"),
		conf.Alias("deadline", "timeout", "Another name for `timeout`."),
		conf.Size("max_body", &c.MaxBody, "Largest body.").Default("64KiB").Between("1KiB", "1MiB"),
		conf.Strings("scopes", &c.Scopes, "Scopes asked for.").Default(`["read"]`),
		conf.Strings("methods", &c.Methods, "Methods that are checked.").Between("1", "3").
			Check("a method in capitals", capitals).Pattern("^[A-Z]+$"),
		conf.Enum("mode", &c.Mode, "What a failure means.", "closed", "open").Default("closed"),
		conf.StatusCode("deny_status", &c.Deny, "Status of a denial.").Default("403").Between("400", "499"),
		conf.Statuses("allow_status", &c.Allow, "Statuses that let pass.").Default(`["2xx"]`),
		conf.HeaderName("header", &c.Header, "Header of the token.").Default("Authorization"),
		conf.HeaderNames("strip", &c.Strip, "Headers removed on entry."),
		conf.Pairs("add", &c.Add, "Headers added to the call.").Between("", "2"),
		conf.Secret("token", &c.Token, "Token of the service.").Between("8", ""),
		conf.JSONPath("verdict", &c.Verdict, "Field of the reply that decides.").Default(`result.allow\*`),
		conf.Object("lookup", conf.Fields{
			conf.String("path", &c.Lookup.Path, "Path of the lookup.").Default("/keys"),
			conf.Secret("key", &c.Lookup.Key, "Key of the lookup."),
		}, "Where keys are looked up."),
		conf.Optional("cache", &c.CacheSet, conf.Fields{
			conf.Duration("ttl", &c.Cache.TTL, "How long a decision is kept.").Required(),
			conf.Int("size", &c.Cache.Size, "Decisions kept.").Default("1000").Between("1", ""),
		}, "Keeps decisions."),
		conf.List("rules", "Requests that are checked.", func() conf.Fields {
			c.Rules = append(c.Rules, rule{})
			r := &c.Rules[len(c.Rules)-1]
			return conf.Fields{
				conf.String("path", &r.Path, "Prefix of the path.").Required(),
				conf.Strings("methods", &r.Methods, "Methods; none is all.").Default("[]"),
			}
		}).Between("", "3"),
	}
}

func startsWithSlash(s string) error {
	if !strings.HasPrefix(s, "/") {
		return errors.New("write it as in a request line")
	}
	return nil
}

func capitals(s string) error {
	if s == "" || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return errors.New("")
	}
	return nil
}

func (c *config) check(errs *conf.Errors) {
	if c.Shadow && c.Mode == "open" {
		errs.Add("shadow", "has no meaning with mode open")
	}
	if c.CacheSet && c.Cache.TTL < c.Timeout {
		errs.Add("cache.ttl", "want at least timeout, "+c.Timeout.String()+"; got "+c.Cache.TTL.String())
	}
}

func load(data []byte, env func(string) (string, bool)) (any, error) {
	var c config
	return &c, conf.Decode(data, c.Fields(), env, c.check)
}

func TestConfigurations(t *testing.T) {
	t.Parallel()
	var c config
	conftest.Cases(t, c.Fields(), load)
}

func TestSchemaAndTable(t *testing.T) {
	t.Parallel()
	var c config
	golden.File(t, "testdata/schema.json", conf.Schema("sample", c.Fields()))
	golden.File(t, "testdata/table.md", []byte(conf.Markdown(c.Fields())))
	var again config
	if string(conf.Schema("sample", c.Fields())) != string(conf.Schema("sample", again.Fields())) {
		t.Error("the schema depends on more than the fields")
	}
}

func TestDefaultsEqualEmptyAndBraces(t *testing.T) {
	t.Parallel()
	declare := func(c *config) conf.Fields { return c.Fields()[2:12] }
	var first string
	for i, text := range []string{"", " \r\n\t", "{}", " { } "} {
		var c config
		if err := conf.Decode([]byte(text), declare(&c), nil); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got := conftest.Dump(c); i == 0 {
			first = got
		} else if got != first {
			t.Errorf("%q gives\n%s, nothing gives\n%s", text, got, first)
		}
	}
	if !strings.Contains(first, "Timeout: 500ms") {
		t.Errorf("no defaults: %s", first)
	}
}

func TestErrorsKeepALongListShort(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 200 {
		b.WriteString(`"x` + strconv.Itoa(i) + `":1,`)
	}
	err := conf.Decode([]byte("{"+b.String()+`"y":1}`), nil, nil)
	var all conf.Errors
	if !errors.As(err, &all) || len(all) != 201 {
		t.Fatalf("%d faults, want 201", len(all))
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 52 || lines[0] != "201 faults" || lines[51] != "  and 151 more" {
		t.Errorf("%d lines, from %q to %q", len(lines), lines[0], lines[len(lines)-1])
	}
}

func TestErrorsOfChecksAreAnError(t *testing.T) {
	t.Parallel()
	var none conf.Errors
	if err := none.Err(); err != nil {
		t.Errorf("no faults give %v", err)
	}
	one := conf.Errors{{Path: "a.b", Text: "want c"}}
	if err := one.Err(); err == nil || err.Error() != "a.b: want c" {
		t.Errorf("one fault gives %v", err)
	}
}

func TestContains(t *testing.T) {
	t.Parallel()
	ranges := []conf.StatusRange{{200, 204}, {301, 301}}
	for status, want := range map[int]bool{199: false, 200: true, 204: true, 205: false, 301: true, 302: false, 0: false} {
		if got := conf.Contains(ranges, status); got != want {
			t.Errorf("%d: %v, want %v", status, got, want)
		}
	}
	if conf.Contains(nil, 200) {
		t.Error("no ranges contain 200")
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"timeout", "max_body", "token", "id"}
	for name, want := range map[string]string{
		"tiemout": "timeout", "timeouts": "timeout", "Timeout": "timeout", "maxbody": "max_body", "max-body": "max_body",
		"tokn": "token", "io": "id", "xy": "", "authority": "", "": "", strings.Repeat("timeout", 20): "",
	} {
		if got, ok := conf.Nearest(name, names); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", name, got, ok, want)
		}
	}
}

// Every fault that Lint names, and a control.
func TestLint(t *testing.T) {
	t.Parallel()
	var s string
	var n int
	var d time.Duration
	var v secret.Value
	var b bool
	for name, test := range map[string]struct {
		field *conf.Field
		fault string
	}{
		"nothing wrong":               {conf.String("a", &s, "A.").Default("x").Check("x", startsOK).Pattern("^x"), ""},
		"name in capitals":            {conf.String("A", &s, "A."), "A: want a name in snake_case"},
		"name starts with a digit":    {conf.String("1a", &s, "A."), "1a: want a name in snake_case"},
		"doc without full stop":       {conf.String("a", &s, "A"), "a: want a doc that ends in a full stop"},
		"alias of nothing":            {conf.Alias("a", "b", "A."), "a: want an alias of a field, got b"},
		"default of a required field": {conf.String("a", &s, "A.").Default("x").Required(), "a: a required field has a default"},
		"default of the wrong type":   {conf.Int("a", &n, "A.").Default("x"), "a: the default or example x is not JSON"},
		"default out of range":        {conf.Int("a", &n, "A.").Default("9").Between("1", "2"), "a: want a whole number from 1 to 2, got the number 9"},
		"default without unit":        {conf.Duration("a", &d, "A.").Default("5"), `a: want a duration such as "500ms", got the text "5"`},
		"default that Check refuses":  {conf.String("a", &s, "A.").Default("x").Check("/", startsWithSlash).Pattern("^/"), `a: want /, got the text "x" (write it as in a request line)`},
		"bounds that do not parse":    {conf.Duration("a", &d, "A.").Between("1", "2"), "a: wrong bounds 1 to 2"},
		"bounds the wrong way":        {conf.Int("a", &n, "A.").Between("2", "1"), "a: wrong bounds 2 to 1"},
		"bounds of a boolean":         {conf.Bool("a", &b, "A.").Between("1", "2"), "a: wrong bounds 1 to 2"},
		"Check of a number":           {conf.Int("a", &n, "A.").Check("x", startsOK), "a: Check is for texts"},
		"Buffered of a number":        {conf.Int("a", &n, "A.").Buffered(&b), "a: Buffered is for sizes"},
		"Pattern without Check":       {conf.String("a", &s, "A.").Pattern("x"), "a: a Pattern without a Check is not enforced"},
		"default of a secret":         {conf.Secret("a", &v, "A.").Default("x"), "a: an object, a list of objects or a secret has a default"},
		"fault in an object":          {conf.Object("o", conf.Fields{conf.Int("a", &n, "A")}, "O."), "o.a: want a doc that ends in a full stop"},
		"fault in a list":             {conf.List("l", "L.", func() conf.Fields { return conf.Fields{conf.Int("a", &n, "A")} }), "l[].a: want a doc that ends in a full stop"},
	} {
		got := ""
		if err := conf.Lint(conf.Fields{test.field}); err != nil {
			got = err.Error()
		}
		if got != test.fault {
			t.Errorf("%s: got %q, want %q", name, got, test.fault)
		}
	}
	twice := conf.Fields{conf.Int("a", &n, "A."), conf.Int("a", &n, "A.")}
	if err := conf.Lint(twice); err == nil || err.Error() != "a: declared twice" {
		t.Errorf("a name declared twice: %v", err)
	}
}

func startsOK(string) error { return nil }

func TestOverBuffer(t *testing.T) {
	t.Parallel()
	var size, other int
	var on bool
	declare := func() conf.Fields {
		return conf.Fields{
			conf.Bool("on", &on, "On.").Default("false"),
			conf.Object("o", conf.Fields{conf.Size("max", &size, "Max.").Default("64KiB").Buffered(&on)}, "O."),
			conf.Size("other", &other, "Other.").Default("1MiB"),
		}
	}
	for text, want := range map[string]string{
		`{"on":true}`:                       "o.max 65536",
		`{"on":true,"o":{"max":1025}}`:      "o.max 1025",
		`{"on":true,"o":{"max":1024}}`:      "",
		`{"on":false,"o":{"max":"512KiB"}}`: "",
	} {
		fields := declare()
		if err := conf.Decode([]byte(text), fields, nil); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, over := range conf.OverBuffer(fields, 1024) {
			got = append(got, over.Path+" "+strconv.Itoa(over.Size))
		}
		if s := strings.Join(got, ","); s != want {
			t.Errorf("%s: got %q, want %q", text, s, want)
		}
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	var c config
	got := strings.Join(c.Fields()[19:].Paths(), " ")
	if want := "lookup lookup.path lookup.key cache cache.ttl cache.size rules rules[].path rules[].methods"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Whatever the text, Decode decodes it or lists faults that print, and the
// schema agrees.
func FuzzDecode(f *testing.F) {
	entries, err := os.ReadDir("testdata/config")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile("testdata/config/" + e.Name())
		if err != nil {
			f.Fatal(err)
		}
		input, _, _ := strings.Cut(string(text), golden.Separator)
		f.Add(input)
	}
	var sample config
	schema, err := conftest.Compile(conf.Schema("sample", sample.Fields()))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var c config
		err := conf.Decode([]byte(text), c.Fields(), conftest.Env)
		var faults conf.Errors
		if err != nil && (!errors.As(err, &faults) || len(faults) == 0) {
			t.Fatalf("not a list of faults: %v", err)
		}
		for _, fault := range faults {
			if strings.ContainsFunc(fault.String(), func(r rune) bool { return !strconv.IsPrint(r) }) {
				t.Fatalf("a fault does not print: %q", fault.String())
			}
			if len(fault.String()) > 600 {
				t.Fatalf("a fault of %d characters", len(fault.String()))
			}
		}
		if !strings.HasPrefix(text, "\ufeff") && utf8.ValidString(text) {
			conftest.Agree(t, schema, []byte(text), err)
		}
		if err != nil {
			return
		}
		if c.Cluster == "" {
			t.Fatal("a required field is empty")
		}
		if c.Timeout < time.Millisecond || c.Timeout > 30*time.Second || c.Deny < 400 || c.Deny > 499 {
			t.Fatalf("out of bounds: %v, %d", c.Timeout, c.Deny)
		}
	})
}
