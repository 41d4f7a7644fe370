package cache

import "time"

// Source says where an entry was found, for the caller's counters.
type Source uint8

// The sources of a [Tiered].
const (
	FromNone   Source = iota // a miss
	FromWorker               // level 1
	FromShared               // level 2
)

// String returns the source's word, as metrics and logs show it.
func (s Source) String() string {
	switch s {
	case FromWorker:
		return "worker"
	case FromShared:
		return "shared"
	default:
		return "none"
	}
}

// Tiered looks in the worker's own cache first and then, if there is one, in the
// store that the workers share.
type Tiered[V any] struct {
	worker *Cache[V]
	shared *Shared
	encode func(dst []byte, v V) []byte
	decode func(payload []byte) (V, bool)
	buffer []byte
}

// NewTiered makes one of its two levels. shared may be nil; encode and decode are
// not used then. encode appends a value to dst. decode owns the payload and
// reports false for one that it cannot read, which is a miss.
func NewTiered[V any](worker *Cache[V], shared *Shared, encode func(dst []byte, v V) []byte, decode func(payload []byte) (V, bool)) *Tiered[V] {
	return &Tiered[V]{worker: worker, shared: shared, encode: encode, decode: decode}
}

// Get looks a key up as [Cache.Get] does. An entry found in the store is copied
// to the worker. A worker goes on using its own fresh copy when another worker
// has put or forgotten that key since: a lifetime is the time that a revocation
// may take to arrive, at either level.
func (t *Tiered[V]) Get(key []byte, now time.Time) (V, State, Source) {
	v, state := t.worker.Get(key, now)
	if state == Fresh {
		return v, Fresh, FromWorker
	}
	if t.shared != nil {
		digest := t.shared.digest(key)
		if e, ok := t.shared.lookup(&digest, now); ok && t.newer(key, e.asked) {
			return t.promote(key, e, now)
		}
	}
	if state == Miss {
		return v, Miss, FromNone
	}
	return v, state, FromWorker
}

// newer tells whether an answer asked for at asked is the latest known.
func (t *Tiered[V]) newer(key []byte, asked int64) bool {
	e := t.worker.entries[string(key)]
	return e == nil || e.asked < asked
}

func (t *Tiered[V]) promote(key []byte, e envelope, now time.Time) (V, State, Source) {
	var none V
	state := e.state(now.UnixNano())
	if state == Miss { // forgotten or dead, and so is the worker's older one
		return none, Miss, FromNone
	}
	v, ok := t.decode(e.payload)
	if !ok {
		return none, Miss, FromNone
	}
	t.worker.put(key, v, e.life, e.flags&flagUntrusted != 0, now.UnixNano())
	return v, state, FromShared
}

// Put keeps a value at both levels, or forgets it there, as [Cache.Put] does.
func (t *Tiered[V]) Put(key []byte, v V, terms Terms, asked time.Time) {
	t.worker.Put(key, v, terms, asked)
	if t.shared == nil {
		return
	}
	e := envelope{digest: t.shared.digest(key)}
	if terms.Untrusted {
		e.flags = flagUntrusted
	}
	if terms.TTL <= 0 {
		e.life = tombstone(asked)
	} else {
		e.life = terms.life(asked)
		t.buffer = t.encode(t.buffer[:0], v)
		e.payload = t.buffer
	}
	t.shared.put(e)
}

// Clear empties the worker's level. The store has no delete: there a new
// Namespace makes all entries void, and later ones overwrite them.
func (t *Tiered[V]) Clear() { t.worker.Clear() }

// Len is the number of entries at the worker's level.
func (t *Tiered[V]) Len() int { return t.worker.Len() }

// Bytes is the memory that the worker's entries are counted with.
func (t *Tiered[V]) Bytes() int { return t.worker.Bytes() }
