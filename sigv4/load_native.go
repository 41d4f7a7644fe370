//go:build !wasm

package sigv4

// load64 returns the eight bytes of s from i on, in any order. The caller holds
// i+8 <= len(s).
func load64(s string, i int) uint64 {
	b := s[i : i+8]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// store64 writes what load64 returns. The caller holds i+8 <= len(b).
func store64(b []byte, i int, x uint64) {
	b = b[i : i+8]
	for i := range b {
		b[i] = byte(x >> (8 * i))
	}
}
