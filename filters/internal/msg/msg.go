// Package msg holds the header and path helpers that the filters share: strings
// in, strings out, nothing of the proxy. It is linked into every module, so it
// does without net/url, net/http and fmt.
package msg

import (
	"strings"
	"unsafe"
)

// Lower returns s with ASCII letters in lower case, the form in which Envoy
// hands out header names. Other bytes stay as they are: Unicode's folding would
// turn the Kelvin sign into a "k".
func Lower(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				b[i] = lower(b[i])
			}
			return string(b)
		}
	}
	return s
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// equalFold compares ASCII letters without case. b is lower-case.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if lower(a[i]) != b[i] {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// ValidHeaderName reports whether s is a field name: a token of RFC 9110
// section 5.6.2. Pseudo-headers (":path") are not.
func ValidHeaderName(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isAlnum(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// ValidHeaderValue reports whether s can be a field value: no control
// characters but tab, no space or tab at either end (RFC 9110 section 5.5).
// Bytes from 0x80 on pass (obs-text).
func ValidHeaderValue(s string) bool {
	for i := printable(s); i < len(s); i++ {
		if !valueByte(s[i]) {
			return false
		}
	}
	return s == "" || !blank(s[0]) && !blank(s[len(s)-1])
}

// CleanHeaderValue returns s without what ValidHeaderValue refuses.
func CleanHeaderValue(s string) string {
	for i := printable(s); i < len(s); i++ {
		if valueByte(s[i]) {
			continue
		}
		b := append(make([]byte, 0, len(s)-1), s[:i]...)
		for i++; i < len(s); i++ {
			if valueByte(s[i]) {
				b = append(b, s[i])
			}
		}
		s = string(b)
	}
	return trim(s)
}

// printable returns a number of bytes at the start of s that are all printable
// ASCII: those that it can tell so eight at a time.
func printable(s string) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		// No byte has its high bit, none gets it by adding 1 (0x7f), and all get it
		// by adding 0x60 (0x20 and above); so no addition carries over.
		x := *(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), i))
		if (x|(x+ones))&high != 0 || (x+0x60*ones)&high != high {
			break
		}
	}
	return i
}

func valueByte(c byte) bool { return c >= ' ' && c != 0x7f || c == '\t' }

func blank(c byte) bool { return c == ' ' || c == '\t' }

// trim takes off OWS, the optional whitespace of RFC 9110 section 5.6.3.
func trim(s string) string {
	for s != "" && blank(s[0]) {
		s = s[1:]
	}
	for s != "" && blank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// NextToken cuts the first element off a header that is a list of tokens
// (RFC 9110 section 5.6.1). It may be empty.
func NextToken(list string) (token, rest string) {
	token, rest, _ = strings.Cut(list, ",")
	return strings.Trim(token, " \t"), rest
}

// HopByHop reports whether a header (lower-case name) belongs to one connection
// and must not be copied to another message: RFC 9110 section 7.6.1 and RFC
// 2616 section 13.5.1.
func HopByHop(name string) bool {
	switch name {
	case "connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
		"proxy-connection", "te", "trailer", "trailers", "transfer-encoding", "upgrade":
		return true
	}
	return false
}

// MediaType returns the type/subtype of a content-type in lower case, without
// parameters: "application/json; charset=utf-8" is "application/json".
func MediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return Lower(trim(t))
}

// IsGRPC reports whether a content-type is that of gRPC: "application/grpc",
// alone or with a "+format" or parameters. "application/grpc-web" is not.
func IsGRPC(contentType string) bool {
	t := MediaType(contentType)
	return t == "application/grpc" || strings.HasPrefix(t, "application/grpc+")
}

// Host returns the host of an authority or an address without port and without
// the brackets of an IPv6 address: "[::1]:80", "[::1]" and "::1" are "::1".
func Host(authority string) string {
	if strings.HasPrefix(authority, "[") {
		if end := strings.IndexByte(authority, ']'); end > 0 {
			return authority[1:end]
		}
		return authority
	}
	// More than one colon without brackets is an IPv6 address without port.
	if i := strings.IndexByte(authority, ':'); i >= 0 && strings.IndexByte(authority[i+1:], ':') < 0 {
		return authority[:i]
	}
	return authority
}
