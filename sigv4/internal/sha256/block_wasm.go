package sha256

import "unsafe"

// block adds whole blocks to h. w is scratch space: an assembly function has no
// cheap frame of its own.
//
//go:noescape
func block(h *State, w *[16]uint32, p []byte)

// Sum returns the SHA-256 of p.
func Sum(p []byte) (out [Size]byte) {
	var d Digest
	d.Reset()
	d.Write(p)
	d.Sum(&out)
	return out
}

func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
