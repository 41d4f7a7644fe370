package cache

import (
	"bytes"
	"testing"
	"time"
)

// FuzzEnvelope reads arbitrary bytes as a slot's value, as they are and with a
// MAC that is right, which is as far as a forger with the key gets.
func FuzzEnvelope(f *testing.F) {
	d := newSharedData()
	w := worker(d, 1, "c")
	for _, v := range []string{"", "a verdict"} {
		w.Put(key("k"), v, Terms{TTL: time.Hour, StaleIfError: time.Minute}, start)
		f.Add(bytes.Clone(d.values["test.0000"]))
	}
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, headLen+macLen))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := worker(newSharedData(), 1, "c").shared
		values := [][]byte{raw}
		if len(raw) >= macLen {
			body := raw[:len(raw)-macLen]
			values = append(values, append64(bytes.Clone(body), s.mac.sum(body)))
		}
		for _, value := range values {
			e, ok := s.parse(value)
			if ok && !bytes.Equal(s.append(nil, &e), value) {
				t.Fatalf("% x is accepted, but not what is written", value)
			}
			if ok && len(e.payload) > maxPayload {
				t.Fatalf("a payload of %d bytes is accepted", len(e.payload))
			}
			// Whatever is in the slot, the cache works on: nothing of it is shown
			// under another key, and an answer replaces it or finds it fresher.
			d := newSharedData()
			d.values["test.0000"], d.cas["test.0000"] = value, 7
			w := worker(d, 1, "c")
			w.Get(key("k"), start)
			if v, state, _ := w.Get(key("other"), start); state != Miss || v != "" {
				t.Fatalf("another key finds %q", v)
			}
			w.Put(key("k"), "new", hour, start)
			if v, state, _ := w.Get(key("k"), start); state == Fresh && v != "new" && !ok {
				t.Fatalf("a refused envelope gives %q", v)
			}
		}
	})
}

// FuzzCache runs the bytes as operations on a small cache and checks its bounds
// and structure.
func FuzzCache(f *testing.F) {
	f.Add([]byte("put and get and put again"))
	f.Add(bytes.Repeat([]byte{0, 1, 2, 3, 250}, 40))
	f.Fuzz(func(t *testing.T, program []byte) {
		c := New(Options[int]{MaxEntries: 12, MaxBytes: 12_000, Cost: func(n int) int { return n }})
		now := start
		for len(program) >= 3 {
			op, k, n := program[0], program[1:2], int(program[2])
			program = program[3:]
			now = now.Add(time.Duration(op>>4) * sec)
			switch op & 7 {
			case 0, 1, 2:
				c.Put(k, 4*n, Terms{TTL: time.Duration(n) * sec, StaleIfError: 5 * sec, Untrusted: op&8 != 0}, now)
			case 3:
				c.Put(k, n, Terms{}, now)
			case 4:
				now = now.Add(-time.Duration(n) * sec)
			default:
				c.Get(k, now)
			}
			if c.Len() > 12 || c.Bytes() > 12_000 {
				t.Fatalf("%d entries, %d bytes", c.Len(), c.Bytes())
			}
		}
		checkInvariants(t, c)
	})
}
