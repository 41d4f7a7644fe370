// Package secret holds texts that must not be printed, logged or compared byte
// by byte.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
)

const redacted = "[redacted]"

// Value is a secret text. The zero Value is unset. However it is printed or
// encoded, it shows as [redacted], never its text or length.
//
// The text lives in a closure: fmt and dumpers that follow pointers, even from
// unexported fields where they do not call String, see a code address only. It
// also makes == on two Values a compile error.
type Value struct {
	reveal func() string
}

// New returns a Value that holds text. An empty text is unset.
func New(text string) Value {
	if text == "" {
		return Value{}
	}
	return Value{func() string { return text }}
}

// IsSet tells whether there is a text.
func (v Value) IsSet() bool { return v.reveal != nil }

// Reveal returns the text, for the one place that puts it to use; "" if unset.
func (v Value) Reveal() string {
	if v.reveal == nil {
		return ""
	}
	return v.reveal()
}

// Equal compares in time that does not depend on where the texts differ nor on
// their lengths. An unset Value equals nothing, not even "".
func (v Value) Equal(other string) bool {
	if v.reveal == nil {
		return false
	}
	a, b := sha256.Sum256([]byte(v.reveal())), sha256.Sum256([]byte(other))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String returns [redacted].
func (v Value) String() string { return redacted }

// GoString returns [redacted].
func (v Value) GoString() string { return redacted }

// MarshalJSON returns "[redacted]".
func (v Value) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns [redacted].
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }
