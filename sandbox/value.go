package sandbox

import (
	"hash/maphash"
	"math"
	"unsafe"
)

// Value is a Lua value: two words, without a Go interface, so that numbers and
// booleans never take memory of their own. The zero Value is nil.
//
// Values of one script must not be given to another; strings, numbers,
// booleans, functions and tables of an Env are free to travel, strings within one
// goroutine: they note what is computed of them.
type Value struct {
	// p tells the type. It is nil for nil, points to one of the tags below for
	// numbers and booleans, and else to an object, whose first byte is its kind.
	p unsafe.Pointer
	n float64
}

// Type is the type of a Value, in the order that error messages do not see.
type Type uint8

// The types of Lua. What Lua calls userdata is made by Opaque and by Null.
const (
	TypeNil Type = iota
	TypeBoolean
	TypeNumber
	TypeString
	TypeTable
	TypeFunction
	TypeThread
	TypeUserdata
)

var typeNames = [...]string{"nil", "boolean", "number", "string", "table", "function", "thread", "userdata"}

// String returns the name that Lua's type() gives.
//
//go:noinline
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "?"
}

// The first byte of every object and tag.
const (
	kindFalse uint8 = iota + 1
	kindTrue
	kindNumber
	kindString
	kindTable
	kindClosure // a Lua function
	kindNative  // a Go function
	kindThread
	kindUserdata
)

var kindTypes = [...]Type{TypeNil, TypeBoolean, TypeBoolean, TypeNumber, TypeString, TypeTable, TypeFunction, TypeFunction, TypeThread, TypeUserdata}

var (
	tagFalse  = kindFalse
	tagTrue   = kindTrue
	tagNumber = kindNumber
)

// header starts every object. mark belongs to the walk of state.measure.
type header struct {
	kind   uint8
	shared bool // belongs to an Env or a Program: never written to, not counted
	mark   uint32
	id     uint32 // what tostring shows in the place of an address, 0 until asked
}

// str is a Lua string. hash is computed on first use as a key; strings that
// several goroutines may see have it from the start.
type str struct {
	header
	hash uint32
	s    string
}

// userdata is an opaque value of the host.
type userdata struct {
	header
	value any
	meta  *Table
}

// Sizes that the memory budget charges for objects. They are those of a 64-bit
// platform and constants, so that counts are the same everywhere.
const (
	sizeValue    = 16
	sizeString   = 32
	sizeTable    = 96
	sizeNode     = 48
	sizeClosure  = 48
	sizeUpvalue  = 48
	sizeThread   = 256
	sizeFrame    = 48
	sizeUserdata = 48
)

// Nil is the nil value; Null is the value of JSON's null, a userdata.
var (
	Nil  Value
	Null = objValue(unsafe.Pointer(&userdata{header: header{kind: kindUserdata, shared: true}, value: nullValue{}}))
)

type nullValue struct{}

func objValue(p unsafe.Pointer) Value { return Value{p: p} }

// Bool returns the boolean b.
func Bool(b bool) Value {
	if b {
		return Value{p: unsafe.Pointer(&tagTrue)}
	}
	return Value{p: unsafe.Pointer(&tagFalse)}
}

// Number returns the number n.
func Number(n float64) Value { return Value{p: unsafe.Pointer(&tagNumber), n: n} }

// String returns the string s. It is not charged; inside a host function
// Call.String is.
//
//go:noinline
func String(s string) Value { return strValue(&str{header: header{kind: kindString}, s: s}) }

// Opaque returns a userdata that carries v through a script, which can only
// pass it on and compare it. methods, when not nil, is a table of an Env whose
// fields the script sees as fields of the value.
func Opaque(v any, methods *Table) Value {
	u := &userdata{header: header{kind: kindUserdata}, value: v}
	if methods != nil {
		u.meta = newTable(0, 2)
		u.meta.rawSetString("__index", methods.value())
		u.meta.rawSetString("__metatable", Bool(false))
		u.meta.freeze()
	}
	return objValue(unsafe.Pointer(u))
}

func strValue(s *str) Value { return Value{p: unsafe.Pointer(s)} }

