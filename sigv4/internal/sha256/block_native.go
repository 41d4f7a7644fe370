//go:build !wasm

package sha256

import (
	"crypto/sha256"
	"unsafe"
)

func block(h *State, w *[16]uint32, p []byte) { blockGo(h, w, p) }

// Sum returns the SHA-256 of p.
func Sum(p []byte) [Size]byte { return sha256.Sum256(p) }

func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
