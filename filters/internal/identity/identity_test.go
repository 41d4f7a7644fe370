package identity_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/quick"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/identity"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
)

func compile(t testing.TB, names ...string) *identity.Names {
	t.Helper()
	n, err := identity.Compile(names...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// request makes a message of the given headers alone; unlike hosttest.Request
// it keeps the case of the names.
func request(headers ...string) *hosttest.Message {
	m := &hosttest.Message{}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		m.Fields = append(m.Fields, [2]string{name, value})
	}
	return m
}

func TestCompile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		names []string
		err   string
	}{
		"usual names":        {[]string{"X-User", "x-role"}, ""},
		"no names":           {nil, ""},
		"the same twice":     {[]string{"x-user", "X_User"}, ""},
		"not a name":         {[]string{"x-user", "x user"}, `"x user" is not a header name`},
		"empty":              {[]string{""}, `"" is not a header name`},
		"a pseudo-header":    {[]string{":path"}, `":path" is not a header name`},
		"the host":           {[]string{"Host"}, "Host is a header of the connection or of Envoy, which no filter may set"},
		"an Envoy header":    {[]string{"x-envoy-internal"}, "x-envoy-internal is a header of the connection or of Envoy, which no filter may set"},
		"a line break in it": {[]string{"x\r\ny"}, `"x\r\ny" is not a header name`},
	} {
		_, err := identity.Compile(c.names...)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.err {
			t.Errorf("%s: got error %q, want %q", name, got, c.err)
		}
	}
}

func TestStrip(t *testing.T) {
	t.Parallel()
	names := []string{"X-User", "x-customer-id"}
	for name, c := range map[string]struct {
		in, want []string
		removed  int
	}{
		"nothing to strip": {
			[]string{":path: /", "accept: */*", "x-users: 1", "x-use: 1"},
			[]string{":path: /", "accept: */*", "x-users: 1", "x-use: 1"}, 0,
		},
		"a header that the client sent (CVE-2026-39998)": {
			[]string{"a: 1", "x-user: root", "b: 2"}, []string{"a: 1", "b: 2"}, 1,
		},
		"an underscore for a hyphen (CVE-2026-39858, CVE-2025-64484)": {
			[]string{"x_user: root", "x_customer-id: 1", "x-customer_id: 2", "a: 1"}, []string{"a: 1"}, 3,
		},
		"any mark that Apache and PHP fold": {
			[]string{"x.user: root", "x+user: root", "x~user: root", "a: 1"}, []string{"a: 1"}, 3,
		},
		"capitals, should a message keep them": {
			[]string{"X-USER: root", "X_User: root", "a: 1"}, []string{"a: 1"}, 2,
		},
		"several occurrences of several spellings": {
			[]string{"x-user: a", "x_user: b", "x-user: c", "x_user: d", "x-user: e"}, nil, 5,
		},
		"a longer and a shorter name stay": {
			[]string{"x-user-id: 1", "user: 1", "xuser: 1", "x--user: 1"},
			[]string{"x-user-id: 1", "user: 1", "xuser: 1", "x--user: 1"}, 0,
		},
		"a Connection token of ours (CVE-2025-48865)": {
			[]string{"connection: upgrade, X-User", "upgrade: websocket"},
			[]string{"connection: upgrade", "upgrade: websocket"}, 1,
		},
		"a Connection token in another spelling": {
			[]string{"connection: x_customer.id,close"}, []string{"connection: close"}, 1,
		},
		"a Connection of nothing else goes": {
			[]string{"a: 1", "connection: x-user,, x_user"}, []string{"a: 1"}, 2,
		},
		"several Connection lines become one": {
			[]string{"connection: close", "a: 1", "connection: x-user, te"},
			[]string{"connection: close, te", "a: 1"}, 1,
		},
		"Proxy-Connection, as old proxies obey it": {
			[]string{"proxy-connection: keep-alive, x-user"}, []string{"proxy-connection: keep-alive"}, 1,
		},
		"tokens that are not ours stay as they were written": {
			[]string{"connection: Upgrade,HTTP2-Settings"}, []string{"connection: Upgrade,HTTP2-Settings"}, 0,
		},
		"a header and a token at once": {
			[]string{"x-user: root", "connection: x-user"}, nil, 2,
		},
		"a value that names our header is data": {
			[]string{"accept: x-user", "keep-alive: x-user"}, []string{"accept: x-user", "keep-alive: x-user"}, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, want := request(c.in...), request(c.want...)
			if got := compile(t, names...).Strip(m); got != c.removed {
				t.Errorf("removed %d, want %d", got, c.removed)
			}
			if m.Text() != want.Text() {
				t.Errorf("got\n%swant\n%s", m.Text(), want.Text())
			}
		})
	}
}

