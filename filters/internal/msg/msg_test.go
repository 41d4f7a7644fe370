package msg_test

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"testing/quick"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
)

func TestLower(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"letters":                        {"X-Customer-ID", "x-customer-id"},
		"already lower":                  {"x-customer-id", "x-customer-id"},
		"the neighbours of the letters":  {"@AZ[`az{", "@az[`az{"},
		"the Kelvin sign is not a k":     {"\u212a", "\u212a"},
		"bytes that are no UTF-8 remain": {"A\xff", "a\xff"},
	} {
		if got := msg.Lower(c.in); got != c.want {
			t.Errorf("%s: Lower(%q) = %q, want %q", name, c.in, got, c.want)
		}
	}
}

func TestValidHeaderName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   string
		want bool
	}{
		"a usual name":          {"x-user_1", true},
		"every token mark":      {"!#$%&'*+-.^_`|~", true},
		"empty":                 {"", false},
		"a pseudo-header":       {":path", false},
		"a space":               {"x user", false},
		"a space at the end":    {"x-user ", false},
		"a line feed":           {"x-user\n", false},
		"a letter beyond ascii": {"x-üser", false},
		"NUL":                   {"x\x00", false},
	} {
		if got := msg.ValidHeaderName(c.in); got != c.want {
			t.Errorf("%s: ValidHeaderName(%q) = %v", name, c.in, got)
		}
	}
	// net/textproto canonicalises tokens only, and leaves any other name as it is.
	for c := 0; c < 256; c++ {
		token := textproto.CanonicalMIMEHeaderKey("a" + string([]byte{byte(c)}) + "a")[0] == 'A'
		if got := msg.ValidHeaderName("a" + string([]byte{byte(c)}) + "a"); got != token {
			t.Errorf("byte %#x: got %v, net/textproto says %v", c, got, token)
		}
	}
}

func TestValidHeaderValue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in    string
		want  bool
		clean string
	}{
		"plain":                         {"Bearer abc", true, "Bearer abc"},
		"empty":                         {"", true, ""},
		"tab inside":                    {"a\tb", true, "a\tb"},
		"bytes beyond ascii":            {"caf\xe9", true, "caf\xe9"},
		"carriage return and line feed": {"a\r\nx-user: root", false, "ax-user: root"},
		"NUL":                           {"a\x00b", false, "ab"},
		"DEL":                           {"a\x7f", false, "a"},
		"space at the start":            {" a", false, "a"},
		"tab at the end":                {"a\t", false, "a"},
		"only controls":                 {"\r\n", false, ""},
		"a space that a control hid":    {"a \r", false, "a"},
	} {
		if got := msg.ValidHeaderValue(c.in); got != c.want {
			t.Errorf("%s: ValidHeaderValue(%q) = %v", name, c.in, got)
		}
		if got := msg.CleanHeaderValue(c.in); got != c.clean {
			t.Errorf("%s: CleanHeaderValue(%q) = %q, want %q", name, c.in, got, c.clean)
		}
	}
}

func TestHopByHop(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
		"te", "trailer", "trailers", "transfer-encoding", "upgrade",
	} {
		if !msg.HopByHop(name) {
			t.Errorf("%s: want hop-by-hop", name)
		}
	}
	for _, name := range []string{"", "authorization", "content-length", "host", "x-connection"} {
		if msg.HopByHop(name) {
			t.Errorf("%s: want end-to-end", name)
		}
	}
}

func TestMediaType(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in, want string
		grpc     bool
	}{
		"with a parameter":            {"Application/JSON; charset=utf-8", "application/json", false},
		"alone":                       {"text/plain", "text/plain", false},
		"empty":                       {"", "", false},
		"spaces around":               {" text/html ;x", "text/html", false},
		"grpc":                        {"application/grpc", "application/grpc", true},
		"grpc with a format":          {"application/grpc+proto", "application/grpc+proto", true},
		"grpc with a parameter":       {"application/grpc;charset=x", "application/grpc", true},
		"grpc-web is not grpc":        {"application/grpc-web", "application/grpc-web", false},
		"grpc-web with format is not": {"application/grpc-web+proto", "application/grpc-web+proto", false},
		"a longer word is not grpc":   {"application/grpcfoo", "application/grpcfoo", false},
		"grpc in capitals":            {"Application/gRPC", "application/grpc", true},
	} {
		if got := msg.MediaType(c.in); got != c.want {
			t.Errorf("%s: MediaType(%q) = %q, want %q", name, c.in, got, c.want)
		}
		if got := msg.IsGRPC(c.in); got != c.grpc {
			t.Errorf("%s: IsGRPC(%q) = %v", name, c.in, got)
		}
	}
}

