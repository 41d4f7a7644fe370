package sigv4

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unsafe"
)

// text is assembled from parts.
type text []byte

// add appends. In a proxy the code of one request is seldom still in a cache at the
// next, so that it costs what there is of it: hence one place, and many parts.
//
//go:noinline
func (t *text) add(parts ...string) {
	b := *t
	for _, p := range parts {
		b = append(b, p...)
	}
	*t = b
}

// keep returns parts as one string. Strings share a block of memory, which is let
// go with the last of them.
//
//go:noinline
func (t *text) keep(parts ...string) string {
	size, from := 0, len(*t)
	for _, p := range parts {
		size += len(p)
	}
	if size > cap(*t)-from {
		*t, from = make(text, 0, max(size, 4<<10)), 0
	}
	t.add(parts...)
	return (*t)[from:].view() // nobody writes to it again
}

// view is a text as a string, until the text changes.
func (t text) view() string { return *(*string)(unsafe.Pointer(&t)) } // as unsafe.String, without its checks

// builder holds the parts of a canonical request; its slices are reused.
type builder struct {
	canon   text   // the canonical request
	enc     []byte // encoded keys and values of the query, back to back
	params  []param
	headers []header
	path    []byte // the path without dot segments, where that differs
	signed  text   // SignedHeaders
	plus    bool   // the path has a "+" that S3 would take for a space
}

// param is a query parameter in builder.enc: key [k, v), value [v, end).
type param struct{ k, v, end int }

type header struct{ name, value string }

func (b *builder) reset() {
	b.canon, b.enc, b.params, b.headers, b.signed = b.canon[:0], b.enc[:0], b.params[:0], b.headers[:0], b.signed[:0]
	b.plus = false
}

// sign collects a header.
//
//go:noinline
func (b *builder) sign(name, value string) { b.headers = append(b.headers, header{name, value}) }

// canonicalRequest assembles what the other methods have collected. The query is
// sorted here, so that a signature's own parameters can be added before.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request
func (b *builder) canonicalRequest(method, path, payloadHash string, o *Options) (err error) {
	if !isToken(method) {
		return fault("method: want a token such as GET")
	}
	b.canon = b.canon[:0]
	b.canon.add(method, "\n")
	if err := b.canonicalURI(path, o); err != nil {
		return err
	}
	b.canon.add("\n")
	if len(b.params) > 0 {
		b.canonicalQuery()
	}
	b.canon.add("\n")
	for i := range b.headers {
		h := &b.headers[i]
		if again(b.headers, i) {
			// Lines of one name are one list, in their order.
			b.canon[len(b.canon)-1] = ','
		} else {
			b.canon.add(h.name, ":")
		}
		if b.canon, err = appendValue(b.canon, h.value); err != nil {
			return badHeader(h.name, err)
		}
		b.canon.add("\n")
	}
	b.canon.add("\n", b.signed.view(), "\n", payloadHash)
	return nil
}

func badHeader(name string, err error) error { return fault("header " + name + ": " + err.Error()) }

// sortHeaders brings the collected headers into order and names them in signed.
// The values of one name keep their order.
func (b *builder) sortHeaders() {
	h := b.headers
	if len(h) > 32 {
		slices.SortStableFunc(h, func(x, y header) int { return strings.Compare(x.name, y.name) })
	}
	for i := range h { // few, or in order
		for j := i; j > 0 && h[j].name < h[j-1].name; j-- {
			h[j], h[j-1] = h[j-1], h[j]
		}
	}
	mark := ""
	for i := range h {
		if !again(h, i) {
			b.signed.add(mark, h[i].name)
			mark = ";"
		}
	}
}

// again tells whether a sorted header has the name of the one before.
//
//go:noinline
func again(h []header, i int) bool { return i > 0 && h[i].name == h[i-1].name }

// unreserved are the bytes that are never escaped: RFC 3986 section 2.3.
var unreserved = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	t['-'], t['.'], t['_'], t['~'] = true, true, true, true
	return t
}()

func appendEscaped(dst []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[c>>4], digits[c&15])
}

// appendEncoded is UriEncode of the AWS documentation.
func appendEncoded(dst []byte, s string) []byte {
	from := 0
	for i := range len(s) {
		if c := s[i]; !unreserved[c] {
			dst = appendEscaped(append(dst, s[from:i]...), c)
			from = i + 1
		}
	}
	return append(dst, s[from:]...)
}

// escaped reads the escape at the start of s.
func escaped(s string) (c byte, ok bool) {
	if len(s) < 3 {
		return 0, false
	}
	hi, lo := unhex(s[1]), unhex(s[2])
	return hi<<4 | lo, hi < 16 && lo < 16
}

func unhex(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c|0x20-'a' <= 5 && c|0x20 >= 'a':
		return c | 0x20 - 'a' + 10
	}
	return 16
}

func control(c byte) bool { return c < ' ' || c == 0x7f }

// canonicalURI appends the path to canon.
//
// With SingleEncode the service decodes what it got and encodes it: "=" becomes
// %3D, %2f becomes "/" as in any object key. Otherwise it encodes what it got,
// escapes included: "=" becomes %3D, %2f becomes %252f.
func (b *builder) canonicalURI(path string, o *Options) error {
	if path == "" {
		b.canon = append(b.canon, '/')
		return nil
	}
	if path[0] != '/' {
		return fault("path: want a / at its start")
	}
	if !o.KeepPath && dotted(path) {
		// A faulty segment may be resolved away, but it would be sent.
		if err := checkPath(path); err != nil {
			return err
		}
		b.path = appendNormalized(b.path[:0], path)
		path = string(b.path)
	}
	from := 0
	for i := 0; i < len(path); i++ {
		c := path[i]
		if unreserved[c] || c == '/' {
			continue
		}
		switch {
		case c == '%':
			d, ok := escaped(path[i:])
			if !ok {
				return errPathEscape
			}
			if !o.SingleEncode {
				break
			}
			b.canon = append(b.canon, path[from:i]...)
			if unreserved[d] || d == '/' {
				b.canon = append(b.canon, d)
			} else {
				b.canon = appendEscaped(b.canon, d)
			}
			i += 2
			from = i + 1
			continue
		case c == '+':
			b.plus = o.SingleEncode
		case c == '?' || c == '#':
			return errPathEnd
		case control(c):
			return errPathControl
		}
		b.canon = appendEscaped(append(b.canon, path[from:i]...), c)
		from = i + 1
	}
	b.canon = append(b.canon, path[from:]...)
	return nil
}

// checkPath finds what canonicalURI finds, without writing.
func checkPath(path string) error {
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '%':
			if _, ok := escaped(path[i:]); !ok {
				return errPathEscape
			}
		case c == '?' || c == '#':
			return errPathEnd
		case control(c):
			return errPathControl
		}
	}
	return nil
}

var (
	errPathEscape  = fault("path: malformed percent-escape")
	errPathEnd     = fault("path: want no query and no fragment")
	errPathControl = fault("path: control character")
)

// dotted tells whether normalisation may change the path.
func dotted(path string) bool {
	for i := 1; i < len(path); i++ {
		if path[i-1] == '/' && (path[i] == '/' || path[i] == '.') {
			return true
		}
	}
	return false
}

