package cache

// Key builds a cache key from all that an answer depends on. Two keys are equal
// only where the same texts were added in the same order, whatever is in them.
// Where the number of texts varies, the sequence still tells them apart, but add
// the count before each of two adjacent lists. The zero value is an empty key.
type Key struct{ b []byte }

// Reset empties the key and keeps its buffer, unless one huge key made it huge.
func (k *Key) Reset() {
	if cap(k.b) > 64<<10 {
		k.b = nil
	}
	k.b = k.b[:0]
}

// Text adds one text.
func (k *Key) Text(s string) { k.Texts(s) }

// Texts adds several texts, one after the other. It is one call for all and never
// inlined: code that runs once a request is seldom in a cache, so it is short.
//
//go:noinline
func (k *Key) Texts(list ...string) {
	b := k.b
	for i := range list {
		if n := len(list[i]); n < 0x80 {
			b = append(b, byte(n)) // what AppendUint does with it
		} else {
			b = AppendUint(b, uint64(n))
		}
		b = append(b, list[i]...)
	}
	k.b = b
}

// Count adds a number, as a text of its own.
func (k *Key) Count(n int) {
	var digits [10]byte
	k.b = AppendText(k.b, string(AppendUint(digits[:0], uint64(n))))
}

// Bytes adds one text.
func (k *Key) Bytes(b []byte) {
	k.b = AppendUint(k.b, uint64(len(b)))
	k.b = append(k.b, b...)
}

// Value is the key, valid until the next Reset. Who puts the answer in a later
// callback needs a copy.
func (k *Key) Value() []byte { return k.b }

// AppendUint appends n in base 128, the least significant seven bits first, as
// encoding/binary's AppendUvarint does (which would link reflect).
func AppendUint(dst []byte, n uint64) []byte {
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

// CutUint takes a number of AppendUint from the front of b. It refuses what
// AppendUint does not write.
func CutUint(b []byte) (n uint64, rest []byte, ok bool) {
	for i, c := range b {
		switch {
		case i == 9 && c > 1, i > 0 && c == 0: // over 64 bits, or padded
			return 0, nil, false
		case c < 0x80:
			return n | uint64(c)<<(7*i), b[i+1:], true
		}
		n |= uint64(c&0x7f) << (7 * i)
	}
	return 0, nil, false
}

// AppendText appends s with its length before it. Encoders for [NewTiered] are
// made of it.
func AppendText(dst []byte, s string) []byte {
	return append(AppendUint(dst, uint64(len(s))), s...)
}

// CutText takes a text of AppendText from the front of b.
func CutText(b []byte) (s string, rest []byte, ok bool) {
	n, b, ok := CutUint(b)
	if !ok || n > uint64(len(b)) {
		return "", nil, false
	}
	return string(b[:n]), b[n:], true
}
