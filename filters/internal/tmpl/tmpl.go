// Package tmpl fills text with values of a request, in the style of Envoy's
// command operators:
//
//	%REQ(name?other):10%   a request header, else another one; 10 is the most bytes taken
//	%QUERY_PARAM(name):10% a query parameter, decoded
//	%METHOD%  %SCHEME%  %AUTHORITY%
//	%PATH%                 :path without query, as it came
//	%RAW_QUERY%            what follows the "?", as it came
//	%CLIENT_IP%            source.address without the port
//	%PROPERTY(a.b['c.d'])% an attribute of Envoy; ['...'] for parts with dots
//	%CLAIM(a.b)%           a claim of the request's token: a text, number or boolean
//	%%                     one percent sign
//
// Every operator takes ":n", a limit in bytes that never splits a UTF-8
// sequence. What is missing is empty. Several lines of a header, or several
// parameters of one name, are joined by commas: who decides by the first would
// decide about another request than an upstream that takes the last. Values are
// escaped for where the text goes, so a client can fill a value but never end it.
// %CLAIM% is there for those who parse with [Claims], and fill with a Message that
// is a [Claimer].
package tmpl

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
)

// Escape says where a template's text goes.
type Escape uint8

const (
	// Header is for a field value: control characters of values are dropped, and
	// the text around them must have none.
	Header Escape = iota
	// Text is for a body of plain text: control characters of values are
	// dropped, line breaks too, so a value stays on its line.
	Text
	// JSON is for JSON text whose operators stand inside string values: they are
	// escaped for there, and what is not UTF-8 becomes U+FFFD.
	JSON
	// URL is for a path with query or a form: all but RFC 3986's unreserved
	// characters are percent-encoded, "/" too.
	URL
	// Name is for a name in which values are parts, such as an ARN. A byte that no
	// part may have (all but letters, digits and _+=,.@-) becomes a space, so that
	// whoever checks the filled name refuses it: a value that holds a ":" or "/"
	// must not become two parts.
	Name
	// Policy is JSON for an AWS IAM policy: besides, "*", "?" and "$" of values
	// become ${*}, ${?} and ${$}, which stand for themselves (IAM User Guide,
	// "Policy elements: variables and tags"; version 2012-10-17).
	Policy
)

// json tells whether the text is JSON.
func (e Escape) json() bool { return e == JSON || e == Policy }

// Claimer is a Message that knows the claims of the request's token. path is one
// that jsonr.CheckPath accepts.
type Claimer interface {
	Claim(path string) string
}

// Template is a parsed text; safe for use by several requests.
type Template struct {
	esc   Escape
	parts []part
}

// part is a literal and the operator after it.
type part struct {
	literal string
	op      operator
	name    string   // REQ: header; QUERY_PARAM: parameter; CLAIM: JSON path
	other   string   // REQ: header if name is missing
	path    []string // PROPERTY
	kind    attribute
	limit   int // bytes of the value; 0 is all
}

type operator uint8

const (
	end operator = iota // a literal alone
	req
	queryParam
	method
	scheme
	authority
	path
	rawQuery
	clientIP
	property
	claim
)

// Constant reports whether the text holds no operators.
func (t *Template) Constant() bool {
	for i := range t.parts {
		if t.parts[i].op != end {
			return false
		}
	}
	return true
}

// Sole reports whether the text is one operator and nothing else.
func (t *Template) Sole() bool { return len(t.parts) == 1 && t.parts[0].literal == "" }

// HasClaims reports whether the text holds claims.
func (t *Template) HasClaims() bool {
	for i := range t.parts {
		if t.parts[i].op == claim {
			return true
		}
	}
	return false
}

// HasRequest reports whether the text holds anything of the request but claims.
func (t *Template) HasRequest() bool {
	for i := range t.parts {
		if op := t.parts[i].op; op != end && op != claim {
			return true
		}
	}
	return false
}

// Append appends the filled text to dst. A text for a Header has no space or tab
// at its ends, where an empty value may have left some.
func (t *Template) Append(dst []byte, m filter.Message) []byte {
	start := len(dst)
	for i := range t.parts {
		p := &t.parts[i]
		dst = append(dst, p.literal...)
		if p.op == end {
			continue
		}
		value := p.value(m)
		if p.limit > 0 {
			value = truncate(value, p.limit)
		}
		dst = t.esc.append(dst, value)
	}
	if t.esc == Header {
		filled := bytes.Trim(dst[start:], " \t")
		dst = append(dst[:start], filled...)
	}
	return dst
}

