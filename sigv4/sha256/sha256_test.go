package sha256

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"math/rand/v2"
	"strings"
	"testing"
)

// text returns n bytes that differ from block to block.
func text(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func digest(write func(*Digest)) (out [Size]byte) {
	var d Digest
	d.Reset()
	write(&d)
	d.Sum(&out)
	return out
}

func TestEveryLengthEqualsTheStandardLibrary(t *testing.T) {
	t.Parallel()
	for n := range 300 {
		p := text(n)
		want := sha256.Sum256(p)
		if got := Sum(p); got != want {
			t.Fatalf("Sum of %d bytes: %x, want %x", n, got, want)
		}
		if got := digest(func(d *Digest) { d.Write(p) }); got != want {
			t.Fatalf("Write of %d bytes: %x, want %x", n, got, want)
		}
		if got := digest(func(d *Digest) { d.WriteString(string(p)) }); got != want {
			t.Fatalf("WriteString of %d bytes: %x, want %x", n, got, want)
		}
	}
}

func TestPiecesEqualTheWhole(t *testing.T) {
	t.Parallel()
	p := text(1000)
	want := sha256.Sum256(p)
	for size := 1; size < 200; size++ {
		got := digest(func(d *Digest) {
			for i, rest := 0, p; len(rest) > 0; i++ {
				n := min(size, len(rest))
				if i%2 == 0 {
					d.Write(rest[:n])
				} else {
					d.WriteString(string(rest[:n]))
				}
				rest = rest[n:]
			}
		})
		if got != want {
			t.Fatalf("pieces of %d bytes: %x, want %x", size, got, want)
		}
	}
}

func TestACopyForks(t *testing.T) {
	t.Parallel()
	var a, b Digest
	a.Reset()
	a.WriteString(strings.Repeat("x", 100))
	b = a
	a.WriteString("a")
	b.WriteString("b")
	var gotA, gotB [Size]byte
	a.Sum(&gotA)
	b.Sum(&gotB)
	if want := sha256.Sum256([]byte(strings.Repeat("x", 100) + "a")); gotA != want {
		t.Errorf("first: %x, want %x", gotA, want)
	}
	if want := sha256.Sum256([]byte(strings.Repeat("x", 100) + "b")); gotB != want {
		t.Errorf("second: %x, want %x", gotB, want)
	}
}

func TestMACEqualsTheStandardLibrary(t *testing.T) {
	t.Parallel()
	var d Digest
	for n := range 140 {
		key, msg := text(n), text(3*n)
		h := hmac.New(sha256.New, key)
		h.Write(msg)
		k := NewKey(key)
		var got [Size]byte
		for range 2 { // the prepared key is not used up
			d.MAC(&k, msg, &got)
			if want := h.Sum(nil); !bytes.Equal(got[:], want) {
				t.Fatalf("key of %d bytes: %x, want %x", n, got, want)
			}
		}
		for rest := msg; len(rest) >= BlockSize; { // block by block, to the end
			k = k.After((*[BlockSize]byte)(rest))
			rest = rest[BlockSize:]
			if d.MAC(&k, rest, &got); !bytes.Equal(got[:], h.Sum(nil)) {
				t.Fatalf("key of %d bytes, %d bytes left of %d: %x, want %x", n, len(rest), len(msg), got, h.Sum(nil))
			}
		}
	}
}

func FuzzDigest(f *testing.F) {
	f.Add([]byte(""), []byte(""), uint16(0))
	f.Add(text(64), text(64), uint16(64))
	f.Add(text(65), text(200), uint16(63))
	f.Fuzz(func(t *testing.T, key, p []byte, cut uint16) {
		at := min(int(cut), len(p))
		want := sha256.Sum256(p)
		if got := digest(func(d *Digest) { d.Write(p[:at]); d.WriteString(string(p[at:])) }); got != want {
			t.Fatalf("digest %x, want %x", got, want)
		}
		h := hmac.New(sha256.New, key)
		h.Write(p)
		k := NewKey(key)
		var d Digest
		var got [Size]byte
		d.MAC(&k, p, &got)
		if !hmac.Equal(got[:], h.Sum(nil)) {
			t.Fatalf("MAC %x, want %x", got, h.Sum(nil))
		}
	})
}

func benchmark(b *testing.B, n int, sum func(p []byte)) {
	p := text(n)
	b.ReportAllocs()
	b.SetBytes(int64(n))
	for b.Loop() {
		sum(p)
	}
}

func BenchmarkStandard64KiB(b *testing.B) { benchmark(b, 1<<16, func(p []byte) { sha256.Sum256(p) }) }
func Benchmark64KiB(b *testing.B)         { benchmark(b, 1<<16, func(p []byte) { Sum(p) }) }
func BenchmarkStandard256B(b *testing.B)  { benchmark(b, 256, func(p []byte) { sha256.Sum256(p) }) }
func Benchmark256B(b *testing.B)          { benchmark(b, 256, func(p []byte) { Sum(p) }) }

func BenchmarkStandardHMAC100B(b *testing.B) {
	key := text(32)
	benchmark(b, 100, func(p []byte) { h := hmac.New(sha256.New, key); h.Write(p); h.Sum(nil) })
}

func BenchmarkMAC100B(b *testing.B) {
	k := NewKey(text(32))
	var d Digest
	var out [Size]byte
	benchmark(b, 100, func(p []byte) { d.MAC(&k, p, &out) })
}
