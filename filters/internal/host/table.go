package host

import "math/bits"

// table finds what belongs to one of Envoy's numbers: few at a time, most of them
// for a short while. Go's maps do that with five times the code, and what a request
// runs through is what it costs. The zero value is ready. T is a pointer: then all
// tables share their code, which they would not under a narrower constraint.
//
// The numbers rise one by one, and so do those of streams that stay for hours:
// without being scattered, each new one would have to pass all of these at times.
type table[T any] struct {
	slots []slot[T] // a power of two of them, at most a quarter of them in use
	live  int
	reach uint32 // how many slots from its home on may hold a number
}

type slot[T any] struct {
	id    uint32
	taken bool
	what  T
}

// at is the slot so many places after the home of a number.
func (t *table[T]) at(id, i uint32) *slot[T] {
	n := uint(len(t.slots))
	home := id * 0x9e3779b1 >> (32 - bits.TrailingZeros(n)) // multiplicative hashing, Knuth vol. 3, 6.4
	return &t.slots[(home+i)&uint32(n-1)]
}

// find returns a number's slot, or nil.
//
//go:noinline
func (t *table[T]) find(id uint32) *slot[T] {
	for i := range t.reach {
		if s := t.at(id, i); s.id == id && s.taken {
			return s
		}
	}
	return nil
}

// get returns what put has left, or the zero value.
func (t *table[T]) get(id uint32) (what T) {
	if s := t.find(id); s != nil {
		what = s.what
	}
	return what
}

// put leaves something, in the place of what was there.
func (t *table[T]) put(id uint32, what T) {
	s := t.find(id)
	if s == nil {
		s = t.occupy(id)
	}
	s.what = what
}

// occupy takes a free slot for a number that has none.
func (t *table[T]) occupy(id uint32) *slot[T] {
	if t.live >= len(t.slots)/4 {
		t.grow()
	}
	for i := uint32(0); ; i++ {
		s := t.at(id, i)
		if s.taken {
			continue
		}
		s.id, s.taken = id, true
		t.live++
		t.reach = max(t.reach, i+1)
		return s
	}
}

func (t *table[T]) grow() {
	was := t.slots
	t.slots, t.live, t.reach = make([]slot[T], max(32, 2*len(was))), 0, 0
	for i := range was {
		if s := &was[i]; s.taken {
			t.put(s.id, s.what)
		}
	}
}

// take returns what get returns, and takes it out.
func (t *table[T]) take(id uint32) (what T) {
	s := t.find(id)
	if s == nil {
		return what
	}
	what = s.what
	*s = slot[T]{}
	if t.live--; t.live == 0 {
		t.reach = 0
	}
	return what
}
