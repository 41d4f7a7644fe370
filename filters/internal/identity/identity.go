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

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
)

// Names is a set of identity headers; make one with Compile.
type Names struct{}

// Compile makes a set from header names in any spelling. The error names the
// first that is not a field name or is Forbidden.
func Compile(names ...string) (*Names, error) { return &Names{}, nil }

// Has reports whether a header belongs to the set, whatever its spelling.
func (n *Names) Has(name string) bool { return false }

// Strip removes every header of the set, in any spelling, and takes names of
// the set out of Connection and Proxy-Connection, so that no later hop removes
// what the filter sets (CVE-2025-48865). It returns how many headers and tokens
// it removed, and allocates nothing when that is 0.
func (n *Names) Strip(m filter.Message) int { return 0 }

// ErrInvalid is returned by Set for a name or a value that is none.
var ErrInvalid = errors.New("invalid header name or value")

// Set makes value the only occurrence of a header: every other spelling is
// removed. With ErrInvalid, for a name or value that HTTP forbids, it has only
// removed. name is lower-case. Whether the name is Forbidden is the caller's
// question.
func Set(m filter.Message, name, value string) error { return nil }

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
func One(m filter.Message, name string, c Commas) (string, error) { return "", nil }

// Forbidden reports whether a header named by an auth service's reply must not
// be set, appended or removed: names that are none, pseudo-headers, host,
// content-length, hop-by-hop headers and x-envoy-* (Envoy's default mutation
// rules, and what would break the message's framing), in any spelling.
func Forbidden(name string) bool { return false }
