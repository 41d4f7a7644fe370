package host

import "math/bits"

// table finds what belongs to one of Envoy's numbers: few at a time, most of them
// for a short while. Go's maps do that with five times the code, and what a request
// runs through is what it costs. The zero value is ready. T is a pointer: then all
// tables share their code, which they would not under a narrower constraint.
type table[T any] struct {
	slots []slot[T] // a power of two of them, at least a third empty
	live  int
}

type slot[T any] struct {
	id    uint32
	taken bool
	what  T
}

// home is where a search begins. The numbers rise one by one, and so do those of
// streams that stay for hours: without being scattered, each new one would have to
// pass all of these at times.
func (t *table[T]) home(id uint32) uint32 {
	return id * 0x9e3779b1 >> (32 - bits.TrailingZeros(uint(len(t.slots))))
}

// at is the slot of a number, or the empty one where it would be.
func (t *table[T]) at(id uint32) uint32 {
	mask := uint32(len(t.slots) - 1)
	i := t.home(id)
	for t.slots[i].taken && t.slots[i].id != id {
		i = (i + 1) & mask
	}
	return i
}

// get returns what put has left, or the zero value.
func (t *table[T]) get(id uint32) (what T) {
	if len(t.slots) == 0 {
		return what
	}
	return t.slots[t.at(id)].what
}

// put leaves something, in the place of what was there.
func (t *table[T]) put(id uint32, what T) {
	if t.live >= len(t.slots)-len(t.slots)/3 {
		t.grow()
	}
	s := &t.slots[t.at(id)]
	if !s.taken {
		t.live++
	}
	*s = slot[T]{id, true, what}
}

func (t *table[T]) grow() {
	was := t.slots
	t.slots, t.live = make([]slot[T], max(16, 2*len(was))), 0
	for i := range was {
		if s := &was[i]; s.taken {
			t.put(s.id, s.what)
		}
	}
}

// take returns what get returns, and takes it out.
func (t *table[T]) take(id uint32) (what T) {
	if len(t.slots) == 0 {
		return what
	}
	hole := t.at(id)
	if !t.slots[hole].taken {
		return what
	}
	what = t.slots[hole].what
	t.live--
	// Who stands behind the hole and has a home there or before it moves up.
	mask := uint32(len(t.slots) - 1)
	for i := (hole + 1) & mask; t.slots[i].taken; i = (i + 1) & mask {
		if s := t.slots[i]; (i-t.home(s.id))&mask >= (i-hole)&mask {
			t.slots[hole] = s
			hole = i
		}
	}
	t.slots[hole] = slot[T]{}
	return what
}
