package credentials

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

var errXML = errors.New("credentials: reply: malformed XML")

// readXML reads a whole document (XML 1.0), as far as replies of STS need it: it
// refuses document types (so entities of one's own too), processing instructions
// other than the declaration, repeated elements, and text beside elements.
// Attributes are checked and skipped. Names are as written, prefix and all.
func readXML(s string, f leaf) error {
	r := xmlReader{s: s, f: f}
	if !utf8.ValidString(s) || len(s) > maxReply || !chars(s) || !r.document() {
		return errXML
	}
	return nil
}

// chars tells whether all characters are allowed in XML.
func chars(s string) bool {
	for _, c := range s {
		if !isChar(c) {
			return false
		}
	}
	return true
}

func isChar(c rune) bool {
	return c >= ' ' && c < 0xd800 || c == '\t' || c == '\n' || c == '\r' || c >= 0xe000 && c < 0xfffe || c >= 0x10000 && c <= 0x10ffff
}

type xmlReader struct {
	s    string
	i    int
	path []string
	f    leaf
}

func (r *xmlReader) rest() string { return r.s[r.i:] }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (r *xmlReader) space() bool {
	from := r.i
	for r.i < len(r.s) && isSpace(r.s[r.i]) {
		r.i++
	}
	return r.i > from
}

func (r *xmlReader) take(token string) bool {
	if strings.HasPrefix(r.rest(), token) {
		r.i += len(token)
		return true
	}
	return false
}

func (r *xmlReader) document() bool {
	if r.take("<?xml") && !r.declaration() {
		return false
	}
	if !r.misc() || !r.take("<") || !r.element(0, new([]string)) {
		return false
	}
	return r.misc() && r.i == len(r.s)
}

// misc skips blanks and comments.
func (r *xmlReader) misc() bool {
	for {
		r.space()
		if !strings.HasPrefix(r.rest(), "<!--") {
			return true
		}
		r.i += len("<!--")
		if !r.comment() {
			return false
		}
	}
}

// comment reads the rest of one; "--" ends it or is an error.
func (r *xmlReader) comment() bool {
	end := strings.Index(r.rest(), "--")
	if end < 0 {
		return false
	}
	r.i += end
	return r.take("-->")
}

// declaration reads <?xml version="1.0" encoding="UTF-8" standalone="yes"?>.
func (r *xmlReader) declaration() bool {
	names := []string{"version", "encoding", "standalone"}
	for first := true; ; first = false {
		blank := r.space()
		if r.take("?>") {
			return !first
		}
		name, value, ok := r.attribute()
		at := slices.Index(names, name)
		if !ok || !blank || at < 0 || first != (name == "version") {
			return false
		}
		names = names[at+1:]
		switch name {
		case "version":
			ok = value == "1.0"
		case "encoding":
			ok = strings.EqualFold(value, "utf-8")
		case "standalone":
			ok = value == "yes" || value == "no"
		}
		if !ok {
			return false
		}
	}
}

// attribute reads name="value". References in the value are checked.
func (r *xmlReader) attribute() (name, value string, ok bool) {
	if name, ok = r.name(); !ok {
		return "", "", false
	}
	r.space()
	if !r.take("=") {
		return "", "", false
	}
	r.space()
	if r.i == len(r.s) || r.s[r.i] != '"' && r.s[r.i] != '\'' {
		return "", "", false
	}
	quote := r.s[r.i]
	r.i++
	end := strings.IndexByte(r.rest(), quote)
	if end < 0 {
		return "", "", false
	}
	value = r.s[r.i : r.i+end]
	r.i += end + 1
	if strings.IndexByte(value, '<') >= 0 {
		return "", "", false
	}
	_, ok = unescapeXML(value)
	return name, value, ok
}

// name reads a name: ASCII alone, at most one colon inside.
func (r *xmlReader) name() (string, bool) {
	from, colons := r.i, 0
	for r.i < len(r.s) {
		c := r.s[r.i]
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z' && c < 0x80, c == '_':
		case r.i > from && (c-'0' <= 9 || c == '-' || c == '.') && r.s[r.i-1] != ':':
		case c == ':' && r.i > from:
			colons++
		default:
			n := r.s[from:r.i]
			return n, n != "" && colons <= 1 && n[len(n)-1] != ':'
		}
		r.i++
	}
	return "", false
}

// element reads what follows "<". Its text is its own if it has no elements.
// siblings are the elements before it, and it joins them.
func (r *xmlReader) element(depth int, siblings *[]string) bool {
	name, ok := r.name()
	if !ok || depth > maxDepth || slices.Contains(*siblings, name) || len(*siblings) == maxMembers {
		return false
	}
	*siblings = append(*siblings, name)
	r.path = append(r.path, name)
	var attributes []string
	for {
		blank := r.space()
		if r.take("/>") {
			r.f(r.path, "", text)
			r.path = r.path[:len(r.path)-1]
			return true
		}
		if r.take(">") {
			break
		}
		attribute, _, ok := r.attribute()
		if !ok || !blank || slices.Contains(attributes, attribute) || len(attributes) == maxMembers {
			return false
		}
		attributes = append(attributes, attribute)
	}
	var content strings.Builder
	var seen []string
	for {
		end := strings.IndexByte(r.rest(), '<')
		if end < 0 || strings.Contains(r.rest()[:end], "]]>") {
			return false
		}
		piece, ok := unescapeXML(r.rest()[:end])
		if !ok {
			return false
		}
		content.WriteString(piece)
		r.i += end + 1
		switch {
		case r.take("/"):
			closing, ok := r.name()
			r.space()
			if !ok || closing != name || !r.take(">") {
				return false
			}
			if seen == nil {
				r.f(r.path, content.String(), text)
			} else if strings.TrimLeft(content.String(), " \t\r\n") != "" {
				return false
			}
			r.path = r.path[:len(r.path)-1]
			return true
		case r.take("!--"):
			if !r.comment() {
				return false
			}
		case r.take("![CDATA["):
			end := strings.Index(r.rest(), "]]>")
			if end < 0 {
				return false
			}
			content.WriteString(newlines(r.rest()[:end]))
			r.i += end + len("]]>")
		default:
			if !r.element(depth+1, &seen) {
				return false
			}
		}
	}
}

// newlines is XML 1.0 section 2.11: a line ends in "\n", however it was written.
func newlines(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// unescapeXML resolves the five entities and character references.
func unescapeXML(s string) (string, bool) {
	s = newlines(s)
	if strings.IndexByte(s, '&') < 0 {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for {
		plain, rest, found := strings.Cut(s, "&")
		out = append(out, plain...)
		if !found {
			return string(out), true
		}
		reference, after, found := strings.Cut(rest, ";")
		if !found {
			return "", false
		}
		switch reference {
		case "lt":
			out = append(out, '<')
		case "gt":
			out = append(out, '>')
		case "amp":
			out = append(out, '&')
		case "apos":
			out = append(out, '\'')
		case "quot":
			out = append(out, '"')
		default:
			c, ok := reference2rune(reference)
			if !ok {
				return "", false
			}
			out = utf8.AppendRune(out, c)
		}
		s = after
	}
}

// reference2rune reads #N and #xN.
func reference2rune(s string) (rune, bool) {
	digits, ok := strings.CutPrefix(s, "#")
	base := 10
	if hex, is := strings.CutPrefix(digits, "x"); is {
		digits, base = hex, 16
	}
	if !ok || digits == "" || len(digits) > 8 || !alnum(digits[0]) {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, base, 32)
	return rune(n), err == nil && n <= 0x10ffff && isChar(rune(n))
}