func TestPrefersPlain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		accept string
		want   bool
	}{
		"nothing said":                             {"", false},
		"anything":                                 {"*/*", false},
		"plain alone":                              {"text/plain", true},
		"json alone":                               {"application/json", false},
		"both alike":                               {"text/plain, application/json", false},
		"plain better by q":                        {"text/plain, application/json;q=0.9", true},
		"json better by q":                         {"text/plain;q=0.8,application/json;q=0.9", false},
		"a thousandth decides":                     {"text/plain;q=0.801,application/json;q=0.8", true},
		"any text":                                 {"text/*", true},
		"a browser":                                {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false},
		"the more specific range decides":          {"text/plain;q=0.1, text/*;q=1, */*;q=0.5", false},
		"the more specific one, other order":       {"*/*;q=0.5, application/*;q=0.2, text/plain;q=0.3", true},
		"json refused":                             {"application/json;q=0, */*", true},
		"json refused and nothing else accepted":   {"application/json;q=0", false},
		"case and spaces":                          {" TEXT/Plain ; Q=1 ", true},
		"a q above one is malformed and ignored":   {"text/plain;q=1.1", false},
		"a q of no number is ignored":              {"text/plain;q=high", false},
		"a q with four decimals is ignored":        {"text/plain;q=0.9999", false},
		"a q of 1. is one":                         {"text/plain;q=1., application/json;q=0.999", true},
		"a charset does not matter":                {"text/plain;charset=utf-8", true},
		"a comma in quotes does not part ranges":   {`application/xml;x="a, text/plain, b"`, false},
		"a quote that does not end hides the rest": {`application/xml;x="a, text/plain`, false},
		"an escaped quote in quotes":               {`application/xml;x="\", text/plain, "`, false},
		"types that are neither":                   {"text/html, image/png", false},
	} {
		if got := msg.PrefersPlain(c.accept); got != c.want {
			t.Errorf("%s: PrefersPlain(%q) = %v", name, c.accept, got)
		}
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"name":                         {"example.org", "example.org"},
		"name and port":                {"example.org:8080", "example.org"},
		"IPv4 and port":                {"192.0.2.1:80", "192.0.2.1"},
		"IPv6 and port":                {"[2001:db8::1]:80", "2001:db8::1"},
		"IPv6 in brackets":             {"[2001:db8::1]", "2001:db8::1"},
		"IPv6 bare":                    {"2001:db8::1", "2001:db8::1"},
		"IPv6 with a zone":             {"[fe80::1%eth0]:80", "fe80::1%eth0"},
		"port alone":                   {":80", ""},
		"empty":                        {"", ""},
		"a bracket that does not end":  {"[::1", "[::1"},
		"a Unix socket's path remains": {"/run/envoy.sock", "/run/envoy.sock"},
	} {
		if got := msg.Host(c.in); got != c.want {
			t.Errorf("%s: Host(%q) = %q, want %q", name, c.in, got, c.want)
		}
	}
}

// Hosts that net/url accepts have the name that net/url gives them.
func FuzzHost(f *testing.F) {
	for _, s := range []string{"example.org:80", "[::1]:80", "[::1]", "h", ":80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := msg.Host(s)
		u, err := url.Parse("http://" + s)
		if err != nil || u.Host != s || strings.Contains(s, "%") {
			return
		}
		if want := u.Hostname(); got != want {
			t.Errorf("Host(%q) = %q, net/url says %q", s, got, want)
		}
	})
}

func TestStatusText(t *testing.T) {
	t.Parallel()
	// RFC 9110 renamed these, net/http has kept the old names; 418 is reserved
	// as unused, 510 is obsolete.
	other := map[int]string{
		413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable",
		422: "Unprocessable Content", 418: "", 510: "",
	}
	for code := -1; code < 700; code++ {
		want, ok := other[code]
		if !ok {
			want = http.StatusText(code)
		}
		if got := msg.StatusText(code); got != want {
			t.Errorf("StatusText(%d) = %q, want %q", code, got, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		list  []string
		in    string
		match bool
	}{
		"an exact name":                {[]string{"x-user"}, "x-user", true},
		"written in capitals":          {[]string{"X-User"}, "x-user", true},
		"a longer name is another one": {[]string{"x-user"}, "x-user-id", false},
		"a prefix":                     {[]string{"a", "X-Auth-*"}, "x-auth-role", true},
		"a prefix alone":               {[]string{"x-auth-*"}, "x-auth-", true},
		"shorter than the prefix":      {[]string{"x-auth-*"}, "x-auth", false},
		"a star matches all":           {[]string{"*"}, "anything", true},
		"no list matches nothing":      {nil, "x-user", false},
	} {
		if got := msg.CompilePatterns(c.list).Match(c.in); got != c.match {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestCleanHeaderValueIsAlwaysValid(t *testing.T) {
	t.Parallel()
	if err := quick.Check(func(s string, b []byte) bool {
		for _, v := range []string{s, string(b)} {
			clean := msg.CleanHeaderValue(v)
			if !msg.ValidHeaderValue(clean) || msg.ValidHeaderValue(v) && clean != v {
				return false
			}
		}
		return true
	}, nil); err != nil {
		t.Error(err)
	}
}