func TestNilNamesStripNothing(t *testing.T) {
	t.Parallel()
	var none *identity.Names
	m := request("x-user: root")
	if none.Strip(m) != 0 || none.Has("x-user") || len(m.Fields) != 1 {
		t.Error("the nil set is empty")
	}
}

func TestStripAllocatesNothingWithoutCause(t *testing.T) {
	// AllocsPerRun does not go with parallel tests.
	n := compile(t, "x-user", "x-role", "x-customer-id", "x-tenant")
	m := request(":method: GET", ":path: /a?b", "accept: */*", "user-agent: curl/8", "x-used: 1",
		"authorization: Bearer abc", "connection: keep-alive, upgrade", "cookie: a=b")
	if got := testing.AllocsPerRun(100, func() { n.Strip(m) }); got != 0 {
		t.Errorf("Strip allocates %v times", got)
	}
	if got := testing.AllocsPerRun(100, func() {
		if _, err := identity.One(m, "authorization", identity.RefuseCommas); err != nil {
			t.Error(err)
		}
	}); got != 0 {
		t.Errorf("One allocates %v times", got)
	}
	if got := testing.AllocsPerRun(100, func() { identity.Forbidden("x-customer-id") }); got != 0 {
		t.Errorf("Forbidden allocates %v times", got)
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in, want    []string
		name, value string
		err         error
	}{
		"a new header": {
			[]string{"a: 1"}, []string{"a: 1", "x-user: bob"}, "x-user", "bob", nil,
		},
		"in place of the client's, in every spelling": {
			[]string{"x_user: root", "x-user: root", "a: 1", "X.User: root"}, []string{"x-user: bob", "a: 1"}, "x-user", "bob", nil,
		},
		"an empty value": {
			[]string{"x-user: root"}, []string{"x-user: "}, "x-user", "", nil,
		},
		"a value with a line break is refused, and the client's copy is gone": {
			[]string{"x-user: root", "x_user: root", "a: 1"}, []string{"a: 1"}, "x-user", "bob\r\nx-role: admin", identity.ErrInvalid,
		},
		"a value with NUL is refused": {
			[]string{"a: 1"}, []string{"a: 1"}, "x-user", "bob\x00", identity.ErrInvalid,
		},
		"a name that is none is refused": {
			[]string{"a: 1"}, []string{"a: 1"}, "x user", "bob", identity.ErrInvalid,
		},
		"a pseudo-header is refused": {
			[]string{"a: 1"}, []string{"a: 1"}, ":authority", "evil.example.org", identity.ErrInvalid,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, want := request(c.in...), request(c.want...)
			if err := identity.Set(m, c.name, c.value); !errors.Is(err, c.err) {
				t.Errorf("got error %v, want %v", err, c.err)
			}
			if m.Text() != want.Text() {
				t.Errorf("got\n%swant\n%s", m.Text(), want.Text())
			}
		})
	}
}

func TestOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in     []string
		name   string
		commas identity.Commas
		want   string
		err    error
	}{
		"one":                        {[]string{"a: 1", "x-token: t"}, "x-token", 0, "t", nil},
		"missing":                    {[]string{"a: 1"}, "x-token", 0, "", identity.ErrMissing},
		"one that is empty":          {[]string{"x-token: "}, "x-token", 0, "", nil},
		"two lines (CVE-2020-25017)": {[]string{"x-token: t", "x-token: u"}, "x-token", 0, "", identity.ErrRepeated},
		"two lines of one value":     {[]string{"x-token: t", "x-token: t"}, "x-token", 0, "", identity.ErrRepeated},
		"two values joined":          {[]string{"x-token: t,u"}, "x-token", 0, "", identity.ErrRepeated},
		"an alias beside it":         {[]string{"x-token: t", "x_token: u"}, "x-token", 0, "", identity.ErrRepeated},
		"an alias before it":         {[]string{"x.token: u", "x-token: t"}, "x-token", 0, "", identity.ErrRepeated},
		"an alias alone":             {[]string{"x_token: t"}, "x-token", 0, "", identity.ErrAlias},
		"an HTTP date":               {[]string{"x-date: Sat, 01 Jan 2022 00:00:00 GMT"}, "x-date", identity.AllowCommas, "Sat, 01 Jan 2022 00:00:00 GMT", nil},
		"two lines, commas allowed":  {[]string{"x-date: a", "x-date: b"}, "x-date", identity.AllowCommas, "", identity.ErrRepeated},

		"Bearer":                                  {[]string{"authorization: Bearer abc.def=="}, "authorization", 0, "Bearer abc.def==", nil},
		"two Bearer joined by Envoy":              {[]string{"authorization: Bearer a,Bearer b"}, "authorization", 0, "", identity.ErrRepeated},
		"two Bearer joined by a proxy":            {[]string{"authorization: Bearer a, Bearer b"}, "authorization", 0, "", identity.ErrRepeated},
		"Bearer then Basic":                       {[]string{"authorization: Bearer a=,Basic b="}, "authorization", 0, "", identity.ErrRepeated},
		"Bearer then what looks like a parameter": {[]string{"authorization: Bearer a=b,c=d"}, "authorization", 0, "", identity.ErrRepeated},
		"bearer in small letters":                 {[]string{"authorization: bearer a=b,c=d"}, "authorization", 0, "", identity.ErrRepeated},
		"Digest with parameters": {
			[]string{`authorization: Digest username="a, \"b\"", realm="r",uri="/", nc=00000001`},
			"authorization", 0, `Digest username="a, \"b\"", realm="r",uri="/", nc=00000001`, nil,
		},
		"AWS Signature Version 4": {
			[]string{"authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=host;x-amz-date, Signature=5d67"},
			"authorization", 0,
			"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=host;x-amz-date, Signature=5d67", nil,
		},
		"two Digest joined":            {[]string{"authorization: Digest a=b,Digest c=d"}, "authorization", 0, "", identity.ErrRepeated},
		"Digest then Bearer":           {[]string{"authorization: Digest a=b, Bearer c"}, "authorization", 0, "", identity.ErrRepeated},
		"Digest then an empty line":    {[]string{"authorization: Digest a=b,"}, "authorization", 0, "", identity.ErrRepeated},
		"an empty line then Digest":    {[]string{"authorization: ,Digest a=b"}, "authorization", 0, "", identity.ErrRepeated},
		"a quote that does not end":    {[]string{`authorization: Digest a="b, c=d`}, "authorization", 0, "", identity.ErrRepeated},
		"a scheme twice, token first":  {[]string{"authorization: Custom a,Custom b"}, "authorization", 0, "", identity.ErrRepeated},
		"parameters in another header": {[]string{"x-token: Digest a=b, c=d"}, "x-token", 0, "", identity.ErrRepeated},
		"Proxy-Authorization alike":    {[]string{"proxy-authorization: Digest a=b, c=d"}, "proxy-authorization", 0, "Digest a=b, c=d", nil},
		"an alias of Authorization":    {[]string{"authorization: Bearer a"}, "x-authorization", 0, "", identity.ErrMissing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := request(c.in...)
			got, err := identity.One(m, c.name, c.commas)
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
			}
			if want := request(c.in...); m.Text() != want.Text() {
				t.Errorf("reading changed the message:\n%s", m.Text())
			}
		})
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		a, b string
		want bool
	}{
		"one spelling":        {"x-user", "x-user", true},
		"case":                {"X-User", "x-user", true},
		"an underscore":       {"x_user", "x-user", true},
		"two marks":           {"x.user", "x_user", true},
		"a mark more":         {"x--user", "x-user", false},
		"a letter for a mark": {"xauser", "x-user", false},
		"both empty":          {"", "", true},
	} {
		if got := identity.Same(c.a, c.b); got != c.want {
			t.Errorf("%s: Same(%q, %q) = %v", name, c.a, c.b, got)
		}
	}
}