// String is the filled text. For a header that is one operator, such as
// %AUTHORITY%, it is the value itself, without a copy.
func (t *Template) String(m filter.Message) string {
	if len(t.parts) == 1 && t.esc == Header {
		if p := &t.parts[0]; p.literal == "" && p.op != end && p.limit == 0 {
			return msg.CleanHeaderValue(p.value(m))
		}
	}
	return string(t.Append(nil, m))
}

func (p *part) value(m filter.Message) string {
	switch p.op {
	case req:
		name := p.name
		v, n := m.Header(name)
		if n == 0 && p.other != "" {
			name = p.other
			v, n = m.Header(name)
		}
		if n > 1 {
			return lines(m, name)
		}
		return v
	case queryParam:
		_, query, _ := msg.SplitPath(header(m, ":path"))
		return msg.QueryJoin(query, p.name)
	case method:
		return header(m, ":method")
	case scheme:
		return header(m, ":scheme")
	case authority:
		return header(m, ":authority")
	case path:
		v, _, _ := msg.SplitPath(header(m, ":path"))
		return v
	case rawQuery:
		_, v, _ := msg.SplitPath(header(m, ":path"))
		return v
	case clientIP:
		v, _ := m.Property("source", "address")
		return msg.Host(v)
	case claim:
		if c, ok := m.(Claimer); ok {
			return c.Claim(p.name)
		}
		return ""
	default:
		v, _ := m.Property(p.path...)
		return p.kind.text(v)
	}
}

// lines joins all lines of a header (RFC 9110 section 5.3).
func lines(m filter.Message, name string) string {
	var all []string
	for _, h := range m.Headers() {
		if h[0] == name {
			all = append(all, h[1])
		}
	}
	return strings.Join(all, ",")
}

func header(m filter.Message, name string) string {
	v, _ := m.Header(name)
	return v
}

// truncate returns the first n bytes of s, or up to 3 fewer where the cut would
// split a UTF-8 sequence.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := n; i > 0 && i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i]
		}
	}
	return s[:n] // no UTF-8 here
}

func (e Escape) append(dst []byte, s string) []byte {
	switch e {
	case JSON:
		return appendJSON(dst, s)
	case Policy:
		return appendJSON(dst, policyVariables(s))
	case Name:
		return appendName(dst, s)
	case URL:
		return msg.AppendEncoded(dst, s)
	default:
		return append(dst, msg.CleanHeaderValue(s)...)
	}
}

// appendName appends s with spaces for what no part of a name may have.
func appendName(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("_+=,.@-", c) < 0 {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}

func policyVariables(s string) string {
	if !strings.ContainsAny(s, "*?$") {
		return s
	}
	b := make([]byte, 0, len(s)+16)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '*', '?', '$':
			b = append(b, '$', '{', c, '}')
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// appendJSON appends s as it stands between the quotes of a JSON string.
func appendJSON(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				dst = append(dst, '\\', c)
			case c < ' ' || c == 0x7f:
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			default:
				dst = append(dst, c)
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		dst = utf8.AppendRune(dst, r) // U+FFFD for what is not UTF-8
		i += size
	}
	return dst
}

// attribute is the type of an Envoy attribute, which decides how its bytes are
// read: Envoy hands numbers to a filter in binary.
type attribute uint8

const (
	text    attribute = iota
	integer           // 8 bytes, little-endian
	boolean           // 1 byte
)

// attributeOf returns the type of an attribute of Envoy's "Attributes" page.
// Times and durations are integers: nanoseconds, since 1970 for a time. The
// types of metadata are not known here; text is right for strings only.
func attributeOf(path []string) attribute {
	switch strings.Join(path, ".") {
	case "source.port", "destination.port", "upstream.port",
		"request.size", "request.total_size", "request.time", "request.duration",
		"response.code", "response.flags", "response.grpc_status", "response.size",
		"response.total_size", "response.backend_latency",
		"connection.id", "upstream.request_attempt_count",
		"upstream.cx_pool_ready_duration", "listener_direction":
		return integer
	case "connection.mtls":
		return boolean
	}
	return text
}

func (a attribute) text(v string) string {
	switch {
	case a == integer && len(v) == 8:
		n := uint64(0)
		for i := 7; i >= 0; i-- {
			n = n<<8 | uint64(v[i])
		}
		return strconv.FormatInt(int64(n), 10)
	case a == boolean && len(v) == 1:
		return strconv.FormatBool(v[0] != 0)
	}
	return v
}
