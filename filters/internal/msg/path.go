package msg

import (
	"strings"
	"unicode/utf8"
)

// SplitPath splits a :path into its path, its query without the "?" and its
// fragment without the "#" (RFC 3986 section 3). Nothing is decoded or
// normalised. A fragment has no place in a :path; Envoy refuses it by default,
// and AmbiguousPath reports it.
func SplitPath(target string) (path, rawQuery, fragment string) {
	path, fragment, _ = strings.Cut(target, "#")
	path, rawQuery, _ = strings.Cut(path, "?")
	return path, rawQuery, fragment
}

// QueryGet returns the first value of a parameter of a raw query and how often
// the parameter occurs, 0 if it is missing. Rules of the URL Standard's
// application/x-www-form-urlencoded parser: pairs are split at "&" only, name
// and value at the first "=", "+" is a space, %XX is decoded in both, and a
// malformed escape stays as it is. The result may hold any byte.
func QueryGet(rawQuery, name string) (value string, n int) {
	for v, rest, ok := nextValue(rawQuery, name); ok; v, rest, ok = nextValue(rest, name) {
		if n == 0 {
			value = formDecode(v)
		}
		n++
	}
	return value, n
}

// QueryJoin is QueryGet for all values of a parameter, joined by commas.
func QueryJoin(rawQuery, name string) string {
	var all []string
	for v, rest, ok := nextValue(rawQuery, name); ok; v, rest, ok = nextValue(rest, name) {
		all = append(all, formDecode(v))
	}
	return strings.Join(all, ",")
}

// nextValue finds a parameter. Its value is as it was sent.
func nextValue(rawQuery, name string) (value, rest string, ok bool) {
	for rest = rawQuery; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		k, v, _ := strings.Cut(pair, "=")
		if pair != "" && formDecode(k) == name {
			return v, rest, true
		}
	}
	return "", "", false
}

func formDecode(s string) string {
	if strings.IndexByte(s, '+') < 0 && strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '+' {
			c = ' '
		} else if d, ok := escaped(s[i:]); ok {
			c = d
			i += 2
		}
		b = append(b, c)
	}
	return string(b)
}

// Encode percent-encodes every byte but the unreserved ones of RFC 3986 section
// 2.3 (letters, digits, "-", ".", "_", "~"), so that s is one component of a
// path or a query. Hex digits are upper-case.
func Encode(s string) string { return encode(s, false) }

// EncodePath is Encode for a path of several segments: "/" stays.
func EncodePath(s string) string { return encode(s, true) }

// AppendEncoded appends Encode(s) to dst.
func AppendEncoded(dst []byte, s string) []byte { return appendEncoded(dst, s, false) }

func encode(s string, slash bool) string {
	for i := 0; i < len(s); i++ {
		if !unreserved(s[i]) && !(slash && s[i] == '/') {
			b := append(make([]byte, 0, len(s)+len(s)/2+2), s[:i]...)
			return string(appendEncoded(b, s[i:], slash))
		}
	}
	return s
}

func appendEncoded(dst []byte, s string, slash bool) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		if c := s[i]; unreserved(c) || slash && c == '/' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

func unreserved(c byte) bool {
	return isAlnum(c) || c == '-' || c == '.' || c == '_' || c == '~'
}

// Decode undoes percent-encoding; "+" stays. It reports false, with s as it
// came, if an escape is malformed.
func Decode(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			d, ok := escaped(s[i:])
			if !ok {
				return s, false
			}
			c = d
			i += 2
		}
		b = append(b, c)
	}
	return string(b), true
}

// escaped decodes the %XX that s starts with.
func escaped(s string) (byte, bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	hi, lo := unhex(s[1]), unhex(s[2])
	if hi > 15 || lo > 15 {
		return 0, false
	}
	return hi<<4 | lo, true
}

// unhex returns the value of a hex digit, 0xff for any other byte.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// Ambiguity is a set of reasons why two servers may read one path in two ways.
type Ambiguity uint16

