package sha256

import (
	"math/bits"
	"unsafe"
)

// block adds whole blocks to h. w is scratch space: an assembly function has no
// cheap frame of its own.
//
//go:noescape
func block(h *State, w *schedule, p []byte)

// Sum returns the SHA-256 of p.
func Sum(p []byte) (out [Size]byte) {
	var d Digest
	d.Reset()
	d.Write(p)
	d.Sum(&out)
	return out
}

func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// put32 writes v at i, the highest byte first. Wasm has a store for any address,
// which the compiler does not see in four of a byte. The caller holds i+4 <= len(b).
func put32(b []byte, i int, v uint32) {
	*(*uint32)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i)) = bits.ReverseBytes32(v)
}
