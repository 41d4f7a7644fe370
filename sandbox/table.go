package sandbox

import (
	"math/bits"
	"unsafe"
)

// Table is a Lua table: a list for the keys 1..n, and a hash part that keeps
// the order of insertion, so that pairs() gives the same order in every run
// and on every platform.
type Table struct {
	header
	readonly bool  // belongs to an Env: scripts cannot write to it
	hasInts  bool  // the hash part may hold integer keys
	absent   uint8 // metamethods that are known not to be in this metatable: bit 1<<event
	used     int32 // nodes in use, live or dead
	arr      []Value
	nodes    []node // the length is a power of two, or 0
	meta     *Table
}

// node is a field of the hash part. A dead one has a nil value; it keeps its
// key, so that next() can go on from it, until the table is rehashed.
type node struct {
	key, val Value
	next     int32 // the next node of the same bucket, as index + 1
	head     int32 // first node of the bucket that has this node's index
}

var errReadOnly = errorText("attempt to modify a read-only table")

//go:noinline
func newTable(narr, nhash int) *Table {
	t := &Table{header: header{kind: kindTable}}
	if narr > 0 {
		t.arr = make([]Value, 0, narr)
	}
	if nhash > 0 {
		t.nodes = make([]node, ceilPow2(nhash))
	}
	return t
}

func ceilPow2(n int) int {
	if n <= 1 {
		return 1
	}
	return 1 << bits.Len(uint(n-1))
}

func (t *Table) value() Value { return Value{p: unsafe.Pointer(t)} }

// freeze makes t read-only and safe to share: nothing lazy is left in it.
func (t *Table) freeze() {
	t.readonly, t.shared = true, true
	t.absent = 0
}

// Get returns t[key] without metamethods.
func (t *Table) Get(key Value) Value { return t.get(key) }

// GetString returns t[key] without metamethods.
func (t *Table) GetString(key string) Value { return t.getString(key) }

// Len returns the length of t as the operator # gives it.
func (t *Table) Len() int { return t.length() }

// Next returns the entry after key, the first one for nil; ok is false at the
// end and for a key that is not in t.
func (t *Table) Next(key Value) (k, v Value, ok bool) {
	i, found := t.position(key)
	if !found {
		return Value{}, Value{}, false
	}
	k, v, _ = t.entryFrom(i)
	return k, v, !k.IsNil()
}

// intKey returns n as an int if it is integral.
func intKey(n float64) (int, bool) {
	i := int(n)
	return i, float64(i) == n
}

func (t *Table) get(k Value) Value {
	switch k.kind() {
	case 0:
		return Value{}
	case kindNumber:
		if i, ok := intKey(k.n); ok {
			return t.getInt(i)
		}
	case kindString:
		return t.getStr(k.str())
	}
	if n := t.find(k); n != nil {
		return n.val
	}
	return Value{}
}

func (t *Table) getInt(i int) Value {
	if uint(i-1) < uint(len(t.arr)) {
		return t.arr[i-1]
	}
	if t.hasInts {
		if n := t.find(Number(float64(i))); n != nil {
			return n.val
		}
	}
	return Value{}
}

func (t *Table) getStr(k *str) Value {
	if n := t.findStr(k); n != nil {
		return n.val
	}
	return Value{}
}

func (t *Table) getString(s string) Value {
	if t.used == 0 {
		return Value{}
	}
	k := str{hash: hashString(s), s: s}
	return t.getStr(&k)
}

// findStr returns the node of k, nil if there is none.
func (t *Table) findStr(k *str) *node {
	if t.used == 0 {
		return nil
	}
	nodes := t.nodes
	i := nodes[k.hashed()&uint32(len(nodes)-1)].head
	for i != 0 {
		n := &nodes[i-1]
		if n.key.p == unsafe.Pointer(k) {
			return n
		}
		if *(*uint8)(n.key.p) == kindString {
			if s := (*str)(n.key.p); s.hash == k.hash && s.s == k.s {
				return n
			}
		}
		i = n.next
	}
	return nil
}

// find returns the node of k, nil if there is none. k is not nil.
func (t *Table) find(k Value) *node {
	if t.used == 0 {
		return nil
	}
	if *(*uint8)(k.p) == kindString {
		return t.findStr(k.str())
	}
	nodes := t.nodes
	i := nodes[k.hash()&uint32(len(nodes)-1)].head
	for i != 0 {
		n := &nodes[i-1]
		if n.key.p == k.p && n.key.n == k.n {
			return n
		}
		i = n.next
	}
	return nil
}

// set assigns t[k] = v without metamethods. r pays for growth; it is nil only
// while an Env is built. k is neither nil nor NaN.
func (t *Table) set(r *Run, k, v Value) error {
	if t.readonly {
		if t.get(k) == v { // table.unpack = table.unpack or unpack
			return nil
		}
		return errReadOnly
	}
	if k.isNumber() {
		if i, ok := intKey(k.n); ok {
			return t.setInt(r, i, v)
		}
	}
	return t.setHash(r, k, v)
}

func (t *Table) setInt(r *Run, i int, v Value) error {
	if t.readonly {
		return errReadOnly
	}
	n := len(t.arr)
	if uint(i-1) < uint(n) {
		t.arr[i-1] = v
		// A list used as a stack keeps its exact length; with a hole before the
		// end, length() searches.
		if v.p == nil && i == n && n > 1 && t.arr[n-2].p != nil {
			t.arr = t.arr[:n-1]
		}
		return nil
	}
	if i == n+1 {
		if v.p == nil {
			if t.hasInts {
				if nd := t.find(Number(float64(i))); nd != nil {
					nd.val = v
				}
			}
			return nil
		}
		if n == cap(t.arr) {
			if err := t.growList(r, n+1); err != nil {
				return err
			}
		}
		t.arr = append(t.arr, v)
		if t.hasInts {
			return t.migrate(r)
		}
		return nil
	}
	return t.setHash(r, Number(float64(i)), v)
}

// growList makes room for at least want list elements.
func (t *Table) growList(r *Run, want int) error {
	c := max(4, 2*cap(t.arr), want)
	if err := r.allocTable(int64(c)*sizeValue, int64(len(t.arr))); err != nil {
		return err
	}
	arr := make([]Value, len(t.arr), c)
	copy(arr, t.arr)
	t.arr = arr
	return nil
}

// migrate moves the keys that follow the list out of the hash part; called
// after the list grew at its end. So the key next to the list is never live in
// the hash part, which length relies on.
func (t *Table) migrate(r *Run) error {
	if n := t.find(Number(float64(len(t.arr)))); n != nil {
		n.val = Value{}
	}
	for {
		n := t.find(Number(float64(len(t.arr) + 1)))
		if n == nil || n.val.p == nil {
			return nil
		}
		if len(t.arr) == cap(t.arr) {
			if err := t.growList(r, len(t.arr)+1); err != nil {
				return err
			}
		}
		t.arr = append(t.arr, n.val)
		n.val = Value{}
	}
}

func (t *Table) setHash(r *Run, k, v Value) error {
	if n := t.find(k); n != nil {
		if n.val.p == nil {
			t.absent = 0
		}
		n.val = v
		return nil
	}
	if v.p == nil {
		return nil
	}
	if int(t.used) == len(t.nodes) {
		if err := t.rehash(r, k); err != nil {
			return err
		}
		return t.set(r, k, v)
	}
	t.absent = 0
	t.link(k, v)
	return nil
}

// link adds a key that is not there, with room given.
func (t *Table) link(k, v Value) {
	h := k.hash() & uint32(len(t.nodes)-1)
	n := &t.nodes[t.used]
	t.used++
	if k.isNumber() {
		t.hasInts = true
	}
	n.key, n.val, n.next = k, v, t.nodes[h].head
	t.nodes[h].head = t.used
}

// rehash makes room for extra: it drops dead nodes, moves integer keys to the
// list where more than half of its slots would be in use, and grows the rest.
func (t *Table) rehash(r *Run, extra Value) error {
	live := 0
	var counts [bits.UintSize]int // counts[b]: integer keys k with bits.Len(k-1) == b
	ints := 0
	count := func(k Value) {
		if k.isNumber() {
			if i, ok := intKey(k.n); ok && i > 0 {
				counts[bits.Len(uint(i-1))]++
				ints++
			}
		}
	}
	for i := range t.nodes[:t.used] {
		if t.nodes[i].val.p != nil {
			live++
			count(t.nodes[i].key)
		}
	}
	count(extra)
	listSize := len(t.arr)
	if ints > 0 {
		if r != nil {
			if err := r.charge(int64(len(t.arr)) >> 4); err != nil {
				return err
			}
		}
		listSize = t.listSize(&counts)
	}
	moved := 0
	if listSize > len(t.arr) {
		last := len(t.arr)
		for i := range t.nodes[:t.used] {
			if n := &t.nodes[i]; n.val.p != nil && n.key.isNumber() {
				if k, ok := intKey(n.key.n); ok && k > 0 && k <= listSize {
					moved++
					last = max(last, k)
				}
			}
		}
		if k, ok := intKey(extra.n); ok && extra.isNumber() && k > 0 && k <= listSize {
			last = max(last, k)
		}
		listSize = last
	}
	want := live - moved + 1
	size := ceilPow2(want)
	if live < int(t.used) && want > size-size/4 {
		size *= 2
	}
	cost := int64(size) * sizeNode
	if listSize > cap(t.arr) {
		cost += int64(listSize) * sizeValue
	}
	if err := r.allocTable(cost, int64(t.used)+int64(size)); err != nil {
		return err
	}
	if listSize > cap(t.arr) {
		arr := make([]Value, listSize)
		copy(arr, t.arr)
		t.arr = arr
	} else {
		t.arr = t.arr[:listSize]
	}
	old := t.nodes[:t.used]
	t.nodes, t.used, t.hasInts = make([]node, size), 0, false
	for i := range old {
		n := &old[i]
		if n.val.p == nil {
			continue
		}
		if n.key.isNumber() {
			if k, ok := intKey(n.key.n); ok && k > 0 && k <= listSize {
				t.arr[k-1] = n.val
				continue
			}
		}
		t.link(n.key, n.val)
	}
	return nil
}

