package cache

import "unsafe"

// load64 returns the eight bytes of p from i on, the first one lowest. Wasm has a
// load for it at any address, which the compiler does not see in load64 elsewhere.
// The caller holds i+8 <= len(p).
func load64(p []byte, i int) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(p)), i))
}
