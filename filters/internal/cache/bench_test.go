package cache

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"testing"
	"time"
)

// token is as long as a usual JWT.
var token = strings.Repeat("t", 600)

// directStore hands out its own bytes, so that only the cache's work is counted.
type directStore map[string][]byte

func (d directStore) Get(key string) ([]byte, uint32, bool) { v, ok := d[key]; return v, 1, ok }

func (d directStore) Set(key string, value []byte, _ uint32) bool {
	d[key] = append(d[key][:0], value...)
	return true
}

// verdict is about what a decision with two header mutations takes.
type verdict struct {
	status int
	edits  [][2]string
}

func encodeVerdict(dst []byte, v verdict) []byte {
	dst = AppendUint(dst, uint64(v.status))
	dst = AppendUint(dst, uint64(len(v.edits)))
	for _, e := range v.edits {
		dst = AppendText(AppendText(dst, e[0]), e[1])
	}
	return dst
}

func decodeVerdict(b []byte) (v verdict, ok bool) {
	var status, n uint64
	if status, b, ok = CutUint(b); !ok {
		return v, false
	}
	if n, b, ok = CutUint(b); !ok || n > uint64(len(b)) {
		return v, false
	}
	v.status = int(status)
	v.edits = make([][2]string, n)
	for i := range v.edits {
		for j := range 2 {
			if v.edits[i][j], b, ok = CutText(b); !ok {
				return v, false
			}
		}
	}
	return v, len(b) == 0
}

// bench holds a warm cache with one hot verdict; each operation is run by both
// the benchmark and the test of its allocations.
type bench struct {
	key    Key
	worker *Cache[verdict]
	tiered *Tiered[verdict]
	flood  int
	now    time.Time
}

func newBench() *bench {
	b := &bench{now: start}
	b.worker = New(Options[verdict]{MaxEntries: 10_000, MaxBytes: 64 << 20})
	b.tiered = NewTiered(b.worker, NewShared(SharedOptions{
		Store: directStore{}, Name: "bench", Namespace: sha256.Sum256([]byte("c")), Slots: 4096, MaxPayload: 1 << 10,
	}), encodeVerdict, decodeVerdict)
	b.buildKey()
	v := verdict{200, [][2]string{{"x-user-id", "user-1234567890"}, {"x-scopes", "read write"}}}
	b.tiered.Put(b.key.Value(), v, Terms{TTL: time.Hour}, start)
	return b
}

func (b *bench) buildKey() {
	b.key.Reset()
	b.key.Text("route-name")
	b.key.Count(2)
	b.key.Text("POST")
	b.key.Text("/v1/resource?id=42")
	b.key.Text(token)
}

func (b *bench) hit() bool {
	_, s := b.worker.Get(b.key.Value(), b.now)
	return s == Fresh
}

func (b *bench) hitWithKey() bool {
	b.buildKey()
	_, s, from := b.tiered.Get(b.key.Value(), b.now)
	return s == Fresh && from == FromWorker
}

func (b *bench) sharedHit() bool {
	b.worker.Clear()
	_, s, from := b.tiered.Get(b.key.Value(), b.now)
	return s == Fresh && from == FromShared
}

func (b *bench) miss() bool {
	_, s := b.worker.Get([]byte("no such key"), b.now)
	return s == Miss
}

func (b *bench) floodKey() []byte {
	b.flood++
	b.key.Reset()
	b.key.Text(token)
	var digits [20]byte
	b.key.Bytes(strconv.AppendInt(digits[:0], int64(b.flood), 10))
	return b.key.Value()
}

func (b *bench) put() bool {
	return b.worker.Put(b.floodKey(), verdict{status: 403}, Terms{TTL: time.Hour, Untrusted: true}, b.now)
}

func (b *bench) putBoth() bool {
	b.tiered.Put(b.floodKey(), verdict{status: 403}, Terms{TTL: time.Hour, Untrusted: true}, b.now)
	return true
}

func (b *bench) lifetime() bool {
	return LifetimeOf(benchHeaders, b.now).Permission == Explicit
}

var benchHeaders = [][2]string{
	{"content-type", "application/json"}, {"cache-control", "max-age=60, stale-if-error=300"}, {"age", "3"},
	{"date", start.Format("Mon, 02 Jan 2006 15:04:05 GMT")}, {"x-user-id", "user-1234567890"},
}

// operations have the most allocations that one run may take.
var operations = map[string]struct {
	run    func(*bench) bool
	allocs float64
}{
	"hit in the worker":                    {(*bench).hit, 0},
	"hit in the worker, key built":         {(*bench).hitWithKey, 0},
	"miss in the worker":                   {(*bench).miss, 0},
	"put by a flood of 600-byte keys":      {(*bench).put, 2},
	"put at both levels":                   {(*bench).putBoth, 2},
	"hit in the store, copied to a worker": {(*bench).sharedHit, 9},
	"lifetime of an answer":                {(*bench).lifetime, 0},
}

// TestAllocations is not parallel: allocations are counted for the process.
func TestAllocations(t *testing.T) {
	for name, op := range operations {
		t.Run(name, func(t *testing.T) {
			b := newBench()
			ok := true
			n := testing.AllocsPerRun(20_000, func() { ok = op.run(b) && ok })
			if !ok {
				t.Error("an operation did not do what its name says")
			}
			if n > op.allocs {
				t.Errorf("%v allocations, at most %v wanted", n, op.allocs)
			}
			t.Logf("%v allocations", n)
		})
	}
}

func Benchmark(b *testing.B) {
	for name, op := range operations {
		b.Run(name, func(b *testing.B) {
			w := newBench()
			b.ReportAllocs()
			for b.Loop() {
				if !op.run(w) {
					b.Fatal("an operation did not do what its name says")
				}
			}
		})
	}
}
