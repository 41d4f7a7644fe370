package sigv4

import "strings"

// Unsigned tells whether a header (name in lower case) is left out of signatures
// by default, because proxies add, change or remove it on the way: hop-by-hop
// headers (RFC 9110 section 7.6.1), Envoy's own, forwarding and trace headers,
// user-agent and expect. A signed header that changes is a 403.
func Unsigned(name string) bool {
	switch name {
	case "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
		"te", "trailer", "transfer-encoding", "upgrade", "http2-settings",
		"forwarded", "via", "x-real-ip", "x-request-id", "x-correlation-id",
		"traceparent", "tracestate", "baggage", "b3", "uber-trace-id", "sw8", "grpc-trace-bin",
		"x-client-trace-id", "x-amzn-trace-id", "x-cloud-trace-context", "x-ot-span-context",
		"user-agent", "expect":
		return true
	}
	return len(name) > 4 && name[0] == 'x' && (strings.HasPrefix(name, "x-envoy-") ||
		strings.HasPrefix(name, "x-forwarded-") || strings.HasPrefix(name, "x-b3-") ||
		strings.HasPrefix(name, "x-datadog-"))
}

// required are the headers that every signature covers when they are there.
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func required(name string) bool { return name == "host" || strings.HasPrefix(name, "x-amz-") }

// ofSignature are the headers that belong to a signature and are replaced with
// it. x-amz-content-sha256 is judged by its value.
func ofSignature(name string) bool {
	switch name {
	case headerAuthorization, headerDate, headerToken, headerRegionSet:
		return true
	}
	return false
}

// patterns is a list of names and of prefixes that were written with a "*".
type patterns struct{ names, prefixes []string }

func (p *patterns) match(name string) bool {
	for _, n := range p.names {
		if n == name {
			return true
		}
	}
	for _, prefix := range p.prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func compilePatterns(option string, list []string) (p patterns, err error) {
	for _, s := range list {
		s = strings.ToLower(s)
		name, prefix := strings.CutSuffix(s, "*")
		if !isToken(name) {
			return p, fault(option + ": want header names, which may end in *")
		}
		if prefix {
			p.prefixes = append(p.prefixes, name)
		} else {
			p.names = append(p.names, name)
		}
	}
	return p, nil
}

// rules decides which headers are signed.
type rules struct {
	include, exclude patterns
	only             bool
}

func compileRules(o *Options) (r rules, err error) {
	r.only = o.OnlyIncluded
	if r.include, err = compilePatterns("include", o.Include); err != nil {
		return r, err
	}
	if r.exclude, err = compilePatterns("exclude", o.Exclude); err != nil {
		return r, err
	}
	if r.include.match(headerAuthorization) {
		return r, fault("include: authorization holds the signature and cannot be signed")
	}
	for _, n := range r.exclude.names {
		if required(n) {
			return r, fault("exclude: " + n + " is always signed")
		}
	}
	for _, n := range r.exclude.prefixes {
		if strings.HasPrefix("host", n) || strings.HasPrefix(n, "x-amz-") || strings.HasPrefix("x-amz-", n) {
			return r, fault("exclude: " + n + "* covers headers that are always signed")
		}
	}
	return r, nil
}

func (r *rules) signs(name string) bool {
	switch {
	case required(name):
		return true
	case r.exclude.match(name):
		return false
	case r.include.match(name):
		return true
	}
	return !r.only && !Unsigned(name)
}

// kind says what becomes of a header, by its name. The zero value is no kind.
type kind uint8

const (
	kindUnsigned kind = iota + 1
	kindSigned
	kindHost
	kindStale // belongs to an earlier signature
	kindHash  // x-amz-content-sha256

	// kindConnection is added to one of the others: the value names headers.
	kindConnection kind = 1 << 7
)

// kind judges a name in lower case.
func (r *rules) kind(name string) (k kind) {
	switch {
	case name == "host":
		return kindHost
	case ofSignature(name):
		return kindStale
	case name == headerContentSHA256:
		return kindHash
	case r.signs(name):
		k = kindSigned
	default:
		k = kindUnsigned
	}
	if name == "connection" {
		k |= kindConnection
	}
	return k
}

// nameTable remembers the kinds of names that were seen: the requests of a gateway
// have the same few. A name is compared byte by byte, and one that finds its place
// taken takes it over. Its size is a power of two.
type nameTable [32]struct {
	kind kind
	size uint8
	text [30]byte
}

func (t *nameTable) place(name string) int {
	last := len(name) - 1
	return (len(name) + 3*int(name[last]) + 9*int(name[last/2])) & (len(t) - 1)
}

// get returns 0 for a name that it does not know.
func (t *nameTable) get(name string) kind {
	if name == "" {
		return 0
	}
	p := &t[t.place(name)]
	if int(p.size) != len(name) || string(p.text[:p.size]) != name {
		return 0
	}
	return p.kind
}

func (t *nameTable) put(name string, k kind) {
	p := &t[t.place(name)]
	if len(name) <= len(p.text) {
		p.kind, p.size = k, uint8(copy(p.text[:], name))
	}
}

// tokenChars are those of RFC 9110 section 5.6.2.
var tokenChars = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()

func isToken(s string) bool {
	for i := range len(s) {
		if !tokenChars[s[i]] {
			return false
		}
	}
	return s != ""
}

// lower returns a header's name in lower case; ok is false if it is no token.
func lower(name string) (s string, ok bool) {
	upper := false
	i := 0
	for i+8 <= len(name) && plain8(load64(name, i)) {
		i += 8
	}
	for ; i < len(name); i++ {
		c := name[i]
		if !tokenChars[c] {
			return "", false
		}
		upper = upper || c-'A' < 26
	}
	if upper {
		name = strings.ToLower(name)
	}
	return name, name != ""
}

// isField tells whether s can be a part of a scope or a key's ID: visible ASCII
// without what separates the parts of a credential or of Authorization.
func isField(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '/' || c == ',' || c == '=' {
			return false
		}
	}
	return s != ""
}

// plain8 tells whether eight bytes are all lower-case letters or "-", of which
// nearly all names are made.
func plain8(x uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	// Without high bits, no addition carries over. A byte in letters has its high
	// bit if it is at least "a" and less than the one after "z"; in dash, if it is
	// the one after "," or more, and less than the one after "-".
	letters := (x + (0x80-'a')*ones) &^ (x + (0x80-'z'-1)*ones)
	dash := (x + (0x80-'-')*ones) &^ (x + (0x80-'-'-1)*ones)
	return x&high == 0 && (letters|dash)&high == high
}

// visible8 tells whether eight bytes are all visible ASCII (0x21 to 0x7e).
func visible8(x uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	// No byte has its high bit, none gets it by adding 1 (0x7f), and all get it by
	// adding 0x5f (0x21 and above); so no addition carries over.
	return (x|(x+ones))&high == 0 && (x+0x5f*ones)&high == high
}

// isVisible tells whether s is visible ASCII, or empty.
func isVisible(s string) bool {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if !visible8(load64(s, i)) {
			return false
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
