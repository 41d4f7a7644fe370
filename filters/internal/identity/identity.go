// Package identity keeps clients from speaking with the voice of a filter: it
// removes the identity headers that a client sent under any spelling, sets ours,
// and reads security inputs that must not be ambiguous.
//
// Two names are the same header here if their normal forms are equal: letters in
// lower case, every byte that is no ASCII letter or digit as "_". That is the
// coarsest folding in use: CGI (RFC 3875 section 4.1.18) and WSGI turn X-User
// and X_User into HTTP_X_USER, and Apache's and PHP's CGI do so with any other
// byte of a name ("X.User"). A name that is folded too far is only ever removed.
package identity

import (
	"errors"
	"strconv"
	"strings"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
)

// Names is a set of identity headers; make one with Compile. The nil set is
// empty.
type Names struct {
	normal  []string // normal forms
	lengths uint64   // bit i: some name has length i modulo 64
}

// Compile makes a set from header names in any spelling. The error names the
// first that is not a field name or is Forbidden.
func Compile(names ...string) (*Names, error) {
	n := &Names{}
	for _, name := range names {
		if !msg.ValidHeaderName(name) {
			return nil, errors.New(strconv.Quote(name) + " is not a header name")
		}
		if Forbidden(name) {
			return nil, errors.New(name + " is a header of the connection or of Envoy, which no filter may set")
		}
		if n.Has(name) {
			continue
		}
		n.normal = append(n.normal, normal(name))
		n.lengths |= 1 << (len(name) & 63)
	}
	return n, nil
}

// Has reports whether a header belongs to the set, whatever its spelling.
func (n *Names) Has(name string) bool {
	if n == nil || n.lengths&(1<<(len(name)&63)) == 0 {
		return false
	}
	for _, own := range n.normal {
		if same(name, own) {
			return true
		}
	}
	return false
}

// Strip removes every header of the set, in any spelling, and takes names of
// the set out of Connection and Proxy-Connection, so that no later hop removes
// what the filter sets (CVE-2025-48865). It returns how many headers and tokens
// it removed, and allocates nothing when that is 0.
func (n *Names) Strip(m filter.Message) int {
	if n == nil || n.lengths == 0 {
		return 0
	}
	removed := 0
	var spellings []string // collected first: removing may change what Headers returned
	var named [2]bool
	headers := m.Headers()
	for i := range headers {
		h := &headers[i]
		if n.Has(h[0]) {
			removed++
			spellings = appendNew(spellings, h[0])
		}
		for i := range connection {
			if len(h[0]) == len(connection[i]) && h[0] == connection[i] && !named[i] {
				named[i] = n.names(h[1])
			}
		}
	}
	for _, s := range spellings {
		m.RemoveHeader(s)
	}
	for i, name := range connection {
		if named[i] {
			removed += n.unname(m, name)
		}
	}
	return removed
}

// connection lists the headers whose tokens name headers to be dropped by the
// next hop: RFC 9110 section 7.6.1, and its predecessor, which some still obey.
var connection = [2]string{"connection", "proxy-connection"}

// names reports whether a list of tokens holds one of the set.
func (n *Names) names(list string) bool {
	for list != "" {
		var token string
		token, list = msg.NextToken(list)
		if n.Has(token) {
			return true
		}
	}
	return false
}

// unname takes the set's names out of all occurrences of a list header. What is
// left becomes one line: the same list (RFC 9110 section 5.3).
func (n *Names) unname(m filter.Message, header string) (removed int) {
	var kept []string
	for _, h := range m.Headers() {
		if h[0] != header {
			continue
		}
		for list := h[1]; list != ""; {
			var token string
			token, list = msg.NextToken(list)
			if n.Has(token) {
				removed++
			} else if token != "" {
				kept = append(kept, token)
			}
		}
	}
	if len(kept) == 0 {
		m.RemoveHeader(header)
	} else {
		m.SetHeader(header, strings.Join(kept, ", "))
	}
	return removed
}

// ErrInvalid is returned by Set for a name or a value that is none.
var ErrInvalid = errors.New("invalid header name or value")

// Set makes value the only occurrence of a header: every other spelling is
// removed. With ErrInvalid, for a name or value that HTTP forbids, it has only
// removed. name is lower-case. Whether the name is Forbidden is the caller's
// question.
func Set(m filter.Message, name, value string) error {
	if !msg.ValidHeaderName(name) || !msg.ValidHeaderValue(value) {
		Remove(m, name)
		return ErrInvalid
	}
	remove(m, name, name)
	m.SetHeader(name, value)
	return nil
}

// Same reports whether two names are the same header to the coarsest reader.
func Same(a, b string) bool { return alias(a, b) }

// Remove removes a header in every spelling and returns in how many it was
// there. It allocates nothing when that is 0.
func Remove(m filter.Message, name string) int { return remove(m, name, "") }

func remove(m filter.Message, name, keep string) int {
	if !m.MayHave(name) {
		return 0
	}
	var spellings []string
	headers := m.Headers()
	for i := range headers {
		// The length first: it tells nearly all names apart, without a call.
		if h := headers[i][0]; len(h) == len(name) && alias(h, name) && h != keep {
			spellings = appendNew(spellings, h)
		}
	}
	for _, s := range spellings {
		m.RemoveHeader(s)
	}
	return len(spellings)
}

