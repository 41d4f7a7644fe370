package credentials

import (
	"errors"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Bounds of a reply; STS stays far below.
const (
	maxReply   = 64 << 10 // bytes
	maxDepth   = 16
	maxMembers = 64 // of one object or element
)

// leaf receives each value of a reply that has no parts: its path (names from the
// root; "[]" for an array's item) and its text. The path is reused.
type leaf func(path []string, text string, kind kind)

type kind uint8

const (
	text   kind = iota // of an element or a JSON string, decoded
	number             // a JSON number as written
	word               // true, false, null
)

var errJSON = errors.New("credentials: reply: malformed JSON")

// readJSON reads a whole document (RFC 8259). It is stricter than encoding/json:
// names must not be repeated (compared as they are), text must be valid UTF-8.
func readJSON(s string, f leaf) error {
	r := jsonReader{s: s, f: f}
	if !utf8.ValidString(s) || len(s) > maxReply || !r.value(0) {
		return errJSON
	}
	if r.space(); r.i != len(s) {
		return errJSON
	}
	return nil
}

type jsonReader struct {
	s    string
	i    int
	path []string
	f    leaf
}

func (r *jsonReader) space() {
	for r.i < len(r.s) && (r.s[r.i] == ' ' || r.s[r.i] == '\t' || r.s[r.i] == '\n' || r.s[r.i] == '\r') {
		r.i++
	}
}

// take skips blanks and then c, if it is next.
func (r *jsonReader) take(c byte) bool {
	r.space()
	if r.i < len(r.s) && r.s[r.i] == c {
		r.i++
		return true
	}
	return false
}

func (r *jsonReader) value(depth int) bool {
	r.space()
	if r.i == len(r.s) || depth > maxDepth {
		return false
	}
	switch r.s[r.i] {
	case '{':
		return r.object(depth)
	case '[':
		return r.array(depth)
	case '"':
		t, ok := r.string()
		if ok {
			r.f(r.path, t, text)
		}
		return ok
	case 't':
		return r.word("true")
	case 'f':
		return r.word("false")
	case 'n':
		return r.word("null")
	}
	return r.number()
}

func (r *jsonReader) object(depth int) bool {
	r.i++
	if r.take('}') {
		return true
	}
	var seen []string
	for {
		r.space()
		name, ok := r.string()
		if !ok || slices.Contains(seen, name) || len(seen) == maxMembers || !r.take(':') {
			return false
		}
		seen = append(seen, name)
		r.path = append(r.path, name)
		if !r.value(depth + 1) {
			return false
		}
		r.path = r.path[:len(r.path)-1]
		if r.take('}') {
			return true
		}
		if !r.take(',') {
			return false
		}
	}
}

func (r *jsonReader) array(depth int) bool {
	r.i++
	if r.take(']') {
		return true
	}
	r.path = append(r.path, "[]")
	for {
		if !r.value(depth + 1) {
			return false
		}
		if r.take(']') {
			r.path = r.path[:len(r.path)-1]
			return true
		}
		if !r.take(',') {
			return false
		}
	}
}

func (r *jsonReader) word(w string) bool {
	if len(r.s)-r.i < len(w) || r.s[r.i:r.i+len(w)] != w {
		return false
	}
	r.i += len(w)
	r.f(r.path, w, word)
	return true
}

// digits skips digits and tells whether there were any.
func (r *jsonReader) digits() bool {
	from := r.i
	for r.i < len(r.s) && r.s[r.i]-'0' <= 9 {
		r.i++
	}
	return r.i > from
}

func (r *jsonReader) number() bool {
	from := r.i
	if r.s[r.i] == '-' {
		r.i++
	}
	whole := r.i
	if !r.digits() || r.s[whole] == '0' && r.i > whole+1 {
		return false
	}
	if r.i < len(r.s) && r.s[r.i] == '.' {
		r.i++
		if !r.digits() {
			return false
		}
	}
	if r.i < len(r.s) && r.s[r.i]|0x20 == 'e' {
		r.i++
		if r.i < len(r.s) && (r.s[r.i] == '+' || r.s[r.i] == '-') {
			r.i++
		}
		if !r.digits() {
			return false
		}
	}
	r.f(r.path, r.s[from:r.i], number)
	return true
}

// string reads a string with its quotes.
func (r *jsonReader) string() (string, bool) {
	if r.i == len(r.s) || r.s[r.i] != '"' {
		return "", false
	}
	r.i++
	from := r.i
	for r.i < len(r.s) && r.s[r.i] != '"' && r.s[r.i] != '\\' && r.s[r.i] >= ' ' {
		r.i++
	}
	out := []byte(nil)
	for r.i < len(r.s) {
		switch c := r.s[r.i]; {
		case c == '"':
			plain := r.s[from:r.i]
			r.i++
			if out == nil {
				return plain, true
			}
			return string(append(out, plain...)), true
		case c < ' ':
			return "", false
		case c == '\\':
			out = append(out, r.s[from:r.i]...)
			r.i++
			var ok bool
			if out, ok = r.escape(out); !ok {
				return "", false
			}
			from = r.i
		default:
			r.i++
		}
	}
	return "", false
}

// escape reads what follows a backslash.
func (r *jsonReader) escape(out []byte) ([]byte, bool) {
	if r.i == len(r.s) {
		return out, false
	}
	c := r.s[r.i]
	r.i++
	switch c {
	case '"', '\\', '/':
		return append(out, c), true
	case 'b':
		return append(out, '\b'), true
	case 'f':
		return append(out, '\f'), true
	case 'n':
		return append(out, '\n'), true
	case 'r':
		return append(out, '\r'), true
	case 't':
		return append(out, '\t'), true
	case 'u':
		hi, ok := r.unit()
		if ok && hi >= 0xd800 && hi < 0xdc00 && r.i+1 < len(r.s) && r.s[r.i] == '\\' && r.s[r.i+1] == 'u' {
			r.i += 2
			lo, ok := r.unit()
			return utf8.AppendRune(out, (hi-0xd800)<<10+(lo-0xdc00)+0x10000), ok && lo >= 0xdc00 && lo < 0xe000
		}
		// Half of a pair is no character.
		return utf8.AppendRune(out, hi), ok && (hi < 0xd800 || hi >= 0xe000)
	}
	return out, false
}

// unit reads four hex digits.
func (r *jsonReader) unit() (rune, bool) {
	if len(r.s)-r.i < 4 {
		return 0, false
	}
	digits := r.s[r.i : r.i+4]
	for i := range 4 {
		if c := digits[i]; c-'0' > 9 && (c|0x20)-'a' > 5 {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(digits, 16, 16)
	r.i += 4
	return rune(n), err == nil
}
