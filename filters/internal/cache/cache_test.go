package cache

import (
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// start is the time of day at which all tests begin.
var start = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return start.Add(d) }

func key(s string) []byte { return []byte(s) }

// roomy is a cache in which nothing needs to be evicted.
func roomy() *Cache[string] {
	return New(Options[string]{MaxEntries: 100_000, MaxBytes: 1 << 30, Cost: func(s string) int { return len(s) }})
}

const sec = time.Second

// put is one answer, asked for at a time after start.
type put struct {
	key, value string
	terms      Terms
	asked      time.Duration
}

// want is what a Get at a time after start gives.
type want struct {
	key   string
	at    time.Duration
	value string
	state State
}

var lifetimes = map[string]struct {
	puts []put
	want []want
}{
	"nothing was put": {
		want: []want{{"k", 0, "", Miss}},
	},
	"an entry is fresh from the time of asking until its TTL, to the nanosecond": {
		puts: []put{{"k", "v", Terms{TTL: 10 * sec}, sec}},
		want: []want{
			{"k", sec, "v", Fresh},
			{"k", 11*sec - 1, "v", Fresh},
			{"k", 11 * sec, "", Miss},
		},
	},
	"after the TTL it is stale for as long as allowed": {
		puts: []put{{"k", "v", Terms{TTL: 10 * sec, StaleIfError: 5 * sec}, 0}},
		want: []want{
			{"k", 10*sec - 1, "v", Fresh},
			{"k", 10 * sec, "v", Stale},
			{"k", 15*sec - 1, "v", Stale},
			{"k", 15 * sec, "", Miss},
		},
	},
	"each entry has its own lifetime": {
		puts: []put{
			{"allow", "a", Terms{TTL: 60 * sec}, 0},
			{"deny", "d", Terms{TTL: 2 * sec, Untrusted: true}, 0},
		},
		want: []want{{"allow", 3 * sec, "a", Fresh}, {"deny", sec, "d", Fresh}, {"deny", 3 * sec, "", Miss}},
	},
	"a later answer replaces an earlier one": {
		puts: []put{{"k", "old", Terms{TTL: 60 * sec}, 0}, {"k", "new", Terms{TTL: 5 * sec}, sec}},
		want: []want{{"k", 2 * sec, "new", Fresh}, {"k", 7 * sec, "", Miss}},
	},
	"an answer that was overtaken by a later question's is dropped": {
		puts: []put{{"k", "deny", Terms{TTL: 60 * sec, Untrusted: true}, 2 * sec}, {"k", "allow", Terms{TTL: 60 * sec}, sec}},
		want: []want{{"k", 3 * sec, "deny", Fresh}},
	},
	"two answers asked for at once: the last one stays": {
		puts: []put{{"k", "a", Terms{TTL: sec}, 0}, {"k", "b", Terms{TTL: sec}, 0}},
		want: []want{{"k", 0, "b", Fresh}},
	},
	"an answer that may not be kept voids the one before, stale use included": {
		puts: []put{{"k", "allow", Terms{TTL: 10 * sec, StaleIfError: time.Hour}, 0}, {"k", "", Terms{}, 5 * sec}},
		want: []want{{"k", 6 * sec, "", Miss}, {"k", 11 * sec, "", Miss}},
	},
	"a negative TTL is none": {
		puts: []put{{"k", "v", Terms{TTL: -1, StaleIfError: time.Hour}, 0}},
		want: []want{{"k", 0, "", Miss}},
	},
	"an overtaken answer does not come back after a later one was not kept": {
		puts: []put{
			{"k", "allow", Terms{TTL: 10 * sec}, 0},
			{"k", "", Terms{}, 5 * sec},
			{"k", "allow", Terms{TTL: 10 * sec}, 4 * sec},
		},
		want: []want{{"k", 6 * sec, "", Miss}},
	},
	"an answer not kept does not void one that was asked for after it": {
		puts: []put{{"k", "v", Terms{TTL: 10 * sec}, 5 * sec}, {"k", "", Terms{}, 4 * sec}},
		want: []want{{"k", 6 * sec, "v", Fresh}},
	},
	"after a voided entry a new answer is kept": {
		puts: []put{
			{"k", "a", Terms{TTL: 10 * sec}, 0},
			{"k", "", Terms{}, sec},
			{"k", "b", Terms{TTL: 10 * sec}, 2 * sec},
		},
		want: []want{{"k", 3 * sec, "b", Fresh}},
	},
	"a clock set back by more than callouts last makes entries void": {
		puts: []put{{"k", "v", Terms{TTL: 60 * sec}, time.Hour}},
		want: []want{{"k", time.Hour - 61*sec, "", Miss}, {"k", time.Hour - 59*sec, "v", Fresh}},
	},
	"after a clock was set back new answers replace those from the future": {
		puts: []put{{"k", "future", Terms{TTL: 60 * sec}, time.Hour}, {"k", "now", Terms{TTL: 60 * sec}, 0}},
		want: []want{{"k", sec, "now", Fresh}},
	},
	"an absurd TTL does not wrap around": {
		puts: []put{{"k", "v", Terms{TTL: 1<<63 - 1, StaleIfError: 1<<63 - 1}, 0}},
		want: []want{{"k", 24 * time.Hour, "v", Fresh}, {"k", 366 * 24 * time.Hour, "v", Stale}, {"k", 731 * 24 * time.Hour, "", Miss}},
	},
	"keys are compared whole": {
		puts: []put{{"token-a", "a", Terms{TTL: sec}, 0}, {"token-", "b", Terms{TTL: sec}, 0}, {"", "c", Terms{TTL: sec}, 0}},
		want: []want{{"token-a", 0, "a", Fresh}, {"token-", 0, "b", Fresh}, {"", 0, "c", Fresh}, {"token-b", 0, "", Miss}, {"token-a\x00", 0, "", Miss}},
	},
}

