//go:build !wasm

package cache

// load64 returns the eight bytes of p from i on, the first one lowest. The caller
// holds i+8 <= len(p).
func load64(p []byte, i int) uint64 {
	b := p[i : i+8]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}
