// Package cache keeps answers for a while: decisions of an auth service, keys,
// temporary credentials. [Cache] is level 1, in the memory of one worker's VM;
// [Shared] is level 2, in Envoy's shared data, seen by all workers of one
// vm_id; [Tiered] is both behind one Get and Put.
//
// Nothing here is safe for concurrent use: a VM has one thread. Nothing reads a
// clock, logs, or shows a key: keys hold tokens. Go cannot wipe memory, so an
// entry's key and value stay in it until they are evicted and collected.
package cache

import (
	"time"
	"unsafe"
)

// State says what an entry may be used for. Its zero value is Miss.
type State uint8

// The states of an entry.
const (
	Miss  State = iota // nothing, or nothing that may be used
	Stale              // past its TTL, within StaleIfError: for use when asking again fails, only then
	Fresh              // within its TTL
)

// String returns the state's word, as metrics and logs show it.
func (s State) String() string {
	switch s {
	case Fresh:
		return "fresh"
	case Stale:
		return "stale"
	default:
		return "miss"
	}
}

// Terms are how long one entry lives and how it is ranked.
type Terms struct {
	// TTL is how long the entry is Fresh, counted from when it was asked for. One
	// that is not positive makes Put forget what is kept under the key.
	TTL time.Duration
	// StaleIfError is how long it is Stale after that.
	StaleIfError time.Duration
	// Untrusted marks an answer that anyone can cause in any number, such as a
	// denial or "no such key". It lives in the probation tenth of the cache only,
	// and never displaces what is in use, however often it is asked for.
	Untrusted bool
}

// clockSlack is how far an entry may lie ahead of the clock. A callout's answer
// is dated when it was asked for, so within one worker entries and clock differ
// by a callout's duration; more is a clock that was set back.
const clockSlack = int64(time.Minute)

// maxLife bounds TTL and StaleIfError, so that their sums cannot overflow.
const maxLife = int64(365 * 24 * time.Hour)

// life is when an entry was asked for and until when it is fresh and stale,
// in Unix nanoseconds. Wall time, since workers share it through level 2.
type life struct {
	asked, fresh, stale int64
}

func (t Terms) life(asked time.Time) life {
	a := asked.UnixNano()
	fresh := a + min(max(int64(t.TTL), 0), maxLife)
	return life{a, fresh, fresh + min(max(int64(t.StaleIfError), 0), maxLife)}
}

// tombstone is the life of an entry that only says that older ones are void.
func tombstone(asked time.Time) life {
	a := asked.UnixNano()
	return life{a, a, a}
}

// state treats an entry from the future as a miss: after the clock was set back
// it would live longer than it was meant to. A tombstone never lives, however
// little the clock was set back.
func (l life) state(now int64) State {
	switch {
	case now < l.asked-clockSlack, l.stale == l.asked:
		return Miss
	case now < l.fresh:
		return Fresh
	case now < l.stale:
		return Stale
	default:
		return Miss
	}
}

// supersedes tells whether an entry stays when an answer asked for at asked
// arrives: answers may overtake each other, and the older one may be an "allow"
// from before a revocation.
func (l life) supersedes(asked int64) bool {
	return l.asked > asked && l.asked <= asked+clockSlack
}

// Options bound a [Cache].
type Options[V any] struct {
	// MaxEntries is the most entries, at least 1.
	MaxEntries int
	// MaxBytes is the most memory in bytes: keys, values and bookkeeping, the
	// allocator's rounding of large values aside (an eighth at most). An entry of
	// more than a tenth of it is not kept.
	MaxBytes int
	// Cost returns the bytes that a value refers to, beyond unsafe.Sizeof of V
	// itself. nil is none.
	Cost func(V) int
}

// Cache is level 1. It evicts by S3-FIFO (Yang et al., "FIFO queues are all you
// need for cache eviction", SOSP 2023): a new key is on probation in a queue of
// a tenth of the size, and reaches the main queue only when it is asked for
// again, there or shortly after it was evicted from there. Keys that come once
// thus never displace the ones in use.
type Cache[V any] struct {
	entries    map[string]*entry[V] // seeded by the runtime: safe from chosen keys
	small      queue[V]             // probation
	main       queue[V]
	ghost      ghost // who left probation lately
	hash       hashKey
	cost       func(V) int
	maxEntries int
	maxBytes   int
}

