package msg_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/quick"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
)

func TestSplitPath(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, path, query, fragment string }{
		"path alone":                  {"/a/b", "/a/b", "", ""},
		"path and query":              {"/a?b=c", "/a", "b=c", ""},
		"an empty query":              {"/a?", "/a", "", ""},
		"the first question mark":     {"/a?b?c", "/a", "b?c", ""},
		"a fragment":                  {"/a?b#c", "/a", "b", "c"},
		"a question in the fragment":  {"/a#b?c", "/a", "", "b?c"},
		"the first hash":              {"/a#b#c", "/a", "", "b#c"},
		"nothing is decoded":          {"/a%3fb%23/../c", "/a%3fb%23/../c", "", ""},
		"OPTIONS of the whole server": {"*", "*", "", ""},
		"CONNECT":                     {"", "", "", ""},
	} {
		path, query, fragment := msg.SplitPath(c.in)
		if path != c.path || query != c.query || fragment != c.fragment {
			t.Errorf("%s: SplitPath(%q) = %q, %q, %q", name, c.in, path, query, fragment)
		}
	}
}

func TestQueryGet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		query, name, value string
		n                  int
	}{
		"one":                                 {"a=1&b=2", "b", "2", 1},
		"missing":                             {"a=1", "b", "", 0},
		"empty query":                         {"", "", "", 0},
		"without a value":                     {"a&b", "b", "", 1},
		"empty value":                         {"a=", "a", "", 1},
		"the first of two, counted":           {"a=1&a=2", "a", "1", 2},
		"another spelling of the name counts": {"a=1&%61=2", "a", "1", 2},
		"plus is a space":                     {"a+b=c+d", "a b", "c d", 1},
		"an encoded plus is one":              {"a=%2B", "a", "+", 1},
		"decoded once":                        {"a=%2541", "a", "%41", 1},
		"an equals sign in the value":         {"a=b=c", "a", "b=c", 1},
		"a semicolon is data":                 {"a=1;b=2", "b", "", 0},
		"an encoded ampersand is data":        {"a=1%26b=2", "b", "", 0},
		"a malformed escape stays":            {"a=%zz%4", "a", "%zz%4", 1},
		"a control is decoded":                {"a=%0d%0A%00", "a", "\r\n\x00", 1},
		"empty pairs are skipped":             {"&&a=1&", "", "", 0},
		"an empty name":                       {"=1", "", "1", 1},
		"a name of other case is another one": {"A=1", "a", "", 0},
	} {
		value, n := msg.QueryGet(c.query, c.name)
		if value != c.value || n != c.n {
			t.Errorf("%s: QueryGet(%q, %q) = %q, %d", name, c.query, c.name, value, n)
		}
	}
}

// Wherever net/url accepts a query, QueryGet finds the same in it.
func FuzzQueryGet(f *testing.F) {
	for _, s := range []string{"a=1&b=2", "a+b=%41&a b", "%", "&=&", "a=1;b", "%61=1&a=%zz"} {
		f.Add(s, "a")
	}
	f.Fuzz(func(t *testing.T, query, name string) {
		value, n := msg.QueryGet(query, name)
		all, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		if want := all[name]; len(want) != n || n > 0 && want[0] != value {
			t.Errorf("QueryGet(%q, %q) = %q, %d; net/url says %q", query, name, value, n, want)
		}
		for k, want := range all {
			if value, n := msg.QueryGet(query, k); n != len(want) || value != want[0] {
				t.Errorf("QueryGet(%q, %q) = %q, %d; net/url says %q", query, k, value, n, want)
			}
		}
	})
}

