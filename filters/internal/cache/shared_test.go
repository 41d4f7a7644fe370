package cache

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sharedData behaves as Envoy's: one count of versions over all keys, a key that
// does not exist is created whatever the version. between, when set, runs once
// before the next Set: it is another worker that came in between.
type sharedData struct {
	values  map[string][]byte
	cas     map[string]uint32
	last    uint32
	gets    int
	sets    int
	between func()
}

func newSharedData() *sharedData {
	return &sharedData{values: map[string][]byte{}, cas: map[string]uint32{}}
}

func (d *sharedData) Get(key string) ([]byte, uint32, bool) {
	d.gets++
	v, ok := d.values[key]
	return bytes.Clone(v), d.cas[key], ok
}

func (d *sharedData) Set(key string, value []byte, cas uint32) bool {
	if f := d.between; f != nil {
		d.between = nil
		f()
	}
	if now, ok := d.cas[key]; ok && cas != 0 && cas != now {
		return false
	}
	d.sets++
	d.last++
	d.values[strings.Clone(key)], d.cas[strings.Clone(key)] = bytes.Clone(value), d.last
	return true
}

// only is the one value in the store.
func (d *sharedData) only(t *testing.T) (name string, value []byte) {
	t.Helper()
	if len(d.values) != 1 {
		t.Fatalf("%d values in the store, want 1", len(d.values))
	}
	for name, value = range d.values {
	}
	return name, value
}

const maxPayload = 200

// worker is one worker's view of the store. With one slot, all keys compete.
func worker(d *sharedData, slots int, configuration string) *Tiered[string] {
	return NewTiered(roomy(), NewShared(SharedOptions{
		Store:      d,
		Name:       "test",
		Namespace:  sha256.Sum256([]byte(configuration)),
		Slots:      slots,
		MaxPayload: maxPayload,
	}), appendString, readString)
}

func appendString(dst []byte, v string) []byte { return append(dst, v...) }

// readString refuses one word, as a decoder refuses what it does not know.
func readString(b []byte) (string, bool) { return string(b), string(b) != "unreadable" }

var hour = Terms{TTL: time.Hour}

// found is what a Get of a tiered cache gives.
type found struct {
	value  string
	state  State
	source Source
}

func get(w *Tiered[string], k string, now time.Time) found {
	v, s, from := w.Get(key(k), now)
	return found{v, s, from}
}

var nothing = found{"", Miss, FromNone}

func TestWorkersShare(t *testing.T) {
	t.Parallel()
	type worlds struct {
		d    *sharedData
		a, b *Tiered[string]
	}
	fromShared := func(v string) found { return found{v, Fresh, FromShared} }
	fromWorker := func(v string) found { return found{v, Fresh, FromWorker} }
	tests := map[string]struct {
		slots int
		do    func(w worlds)
		key   string
		at    time.Duration
		wantA found
		wantB found
	}{
		"what one worker has put the other finds in the store": {
			do:    func(w worlds) { w.a.Put(key("k"), "v", hour, start) },
			wantA: fromWorker("v"), wantB: fromShared("v"),
		},
		"what was found in the store is kept by the worker": {
			do: func(w worlds) {
				w.a.Put(key("k"), "v", hour, start)
				w.b.Get(key("k"), start)
			},
			wantA: fromWorker("v"), wantB: fromWorker("v"),
		},
		"the worker's copy does not outlive the original": {
			do: func(w worlds) {
				w.a.Put(key("k"), "v", Terms{TTL: 10 * sec}, start)
				w.b.Get(key("k"), at(9*sec))
			},
			at: 10 * sec, wantA: nothing, wantB: nothing,
		},
		"stale answers are shared as stale": {
			do: func(w worlds) { w.a.Put(key("k"), "v", Terms{TTL: 10 * sec, StaleIfError: 10 * sec}, start) },
			at: 11 * sec, wantA: found{"v", Stale, FromWorker}, wantB: found{"v", Stale, FromShared},
		},
		"a worker with a stale copy takes the fresher one of another": {
			do: func(w worlds) {
				w.a.Put(key("k"), "old", Terms{TTL: 10 * sec, StaleIfError: time.Hour}, start)
				w.b.Put(key("k"), "new", hour, at(20*sec))
			},
			at: 30 * sec, wantA: fromShared("new"), wantB: fromWorker("new"),
		},
		"a stale copy is void after another worker got an answer that may not be kept": {
			do: func(w worlds) {
				w.a.Put(key("k"), "allow", Terms{TTL: 10 * sec, StaleIfError: time.Hour}, start)
				w.b.Put(key("k"), "", Terms{}, at(20*sec))
			},
			at: 30 * sec, wantA: nothing, wantB: nothing,
		},
		"an answer that may not be kept is not kept": {
			do:    func(w worlds) { w.a.Put(key("k"), "v", Terms{}, start) },
			wantA: nothing, wantB: nothing,
		},
		"an answer that may not be kept leaves other keys in their slot": {
			slots: 1,
			do: func(w worlds) {
				w.a.Put(key("k"), "v", hour, start)
				w.a.Put(key("other"), "", Terms{}, at(sec))
			},
			at: 2 * sec, wantA: fromWorker("v"), wantB: fromShared("v"),
		},
		"an answer overtaken by one of another worker is not stored": {
			do: func(w worlds) {
				w.a.Put(key("k"), "deny", hour, at(2*sec))
				w.a.Clear()
				w.b.Put(key("k"), "allow", hour, at(sec))
				w.b.Clear()
			},
			at: 3 * sec, wantA: fromShared("deny"), wantB: fromShared("deny"),
		},
		"two workers write at once, the fresher one first": {
			do: func(w worlds) {
				w.a.Put(key("k"), "first", hour, start)
				w.d.between = func() { w.b.Put(key("k"), "deny", hour, at(2*sec)); w.b.Clear() }
				w.a.Put(key("k"), "allow", hour, at(sec))
				w.a.Clear()
			},
			at: 3 * sec, wantA: fromShared("deny"), wantB: fromShared("deny"),
		},
		"two workers write at once, the fresher one last": {
			do: func(w worlds) {
				w.a.Put(key("k"), "first", hour, start)
				w.d.between = func() { w.b.Put(key("k"), "allow", hour, at(sec)); w.b.Clear() }
				w.a.Put(key("k"), "deny", hour, at(2*sec))
				w.a.Clear()
			},
			at: 3 * sec, wantA: fromShared("deny"), wantB: fromShared("deny"),
		},
		"two workers write a slot at once that never had a value": {
			do: func(w worlds) {
				w.d.between = func() { w.b.Put(key("k"), "deny", hour, at(2*sec)); w.b.Clear() }
				w.a.Put(key("k"), "allow", hour, at(sec))
				w.a.Clear()
			},
			at: 3 * sec, wantA: fromShared("deny"), wantB: fromShared("deny"),
		},
		"a worker that marks an entry as used does not undo what came in between": {
			do: func(w worlds) {
				w.a.Put(key("k"), "allow", hour, start)
				w.d.between = func() { w.a.Put(key("k"), "deny", hour, at(sec)); w.a.Clear() }
				w.b.Get(key("k"), at(sec))
				w.b.Clear()
			},
			at: 3 * sec, wantA: fromShared("deny"), wantB: fromShared("deny"),
		},
		"a value over the limit is not stored, and the one before is void": {
			do: func(w worlds) {
				w.a.Put(key("k"), "small", hour, start)
				w.a.Put(key("k"), strings.Repeat("x", maxPayload+1), hour, at(sec))
				w.a.Clear()
			},
			at: 2 * sec, wantA: nothing, wantB: nothing,
		},
		"a value at the limit is stored": {
			do:    func(w worlds) { w.a.Put(key("k"), strings.Repeat("x", maxPayload), hour, start) },
			wantA: fromWorker(strings.Repeat("x", maxPayload)), wantB: fromShared(strings.Repeat("x", maxPayload)),
		},
		"a value that cannot be decoded is a miss": {
			do:    func(w worlds) { w.a.Put(key("k"), "unreadable", hour, start) },
			wantA: fromWorker("unreadable"), wantB: nothing,
		},
		"a denial does not displace an allowed entry of another key": {
			slots: 1,
			do: func(w worlds) {
				w.a.Put(key("k"), "v", hour, start)
				w.a.Put(key("flood"), "deny", Terms{TTL: time.Hour, Untrusted: true}, start)
			},
			wantA: fromWorker("v"), wantB: fromShared("v"),
		},
		"a denial replaces the allowed entry of its own key": {
			slots: 1,
			do: func(w worlds) {
				w.a.Put(key("k"), "v", hour, start)
				w.a.Put(key("k"), "deny", Terms{TTL: time.Hour, Untrusted: true}, start)
			},
			wantA: fromWorker("deny"), wantB: fromShared("deny"),
		},
		"a denial gives way to an allowed entry, however often it was found": {
			slots: 1, key: "other",
			do: func(w worlds) {
				w.a.Put(key("flood"), "deny", Terms{TTL: time.Hour, Untrusted: true}, start)
				w.b.Get(key("flood"), start)
				w.b.Clear()
				w.b.Get(key("flood"), start)
				w.a.Put(key("other"), "v", hour, start)
			},
			wantA: fromWorker("v"), wantB: fromShared("v"),
		},
		"a denial gives way to another denial": {
			slots: 1, key: "other",
			do: func(w worlds) {
				w.a.Put(key("k"), "deny", Terms{TTL: time.Hour, Untrusted: true}, start)
				w.a.Put(key("other"), "deny", Terms{TTL: time.Hour, Untrusted: true}, start)
			},
			wantA: fromWorker("deny"), wantB: fromShared("deny"),
		},
		"an entry that was used keeps its slot": {
			slots: 1,
			do: func(w worlds) {
				w.a.Put(key("k"), "v", hour, start)
				w.b.Get(key("k"), start)
				w.b.Clear()
				for i := range 100 {
					w.a.Put(key("flood"+strconv.Itoa(i)), "x", hour, start)
				}
			},
			wantA: fromWorker("v"), wantB: fromShared("v"),
		},
		"an entry that was used keeps its slot when it is renewed": {
			slots: 1,
			do: func(w worlds) {
				w.a.Put(key("k"), "v", hour, start)
				w.b.Get(key("k"), start)
				w.b.Clear()
				w.a.Put(key("k"), "w", hour, at(sec))
				w.a.Put(key("flood"), "x", hour, at(sec))
			},
			at: sec, wantA: fromWorker("w"), wantB: fromShared("w"),
		},
		"an entry that nobody used gives way": {
			slots: 1,
			do: func(w worlds) {
				w.a.Put(key("k"), "v", hour, start)
				w.a.Put(key("flood"), "x", hour, start)
			},
			wantA: fromWorker("v"), wantB: nothing,
		},
		"an expired entry gives way": {
			slots: 1, key: "other",
			do: func(w worlds) {
				w.a.Put(key("k"), "v", Terms{TTL: sec, StaleIfError: time.Hour}, start)
				w.b.Get(key("k"), start)
				w.a.Put(key("other"), "x", hour, at(sec))
			},
			at: sec, wantA: fromWorker("x"), wantB: fromShared("x"),
		},
		"a clock set back makes entries of the store void": {
			do: func(w worlds) {
				w.a.Put(key("k"), "v", hour, at(time.Hour))
				w.a.Clear()
			},
			wantA: nothing, wantB: nothing,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.slots == 0 {
				test.slots = 64
			}
			if test.key == "" {
				test.key = "k"
			}
			d := newSharedData()
			w := worlds{d, worker(d, test.slots, "c"), worker(d, test.slots, "c")}
			test.do(w)
			if got := get(w.a, test.key, at(test.at)); got != test.wantA {
				t.Errorf("worker a: got %+v, want %+v", got, test.wantA)
			}
			if got := get(w.b, test.key, at(test.at)); got != test.wantB {
				t.Errorf("worker b: got %+v, want %+v", got, test.wantB)
			}
		})
	}
}

func TestOtherConfigurationsNeverMatch(t *testing.T) {
	t.Parallel()
	d := newSharedData()
	first := worker(d, 1, "configuration 1")
	first.Put(key("k"), "v", hour, start)
	_, raw := d.only(t)
	if got := get(worker(d, 1, "configuration 2"), "k", start); got != nothing {
		t.Errorf("another configuration finds %+v", got)
	}
	if got := get(worker(d, 1, "configuration 1"), "k", start); got.value != "v" {
		t.Errorf("the same configuration finds %+v", got)
	}
	// The same configuration under another name, given the very bytes.
	other := NewShared(SharedOptions{Store: d, Name: "name", Namespace: sha256.Sum256([]byte("configuration 1")), Slots: 1, MaxPayload: maxPayload})
	d.Set("name.0000", raw, 0)
	digest := other.digest(key("k"))
	if _, ok := other.lookup(&digest, start); ok {
		t.Error("another name finds the entry")
	}
	// Entries of another configuration do not keep their slots.
	second := worker(d, 1, "configuration 2")
	second.Put(key("k"), "w", Terms{TTL: time.Hour, Untrusted: true}, start)
	if got := get(worker(d, 1, "configuration 2"), "k", start); got.value != "w" {
		t.Errorf("a slot is held by an old configuration: %+v", got)
	}
}

// TestTampering: every single bit of an envelope, every cut and every extension
// makes it a miss.
func TestTampering(t *testing.T) {
	t.Parallel()
	d := newSharedData()
	worker(d, 1, "c").Put(key("k"), "a verdict", Terms{TTL: time.Hour, StaleIfError: time.Hour}, start)
	name, good := d.only(t)
	good = bytes.Clone(good)
	attempt := func(what string, value []byte) {
		t.Helper()
		d.values[name] = value
		if got := get(worker(d, 1, "c"), "k", start); got != nothing {
			t.Errorf("%s: got %+v", what, got)
		}
	}
	for i := range len(good) * 8 {
		bad := bytes.Clone(good)
		bad[i/8] ^= 1 << (i % 8)
		attempt("bit "+strconv.Itoa(i), bad)
	}
	for n := range good {
		attempt("the first "+strconv.Itoa(n)+" bytes", good[:n])
	}
	attempt("one more byte", append(bytes.Clone(good), 0))
	attempt("twice", append(bytes.Clone(good), good...))
	attempt("zeros", make([]byte, len(good)))

	// The control, and a slot that holds rubbish is written over.
	d.values[name] = good
	if got := get(worker(d, 1, "c"), "k", start); got.value != "a verdict" {
		t.Errorf("the good envelope: got %+v", got)
	}
	d.values[name] = []byte("rubbish")
	worker(d, 1, "c").Put(key("k"), "new", hour, start)
	if got := get(worker(d, 1, "c"), "k", start); got.value != "new" {
		t.Errorf("after rubbish: got %+v", got)
	}
}

// TestForging: an envelope with a right MAC must be well-formed all the same.
func TestForging(t *testing.T) {
	t.Parallel()
	s := worker(newSharedData(), 1, "c").shared
	good := s.append(nil, &envelope{digest: s.digest(key("k")), life: hour.life(start), payload: []byte("verdict")})
	for name, test := range map[string]struct {
		forge func(b []byte) []byte // of all but the MAC
		ok    bool
	}{
		"untouched":                  {func(b []byte) []byte { return b }, true},
		"another version":            {func(b []byte) []byte { b[0]++; return b }, false},
		"an unknown flag":            {func(b []byte) []byte { b[1] |= flagsKnown + 1; return b }, false},
		"over before it was asked":   {func(b []byte) []byte { copy(b[42:50], make([]byte, 8)); return b }, false},
		"dead while it is fresh":     {func(b []byte) []byte { copy(b[50:58], b[34:42]); return b }, false},
		"a length too short":         {func(b []byte) []byte { b[61]--; return b }, false},
		"a length too long":          {func(b []byte) []byte { b[61]++; return b }, false},
		"a length of gigabytes":      {func(b []byte) []byte { b[58] = 0xff; return b }, false},
		"a payload longer than said": {func(b []byte) []byte { return append(b, 'x') }, false},
		"no payload, as said":        {func(b []byte) []byte { b[61] = 0; return b[:headLen] }, true},
		"a head cut short":           {func(b []byte) []byte { return b[:headLen-1] }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := test.forge(bytes.Clone(good[:len(good)-macLen]))
			if _, ok := s.parse(append64(b, s.mac.sum(b))); ok != test.ok {
				t.Errorf("accepted: %t, want %t", ok, test.ok)
			}
		})
	}
}

// TestCopiesFromTheStoreAreRankedAsTheOriginals: what is found in the store
// neither displaces what the worker uses, nor makes it look expired.
func TestCopiesFromTheStoreAreRankedAsTheOriginals(t *testing.T) {
	t.Parallel()
	const entries, hot = 100, 90
	for name, test := range map[string]struct {
		terms Terms
		asks  int
	}{
		"denials, asked for again and again": {Terms{TTL: time.Hour, Untrusted: true}, 4},
		"answers from long ago":              {Terms{TTL: time.Hour}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newSharedData()
			other, w := worker(d, 1<<16, "c"), worker(d, 1<<16, "c")
			w.worker = New(Options[string]{MaxEntries: entries, MaxBytes: 1 << 20})
			now := at(30 * time.Minute)
			for range 2 {
				for i := range hot {
					k := key("hot" + strconv.Itoa(i))
					if _, s := w.worker.Get(k, now); s == Miss {
						w.worker.Put(k, "hot", hour, now)
					}
				}
			}
			for i := range 20 * entries {
				k := key("flood" + strconv.Itoa(i))
				other.Put(k, "x", test.terms, start)
				for range test.asks {
					w.Get(k, now)
				}
			}
			alive := 0
			for i := range hot {
				if _, s := w.worker.Get(key("hot"+strconv.Itoa(i)), now); s == Fresh {
					alive++
				}
			}
			if alive < hot {
				t.Errorf("%d of %d keys in use survived", alive, hot)
			}
		})
	}
}