func TestLifetimes(t *testing.T) {
	t.Parallel()
	for name, test := range lifetimes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := roomy()
			for _, p := range test.puts {
				c.Put(key(p.key), p.value, p.terms, at(p.asked))
			}
			for _, w := range test.want {
				if v, s := c.Get(key(w.key), at(w.at)); v != w.value || s != w.state {
					t.Errorf("%q at %v: got %q %v, want %q %v", w.key, w.at, v, s, w.value, w.state)
				}
			}
		})
	}
}

func TestThePutKeyMayBeReused(t *testing.T) {
	t.Parallel()
	c := roomy()
	buffer := key("first")
	c.Put(buffer, "v", Terms{TTL: sec}, start)
	copy(buffer, "other")
	if _, s := c.Get(key("first"), start); s != Fresh {
		t.Errorf("the entry changed with the caller's buffer: %v", s)
	}
	if _, s := c.Get(key("other"), start); s != Miss {
		t.Errorf("the caller's buffer became a key: %v", s)
	}
}

func TestClear(t *testing.T) {
	t.Parallel()
	c := roomy()
	c.Put(key("k"), "v", Terms{TTL: sec}, start)
	c.Clear()
	if _, s := c.Get(key("k"), start); s != Miss || c.Len() != 0 || c.Bytes() != 0 {
		t.Errorf("after Clear: %v, %d entries, %d bytes", s, c.Len(), c.Bytes())
	}
	if !c.Put(key("k"), "v", Terms{TTL: sec}, start) {
		t.Error("a cleared cache keeps nothing")
	}
}

// TestTombstones: what was forgotten is not there at any time, also not before it
// was forgotten: the clock may be set back.
func TestTombstones(t *testing.T) {
	t.Parallel()
	l := tombstone(start)
	for _, after := range []time.Duration{-time.Hour, -time.Minute, -1, 0, 1, time.Hour} {
		if s := l.state(at(after).UnixNano()); s != Miss {
			t.Errorf("%s after it, a tombstone is %s", after, s)
		}
	}
	c := New(Options[string]{MaxEntries: 10, MaxBytes: 10000})
	c.Put(key("k"), "v", Terms{TTL: time.Hour, StaleIfError: time.Hour}, start)
	c.Put(key("k"), "", Terms{}, at(time.Minute))
	if v, s := c.Get(key("k"), at(time.Minute-1)); s != Miss {
		t.Errorf("got %q, %s", v, s)
	}
}

func TestLargeEntries(t *testing.T) {
	t.Parallel()
	const maxBytes = 100_000
	c := New(Options[string]{MaxEntries: 1000, MaxBytes: maxBytes, Cost: func(s string) int { return len(s) }})
	life := Terms{TTL: time.Hour}
	if !c.Put(key("k"), "small", life, start) {
		t.Fatal("a small entry is not kept")
	}
	if c.Put(key("k"), strings.Repeat("x", maxBytes/10), life, start) {
		t.Error("an entry over a tenth of the cache is kept")
	}
	if v, s := c.Get(key("k"), start); s != Miss {
		t.Errorf("the answer before the large one is still there: %q %v", v, s)
	}
	if c.Put(key(strings.Repeat("k", maxBytes/10)), "v", life, start) {
		t.Error("a key over a tenth of the cache is kept")
	}
	if c.Len() != 0 || c.Bytes() != 0 {
		t.Errorf("%d entries, %d bytes left", c.Len(), c.Bytes())
	}
	// An entry that grows in its place must push out others.
	for i := range 300 {
		c.Put(key("grows"+strconv.Itoa(i%30)), strings.Repeat("x", i*30), life, start)
		if c.Bytes() > maxBytes {
			t.Fatalf("%d bytes after %d puts, limit %d", c.Bytes(), i, maxBytes)
		}
	}
}