func TestEncode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, component, path string }{
		"unreserved stays":     {"aZ09-._~", "aZ09-._~", "aZ09-._~"},
		"a slash":              {"a/b", "a%2Fb", "a/b"},
		"space, plus, percent": {" +%", "%20%2B%25", "%20%2B%25"},
		"sub-delims":           {"!$&'()*,;=", "%21%24%26%27%28%29%2A%2C%3B%3D", "%21%24%26%27%28%29%2A%2C%3B%3D"},
		"bytes beyond ascii":   {"é\xff", "%C3%A9%FF", "%C3%A9%FF"},
		"controls":             {"\r\n\x00", "%0D%0A%00", "%0D%0A%00"},
		"empty":                {"", "", ""},
	} {
		if got := msg.Encode(c.in); got != c.component {
			t.Errorf("%s: Encode(%q) = %q, want %q", name, c.in, got, c.component)
		}
		if got := msg.EncodePath(c.in); got != c.path {
			t.Errorf("%s: EncodePath(%q) = %q, want %q", name, c.in, got, c.path)
		}
		if got := msg.AppendEncoded([]byte("x="), c.in); string(got) != "x="+c.component {
			t.Errorf("%s: AppendEncoded = %q", name, got)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in, want string
		ok       bool
	}{
		"nothing to do":             {"a+b", "a+b", true},
		"both cases of the digits":  {"%2f%2F", "//", true},
		"once":                      {"%2541", "%41", true},
		"an escape that is cut off": {"a%4", "a%4", false},
		"a percent at the end":      {"a%", "a%", false},
		"digits that are none":      {"%41%g1", "%41%g1", false},
		"a sign is no digit":        {"%+1", "%+1", false},
	} {
		if got, ok := msg.Decode(c.in); got != c.want || ok != c.ok {
			t.Errorf("%s: Decode(%q) = %q, %v", name, c.in, got, ok)
		}
	}
}

func TestDecodeAgreesWithNetURL(t *testing.T) {
	t.Parallel()
	if err := quick.Check(func(b []byte, escapes []byte) bool {
		s := string(b)
		for _, e := range escapes { // random bytes alone are hardly ever escapes
			s += "%" + string("0123456789abcdefABCDEFg"[e%23]) + string("0123456789abcdefABCDEF%"[e/23%23])
		}
		want, err := url.PathUnescape(s)
		got, ok := msg.Decode(s)
		return ok == (err == nil) && (!ok || got == want)
	}, nil); err != nil {
		t.Error(err)
	}
}

func FuzzEncode(f *testing.F) {
	for _, s := range []string{"", "a b", "%2f", "\x00\xff/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := msg.Encode(s)
		if back, ok := msg.Decode(e); !ok || back != s {
			t.Errorf("Decode(Encode(%q)) = %q, %v", s, back, ok)
		}
		// RFC 3986 and net/url differ on the space of a query only.
		if want := strings.ReplaceAll(url.QueryEscape(s), "+", "%20"); e != want {
			t.Errorf("Encode(%q) = %q, net/url says %q", s, e, want)
		}
		if want := strings.ReplaceAll(e, "%2F", "/"); msg.EncodePath(s) != want {
			t.Errorf("EncodePath(%q) = %q, want %q", s, msg.EncodePath(s), want)
		}
	})
}

func TestAmbiguousPath(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"a plain path":                              {"/a/b.c/..d/.e/f../...", ""},
		"the root":                                  {"/", ""},
		"a trailing slash":                          {"/a/", ""},
		"the query is not judged":                   {"/a?b=../c;d%2f//", ""},
		"letters encoded as UTF-8":                  {"/caf%C3%A9", ""},
		"OPTIONS of the whole server":               {"*", ""},
		"CONNECT":                                   {"", ""},
		"sub-delims and a colon":                    {"/a:b,c=d!e@f", ""},
		"an encoded slash":                          {"/a%2fb", "encoded_slash"},
		"an encoded slash in capitals":              {"/a%2Fb", "encoded_slash"},
		"an encoded question mark":                  {"/a%3Fb", "encoded_delimiter"},
		"an encoded hash":                           {"/a%23b", "encoded_delimiter"},
		"a backslash":                               {`/a\b`, "backslash"},
		"an encoded backslash":                      {"/a%5Cb", "backslash"},
		"path parameters":                           {"/a;b=c/d", "semicolon"},
		"encoded path parameters":                   {"/a%3bb", "semicolon"},
		"a parent":                                  {"/a/../b", "dot_segment"},
		"a parent at the end":                       {"/a/..", "dot_segment"},
		"the same folder":                           {"/./a", "dot_segment"},
		"a parent, one dot encoded":                 {"/a/.%2e/b", "dot_segment,encoded_unreserved"},
		"a parent, both dots encoded":               {"/a/%2E%2e/b", "dot_segment,encoded_unreserved"},
		"an encoded letter":                         {"/%61dmin", "encoded_unreserved"},
		"an encoded mark that needs no escape":      {"/a%7Eb", "encoded_unreserved"},
		"an encoded mark that may need its escape":  {"/a%21b", ""},
		"a parent with parameters":                  {"/a/..;/b", "semicolon,dot_segment"},
		"a parent with named parameters":            {"/a/..;x=y", "semicolon,dot_segment"},
		"a parent behind an encoded slash":          {"/a%2f..%2fb", "encoded_slash,dot_segment"},
		"a parent behind a backslash":               {`/a\..\b`, "backslash,dot_segment"},
		"a dot in the parameters is none":           {"/a;../b", "semicolon"},
		"an empty segment":                          {"//a", "empty_segment"},
		"an empty segment inside":                   {"/a//b", "empty_segment"},
		"an empty segment by an encoded slash":      {"/a/%2fb", "encoded_slash,empty_segment"},
		"a fragment":                                {"/a#b", "fragment"},
		"a fragment behind the query":               {"/a?b#c", "fragment"},
		"NUL encoded":                               {"/a%00.png", "control"},
		"a line feed encoded":                       {"/a%0ab", "control"},
		"a space":                                   {"/a b", "control"},
		"an encoded space":                          {"/a%20b", "control"},
		"DEL":                                       {"/a%7f", "control"},
		"a percent alone":                           {"/a%", "bad_escape"},
		"a percent before no digits":                {"/a%g0", "bad_escape"},
		"an overlong dot":                           {"/%c0%ae%c0%ae/", "bad_escape"},
		"Latin-1":                                   {"/caf%E9", "bad_escape"},
		"a doubly encoded slash":                    {"/a%252fb", "double_escape"},
		"a doubly encoded slash in pieces":          {"/a%25%32%66b", "double_escape,encoded_unreserved"},
		"an encoded percent without digits is data": {"/100%25", ""},
		"an encoded percent before other letters":   {"/100%25zz", ""},
		"a byte beyond ascii":                       {"/caf\xc3\xa9", "non_ascii"},
		"the absolute form":                         {"http://example.org/a", "empty_segment"},
	} {
		if got := msg.AmbiguousPath(c.in).String(); got != c.want {
			t.Errorf("%s: AmbiguousPath(%q) = %q, want %q", name, c.in, got, c.want)
		}
	}
}

func TestAmbiguityWords(t *testing.T) {
	t.Parallel()
	all := msg.Ambiguity(0)
	for _, w := range msg.AmbiguityWords() {
		a, ok := msg.ParseAmbiguity(w)
		if !ok || a.String() != w || all&a != 0 {
			t.Errorf("%s: ParseAmbiguity = %v, %v", w, a, ok)
		}
		all |= a
	}
	if want := strings.Join(msg.AmbiguityWords(), ","); all.String() != want {
		t.Errorf("all words: got %s, want %s", all, want)
	}
	if all != msg.EncodedUnreserved<<1-1 {
		t.Errorf("a reason has no word: %b", all)
	}
	if _, ok := msg.ParseAmbiguity("Semicolon"); ok {
		t.Error("a word in capitals is unknown")
	}
}

// A path without reasons is what every reader sees the same: decoding changes no
// separator, and cleaning as net/url does (RFC 3986 section 5.2.4) changes
// nothing.
func FuzzAmbiguousPath(f *testing.F) {
	for _, s := range []string{"/a/../b", "/%2e%2e/", "/a%2fb", "/a;b", "//", "/a%25", "/é", "/a\\..", "/a/b/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !strings.HasPrefix(s, "/") || msg.AmbiguousPath(s) != 0 {
			return
		}
		path, _, _ := msg.SplitPath(s)
		u, err := url.Parse(path)
		if err != nil {
			t.Fatalf("%q: net/url refuses it: %v", path, err)
		}
		if strings.Count(u.Path, "/") != strings.Count(path, "/") {
			t.Errorf("%q: decoding makes a separator: %q", path, u.Path)
		}
		if clean := u.JoinPath().Path; clean != u.Path {
			t.Errorf("%q: cleaning changes it to %q", path, clean)
		}
		if strings.ContainsAny(u.Path, "\\;\x00\r\n?#") {
			t.Errorf("%q holds a mark that some readers split at: %q", path, u.Path)
		}
		if again, ok := msg.Decode(u.Path); ok && again != u.Path {
			t.Errorf("%q: decoding twice changes it", path)
		}
	})
}

// Joining takes no more than the query is long, however many values there are.
func TestQueryJoin(t *testing.T) {
	for query, want := range map[string]string{"": "", "a=1": "", "x=1": "1", "x=&x": ",", "x=a+b&&%78=%2C&y=2&x=c=d": "a b,,,c=d"} {
		if got := msg.QueryJoin(query, "x"); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
	many := strings.Repeat("x=1&", 1000)
	if n := testing.AllocsPerRun(5, func() { msg.QueryJoin(many, "x") }); n > 30 {
		t.Errorf("%g allocations for 1000 values", n)
	}
}