// TestASmallerLimitRefusesLargeValues: the limit holds for what is read too.
func TestASmallerLimitRefusesLargeValues(t *testing.T) {
	t.Parallel()
	d := newSharedData()
	o := SharedOptions{Store: d, Name: "n", Slots: 1, MaxPayload: 100}
	NewTiered(roomy(), NewShared(o), appendString, readString).Put(key("k"), strings.Repeat("x", 100), hour, start)
	o.MaxPayload = 99
	if got := get(NewTiered(roomy(), NewShared(o), appendString, readString), "k", start); got != nothing {
		t.Errorf("got %d bytes", len(got.value))
	}
}

// TestTheStoreIsBounded: however many keys are put, names and bytes stay within
// what the options say, and no key can be seen.
func TestTheStoreIsBounded(t *testing.T) {
	t.Parallel()
	const slots = 50
	d := newSharedData()
	w := worker(d, slots, "c")
	for i := range 100 * slots {
		w.Put(key("secret token "+strconv.Itoa(i)), strings.Repeat("v", i%(2*maxPayload)), Terms{TTL: time.Hour, Untrusted: i%2 == 0}, start)
	}
	size := 0
	for name, value := range d.values {
		size += len(value)
		if strings.Contains(name, "secret") || bytes.Contains(value, []byte("secret")) {
			t.Fatal("a key is in the store")
		}
	}
	if len(d.values) != slots || size > slots*(maxPayload+headLen+macLen) {
		t.Errorf("%d values of %d bytes in all, want %d slots", len(d.values), size, slots)
	}
}

// TestUsedEntriesSurviveInTheStore: what workers have shared stays through floods
// of keys that nobody asks for again.
func TestUsedEntriesSurviveInTheStore(t *testing.T) {
	t.Parallel()
	const slots, hot = 4096, 200
	d := newSharedData()
	a, b := worker(d, slots, "c"), worker(d, slots, "c")
	shared := 0
	for i := range hot {
		k := "hot" + strconv.Itoa(i)
		a.Put(key(k), "v", hour, start)
		if get(b, k, start).source == FromShared {
			shared++
		}
	}
	if shared < hot*95/100 {
		t.Fatalf("%d of %d keys found a slot in an empty table of %d", shared, hot, slots)
	}
	for i := range 20 * slots {
		a.Put(key("flood"+strconv.Itoa(i)), "x", Terms{TTL: time.Hour, Untrusted: i%3 == 0}, start)
	}
	c, alive := worker(d, slots, "c"), 0
	for i := range hot {
		if get(c, "hot"+strconv.Itoa(i), start).source == FromShared {
			alive++
		}
	}
	if alive < shared-hot/20 { // hot keys may compete among themselves
		t.Errorf("%d of %d shared keys survived", alive, shared)
	}
}

// TestStoreCalls pins the host calls, which are what level 2 costs.
func TestStoreCalls(t *testing.T) {
	t.Parallel()
	d := newSharedData()
	a, b := worker(d, 64, "c"), worker(d, 64, "c")
	calls := func(what string, gets, sets int, do func()) {
		t.Helper()
		d.gets, d.sets = 0, 0
		do()
		if d.gets != gets || d.sets != sets {
			t.Errorf("%s: %d gets and %d sets, want %d and %d", what, d.gets, d.sets, gets, sets)
		}
	}
	calls("a miss", 1, 0, func() { a.Get(key("k"), start) })
	calls("a put", 1, 1, func() { a.Put(key("k"), "v", hour, start) })
	calls("a hit in the worker", 0, 0, func() { a.Get(key("k"), start) })
	calls("the first hit in the store marks it as used", 1, 1, func() { b.Get(key("k"), start) })
	b.Clear()
	calls("the next hit in the store", 1, 0, func() { b.Get(key("k"), start) })
	calls("a denial", 1, 1, func() { a.Put(key("denied"), "d", Terms{TTL: time.Hour, Untrusted: true}, start) })
	calls("a denial in the store is not marked", 1, 0, func() { b.Get(key("denied"), start) })
	alone := NewTiered[string](roomy(), nil, nil, nil)
	alone.Put(key("k"), "v", hour, start)
	if got := get(alone, "k", start); got != (found{"v", Fresh, FromWorker}) || alone.Len() != 1 || alone.Bytes() == 0 {
		t.Errorf("without a store: %+v", got)
	}
	if got := get(alone, "other", start); got != nothing {
		t.Errorf("without a store: %+v", got)
	}
}

