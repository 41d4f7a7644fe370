// Package secret holds texts that must not be printed, logged or compared byte
// by byte.
package secret

import "crypto/subtle"

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

// Equal compares in time that depends on the length of other alone: neither on
// where the texts differ nor on the length of the secret. An unset Value equals
// nothing, not even "".
//
// Comparing digests would do the same, but linking SHA-256 makes every module
// 160 KB larger.
func (v Value) Equal(other string) bool {
	if v.reveal == nil {
		return false
	}
	text := v.reveal()
	same := subtle.ConstantTimeEq(int32(len(text)), int32(len(other)))
	var diff byte
	for i := range len(other) {
		// Past the end of text, go on comparing with its first byte.
		within := subtle.ConstantTimeLessOrEq(i+1, len(text))
		diff |= other[i] ^ text[subtle.ConstantTimeSelect(within, i, 0)]
	}
	return same&subtle.ConstantTimeByteEq(diff, 0) == 1
}

// String returns [redacted].
func (v Value) String() string { return redacted }

// GoString returns [redacted].
func (v Value) GoString() string { return redacted }

// MarshalJSON returns "[redacted]".
func (v Value) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns [redacted].
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }
