package sigv4

import (
	"slices"
	"sync"
	"unsafe"

	"github.com/gatehouse-proxy/gatehouse/sigv4/sha256"
)

// SigningKey is a derived key: it signs for one day, region and service. It is as
// secret as the key it comes from, for as long as the day lasts.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#derive-signing-key
type SigningKey struct {
	key   sha256.Key
	bytes [sha256.Size]byte
}

// DeriveKey derives the signing key of a secret access key. day is YYYYMMDD.
func DeriveKey(secretAccessKey, day, region, service string) SigningKey {
	var d sha256.Digest
	var sum [sha256.Size]byte
	k := sha256.NewKey([]byte("AWS4" + secretAccessKey))
	for _, part := range [...]string{day, region, service, terminator} {
		d.MAC(&k, []byte(part), &sum)
		k = sha256.NewKey(sum[:])
	}
	return SigningKey{k, sum}
}

// Bytes returns the 32 bytes of the key, as other implementations know it.
func (k *SigningKey) Bytes() [32]byte { return k.bytes }

// String hides the key.
func (k SigningKey) String() string { return "[redacted]" }

// GoString hides the key.
func (k SigningKey) GoString() string { return "[redacted]" }

// Sign returns the signature of a string to sign: 64 lower-case hex digits.
func (k *SigningKey) Sign(stringToSign string) string {
	var d sha256.Digest
	var sum [sha256.Size]byte
	d.MAC(&k.key, []byte(stringToSign), &sum)
	return hexOf(sum)
}

// StringToSign is the second step: algorithm, time, scope and the hash of the
// canonical request, each on a line. It fails for a year beyond 9999.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-string-to-sign
func StringToSign(scope Scope, canonicalRequest string) (string, error) {
	var buf [timeLen]byte
	stamp, err := appendTime(buf[:0], scope.Time)
	if err != nil {
		return "", err
	}
	var t text
	t.toSign(string(stamp), scopeOf(string(stamp), scope.Region, scope.Service), []byte(canonicalRequest))
	return string(t), nil
}

// toSign appends a string to sign.
func (t *text) toSign(stamp, scope string, canon []byte) {
	t.add(Algorithm+"\n", stamp, "\n", scope, "\n")
	sum := sha256.Sum(canon)
	*t = appendHex(*t, &sum)
}

// scopeOf is YYYYMMDD/region/service/aws4_request.
func scopeOf(stamp, region, service string) string {
	return stamp[:8] + "/" + region + "/" + service + "/" + terminator
}

func hexOf(sum [sha256.Size]byte) string {
	var out [2 * sha256.Size]byte
	return string(appendHex(out[:0], &sum))
}

// appendHex appends a hash or MAC.
func appendHex(dst []byte, sum *[sha256.Size]byte) []byte {
	dst = slices.Grow(dst, 2*sha256.Size)
	end := dst[len(dst) : len(dst)+2*sha256.Size]
	for i := 0; i < sha256.Size; i += 8 {
		x := load64(unsafe.String(&sum[0], len(sum)), i)
		store64(end, 2*i, hexOf4(x&(1<<32-1)))
		store64(end, 2*i+8, hexOf4(x>>32))
	}
	return dst[:len(dst)+2*sha256.Size]
}

// hexOf4 returns the eight digits of four bytes, the first one lowest in both.
func hexOf4(x uint64) uint64 {
	const ones = 0x0101010101010101
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff // a byte each in 16 bits
	x = (x>>4 | x<<8) & (0x0f * ones)   // its upper half, then its lower half
	letters := (x + 6*ones) >> 4 & ones
	return x + '0'*ones + letters*('a'-'0'-10)
}

// keyCacheSize bounds the derived keys that a Signer or Verifier keeps: about
// 300 bytes each. A gateway that signs per user needs one a user and day.
const keyCacheSize = 1024

// keyCache keeps derived keys, dropping the one not used for longest. The secret
// is a part of the name: the same key ID with another secret is another key.
type keyCache struct {
	mu    sync.Mutex
	limit int       // 0 is keyCacheSize
	kept  *keptKeys // nil: none yet
}

// keptKeys is a pointer in a pointer: fmt, which prints all it gets at, follows one.
type keptKeys struct{ *keyRing }

type keyRing struct {
	entries map[keyName]*keyEntry
	newest  *keyEntry
}

type keyName struct {
	id, secret, region, service string
	day                         [8]byte // YYYYMMDD
}

type keyEntry struct {
	name       keyName
	key        SigningKey
	next, prev *keyEntry
}

// get returns the key by value, so that an eviction cannot change it.
func (c *keyCache) get(id, secret, region, service, stamp string) SigningKey {
	name := keyName{id, secret, region, service, [8]byte([]byte(stamp))}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = &keptKeys{&keyRing{entries: map[keyName]*keyEntry{}}}
		if c.limit == 0 {
			c.limit = keyCacheSize
		}
	}
	r := c.kept.keyRing
	if r.newest != nil && r.newest.name == name { // most often; no hash of the whole name
		return r.newest.key
	}
	if e := r.entries[name]; e != nil {
		if r.newest != e {
			e.unlink()
			r.push(e)
		}
		return e.key
	}
	for len(r.entries) >= c.limit {
		oldest := r.newest.next
		delete(r.entries, oldest.name)
		if oldest == r.newest {
			r.newest = nil
		} else {
			oldest.unlink()
		}
		*oldest = keyEntry{}
	}
	e := &keyEntry{name: name, key: DeriveKey(secret, stamp[:8], region, service)}
	r.entries[name] = e
	r.push(e)
	return e.key
}

// push makes e the newest of the ring, whose newest entry precedes the oldest.
func (r *keyRing) push(e *keyEntry) {
	if r.newest == nil {
		e.next, e.prev = e, e
	} else {
		e.prev, e.next = r.newest, r.newest.next
		e.prev.next, e.next.prev = e, e
	}
	r.newest = e
}

func (e *keyEntry) unlink() { e.prev.next, e.next.prev = e.next, e.prev }