func TestSlotNames(t *testing.T) {
	t.Parallel()
	s := NewShared(SharedOptions{Store: newSharedData(), Name: "authcallout.decisions", Slots: 1 << 20})
	seen := map[string]bool{}
	for i := range uint64(1 << 16) {
		digest := [sha256.Size]byte{5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i)}
		seen[s.name(&digest)] = true
	}
	if len(seen) != 1<<16 || !seen["authcallout.decisions.0000"] || !seen["authcallout.decisions.ffff"] {
		t.Errorf("%d names", len(seen))
	}
}

// TestWorkersModel lets several workers with small caches work on one store in
// random order, with writes that come in between others. Whatever is found must
// be an answer to that key, in its true state; from the store it is the latest
// one, unless that one was displaced or voided.
func TestWorkersModel(t *testing.T) {
	t.Parallel()
	for name, slots := range map[string]int{"a slot for each key": 1 << 16, "few slots": 5, "one slot": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(30) {
				runWorkersModel(t, seed, slots)
			}
		})
	}
}

func runWorkersModel(t *testing.T, seed uint64, slots int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 2))
	d := newSharedData()
	var workers []*Tiered[string]
	for range 3 {
		o := SharedOptions{Store: d, Name: "m", Slots: slots, MaxPayload: maxPayload}
		workers = append(workers, NewTiered(New(Options[string]{MaxEntries: 8, MaxBytes: 1 << 20}), NewShared(o), appendString, readString))
	}
	const keys = 20
	if slots > keys { // the case that is exact needs keys on slots of their own
		s, taken := workers[0].shared, map[string]bool{}
		for i := range keys {
			digest := s.digest(key("key" + strconv.Itoa(i)))
			taken[s.name(&digest)] = true
		}
		if len(taken) != keys {
			t.Fatal("two keys of the model share a slot: choose another name")
		}
	}
	answers := map[string]answer{} // by value: each is unique
	latest := map[string]answer{}  // by key
	now := start
	step := 0
	putOne := func(worker int) {
		step++
		k := "key" + strconv.Itoa(r.IntN(keys))
		a := answer{
			value: k + " " + strconv.Itoa(step),
			asked: now.Add(-time.Duration(r.IntN(2000)) * time.Millisecond),
			ttl:   time.Duration(r.IntN(20)-2) * sec,
			stale: time.Duration(r.IntN(10)) * sec,
		}
		workers[worker].Put([]byte(k), a.value, Terms{TTL: a.ttl, StaleIfError: a.stale, Untrusted: r.IntN(3) == 0}, a.asked)
		answers[a.value] = a
		if old, ok := latest[k]; !ok && a.ttl > 0 || ok && !old.asked.After(a.asked) {
			latest[k] = a
		}
	}
	for range 3000 {
		now = now.Add(time.Duration(r.IntN(200)) * time.Millisecond)
		switch r.IntN(10) {
		case 0, 1, 2:
			putOne(r.IntN(3))
		case 3: // a worker has one thread: who comes in between is another one
			w := r.IntN(3)
			d.between = func() { putOne((w + 1) % 3) }
			putOne(w)
			d.between = nil
		default:
			k := "key" + strconv.Itoa(r.IntN(keys))
			v, s, from := workers[r.IntN(3)].Get([]byte(k), now)
			if (s == Miss) != (from == FromNone) {
				t.Fatalf("seed %d, step %d: %v from %v", seed, step, s, from)
			}
			if s != Miss {
				wantV, wantS := answers[v].at(now)
				if v != wantV || s != wantS || !strings.HasPrefix(v, k+" ") {
					t.Fatalf("seed %d, step %d: %s is %q %v, want %q %v", seed, step, k, v, s, wantV, wantS)
				}
			}
			if from == FromShared && slots > keys && v != latest[k].value {
				t.Fatalf("seed %d, step %d: %s in the store is %q, the latest is %q", seed, step, k, v, latest[k].value)
			}
		}
	}
}