func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}

// Commas says what a comma in a security input means.
type Commas uint8

const (
	// RefuseCommas takes a comma for two values that a proxy has joined: Envoy
	// joins repeated Authorization lines. Parameters of an Authorization scheme
	// (Digest a=b, c=d) stay allowed in Authorization and Proxy-Authorization.
	RefuseCommas Commas = iota
	// AllowCommas is for values with commas of their own, such as an HTTP date.
	AllowCommas
)

// The errors of One.
var (
	ErrMissing  = errors.New("header is missing")
	ErrRepeated = errors.New("header occurs more than once")
	ErrAlias    = errors.New("header has an unusual spelling")
)

// One returns the value of a security input, which must be there exactly once:
// ErrMissing, or ErrRepeated for several occurrences, values joined by a comma,
// or another spelling beside it (x_token beside x-token), or ErrAlias if only
// another spelling is there. name is lower-case. It allocates nothing.
func One(m filter.Message, name string, c Commas) (string, error) {
	if !m.MayHave(name) {
		return "", ErrMissing
	}
	value, exact, n := "", false, 0
	headers := m.Headers()
	for i := range headers {
		h := &headers[i]
		if len(h[0]) != len(name) || !alias(h[0], name) {
			continue
		}
		if n++; n > 1 {
			return "", ErrRepeated
		}
		value, exact = h[1], h[0] == name
	}
	switch {
	case n == 0:
		return "", ErrMissing
	case !exact:
		return "", ErrAlias
	case c == RefuseCommas && strings.IndexByte(value, ',') >= 0 && !oneCredential(name, value):
		return "", ErrRepeated
	}
	return value, nil
}

// oneCredential reports whether a value with commas is one Authorization:
// a scheme and a list of parameters (RFC 9110 section 11.4). The elements of two
// joined values differ from parameters: the second one starts with a scheme and
// a space. Values of parameters are read more widely than the RFC does, as
// AWS4-HMAC-SHA256 writes "/" and ";" in them.
func oneCredential(name, value string) bool {
	if name != "authorization" && name != "proxy-authorization" {
		return false
	}
	scheme, params, _ := strings.Cut(value, " ")
	if !msg.ValidHeaderName(scheme) {
		return false
	}
	switch msg.Lower(scheme) {
	case "bearer", "basic", "negotiate", "dpop": // a token68 and nothing else
		return false
	}
	for more := true; more; {
		var ok bool
		if params, more, ok = authParam(params); !ok {
			return false
		}
	}
	return true
}

// authParam reads one name=value and the comma after it.
func authParam(s string) (rest string, more, ok bool) {
	s = strings.TrimLeft(s, " \t")
	name, s, found := strings.Cut(s, "=")
	if !found || !msg.ValidHeaderName(name) || s == "" {
		return "", false, false
	}
	i := 0
	if s[0] == '"' {
		for i = 1; i < len(s) && s[i] != '"'; i++ {
			if s[i] == '\\' {
				i++
			}
		}
		if i >= len(s) {
			return "", false, false
		}
		i++
	} else {
		for i < len(s) && strings.IndexByte(", \t\"", s[i]) < 0 {
			i++
		}
		if i == 0 {
			return "", false, false
		}
	}
	s = strings.TrimLeft(s[i:], " \t")
	if s == "" {
		return "", false, true
	}
	return s[1:], true, s[0] == ','
}

// Forbidden reports whether a header named by an auth service's reply must not
// be set, appended or removed: names that are none, pseudo-headers, host,
// content-length, hop-by-hop headers and x-envoy-* (Envoy's default mutation
// rules, and what would break the message's framing), in any spelling.
func Forbidden(name string) bool {
	if !msg.ValidHeaderName(name) {
		return true
	}
	for _, f := range forbidden {
		if same(name, f) {
			return true
		}
	}
	return len(name) >= len(envoyPrefix) && same(name[:len(envoyPrefix)], envoyPrefix)
}

const envoyPrefix = "x_envoy_"

// forbidden holds normal forms; the hop-by-hop ones are those of msg.HopByHop.
var forbidden = [...]string{
	"host", "content_length",
	"connection", "keep_alive", "proxy_authenticate", "proxy_authorization",
	"proxy_connection", "te", "trailer", "trailers", "transfer_encoding", "upgrade",
}

// normal returns the normal form of a name: see the package comment.
func normal(name string) string {
	b := make([]byte, len(name))
	for i := range b {
		b[i] = fold(name[i])
	}
	return string(b)
}

// fold is the normal form of one byte.
func fold(c byte) byte {
	switch {
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		return c
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	}
	return '_'
}

// same reports whether the normal form of name is own.
func same(name, own string) bool {
	if len(name) != len(own) {
		return false
	}
	for i := 0; i < len(name); i++ {
		if fold(name[i]) != own[i] {
			return false
		}
	}
	return true
}

// alias reports whether two names have the same normal form.
func alias(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	if a == b { // by words, and mostly so
		return true
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && fold(a[i]) != fold(b[i]) {
			return false
		}
	}
	return true
}
