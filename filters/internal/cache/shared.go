package cache

import (
	"strconv"
	"time"

	"github.com/gatehouse-proxy/gatehouse/sigv4/sha256"
)

// Store is Envoy's shared data (proxy_get_shared_data and
// proxy_set_shared_data of the proxy-wasm ABI 0.2): one map for all VMs of the
// same vm_id, without lifetimes, without a limit, without a way to delete.
type Store interface {
	// Get returns a copy that belongs to the caller, and the version that a Set
	// must name to replace just this value.
	Get(key string) (value []byte, cas uint32, ok bool)
	// Set replaces a value. With a cas other than 0 it fails where the key exists
	// in another version; a key that does not exist is created whatever cas is.
	// It copies value.
	Set(key string, value []byte, cas uint32) (ok bool)
}

// createOnly is a version that no value has: Envoy counts versions up from 1, so
// that Set creates a key or fails.
const createOnly = ^uint32(0)

// SharedOptions describe a [Shared].
type SharedOptions struct {
	Store Store
	// Name is the prefix of the slots' names, such as "authcallout.decisions".
	Name string
	// Namespace is the digest of all configuration that a value depends on. An
	// entry of another one never matches. It also keys the MAC of the entries, so
	// a plugin with the same vm_id that does not know the configuration cannot
	// forge one.
	Namespace [sha256.Size]byte
	// Slots is the number of values in the store, 1 to 65,536, and the limit of
	// its memory together with MaxPayload. Two keys that fall on one slot compete
	// for it: choose four times the number of keys in use at once.
	Slots int
	// MaxPayload is the most bytes of one encoded value, at least 1.
	MaxPayload int
}

// Shared is level 2: a table of fixed size in which each key has one slot. The
// slots hold digests of keys, never keys; values are in plain text, so samples
// give each filter a vm_id of its own.
//
// An entry that was used since it was put keeps its slot against other keys
// while it is fresh, and untrusted entries displace no trusted one: a flood of
// keys takes only slots that are of no use.
type Shared struct {
	store      Store
	namespace  sha256.State // of a block with the namespace
	mac        hashKey
	names      string // all slot names, one after the other
	nameLen    int
	slots      uint64
	maxPayload int
	hash       sha256.Digest // a worker has one thread
	output     []byte        // an envelope on its way out
}

// NewShared prepares level 2; it does not touch the store. Numbers out of
// bounds are moved into them.
func NewShared(o SharedOptions) *Shared {
	s := &Shared{
		store:      o.Store,
		slots:      uint64(min(max(o.Slots, 1), 1<<16)),
		maxPayload: min(max(o.MaxPayload, 1), 1<<24),
	}
	// The name takes part, so that two caches of one configuration differ too.
	seed := AppendText(nil, o.Name)
	seed = append(seed, o.Namespace[:]...)
	n := sha256.Sum(append(seed, 'n'))
	var block [sha256.BlockSize]byte
	copy(block[:], n[:])
	s.namespace = sha256.Init
	sha256.Block(&s.namespace, &block)
	m := sha256.Sum(append(seed, 'm'))
	s.mac = hashKey{get64(m[:8]), get64(m[8:16])}

	s.nameLen = len(o.Name) + 5
	names := make([]byte, 0, s.nameLen*int(s.slots))
	for i := range s.slots {
		names = append(names, o.Name...)
		names = append(names, '.')
		names = append(names, strconv.FormatUint(1<<16+i, 16)[1:]...)
	}
	s.names = string(names)
	return s
}

// digest identifies a key of this configuration. The namespace has a block of its
// own, hashed once, so no key can imitate another one's.
func (s *Shared) digest(key []byte) (out [sha256.Size]byte) {
	s.hash.Resume(&s.namespace, 1)
	s.hash.Write(key)
	s.hash.Sum(&out)
	return out
}

func (s *Shared) name(digest *[sha256.Size]byte) string {
	at := int(get64(digest[:8])%s.slots) * s.nameLen
	return s.names[at : at+s.nameLen]
}

