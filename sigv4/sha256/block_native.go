//go:build !wasm

package sha256

import (
	"crypto/sha256"
	"math/bits"
	"unsafe"
)

// Sum returns the SHA-256 of p.
func Sum(p []byte) [Size]byte { return sha256.Sum256(p) }

// block is FIPS 180-4 section 6.2.2, with the schedule as a ring of 16 words.
// The length of p is a multiple of BlockSize.
func block(h *State, w *[16]uint32, p []byte) {
	for ; len(p) >= BlockSize; p = p[BlockSize:] {
		a, b, c, d, e, f, g, v := h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]
		for i := range 64 {
			var x uint32
			if i < 16 {
				q := p[4*i : 4*i+4]
				x = uint32(q[0])<<24 | uint32(q[1])<<16 | uint32(q[2])<<8 | uint32(q[3])
			} else {
				w2, w15 := w[(i-2)&15], w[(i-15)&15]
				s1 := bits.RotateLeft32(w2, -17) ^ bits.RotateLeft32(w2, -19) ^ w2>>10
				s0 := bits.RotateLeft32(w15, -7) ^ bits.RotateLeft32(w15, -18) ^ w15>>3
				x = s1 + w[(i-7)&15] + s0 + w[i&15]
			}
			w[i&15] = x
			t1 := v + (bits.RotateLeft32(e, -6) ^ bits.RotateLeft32(e, -11) ^ bits.RotateLeft32(e, -25)) +
				(g ^ e&(f^g)) + k[i] + x
			t2 := (bits.RotateLeft32(a, -2) ^ bits.RotateLeft32(a, -13) ^ bits.RotateLeft32(a, -22)) +
				(a&b | c&(a|b))
			a, b, c, d, e, f, g, v = t1+t2, a, b, c, d+t1, e, f, g
		}
		h[0], h[1], h[2], h[3] = h[0]+a, h[1]+b, h[2]+c, h[3]+d
		h[4], h[5], h[6], h[7] = h[4]+e, h[5]+f, h[6]+g, h[7]+v
	}
}
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// put32 writes v at i, the highest byte first. The caller holds i+4 <= len(b).
func put32(b []byte, i int, v uint32) {
	b = b[i : i+4]
	b[0], b[1], b[2], b[3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
}
