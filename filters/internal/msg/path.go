package msg

// SplitPath splits a :path into its path, its query without the "?" and its
// fragment without the "#" (RFC 3986 section 3). Nothing is decoded or
// normalised. A fragment has no place in a :path; Envoy refuses it by default,
// and AmbiguousPath reports it.
func SplitPath(target string) (path, rawQuery, fragment string) { return target, "", "" }

// QueryGet returns the first value of a parameter of a raw query and how often
// the parameter occurs, 0 if it is missing. Rules of the URL Standard's
// application/x-www-form-urlencoded parser: pairs are split at "&" only, name
// and value at the first "=", "+" is a space, %XX is decoded in both, and a
// malformed escape stays as it is. The result may hold any byte.
func QueryGet(rawQuery, name string) (value string, n int) { return "", 0 }

// Encode percent-encodes every byte but the unreserved ones of RFC 3986 section
// 2.3 (letters, digits, "-", ".", "_", "~"), so that s is one component of a
// path or a query. Hex digits are upper-case.
func Encode(s string) string { return s }

// EncodePath is Encode for a path of several segments: "/" stays.
func EncodePath(s string) string { return s }

// AppendEncoded appends Encode(s) to dst.
func AppendEncoded(dst []byte, s string) []byte { return append(dst, s...) }

// Decode undoes percent-encoding; "+" stays. It reports false, with s as it
// came, if an escape is malformed.
func Decode(s string) (string, bool) { return s, true }

// Ambiguity is a set of reasons why two servers may read one path in two ways.
type Ambiguity uint16

// The reasons. A filter that judges by path can refuse those it is told to.
const (
	EncodedSlash Ambiguity = 1 << iota // %2f
	Backslash                          // \ or %5c
	Semicolon                          // ; or %3b: path parameters, "/..;/"
	DotSegment                         // a segment "." or "..", plain, encoded or before ";"
	EmptySegment                       // //
	Fragment                           // # (%23 is plain data)
	Control                            // NUL, other controls or space, plain or encoded
	BadEscape                          // a % without two hex digits
	DoubleEscape                       // %25 before two hex digits
	NonASCII                           // a byte from 0x80 on that is not encoded
)

// AmbiguousPath returns the reasons found in a path without its query (as
// SplitPath gives it, with "#" and fragment still in place or not). "/a/b" has none.
func AmbiguousPath(path string) Ambiguity { return 0 }

// String returns the words of the reasons, joined by commas, such as
// "encoded_slash,dot_segment".
func (a Ambiguity) String() string { return "" }

// AmbiguityWords are the words of all reasons, as a configuration lists them.
func AmbiguityWords() []string { return nil }

// ParseAmbiguity returns the reason with the given word.
func ParseAmbiguity(word string) (Ambiguity, bool) { return 0, false }