func (v Value) kind() uint8 {
	if v.p == nil {
		return 0
	}
	return *(*uint8)(v.p)
}

// Type returns the type of v.
//
//go:noinline
func (v Value) Type() Type { return kindTypes[v.kind()] }

// IsNil reports whether v is nil.
func (v Value) IsNil() bool { return v.p == nil }

// Truthy reports whether v counts as true: all but nil and false.
func (v Value) Truthy() bool { return v.p != nil && v.p != unsafe.Pointer(&tagFalse) }

// AsBool returns the boolean in v; ok is false for other types.
func (v Value) AsBool() (b, ok bool) {
	return v.p == unsafe.Pointer(&tagTrue), v.p == unsafe.Pointer(&tagTrue) || v.p == unsafe.Pointer(&tagFalse)
}

// AsNumber returns the number in v; ok is false for other types, also for
// strings that look like numbers.
func (v Value) AsNumber() (n float64, ok bool) { return v.n, v.isNumber() }

// AsString returns the string in v; ok is false for other types, also for numbers.
//
//go:noinline
func (v Value) AsString() (s string, ok bool) {
	if v.kind() == kindString {
		return v.str().s, true
	}
	return "", false
}

// AsTable returns the table in v, nil for other types.
//
//go:noinline
func (v Value) AsTable() *Table {
	if v.kind() == kindTable {
		return v.table()
	}
	return nil
}

// AsOpaque returns what Opaque put in; ok is false for other values and for Null.
func (v Value) AsOpaque() (x any, ok bool) {
	if v.kind() != kindUserdata || v == Null {
		return nil, false
	}
	return (*userdata)(v.p).value, true
}

// IsFunction reports whether v is a function.
//
//go:noinline
func (v Value) IsFunction() bool { k := v.kind(); return k == kindClosure || k == kindNative }

func (v Value) isNumber() bool { return v.p == unsafe.Pointer(&tagNumber) }
func (v Value) str() *str      { return (*str)(v.p) }
func (v Value) table() *Table  { return (*Table)(v.p) }

func (v Value) closure() *closure { return (*closure)(v.p) }
func (v Value) native() *native   { return (*native)(v.p) }
func (v Value) thread() *thread   { return (*thread)(v.p) }

// rawEqual is equality without metamethods.
//
//go:noinline
func rawEqual(a, b Value) bool {
	if a.p == b.p {
		// NaN differs from itself; n is 0 for everything but numbers.
		return a.n == b.n
	}
	return a.kind() == kindString && b.kind() == kindString && a.str().s == b.str().s
}

// hashSeed is of the process. Nothing a script sees depends on hashes: tables
// keep the order of insertion, and no charge counts collisions.
var (
	hashSeed   = maphash.MakeSeed()
	numberSeed = maphash.String(hashSeed, "number")
)

func hashString(s string) uint32 {
	h := maphash.String(hashSeed, s)
	u := uint32(h) ^ uint32(h>>32)
	if u == 0 {
		u = 1
	}
	return u
}

func (s *str) hashed() uint32 {
	if s.hash == 0 {
		s.hash = hashString(s.s)
	}
	return s.hash
}

// newSharedStr makes a string that several goroutines may see.
//
//go:noinline
func newSharedStr(s string) *str {
	return &str{header: header{kind: kindString, shared: true}, hash: hashString(s), s: s}
}

func hashNumber(n float64) uint32 {
	if n == 0 {
		return 0 // 0 and -0 are the same key
	}
	b := (math.Float64bits(n) ^ numberSeed) * 0x9E3779B97F4A7C15
	b = (b ^ b>>32) * (numberSeed | 1)
	return uint32(b >> 32)
}

func hashPointer(p unsafe.Pointer) uint32 {
	return uint32((uint64(uintptr(p)) >> 3) * 0x9E3779B97F4A7C15 >> 32)
}

func (v Value) hash() uint32 {
	switch v.kind() {
	case kindNumber:
		return hashNumber(v.n)
	case kindString:
		return v.str().hashed()
	}
	return hashPointer(v.p)
}
