package host

import (
	"math/rand/v2"
	"testing"
)

// TestTable does what Envoy does, numbers that rise and some that stay, and what it
// does not, beside a map.
func TestTable(t *testing.T) {
	for _, span := range []uint32{8, 100, 5000, 1 << 31} {
		rnd := rand.New(rand.NewPCG(1, uint64(span)))
		var got table[*uint32]
		want := map[uint32]*uint32{}
		next := uint32(1<<32 - 500) // over the end of the numbers
		for range 20000 {
			id := next - rnd.Uint32N(span)
			switch rnd.IntN(5) {
			case 0, 1:
				if len(want) < 3000 {
					next++
					got.put(next, &next)
					want[next] = &next
					other := id
					got.put(id, &other)
					want[id] = &other
				}
			case 2, 3:
				if found := got.take(id); found != want[id] {
					t.Fatalf("span %d: take(%d) = %v, want %v", span, id, found, want[id])
				}
				delete(want, id)
			default:
				if found := got.get(id); found != want[id] {
					t.Fatalf("span %d: get(%d) = %v, want %v", span, id, found, want[id])
				}
			}
			if got.live != len(want) {
				t.Fatalf("span %d: %d are in, want %d", span, got.live, len(want))
			}
		}
		for id, w := range want {
			if found := got.take(id); found != w {
				t.Fatalf("span %d: take(%d) = %v in the end, want %v", span, id, found, w)
			}
		}
		for _, s := range got.slots {
			if s.what != nil {
				t.Fatalf("span %d: %d was never taken", span, s.id)
			}
		}
	}
}

// TestTableStaysSmall: numbers that come and go leave no trace.
func TestTableStaysSmall(t *testing.T) {
	var tt table[*int]
	for id := range uint32(100000) {
		tt.put(id, new(int))
		if id >= 8 {
			if tt.take(id-8) == nil {
				t.Fatalf("%d is lost", id-8)
			}
		}
	}
	if len(tt.slots) > 64 {
		t.Errorf("%d slots for 8 that are in at a time", len(tt.slots))
	}
}

// TestTableScatters: whoever opens many streams at once, and keeps them, does not make
// it long to find those of others.
func TestTableScatters(t *testing.T) {
	for _, held := range []uint32{100, 1000, 30000} {
		var tt table[*int]
		for id := range held {
			tt.put(id, new(int))
		}
		for id := held; id < held+200000; id++ {
			tt.put(id, new(int))
			tt.take(id)
		}
		if tt.reach > 8 {
			t.Errorf("with %d that stay, a number is looked for in %d places", held, tt.reach)
		}
	}
}
