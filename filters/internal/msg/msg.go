// Package msg holds the header and path helpers that the filters share: strings
// in, strings out, nothing of the proxy. It is linked into every module, so it
// does without net/url, net/http and fmt.
package msg

// Lower returns s with ASCII letters in lower case, the form in which Envoy
// hands out header names. Other bytes stay as they are.
func Lower(s string) string { return s }

// ValidHeaderName reports whether s is a field name: a token of RFC 9110
// section 5.1. Pseudo-headers (":path") are not.
func ValidHeaderName(s string) bool { return false }

// ValidHeaderValue reports whether s can be a field value: no control
// characters but tab, no space or tab at either end (RFC 9110 section 5.5).
// Bytes from 0x80 on pass (obs-text).
func ValidHeaderValue(s string) bool { return false }

// CleanHeaderValue returns s without the bytes that ValidHeaderValue refuses.
func CleanHeaderValue(s string) string { return s }

// HopByHop reports whether a header (lower-case name) belongs to one connection
// and must not be copied to another message: RFC 9110 section 7.6.1 and RFC
// 2616 section 13.5.1.
func HopByHop(name string) bool { return false }

// StatusText returns the reason phrase of an HTTP status, empty if it has none
// in IANA's registry.
func StatusText(code int) string { return "" }

// MediaType returns the type/subtype of a content-type in lower case, without
// parameters: "application/json; charset=utf-8" is "application/json".
func MediaType(contentType string) string { return "" }

// IsGRPC reports whether a content-type is that of gRPC: "application/grpc",
// alone or with a "+format" or parameters. "application/grpc-web" is not.
func IsGRPC(contentType string) bool { return false }

// PrefersPlain reports whether an Accept header ranks text/plain above
// application/json (RFC 9110 section 12.5.1, q-values and precedence included).
// Without a preference the answer is JSON, so false.
func PrefersPlain(accept string) bool { return false }

// Host returns the host of an authority or an address without port and without
// the brackets of an IPv6 address: "[::1]:80", "[::1]" and "::1" are "::1".
func Host(authority string) string { return authority }