// TestTinyBounds: the least cache still works, and an impossible one keeps
// nothing and does not hang.
func TestTinyBounds(t *testing.T) {
	t.Parallel()
	one := New(Options[int]{MaxEntries: 1, MaxBytes: 1 << 20})
	for i := range 100 {
		k := key(strconv.Itoa(i / 2))
		one.Put(k, i, Terms{TTL: sec}, start)
		if v, s := one.Get(k, start); v != i || s != Fresh || one.Len() != 1 {
			t.Fatalf("put %d: got %d %v, %d entries", i, v, s, one.Len())
		}
	}
	for _, o := range []Options[int]{{}, {MaxEntries: -1, MaxBytes: -1}, {MaxEntries: 10}} {
		none := New(o)
		if none.Put(key("k"), 1, Terms{TTL: sec}, start) || none.Len() != 0 {
			t.Errorf("%+v keeps an entry", o)
		}
	}
}

// limited is a cache bounded by entries.
func limited(entries int) *Cache[int] {
	return New(Options[int]{MaxEntries: entries, MaxBytes: 1 << 30})
}

// heat puts hot keys and asks for each, as users do.
func heat(c *Cache[int], n int, now time.Time) {
	for round := range 2 {
		for i := range n {
			k := key("hot" + strconv.Itoa(i))
			if _, s := c.Get(k, now); s == Miss {
				c.Put(k, i, Terms{TTL: time.Hour}, now)
			} else if round == 0 {
				return
			}
		}
	}
}

func survivors(c *Cache[int], n int, now time.Time) int {
	alive := 0
	for i := range n {
		if v, s := c.Get(key("hot"+strconv.Itoa(i)), now); s == Fresh && v == i {
			alive++
		}
	}
	return alive
}

func TestFloods(t *testing.T) {
	t.Parallel()
	const entries, hot = 1000, 500
	tests := map[string]struct {
		terms    Terms
		asks     int // how often each key of the flood is asked for
		useEvery int // the hot keys are used once in so many requests of the flood; 0 is never
		survive  int
	}{
		"keys that come once, while no hot key is used at all": {
			terms: Terms{TTL: time.Hour}, asks: 1, survive: hot,
		},
		"keys that come three times, while hot keys are used now and then": {
			terms: Terms{TTL: time.Hour}, asks: 3, useEvery: 300, survive: hot,
		},
		"denials that come five times, while no hot key is used at all": {
			terms: Terms{TTL: time.Hour, Untrusted: true}, asks: 5, survive: hot,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := limited(entries)
			heat(c, hot, start)
			for i := range 100 * entries {
				k := key("flood" + strconv.Itoa(i))
				for range test.asks {
					if _, s := c.Get(k, start); s == Miss {
						c.Put(k, -1, test.terms, start)
					}
				}
				if test.useEvery > 0 && i%test.useEvery == 0 {
					survivors(c, hot, start)
				}
				if c.Len() > entries {
					t.Fatalf("%d entries, limit %d", c.Len(), entries)
				}
			}
			if n := survivors(c, hot, start); n < test.survive {
				t.Errorf("%d of %d hot keys survived, want %d", n, hot, test.survive)
			}
		})
	}
}

// TestNewUsersDuringAFlood: a key that comes into use while a full cache is
// flooded finds its place, though probation turns over many times between its
// requests.
func TestNewUsersDuringAFlood(t *testing.T) {
	t.Parallel()
	const entries, requests = 1000, 100
	for name, test := range map[string]struct {
		terms  Terms
		every  int // one request of the newcomer in so many of the flood
		misses int
	}{
		"denials, which leave no ghosts":          {Terms{TTL: time.Hour, Untrusted: true}, 5 * entries, 2},
		"keys that come once, which leave ghosts": {Terms{TTL: time.Hour}, entries / 2, 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := limited(entries)
			heat(c, entries, start)
			misses := 0
			for i := range requests * test.every {
				c.Put(key("flood"+strconv.Itoa(i)), -1, test.terms, start)
				if i%test.every == 0 {
					k := key("newcomer")
					if _, s := c.Get(k, start); s == Miss {
						misses++
						c.Put(k, 1, Terms{TTL: time.Hour}, start)
					}
				}
			}
			if misses > test.misses {
				t.Errorf("the newcomer missed %d times of %d, want at most %d", misses, requests, test.misses)
			}
		})
	}
}