// lookup returns the envelope of a key, dead or alive, and marks a live one as
// used.
func (s *Shared) lookup(digest *[sha256.Size]byte, now time.Time) (envelope, bool) {
	name := s.name(digest)
	raw, cas, ok := s.store.Get(name)
	if !ok {
		return envelope{}, false
	}
	e, ok := s.parse(raw)
	if !ok || e.digest != *digest {
		return envelope{}, false
	}
	if e.flags&(flagUntrusted|flagUsed) == 0 && e.state(now.UnixNano()) == Fresh {
		e.flags |= flagUsed
		s.output = s.append(s.output[:0], &e)
		s.store.Set(name, s.output, cas) // who came in between has put a newer one
	}
	return e, true
}

// put writes an envelope, unless the slot holds a fresher answer for the same
// key or an entry of another key that keeps it. The envelope of a life without a
// duration is a tombstone: it only replaces its own key.
func (s *Shared) put(e envelope) {
	if len(e.payload) > s.maxPayload {
		// Too large to keep, but the older answer is void all the same.
		e.payload, e.fresh, e.stale = nil, e.asked, e.asked
	}
	name := s.name(&e.digest)
	flags := e.flags
	// A lost race means that another worker wrote; a few rounds settle it.
	for range 8 {
		raw, cas, ok := s.store.Get(name)
		if !ok {
			cas = createOnly
		}
		old, valid := s.parse(raw)
		same := valid && old.digest == e.digest
		if same && old.supersedes(e.asked) || !same && e.fresh == e.asked {
			return
		}
		if valid && !same && old.keeps(&e) {
			return
		}
		e.flags = flags
		if same && flags&flagUntrusted == 0 {
			e.flags |= old.flags & flagUsed
		}
		s.output = s.append(s.output[:0], &e)
		if s.store.Set(name, s.output, cas) {
			return
		}
	}
}

// The envelope of a value in the store, integers in big-endian order:
//
//	 0  version, 1
//	 1  flags
//	 2  SHA-256 of the namespace, zeros up to a block, and the key
//	34  asked, fresh until, stale until: Unix time in nanoseconds, 8 bytes each
//	58  length of the payload, 4 bytes
//	62  payload
//	..  SipHash-2-4 of all before it, 8 bytes
const (
	envelopeVersion = 1
	headLen         = 62
	macLen          = 8
)

const (
	flagUntrusted = 1 << iota
	flagUsed      // found by a worker since it was put
	flagsKnown    = 1<<iota - 1
)

type envelope struct {
	life
	digest  [sha256.Size]byte
	flags   byte
	payload []byte
}

// keeps tells whether an entry stays in its slot when another key's comes.
func (e *envelope) keeps(other *envelope) bool {
	if e.flags&flagUntrusted != 0 || e.state(other.asked) != Fresh {
		return false
	}
	return e.flags&flagUsed != 0 || other.flags&flagUntrusted != 0
}

func (s *Shared) append(dst []byte, e *envelope) []byte {
	dst = append(dst, envelopeVersion, e.flags)
	dst = append(dst, e.digest[:]...)
	dst = append64(dst, uint64(e.asked))
	dst = append64(dst, uint64(e.fresh))
	dst = append64(dst, uint64(e.stale))
	n := len(e.payload)
	dst = append(dst, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	dst = append(dst, e.payload...)
	return append64(dst, s.mac.sum(dst))
}

// parse accepts just what append writes under the same name, configuration and
// limits. The payload is a part of b.
func (s *Shared) parse(b []byte) (e envelope, ok bool) {
	if len(b) < headLen+macLen || b[0] != envelopeVersion || b[1]&^flagsKnown != 0 {
		return e, false
	}
	body, mac := b[:len(b)-macLen], b[len(b)-macLen:]
	n := int64(b[58])<<24 | int64(b[59])<<16 | int64(b[60])<<8 | int64(b[61])
	if n > int64(s.maxPayload) || n != int64(len(body)-headLen) {
		return e, false
	}
	if s.mac.sum(body) != get64(mac) {
		return e, false
	}
	e.life = life{int64(get64(b[34:42])), int64(get64(b[42:50])), int64(get64(b[50:58]))}
	if e.asked > e.fresh || e.fresh > e.stale {
		return e, false
	}
	e.flags = b[1]
	copy(e.digest[:], b[2:34])
	e.payload = body[headLen:]
	return e, true
}

func append64(dst []byte, n uint64) []byte {
	return append(dst, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

func get64(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0])<<56 | uint64(b[1])<<48 | uint64(b[2])<<40 | uint64(b[3])<<32 |
		uint64(b[4])<<24 | uint64(b[5])<<16 | uint64(b[6])<<8 | uint64(b[7])
}
