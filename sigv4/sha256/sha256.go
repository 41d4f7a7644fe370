// Package sha256 is SHA-256 (FIPS 180-4) for WebAssembly, where the standard
// library has no assembly: a block function on 32-bit operations, and a state
// that can be copied, which makes a keyed HMAC two blocks cheaper.
//
// The standard library is its oracle in tests. Outside Wasm the block function
// is plain Go, and Sum is the standard library's.
package sha256

// Sizes in bytes (FIPS 180-4 section 1).
const (
	Size      = 32
	BlockSize = 64
)

// State is the chaining value after a whole number of blocks: H0 to H7.
type State [8]uint32

// Init is the initial hash value (FIPS 180-4 section 5.3.3).
var Init = State{
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

// schedule holds the words of FIPS 180-4 section 6.2.2, step 1.
type schedule [64]uint32

// Digest is a running hash. It must be started by Reset; copying it forks it.
type Digest struct {
	h   State
	buf [BlockSize]byte
	n   int    // bytes in buf
	len uint64 // bytes hashed in all
	w   schedule
}

// Reset starts a hash.
func (d *Digest) Reset() { d.Resume(&Init, 0) }

// Resume starts from a chaining value reached after blocks whole blocks.
func (d *Digest) Resume(h *State, blocks uint64) {
	d.h, d.n, d.len = *h, 0, blocks*BlockSize
}

// Write adds p.
func (d *Digest) Write(p []byte) {
	d.len += uint64(len(p))
	if d.n > 0 {
		n := copy(d.buf[d.n:], p)
		d.n += n
		p = p[n:]
		if d.n < BlockSize {
			return
		}
		block(&d.h, &d.w, d.buf[:])
		d.n = 0
	}
	if whole := len(p) &^ (BlockSize - 1); whole > 0 {
		block(&d.h, &d.w, p[:whole])
		p = p[whole:]
	}
	d.n = copy(d.buf[:], p)
}

// WriteString adds s.
func (d *Digest) WriteString(s string) {
	for len(s) > 0 {
		if d.n == 0 && len(s) >= BlockSize {
			n := len(s) &^ (BlockSize - 1)
			d.Write(bytesOf(s[:n]))
			s = s[n:]
			continue
		}
		n := copy(d.buf[d.n:], s)
		d.n += n
		d.len += uint64(n)
		s = s[n:]
		if d.n == BlockSize {
			block(&d.h, &d.w, d.buf[:])
			d.n = 0
		}
	}
}

// Sum ends the hash and stores it in out. The digest must be reset before it is
// used again.
func (d *Digest) Sum(out *[Size]byte) {
	d.end()
	d.h.put(out[:])
}

// end pads the message and hashes what is left of it (FIPS 180-4 section 5.1.1).
func (d *Digest) end() {
	bits := d.len * 8
	d.buf[d.n] = 0x80
	clear(d.buf[d.n+1:])
	if d.n >= BlockSize-8 {
		block(&d.h, &d.w, d.buf[:])
		clear(d.buf[:])
	}
	put32(d.buf[:], BlockSize-8, uint32(bits>>32))
	put32(d.buf[:], BlockSize-4, uint32(bits))
	block(&d.h, &d.w, d.buf[:])
}

// put writes a hash to the first Size bytes of b.
func (h *State) put(b []byte) {
	for i := range h {
		put32(b, 4*i, h[i])
	}
}

// Block adds one block to a chaining value.
func Block(h *State, p *[BlockSize]byte) {
	var w schedule
	block(h, &w, p[:])
}

// Key is an HMAC-SHA256 key (RFC 2104) as the two chaining values after its
// padded blocks: a sum costs two blocks less than from the key itself.
type Key struct {
	inner, outer State
	blocks       uint64 // that inner comes after
}

// NewKey prepares a key of any length.
func NewKey(key []byte) Key {
	var pad [BlockSize]byte
	if len(key) > BlockSize {
		sum := Sum(key)
		copy(pad[:], sum[:])
	} else {
		copy(pad[:], key)
	}
	k := Key{Init, Init, 1}
	for i := range pad {
		pad[i] ^= 0x36
	}
	Block(&k.inner, &pad)
	for i := range pad {
		pad[i] ^= 0x36 ^ 0x5c
	}
	Block(&k.outer, &pad)
	clear(pad[:])
	return k
}

// After is the key for the rest of texts that begin with a block: the HMAC of a
// whole one under k is that of its rest under k.After.
func (k *Key) After(first *[BlockSize]byte) Key {
	after := *k
	Block(&after.inner, first)
	after.blocks++
	return after
}

// MAC stores the HMAC of text under k in out.
func (d *Digest) MAC(k *Key, text []byte, out *[Size]byte) {
	d.Resume(&k.inner, k.blocks)
	d.Write(text)
	d.end()
	d.h.put(d.buf[:])
	d.h, d.n, d.len = k.outer, Size, BlockSize+Size
	d.end()
	d.h.put(out[:])
}