// The reasons. A filter that judges by path can refuse those it is told to.
const (
	EncodedSlash      Ambiguity = 1 << iota // %2f
	EncodedDelimiter                        // %3f or %23: a "?" or "#" once decoded
	Backslash                               // \ or %5c
	Semicolon                               // ; or %3b: path parameters
	DotSegment                              // a segment "." or "..", also encoded or with parameters ("/..;/")
	EmptySegment                            // two separators in a row
	Fragment                                // #
	Control                                 // NUL, other controls or space, plain or encoded
	BadEscape                               // a % without two hex digits, or escapes that are no UTF-8 (%c0%ae)
	DoubleEscape                            // escapes once more after decoding: %252f, %25%32f
	NonASCII                                // a byte from 0x80 on that is not encoded
	EncodedUnreserved                       // %61 for "a": an escape of what RFC 3986 section 2.3 never escapes
)

var ambiguityWords = [...]string{
	"encoded_slash", "encoded_delimiter", "backslash", "semicolon", "dot_segment",
	"empty_segment", "fragment", "control", "bad_escape", "double_escape", "non_ascii", "encoded_unreserved",
}

// AmbiguousPath returns the reasons found in the path of a whole :path; the
// query is not judged, but a "#" in or after it counts. "/a/b?c=../d" has none.
func AmbiguousPath(target string) Ambiguity {
	path, _, _ := SplitPath(target)
	var a Ambiguity
	if strings.IndexByte(target, '#') >= 0 {
		a |= Fragment
	}
	decode := false       // the escapes must be judged together
	sep, seg := false, "" // the last byte was a separator; dots of the segment so far
	param := false        // inside ";..."
	for i := 0; i < len(path); i++ {
		c := path[i]
		encoded := c == '%'
		if encoded {
			d, ok := escaped(path[i:])
			if !ok {
				a |= BadEscape
			} else {
				c = d
				decode = decode || d == '%' || d >= 0x80
				i += 2
			}
		}
		switch {
		case c == '/' && encoded:
			a |= EncodedSlash
		case c == '\\':
			a |= Backslash
		case c == ';':
			a |= Semicolon
			param = true
		case encoded && (c == '?' || c == '#'):
			a |= EncodedDelimiter
		case c <= ' ' || c == 0x7f:
			a |= Control
		case c >= 0x80 && !encoded:
			a |= NonASCII
		case encoded && unreserved(c):
			a |= EncodedUnreserved
		}
		if c == '/' || c == '\\' {
			a |= dots(seg)
			if sep {
				a |= EmptySegment
			}
			sep, seg, param = true, "", false
			continue
		}
		sep = false
		switch {
		case param:
		case c == '.' && len(seg) < 3:
			seg = "..."[:len(seg)+1]
		default:
			seg = "..." // no dot segment any more
		}
	}
	a |= dots(seg)
	if decode {
		once := formDecode(path)
		if !utf8.ValidString(once) {
			a |= BadEscape
		}
		for i := range len(once) {
			if _, ok := escaped(once[i:]); ok {
				a |= DoubleEscape
			}
		}
	}
	return a
}

func dots(segment string) Ambiguity {
	if segment == "." || segment == ".." {
		return DotSegment
	}
	return 0
}

// String returns the words of the reasons, joined by commas, such as
// "encoded_slash,dot_segment".
func (a Ambiguity) String() string {
	var words []string
	for i, w := range ambiguityWords {
		if a&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return strings.Join(words, ",")
}

// AmbiguityWords are the words of all reasons, as a configuration lists them.
func AmbiguityWords() []string { return append([]string(nil), ambiguityWords[:]...) }

// ParseAmbiguity returns the reason with the given word.
func ParseAmbiguity(word string) (Ambiguity, bool) {
	for i, w := range ambiguityWords {
		if w == word {
			return 1 << i, true
		}
	}
	return 0, false
}
