package sigv4

import "unsafe"

// load64 returns the eight bytes of s from i on, in any order. Wasm has a load
// for it at any address, which the compiler does not see in load64 elsewhere.
// The caller holds i+8 <= len(s).
func load64(s string, i int) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), i))
}