type entry[V any] struct {
	life
	key       string
	value     V
	newer     *entry[V] // towards the queue's head
	older     *entry[V]
	hash      uint64
	bytes     int
	hits      uint8 // at most maxHits
	untrusted bool
	inMain    bool
}

// maxHits is how many rounds through the main queue an entry can have earned.
const maxHits = 3

// bookkeeping is what an entry costs besides entry itself: a map slot at the
// lowest load (16 + 8 + 1 bytes at 7/16), and the rounding of the allocator.
const bookkeeping = 88

// New returns an empty cache.
func New[V any](o Options[V]) *Cache[V] {
	c := &Cache[V]{
		cost:       o.Cost,
		maxEntries: max(o.MaxEntries, 1),
		maxBytes:   max(o.MaxBytes, 0),
		hash:       randomHashKey(),
	}
	// One to two ghosts for each entry that could fit. Their bytes are set aside.
	c.ghost.size = 1
	for c.ghost.size < min(c.maxEntries, c.maxBytes/overhead[V](nil)) {
		c.ghost.size *= 2
	}
	c.maxBytes = max(c.maxBytes-4*c.ghost.size, 0)
	c.Clear()
	return c
}

// Clear forgets everything.
func (c *Cache[V]) Clear() {
	c.entries = make(map[string]*entry[V])
	c.small, c.main = queue[V]{}, queue[V]{}
	c.ghost.slots = nil
}

// Len is the number of entries, expired ones that were not yet replaced
// included.
func (c *Cache[V]) Len() int { return c.small.n + c.main.n }

// Bytes is the memory that the entries are counted with.
func (c *Cache[V]) Bytes() int { return c.small.bytes + c.main.bytes }

// Get looks a key up; it does not allocate and does not keep key. The value is
// the zero value for a Miss.
func (c *Cache[V]) Get(key []byte, now time.Time) (V, State) {
	e := c.entries[string(key)]
	if e != nil {
		if s := e.state(now.UnixNano()); s != Miss {
			if e.hits < maxHits {
				e.hits++
			}
			return e.value, s
		}
	}
	var none V
	return none, Miss
}

// Put keeps a value; key is copied. asked is when the value was asked for, not
// when it arrived: the terms count from then, and an answer that was asked for
// before the one already kept does not replace it. Put reports whether the value
// is kept.
//
// Put must also be told of answers that may not be kept, with a TTL of 0: the
// one under the key is void then, also as a stale one.
func (c *Cache[V]) Put(key []byte, v V, t Terms, asked time.Time) bool {
	if t.TTL <= 0 {
		c.forget(key, tombstone(asked))
		return false
	}
	return c.put(key, v, t.life(asked), t.Untrusted, asked.UnixNano())
}

// forget leaves an empty entry, so that an answer asked for earlier which is
// still on its way is refused.
func (c *Cache[V]) forget(key []byte, l life) {
	e := c.entries[string(key)]
	if e == nil || e.supersedes(l.asked) {
		return
	}
	var none V
	e.life, e.value, e.hits = l, none, 0
	c.resize(e, overhead[V](key))
}

// overhead is the size of an entry whose value refers to nothing.
func overhead[V any](key []byte) int {
	return len(key) + int(unsafe.Sizeof(entry[V]{})) + bookkeeping
}

func (c *Cache[V]) put(key []byte, v V, l life, untrusted bool, now int64) bool {
	e := c.entries[string(key)]
	if e != nil && e.supersedes(l.asked) {
		return false
	}
	size := overhead[V](key)
	if c.cost != nil {
		size += max(c.cost(v), 0)
	}
	if size > c.shareBytes() {
		if e != nil {
			c.drop(e)
		}
		return false
	}
	if e != nil {
		e.life, e.value, e.untrusted = l, v, untrusted
		c.resize(e, size)
		c.makeRoom(0, 0, now)
		return c.entries[e.key] == e
	}
	e = &entry[V]{life: l, value: v, bytes: size, untrusted: untrusted, hash: c.hash.sum(key)}
	e.inMain = !untrusted && c.ghost.has(e.hash)
	if e.inMain {
		c.makeRoomInMain(size, now)
	} else {
		c.makeRoom(1, size, now)
	}
	e.key = string(key)
	c.entries[e.key] = e
	c.queueOf(e).push(e)
	c.settle()
	return true
}

func (c *Cache[V]) queueOf(e *entry[V]) *queue[V] {
	if e.inMain {
		return &c.main
	}
	return &c.small
}

func (c *Cache[V]) resize(e *entry[V], size int) {
	c.queueOf(e).bytes += size - e.bytes
	e.bytes = size
}