func TestForbidden(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		":path", ":authority", "", "x user", "x\n", "host", "Host", "content-length", "Content_Length",
		"connection", "keep-alive", "proxy-connection", "te", "trailer", "trailers", "transfer-encoding", "Transfer_Encoding",
		"upgrade", "proxy-authorization", "proxy-authenticate", "x-envoy-internal", "X-Envoy-Upstream-Rq-Timeout-Ms", "x_envoy_original_path", "x-envoy-",
	} {
		if !identity.Forbidden(name) {
			t.Errorf("%q: want forbidden", name)
		}
	}
	for _, name := range []string{
		"x-user", "authorization", "cookie", "x-forwarded-for", "x-envoy", "x-envoyer", "content-type", "location", "www-authenticate",
	} {
		if identity.Forbidden(name) {
			t.Errorf("%q: want allowed", name)
		}
	}
}

// normal is the normal form as the package comment states it, written again.
func normal(name string) string {
	b := []byte(msg.Lower(name))
	for i, c := range b {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			b[i] = '_'
		}
	}
	return string(b)
}

// names and headers that are likely to meet, out of random numbers.
var (
	words    = []string{"x", "user", "id", "X", "User", "a"}
	marks    = []string{"-", "_", ".", "+", ""}
	elements = []string{"close", "x-user", "X_User", "upgrade", "x-id", "", " "}
)

func pick(list []string, r *[]byte) string {
	if len(*r) == 0 {
		return list[0]
	}
	b := (*r)[0]
	*r = (*r)[1:]
	return list[int(b)%len(list)]
}

func randomMessage(r []byte) *hosttest.Message {
	m := &hosttest.Message{}
	for len(r) > 0 {
		if r[0]%5 == 0 {
			r = r[1:]
			name := pick([]string{"connection", "proxy-connection"}, &r)
			value := pick(elements, &r) + "," + pick(elements, &r) + ", " + pick(elements, &r)
			m.AddHeader(name, value)
			continue
		}
		name := pick(words, &r) + pick(marks, &r) + pick(words, &r)
		m.AddHeader(name, "v"+pick(words, &r))
	}
	return m
}

func checkStrip(t *testing.T, m *hosttest.Message, names ...string) {
	t.Helper()
	set := map[string]bool{}
	for _, n := range names {
		set[normal(n)] = true
	}
	ours := func(name string) bool { return set[normal(name)] }
	// Connection lines are compared as lists of tokens, all others as they are.
	tokens := func(m *hosttest.Message, header string) (list []string) {
		for _, h := range m.Fields {
			if h[0] == header {
				for _, token := range strings.Split(h[1], ",") {
					if token = strings.Trim(token, " \t"); token != "" {
						list = append(list, token)
					}
				}
			}
		}
		return list
	}
	rest := func(m *hosttest.Message, drop bool) (list [][2]string) {
		for _, h := range m.Fields {
			if h[0] != "connection" && h[0] != "proxy-connection" && !(drop && ours(h[0])) {
				list = append(list, h)
			}
		}
		return list
	}
	before := m.Text()
	wantRest := rest(m, true)
	want := map[string][]string{}
	for _, header := range []string{"connection", "proxy-connection"} {
		want[header] = slices.DeleteFunc(tokens(m, header), ours)
	}
	n := compile(t, names...)
	n.Strip(m)
	if got := rest(m, false); !slices.Equal(got, wantRest) {
		t.Errorf("%v\n%s: left %v, want %v", names, before, got, wantRest)
	}
	for header, list := range want {
		if got := tokens(m, header); !slices.Equal(got, list) {
			t.Errorf("%v\n%s: %s left %v, want %v", names, before, header, got, list)
		}
	}
	if again := n.Strip(m); again != 0 {
		t.Errorf("%v\n%s: a second Strip removes %d more", names, before, again)
	}
}

