package jsonr

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote decodes a checked string. It is here because gjson's own decoder
// swallows the escape that follows a lone surrogate ("\ud800\u0041" loses its
// A), so that two keys which differ could look the same.
func unquote(raw string) string {
	s := raw[1 : len(raw)-1]
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for {
		b = append(b, s[:i]...)
		s = s[i:]
		if s == "" {
			return string(b)
		}
		e := s[1]
		s = s[2:]
		switch e {
		case 'b':
			e = '\b'
		case 'f':
			e = '\f'
		case 'n':
			e = '\n'
		case 'r':
			e = '\r'
		case 't':
			e = '\t'
		}
		if e != 'u' {
			b = append(b, e)
		} else {
			r, _ := hex4(s)
			s = s[4:]
			if utf16.IsSurrogate(r) {
				pair := rune(utf8.RuneError)
				if strings.HasPrefix(s, `\u`) {
					low, _ := hex4(s[2:])
					pair = utf16.DecodeRune(r, low)
				}
				if pair != utf8.RuneError {
					s = s[6:]
				}
				r = pair
			}
			b = utf8.AppendRune(b, r)
		}
		if i = strings.IndexByte(s, '\\'); i < 0 {
			i = len(s)
		}
	}
}

// AppendString appends s as a JSON string, quotes included. Invalid UTF-8
// becomes U+FFFD; quote, backslash and control characters are escaped.
func AppendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		b := s[i]
		if b >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		i++
		switch {
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		case b == '\n':
			dst = append(dst, '\\', 'n')
		case b == '\r':
			dst = append(dst, '\\', 'r')
		case b == '\t':
			dst = append(dst, '\\', 't')
		case b < ' ' || b == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
		default:
			dst = append(dst, b)
		}
	}
	return append(dst, '"')
}