func (c *Cache[V]) drop(e *entry[V]) {
	c.queueOf(e).remove(e)
	delete(c.entries, e.key)
}

// The share of the probation queue.
func (c *Cache[V]) shareEntries() int { return max(c.maxEntries/10, 1) }
func (c *Cache[V]) shareBytes() int   { return c.maxBytes / 10 }

func (c *Cache[V]) fits(n, size int) bool {
	return c.Len()+n <= c.maxEntries && c.Bytes()+size <= c.maxBytes
}

// makeRoom evicts until n more entries of size bytes fit on probation.
func (c *Cache[V]) makeRoom(n, size int, now int64) {
	for !c.fits(n, size) {
		over := c.small.n+n > c.shareEntries() || c.small.bytes+size > c.shareBytes()
		c.evict(over, now)
	}
}

// makeRoomInMain evicts until one more entry of size bytes fits.
func (c *Cache[V]) makeRoomInMain(size int, now int64) {
	for !c.fits(1, size) {
		over := c.small.n > c.shareEntries() || c.small.bytes > c.shareBytes()
		c.evict(over, now)
	}
}

// evict makes one step: it drops the oldest entry of a queue or gives it the
// further round that it has earned. Each such round was paid for by a hit, so
// the steps of a Put are few on average. The main queue is touched while
// probation is over its share only where its oldest entry is dead.
func (c *Cache[V]) evict(smallIsOver bool, now int64) {
	if t := c.main.tail; t != nil && (t.state(now) == Miss || c.small.n == 0 || !smallIsOver) {
		c.evictMain(t, now)
		return
	}
	if t := c.small.tail; t != nil {
		c.evictSmall(t, now)
	}
}

func (c *Cache[V]) evictSmall(e *entry[V], now int64) {
	switch {
	case e.state(now) == Miss:
		c.drop(e)
	case e.hits == 0:
		c.drop(e)
		if !e.untrusted {
			c.ghost.add(e.hash)
		}
	case e.untrusted:
		e.hits--
		c.small.remove(e)
		c.small.push(e)
	default:
		c.promote(e)
	}
}

// promote moves an entry to the main queue. Its hits so far do not count there:
// a burst of requests for one key is a single use.
func (c *Cache[V]) promote(e *entry[V]) {
	c.small.remove(e)
	e.hits, e.inMain = 0, true
	c.main.push(e)
}

// settle promotes the oldest entries of an overlong probation queue while there
// is still room, so that they are not all promoted, and have no hit in the main
// queue yet, at the moment when something must go.
func (c *Cache[V]) settle() {
	for c.small.n > c.shareEntries() || c.small.bytes > c.shareBytes() {
		e := c.small.tail
		if e == nil || e.hits == 0 || e.untrusted {
			return
		}
		c.promote(e)
	}
}

func (c *Cache[V]) evictMain(e *entry[V], now int64) {
	// An untrusted entry is here when an answer changed; it has lost its place.
	if e.state(now) == Miss || e.untrusted || e.hits == 0 {
		c.drop(e)
		return
	}
	e.hits--
	c.main.remove(e)
	c.main.push(e)
}

// queue is a first-in first-out list; head is the newest.
type queue[V any] struct {
	head, tail *entry[V]
	n          int
	bytes      int
}

func (q *queue[V]) push(e *entry[V]) {
	e.newer, e.older = nil, q.head
	if q.head != nil {
		q.head.newer = e
	} else {
		q.tail = e
	}
	q.head = e
	q.n++
	q.bytes += e.bytes
}

func (q *queue[V]) remove(e *entry[V]) {
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		q.head = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		q.tail = e.newer
	}
	e.newer, e.older = nil, nil
	q.n--
	q.bytes -= e.bytes
}

// ghost remembers which keys left probation lately, as 4 bytes of their hash in
// a table of fixed size where newer ones overwrite older ones. A false "has" has
// a chance of 2^-31.
type ghost struct {
	size  int      // a power of two
	slots []uint32 // made with the first add
}

func (g *ghost) add(hash uint64) {
	if g.slots == nil {
		g.slots = make([]uint32, g.size)
	}
	g.slots[hash&uint64(len(g.slots)-1)] = uint32(hash>>32) | 1 // 0 is empty
}

func (g *ghost) has(hash uint64) bool {
	return g.slots != nil && g.slots[hash&uint64(len(g.slots)-1)] == uint32(hash>>32)|1
}
