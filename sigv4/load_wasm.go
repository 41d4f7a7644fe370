package sigv4

import "unsafe"

// load64 returns the eight bytes of s from i on, the first one lowest. Wasm has a load
// for it at any address, which the compiler does not see in load64 elsewhere.
// The caller holds i+8 <= len(s).
func load64(s string, i int) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), i))
}

// store64 writes what load64 returns. The caller holds i+8 <= len(b).
func store64(b []byte, i int, x uint64) {
	*(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i)) = x
}