// TestDeadEntriesGoFirst: entries that have expired must not hold places.
func TestDeadEntriesGoFirst(t *testing.T) {
	t.Parallel()
	const entries = 100
	c := limited(entries)
	heat(c, 90, start)
	late := at(2 * time.Hour)
	for i := range entries {
		c.Put(key("new"+strconv.Itoa(i)), i, Terms{TTL: time.Hour}, late)
	}
	for i := range entries {
		if _, s := c.Get(key("new"+strconv.Itoa(i)), late); s != Fresh {
			t.Fatalf("new key %d is gone while expired ones were there", i)
		}
	}
}

// TestRevokedLosesItsPlace: hot keys whose answers turn into denials do not keep
// their places in the main queue, though they are asked for as often as before.
func TestRevokedLosesItsPlace(t *testing.T) {
	t.Parallel()
	const entries, revoked, users = 100, 90, 80
	c := limited(entries)
	ask := func(k string, terms Terms) {
		if _, s := c.Get(key(k), at(sec)); s == Miss {
			c.Put(key(k), 0, terms, at(sec))
		}
	}
	heat(c, revoked, start)
	ask("one more", Terms{TTL: time.Hour}) // moves the hot ones to the main queue
	if c.main.n < revoked/2 {
		t.Fatalf("%d keys in the main queue: the test has lost its subject", c.main.n)
	}
	for i := range revoked {
		c.Put(key("hot"+strconv.Itoa(i)), 0, Terms{TTL: time.Hour, Untrusted: true}, at(sec))
	}
	for i := range 50 * entries {
		ask("user"+strconv.Itoa(i%users), Terms{TTL: time.Hour})
		for j := range 5 { // more often than any user
			ask("hot"+strconv.Itoa((5*i+j)%revoked), Terms{TTL: time.Hour, Untrusted: true})
		}
	}
	alive := 0
	for i := range users {
		if _, s := c.Get(key("user"+strconv.Itoa(i)), at(sec)); s == Fresh {
			alive++
		}
	}
	// Not all: in a strict cycle of 80 keys, two that share a ghost may take turns.
	if alive < users/2 {
		t.Errorf("%d of %d users found a place beside revoked ones", alive, users)
	}
}

// TestMemory measures the heap against MaxBytes. It is not parallel, so that the
// heap is its own.
func TestMemory(t *testing.T) {
	const maxBytes = 8 << 20
	for name, test := range map[string]struct{ keyLen, valueLen, entries int }{
		"short keys, bounded by bytes":      {24, 0, 1 << 20},
		"tokens with verdicts":              {700, 300, 1 << 20},
		"short keys, bounded by entries":    {24, 100, 10_000},
		"large values, few of which fit in": {64, 100_000, 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			c := New(Options[[]byte]{MaxEntries: test.entries, MaxBytes: maxBytes, Cost: func(b []byte) int { return len(b) }})
			k := make([]byte, test.keyLen)
			highest := 0
			for i := range 100_000 {
				strconv.AppendInt(k[:0], int64(i), 10)
				c.Put(k, make([]byte, test.valueLen), Terms{TTL: time.Hour, Untrusted: i%2 == 0}, start)
				if i%3 == 0 {
					c.Get(k, start)
				}
				highest = max(highest, c.Bytes())
			}
			used := heap() - before
			if ghosts := 4 * len(c.ghost.slots); highest+ghosts > maxBytes || c.Len() > test.entries {
				t.Errorf("counted %d bytes and %d of ghosts, %d entries", highest, ghosts, c.Len())
			}
			if used > maxBytes*9/8 {
				t.Errorf("the heap grew by %d bytes, counted were %d", used, c.Bytes())
			}
			t.Logf("%d entries: %d bytes on the heap, %d counted, limit %d", c.Len(), used, c.Bytes(), maxBytes)
			runtime.KeepAlive(c)
		})
	}
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestModel runs random operations beside a map that forgets nothing. A cache
// may lose an entry, but shows only answers to that key, in their true state; one
// that is large enough always shows the latest.
func TestModel(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ entries, bytes int }{
		"enough room":                {1000, 1 << 30},
		"too small by entries":       {20, 1 << 30},
		"too small by bytes":         {1000, 12_000},
		"too small by both":          {30, 15_000},
		"room for one":               {1, 1 << 30},
		"room for less than a tenth": {1000, 1_900},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(40) {
				runModel(t, seed, test.entries, test.bytes, name == "enough room")
			}
		})
	}
}