// listSize returns the largest power of two such that more than half of the
// slots up to it would be in use; the list never gets shorter.
func (t *Table) listSize(counts *[bits.UintSize]int) int {
	for i := range t.arr {
		if t.arr[i].p != nil {
			counts[bits.Len(uint(i))]++
		}
	}
	best, sum := len(t.arr), 0
	for b := 0; b < 48; b++ {
		size := 1 << b
		sum += counts[b]
		if sum > size/2 && size > best {
			best = size
		}
	}
	return best
}

// length returns a border of t; where there are several, that which LuaJIT
// finds in a list of the same size.
func (t *Table) length() int {
	hi := len(t.arr)
	if hi == 0 || t.arr[hi-1].p != nil {
		return hi
	}
	lo := 0
	for hi-lo > 1 {
		mid := (lo + hi) >> 1
		if t.arr[mid-1].p == nil {
			hi = mid
		} else {
			lo = mid
		}
	}
	return lo
}

// position returns where the traversal goes on after key k; entryFrom takes it.
func (t *Table) position(k Value) (int, bool) {
	if k.p == nil {
		return 0, true
	}
	if k.isNumber() {
		if i, ok := intKey(k.n); ok && uint(i-1) < uint(len(t.arr)) {
			return i, true
		}
	}
	if n := t.find(k); n != nil {
		at := int((uintptr(unsafe.Pointer(n)) - uintptr(unsafe.Pointer(&t.nodes[0]))) / unsafe.Sizeof(node{}))
		return len(t.arr) + at + 1, true
	}
	if k.isNumber() {
		// The last element was set to nil on the way and the list got shorter.
		if i, ok := intKey(k.n); ok && uint(i-1) < uint(cap(t.arr)) {
			return len(t.arr), true
		}
	}
	return 0, false
}

// entryFrom returns the first live entry at position i or later, and how many
// dead ones were passed, which callers charge for. k is nil at the end.
func (t *Table) entryFrom(i int) (k, v Value, skipped int) {
	start := i
	for ; i < len(t.arr); i++ {
		if t.arr[i].p != nil {
			return Number(float64(i + 1)), t.arr[i], i - start
		}
	}
	for j := i - len(t.arr); j < int(t.used); j++ {
		if n := &t.nodes[j]; n.val.p != nil {
			return n.key, n.val, j + len(t.arr) - start
		}
	}
	return Value{}, Value{}, len(t.arr) + int(t.used) - start
}

// clear removes all entries and keeps the room.
func (t *Table) clear() {
	clear(t.arr)
	t.arr = t.arr[:0]
	clear(t.nodes)
	t.used, t.hasInts = 0, false
	t.absent = 0
}

// rawSet and rawSetString build tables of an Env; nothing is charged.
//
//go:noinline
func (t *Table) rawSet(k, v Value) { _ = t.set(nil, k, v) }

func (t *Table) rawSetString(k string, v Value) { t.rawSet(strValue(newSharedStr(k)), v) }

// Metamethod events. The first eight are remembered as absent in Table.absent.
const (
	evIndex = iota
	evNewindex
	evEq
	evCall
	evLt
	evLe
	evConcat
	evUnm
	evAdd
	evSub
	evMul
	evDiv
	evMod
	evPow
	evLen
	evTostring
	evMetatable
	evCount
)

var metaNames = [evCount]string{
	"__index", "__newindex", "__eq", "__call", "__lt", "__le", "__concat", "__unm", "__add",
	"__sub", "__mul", "__div", "__mod", "__pow", "__len", "__tostring", "__metatable",
}

var metaKeys = func() (keys [evCount]*str) {
	for i, n := range metaNames {
		keys[i] = newSharedStr(n)
	}
	return
}()

// event returns the metamethod of metatable m for ev, nil if there is none.
func (t *Table) event(ev int) Value {
	if t == nil {
		return Value{}
	}
	if ev < 8 && t.absent&(1<<ev) != 0 {
		return Value{}
	}
	v := t.getStr(metaKeys[ev])
	if v.p == nil && ev < 8 && !t.readonly {
		t.absent |= 1 << ev
	}
	return v
}