// appendNormalized resolves dot segments and repeated slashes as the AWS suite
// has it. It differs from RFC 3986 section 5.2.4 at the end: "/a/." is "/a", and
// not "/a/"; AWS's own clients (aws-c-auth, botocore) agree on that.
func appendNormalized(dst []byte, path string) []byte {
	start := len(dst)
	dst = append(dst, '/')
	for rest := path; rest != ""; {
		var segment string
		segment, rest, _ = strings.Cut(rest, "/")
		switch segment {
		case "", ".":
		case "..":
			if len(dst) > start+1 {
				dst = dst[:start+1+bytes.LastIndexByte(dst[start:len(dst)-1], '/')]
			}
		default:
			dst = append(append(dst, segment...), '/')
		}
	}
	if path[len(path)-1] != '/' && len(dst) > start+1 {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// appendComponent appends a key or value of a raw query as the service encodes
// it again after decoding; "+" is a space there.
func appendComponent(dst []byte, s string) ([]byte, error) {
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if unreserved[c] {
			continue
		}
		dst = append(dst, s[from:i]...)
		switch {
		case c == '%':
			d, ok := escaped(s[i:])
			if !ok {
				return dst, errEscape
			}
			c = d
			i += 2
		case c == '+':
			c = ' '
		case control(c):
			return dst, errControl
		case c == '#':
			return dst, errFragment
		}
		if unreserved[c] {
			dst = append(dst, c)
		} else {
			dst = appendEscaped(dst, c)
		}
		from = i + 1
	}
	return append(dst, s[from:]...), nil
}

// addPair collects one raw pair of a query: at the first "=", key and value. A
// key without value has an empty one.
func (b *builder) addPair(pair string) error {
	key, value, _ := strings.Cut(pair, "=")
	p := param{k: len(b.enc)}
	var err error
	if b.enc, err = appendComponent(b.enc, key); err == nil {
		p.v = len(b.enc)
		b.enc, err = appendComponent(b.enc, value)
	}
	if err != nil {
		return fault("query: " + err.Error())
	}
	p.end = len(b.enc)
	b.params = append(b.params, p)
	return nil
}

// add collects a parameter of the signature itself.
func (b *builder) add(key, value string) {
	p := param{k: len(b.enc)}
	b.enc = append(b.enc, key...)
	p.v = len(b.enc)
	b.enc = appendEncoded(b.enc, value)
	p.end = len(b.enc)
	b.params = append(b.params, p)
}

// appendRaw appends parameters as they go into a URL.
func (b *builder) appendRaw(dst []byte, params []param) []byte {
	for _, p := range params {
		if len(dst) > 0 {
			dst = append(dst, '&')
		}
		dst = append(append(dst, b.key(p)...), '=')
		dst = append(dst, b.value(p)...)
	}
	return dst
}

func (b *builder) key(p param) []byte   { return b.enc[p.k:p.v] }
func (b *builder) value(p param) []byte { return b.enc[p.v:p.end] }

// drop forgets the parameter collected last.
func (b *builder) drop() {
	last := len(b.params) - 1
	b.enc = b.enc[:b.params[last].k]
	b.params = b.params[:last]
}

// canonicalQuery appends the collected parameters to canon: sorted by encoded
// key, then by encoded value. Sorting "key=value" instead would put a-b=1 before
// a=1, for "-" is less than "=".
func (b *builder) canonicalQuery() {
	enc := b.enc
	slices.SortFunc(b.params, func(x, y param) int {
		if c := bytes.Compare(enc[x.k:x.v], enc[y.k:y.v]); c != 0 {
			return c
		}
		return bytes.Compare(enc[x.v:x.end], enc[y.v:y.end])
	})
	for i, p := range b.params {
		if i > 0 {
			b.canon = append(b.canon, '&')
		}
		b.canon = append(append(b.canon, b.key(p)...), '=')
		b.canon = append(b.canon, b.value(p)...)
	}
}

// appendValue appends a header's value trimmed, with each run of blanks as one
// space; a folded line is such a run.
func appendValue(dst []byte, s string) ([]byte, error) {
	start := len(dst)
	from := 0
	for i := 0; i < len(s); i++ {
		for i+8 < len(s) && visible8(load64(s, i)) {
			i += 8
		}
		c := s[i]
		if c > ' ' && c != 0x7f {
			continue
		}
		// A single space between words is the common case.
		if c == ' ' && i > from && i+1 < len(s) && s[i+1] > ' ' {
			continue
		}
		if i > from {
			if from > 0 && len(dst) > start {
				dst = append(dst, ' ')
			}
			dst = append(dst, s[from:i]...)
		}
		for ; i < len(s) && s[i] <= ' '; i++ {
			switch s[i] {
			case ' ', '\t':
				continue
			case '\r':
				if i+1 < len(s) && s[i+1] == '\n' {
					i++
				} else {
					return dst, errValue
				}
			case '\n':
			default:
				return dst, errValue
			}
			// What follows a line break must be blank: otherwise it is another header.
			if i+1 >= len(s) || s[i+1] != ' ' && s[i+1] != '\t' {
				return dst, errValue
			}
		}
		if i < len(s) && s[i] == 0x7f {
			return dst, errValue
		}
		from = i
	}
	if from < len(s) {
		if from > 0 && len(dst) > start {
			dst = append(dst, ' ')
		}
		dst = append(dst, s[from:]...)
	}
	return dst, nil
}

// Parts of messages, without prefix.
var (
	errEscape   = errors.New("malformed percent-escape")
	errControl  = errors.New("control character")
	errFragment = errors.New("want no fragment")
	errValue    = errors.New("control character in its value")
)