// answer is one Put of the model.
type answer struct {
	value      string
	asked      time.Time
	ttl, stale time.Duration
}

// at tells what the answer may be used for.
func (a answer) at(now time.Time) (string, State) {
	switch age := now.Sub(a.asked); {
	case a.ttl <= 0:
	case age < a.ttl:
		return a.value, Fresh
	case age < a.ttl+a.stale:
		return a.value, Stale
	}
	return "", Miss
}

func runModel(t *testing.T, seed uint64, entries, bytes int, complete bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	c := New(Options[string]{MaxEntries: entries, MaxBytes: bytes, Cost: func(s string) int { return len(s) }})
	answers := map[string]answer{} // by value: each is unique
	latest := map[string]answer{}  // by key
	now := start
	for step := range 3000 {
		now = now.Add(time.Duration(r.IntN(200)) * time.Millisecond)
		k := "key" + strconv.Itoa(min(r.IntN(100), r.IntN(100)))
		if r.IntN(10) < 4 {
			a := answer{
				value: k + " " + strconv.Itoa(step) + strings.Repeat("v", r.IntN(50)),
				asked: now.Add(-time.Duration(r.IntN(2000)) * time.Millisecond),
				ttl:   time.Duration(r.IntN(20)-2) * sec,
				stale: time.Duration(r.IntN(10)) * sec,
			}
			c.Put([]byte(k), a.value, Terms{TTL: a.ttl, StaleIfError: a.stale, Untrusted: r.IntN(3) == 0}, a.asked)
			answers[a.value] = a
			old, ok := latest[k]
			if ok && !old.asked.After(a.asked) || !ok && a.ttl > 0 {
				latest[k] = a
			}
		} else {
			v, s := c.Get([]byte(k), now)
			if complete {
				if wantV, wantS := latest[k].at(now); v != wantV || s != wantS {
					t.Fatalf("seed %d, step %d: %s is %q %v, want %q %v", seed, step, k, v, s, wantV, wantS)
				}
			} else if s != Miss {
				wantV, wantS := answers[v].at(now)
				if v != wantV || s != wantS || !strings.HasPrefix(v, k+" ") {
					t.Fatalf("seed %d, step %d: %s is %q %v, want %q %v", seed, step, k, v, s, wantV, wantS)
				}
			}
		}
		if c.Len() > entries || c.Bytes() > bytes {
			t.Fatalf("seed %d, step %d: %d entries, %d bytes", seed, step, c.Len(), c.Bytes())
		}
	}
	checkInvariants(t, c)
}

// checkInvariants holds the queues, the map and the counts against each other.
func checkInvariants[V any](t *testing.T, c *Cache[V]) {
	t.Helper()
	n := 0
	for _, q := range []struct {
		*queue[V]
		main bool
	}{{&c.small, false}, {&c.main, true}} {
		length, bytes := 0, 0
		var newer *entry[V]
		for e := q.head; e != nil; newer, e = e, e.older {
			if e.newer != newer || e.inMain != q.main || c.entries[e.key] != e {
				t.Fatal("queue and map disagree")
			}
			length++
			bytes += e.bytes
		}
		if q.tail != newer || q.n != length || q.bytes != bytes {
			t.Fatal("queue and its counts disagree")
		}
		n += length
	}
	if n != len(c.entries) {
		t.Fatalf("%d entries queued, %d in the map", n, len(c.entries))
	}
}

// TestSipHash has the vectors of the reference implementation
// (github.com/veorq/SipHash, vectors.h): key and input are 0, 1, 2 ...
func TestSipHash(t *testing.T) {
	t.Parallel()
	k := hashKey{0x0706050403020100, 0x0f0e0d0c0b0a0908}
	input := make([]byte, 64)
	for i := range input {
		input[i] = byte(i)
	}
	for n, want := range map[int]uint64{
		0:  0x726fdb47dd0e0e31,
		1:  0x74f839c593dc67fd,
		2:  0x0d6c8009d9a94f5a,
		7:  0xab0200f58b01d137,
		8:  0x93f5f5799a932462,
		15: 0xa129ca6149be45e5,
		63: 0x958a324ceb064572,
	} {
		if got := k.sum(input[:n]); got != want {
			t.Errorf("%d bytes: %016x, want %016x", n, got, want)
		}
	}
}

// TestEachCacheHashesDifferently: an attacker cannot prepare ghosts that match.
func TestEachCacheHashesDifferently(t *testing.T) {
	t.Parallel()
	if a, b := limited(1).hash, limited(1).hash; a == b {
		t.Error("two caches have the same hash key")
	}
}