func TestStripLeavesNoSpelling(t *testing.T) {
	t.Parallel()
	if err := quick.Check(func(r []byte) bool {
		checkStrip(t, randomMessage(r), "x-user", "X-ID", "user.id")
		return !t.Failed()
	}, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

func FuzzStrip(f *testing.F) {
	f.Add("x-user", "x_user", "v", "close, x-user")
	f.Add("X-Customer-Id", "x.customer-id", "", ",,x-customer-id,")
	f.Add("a", "A", "\x00", " a\t, b")
	f.Fuzz(func(t *testing.T, name, sent, value, connection string) {
		if _, err := identity.Compile(name); err != nil {
			return
		}
		checkStrip(t, &hosttest.Message{Fields: [][2]string{
			{":path", "/"}, {sent, value}, {"connection", connection}, {name, value}, {sent + "x", value}, {"proxy-connection", connection},
		}}, name)
	})
}

// Whatever is set is valid and the only one of its normal form.
func FuzzSet(f *testing.F) {
	f.Add("x-user", "x_user", "bob")
	f.Add("x-user", "X-User", "bob\r\nx-role: admin")
	f.Fuzz(func(t *testing.T, name, sent, value string) {
		// No message has a header without a name: Envoy's codecs refuse it.
		if name != msg.Lower(name) || sent == "" {
			return
		}
		m := &hosttest.Message{Fields: [][2]string{{sent, "root"}, {"zzz", "1"}, {sent, "admin"}}}
		err := identity.Set(m, name, value)
		n := 0
		for _, h := range m.Fields {
			if normal(h[0]) == normal(name) && len(h[0]) == len(name) {
				n++
				if h[0] != name || h[1] != value || !msg.ValidHeaderValue(h[1]) {
					t.Errorf("Set(%q, %q) left %q: %q", name, value, h[0], h[1])
				}
			}
		}
		if want := 1; err == nil && n != want || err != nil && n != 0 {
			t.Errorf("Set(%q, %q) = %v left %d headers", name, value, err, n)
		}
	})
}

// A value that One accepts as credentials is never two credentials that Envoy
// has joined.
func FuzzOneJoined(f *testing.F) {
	f.Add("Bearer a", "Bearer b")
	f.Add(`Digest a="b`, `Digest c"=d`)
	f.Add("Digest a=b", "Digest c=d")
	f.Add("AWS4-HMAC-SHA256 A=b", "Basic eA==")
	f.Fuzz(func(t *testing.T, first, second string) {
		// What one client can send as one line by itself.
		credentials := func(s string) bool {
			scheme, rest, ok := strings.Cut(s, " ")
			return ok && msg.ValidHeaderName(scheme) && rest != "" && rest[0] != ' ' && strings.Count(s, `"`)%2 == 0 && !strings.Contains(s, `\`)
		}
		if !credentials(first) || !credentials(second) {
			return
		}
		m := request("authorization: " + first + "," + second)
		if got, err := identity.One(m, "authorization", identity.RefuseCommas); err == nil {
			t.Errorf("One took two credentials for one: %q", got)
		}
	})
}
