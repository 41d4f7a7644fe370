package sandbox

import (
	"math"
	"unsafe"
)

// The slow paths of instructions: metamethods, conversions, growth, errors.
// Metamethods written in Lua get a frame and run in the loop of execute, so
// they may yield and cost no Go stack.

// maxChain bounds chains of __index and __newindex, as Lua does.
const maxChain = 100

// metaOf returns the metatable of v, nil if it has none.
//
//go:noinline
func (r *Run) metaOf(v Value) *Table {
	switch v.kind() {
	case kindTable:
		return v.table().meta
	case kindUserdata:
		return (*userdata)(v.p).meta
	case kindString:
		return r.script.prog.env.stringMeta
	}
	return nil
}

// lookup finds obj[key]. If a function has to be asked, f is it and v the
// object to give it.
func (r *Run) lookup(obj, key Value) (v, f Value, err error) {
	for depth := range maxChain {
		var meta *Table
		if obj.kind() == kindTable {
			t := obj.table()
			if key.kind() == kindString {
				s := key.str()
				if len(s.s) > 64 {
					r.chargeKey(key)
				}
				v = t.getStr(s)
			} else {
				v = t.get(key)
			}
			if v.p != nil || t.meta == nil {
				return v, Value{}, nil
			}
			meta = t.meta
		} else if meta = r.metaOf(obj); meta == nil {
			return Value{}, Value{}, r.indexError(obj, depth)
		}
		h := meta.event(evIndex)
		if h.p == nil {
			if obj.kind() == kindTable {
				return Value{}, Value{}, nil
			}
			return Value{}, Value{}, r.indexError(obj, depth)
		}
		if h.IsFunction() {
			return obj, h, nil
		}
		obj = h
		if err := r.charge(1); err != nil {
			return Value{}, Value{}, err
		}
	}
	return Value{}, Value{}, errorText("loop in gettable")
}

// index puts obj[key] into stack slot dest, now or when a metamethod returns.
func (r *Run) index(obj, key Value, dest int) error {
	v, f, err := r.lookup(obj, key)
	if err != nil {
		return err
	}
	if f.p != nil {
		return r.callMeta(f, v, key, dest, 1, toCall)
	}
	r.th.stack[dest] = v
	return nil
}

// setIndex does obj[key] = v.
func (r *Run) setIndex(obj, key, v Value) error {
	for depth := range maxChain {
		var meta *Table
		if obj.kind() == kindTable {
			t := obj.table()
			meta = t.meta
			if meta != nil {
				r.chargeKey(key)
			}
			if meta == nil || meta.event(evNewindex).p == nil || t.get(key).p != nil {
				return r.rawSet(t, key, v)
			}
		} else if meta = r.metaOf(obj); meta == nil || meta.event(evNewindex).p == nil {
			return r.indexError(obj, depth)
		}
		h := meta.event(evNewindex)
		if h.IsFunction() {
			at, err := r.scratch(4)
			if err != nil {
				return err
			}
			s := r.th.stack[at:]
			s[0], s[1], s[2], s[3] = h, obj, key, v
			return r.precall(at, 3, toCall, at, 0)
		}
		obj = h
		if err := r.charge(1); err != nil {
			return err
		}
	}
	return errorText("loop in settable")
}

// rawSet assigns without metamethods.
func (r *Run) rawSet(t *Table, key, v Value) error {
	switch key.kind() {
	case 0:
		return errorText("table index is nil")
	case kindNumber:
		if key.n != key.n {
			return errorText("table index is NaN")
		}
		if key.n == 0 {
			key.n = 0 // not -0
		}
	case kindString:
		r.chargeKey(key)
	}
	return t.set(r, key, v)
}

// chargeKey charges for finding a long string in a table. The next instruction
// notices when nothing is left.
//
//go:noinline
func (r *Run) chargeKey(key Value) {
	if key.kind() == kindString && len(key.str().s) > 64 {
		_ = r.charge(int64(len(key.str().s)) >> 6)
	}
}

// scratch returns a stack slot above all that the top frame uses, with room
// for n values and a frame above it.
func (r *Run) scratch(n int) (int, error) {
	t := r.th
	at := t.limit
	if f := &t.frames[t.n-1]; f.cl != nil {
		at = int(f.base) + f.cl.proto.maxStack
	}
	return at, r.grow(t, at+n+window)
}

// callMeta calls metamethod f with two operands.
func (r *Run) callMeta(f, a, b Value, ret, nres int, kind uint8) error {
	at, err := r.scratch(3)
	if err != nil {
		return err
	}
	s := r.th.stack[at:]
	s[0], s[1], s[2] = f, a, b
	return r.precall(at, 2, kind, ret, nres)
}

func pow(x, y float64) float64 {
	if y == 2 {
		return x * x
	}
	if y == 0.5 {
		return math.Sqrt(x)
	}
	return math.Pow(x, y)
}

// arith computes constants for the compiler.
func arith(op exprOp, x, y float64) float64 {
	return arithOp(int(op-exAdd), x, y)
}

func arithOp(op int, x, y float64) float64 {
	switch op {
	case 0:
		return x + y
	case 1:
		return x - y
	case 2:
		return x * y
	case 3:
		return x / y
	case 4:
		return x - math.Floor(x/y)*y
	}
	return pow(x, y)
}

// number converts v as arithmetic does: numbers, and strings that are numerals.
func (r *Run) number(v Value) (float64, bool) {
	switch v.kind() {
	case kindNumber:
		return v.n, true
	case kindString:
		return r.stringToNumber(v.str())
	}
	return 0, false
}

func (r *Run) stringToNumber(s *str) (float64, bool) {
	if r.charge(int64(len(s.s))>>3+longNumeral(s.s)) != nil {
		return 0, true // the next instruction notices that nothing is left
	}
	return parseNumber(s.s)
}

// arithmetic is the slow path of the arithmetic instructions; op counts from addition.
func (r *Run) arithmetic(op int, x, y Value, dest int) error {
	a, okA := r.number(x)
	b, okB := r.number(y)
	if okA && okB {
		r.th.stack[dest] = Number(arithOp(op, a, b))
		return nil
	}
	ev := [...]int{evAdd, evSub, evMul, evDiv, evMod, evPow}[op]
	f := r.metaOf(x).event(ev)
	if f.p == nil {
		f = r.metaOf(y).event(ev)
	}
	if f.p == nil {
		if okA {
			x = y
		}
		return r.operandError("perform arithmetic on", x, okA)
	}
	return r.callMeta(f, x, y, dest, 1, toCall)
}

func (r *Run) negate(x Value, dest int) error {
	if n, ok := r.number(x); ok {
		r.th.stack[dest] = Number(-n)
		return nil
	}
	f := r.metaOf(x).event(evUnm)
	if f.p == nil {
		return r.operandError("perform arithmetic on", x, false)
	}
	return r.callMeta(f, x, x, dest, 1, toCall)
}

// lengthOf is the length of what is neither string nor table: as in LuaJIT,
// __len of tables is not asked.
func (r *Run) lengthOf(x Value, dest int) error {
	f := r.metaOf(x).event(evLen)
	if f.p == nil {
		return r.operandError("get length of", x, false)
	}
	return r.callMeta(f, x, Value{}, dest, 1, toCall)
}

// equalMeta returns the metamethod that decides whether x equals y. For long
// strings it charges for the comparison to come.
func (r *Run) equalMeta(x, y Value) (Value, error) {
	switch kind := x.kind(); {
	case kind != y.kind():
	case kind == kindString:
		if n := len(x.str().s); n == len(y.str().s) {
			return Value{}, r.charge(int64(n) >> 6)
		}
	case kind == kindTable || kind == kindUserdata:
		a, b := r.metaOf(x), r.metaOf(y)
		f := a.event(evEq)
		if f.p != nil && b != nil && (a == b || f == b.event(evEq)) {
			return f, nil
		}
	}
	return Value{}, nil
}

// equalStrings reports whether x and y are equal strings.
func equalStrings(x, y Value) bool {
	return x.kind() == kindString && y.kind() == kindString && x.str().s == y.str().s
}

// compare is the slow path of order comparisons.
func (r *Run) compare(fr *frame, i instr, reg *[window]Value, k []Value) error {
	x := reg[i.a]
	var y Value
	op := i.op
	if negated(op) {
		op = negation(op)
	}
	switch op {
	case opLt, opLe:
		y = reg[uint8(i.b)]
	case opLtK, opLeK:
		y = k[i.b]
	case opGtK, opGeK:
		x, y = k[i.b], x
	}
	less := op == opLt || op == opLtK || op == opGtK
	var res bool
	switch {
	case x.isNumber() && y.isNumber():
		res = x.n < y.n || !less && x.n == y.n
	case x.kind() == kindString && y.kind() == kindString:
		a, b := x.str().s, y.str().s
		if err := r.charge(int64(min(len(a), len(b))) >> 6); err != nil {
			return err
		}
		res = a < b || !less && a == b
	default:
		return r.compareMeta(x, y, less)
	}
	if res != negated(i.op) {
		fr.pc = i.c
	}
	return nil
}

// orderMeta finds the metamethod for x < y or x <= y. Without __le, swapped
// __lt is asked and its answer inverted.
func (r *Run) orderMeta(x, y Value, less bool) (f Value, swap bool) {
	find := func(ev int) Value {
		a := r.metaOf(x).event(ev)
		if a.p == nil {
			return Value{}
		}
		// Lua 5.1: both operands must agree on it.
		if b := r.metaOf(y).event(ev); a != b {
			return Value{}
		}
		return a
	}
	if less {
		return find(evLt), false
	}
	if f = find(evLe); f.p != nil {
		return f, false
	}
	return find(evLt), true
}

func (r *Run) compareMeta(x, y Value, less bool) error {
	f, swap := r.orderMeta(x, y, less)
	if f.p == nil {
		return errorText(compareText(x, y))
	}
	if swap {
		return r.callMeta(f, y, x, 0, 1, toJump)
	}
	return r.callMeta(f, x, y, 0, 0, toJump)
}

// lessThan compares for table.sort.
func (r *Run) lessThan(x, y Value) (bool, error) {
	switch {
	case x.isNumber() && y.isNumber():
		return x.n < y.n, nil
	case x.kind() == kindString && y.kind() == kindString:
		a, b := x.str().s, y.str().s
		if err := r.charge(int64(min(len(a), len(b))) >> 6); err != nil {
			return false, err
		}
		return a < b, nil
	}
	f, _ := r.orderMeta(x, y, true)
	if f.p == nil {
		return false, r.scriptErr(compareText(x, y)) // a library function has no position
	}
	res, err := r.call1(f, x, y)
	return res.Truthy(), err
}

// concat joins the values in stack slots from to last into dest. Values that
// are neither strings nor numbers ask __concat, from the right, and the rest
// goes on when that returns.
func (r *Run) concat(t *thread, from, last, dest int) error {
	for last > from {
		s := t.stack
		n, size := 0, 0
		var tmp [32]byte
		for i := last; i >= from; i-- {
			switch v := s[i]; v.kind() {
			case kindString:
				size += len(v.str().s)
			case kindNumber:
				size += len(appendNumber(tmp[:0], v.n))
				if err := r.charge(2 * numeralCost); err != nil { // it is written twice
					return err
				}
			default:
				i = from
				continue
			}
			n++
		}
		if n >= 2 {
			if err := r.chargeString(size); err != nil {
				return err
			}
			buf := make([]byte, 0, size)
			for i := last - n + 1; i <= last; i++ {
				if v := s[i]; v.kind() == kindString {
					buf = append(buf, v.str().s...)
				} else {
					buf = appendNumber(buf, v.n)
				}
			}
			last -= n - 1
			s[last] = bytesValue(buf)
			continue
		}
		x, y := s[last-1], s[last]
		f := r.metaOf(x).event(evConcat)
		if f.p == nil {
			f = r.metaOf(y).event(evConcat)
		}
		if f.p == nil {
			at := last - 1
			if k := x.kind(); k == kindString || k == kindNumber {
				x, at = y, last
			}
			return r.typeError("concatenate", x, at-int(r.topBase()))
		}
		return r.callMeta(f, x, y, last-1, 1, toConcat)
	}
	t.stack[dest] = t.stack[from]
	return nil
}

// bytesValue makes a string of buf, which must not be written to any more.
//
//go:noinline
func bytesValue(buf []byte) Value {
	return String(unsafe.String(unsafe.SliceData(buf), len(buf)))
}

// toString is Lua's tostring.
func (r *Run) toString(v Value) (string, error) {
	if m := r.metaOf(v); m != nil && v.kind() != kindString {
		if f := m.event(evTostring); f.p != nil {
			res, err := r.call1(f, v)
			if err != nil {
				return "", err
			}
			switch res.kind() {
			case kindString:
				return res.str().s, nil
			case kindNumber:
				return numberToString(res.n), nil
			}
			return "", errorText("'tostring' must return a string to 'print'")
		}
	}
	if v.isNumber() {
		if err := r.charge(numeralCost); err != nil {
			return "", err
		}
	}
	return r.display(v), nil
}

// display is tostring without metamethods. Objects show a number of their own
// in the place of an address: the same in every run, and no hint at memory.
func (r *Run) display(v Value) string {
	switch v.kind() {
	case 0:
		return "nil"
	case kindFalse:
		return "false"
	case kindTrue:
		return "true"
	case kindNumber:
		return numberToString(v.n)
	case kindString:
		return v.str().s
	case kindNative:
		if n := v.native(); n.shared {
			return "function: builtin#" + n.name
		}
	case kindUserdata:
		if v == Null {
			return "userdata: NULL"
		}
	}
	const digits = "0123456789abcdef"
	buf := []byte(v.Type().String() + ": 0x00000000")
	id := r.st.id((*header)(v.p))
	for i := len(buf) - 1; id != 0; i-- {
		buf[i] = digits[id&15]
		id >>= 4
	}
	return string(buf)
}

// next is the traversal of a table, charged for the dead entries it passes.
func (r *Run) next(t *Table, k Value) (Value, Value, error) {
	if k.kind() == kindString && len(k.str().s) > 64 {
		r.chargeKey(k)
	}
	at, ok := t.position(k)
	if !ok {
		return Value{}, Value{}, r.scriptErr("invalid key to 'next'")
	}
	key, v, skipped := t.entryFrom(at)
	if skipped > 3 {
		if err := r.charge(int64(skipped) >> 2); err != nil {
			return Value{}, Value{}, err
		}
	}
	return key, v, nil
}

func (r *Run) newTable(narr, nhash int) (*Table, error) {
	size := int64(sizeTable)
	if narr > 0 {
		size += int64(narr) * sizeValue
	}
	if nhash > 0 {
		size += int64(ceilPow2(nhash)) * sizeNode
	}
	if err := r.alloc(size); err != nil {
		return nil, err
	}
	if err := r.charge(objectCost + (int64(narr)+int64(nhash))>>3); err != nil {
		return nil, err
	}
	return newTable(narr, nhash), nil
}

// setList assigns the list elements of a constructor, from index at+1 on.
func (r *Run) setList(t *Table, at int, values []Value) error {
	end := at + len(values)
	if err := r.charge(int64(len(values)) >> 3); err != nil {
		return err
	}
	if len(t.arr) == at && !t.hasInts {
		if end > cap(t.arr) {
			if err := t.growList(r, end); err != nil {
				return err
			}
		}
		t.arr = append(t.arr, values...)
		return nil
	}
	for i, v := range values {
		if err := t.setInt(r, at+i+1, v); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) makeClosure(t *thread, cl *closure, p *proto, base int) (Value, error) {
	if err := r.alloc(sizeClosure + int64(len(p.upvalues))*8); err != nil {
		return Value{}, err
	}
	if err := r.charge(objectCost + int64(len(p.upvalues))>>1); err != nil {
		return Value{}, err
	}
	c := newClosure(p, cl.env)
	for i := range p.upvalues {
		u := &p.upvalues[i]
		if !u.local {
			c.up[i] = cl.up[u.index]
			continue
		}
		uv, err := r.findUpvalue(t, base+u.index)
		if err != nil {
			return Value{}, err
		}
		c.up[i] = uv
	}
	return c.value(), nil
}

func (r *Run) forPrep(fr *frame, reg *[window]Value, in *instr) error {
	a := in.a
	for i, what := range [...]string{"initial", "limit", "step"} {
		v := &reg[a+uint8(i)]
		n, ok := r.number(*v)
		if !ok {
			if i == 0 {
				what = "initial value"
			}
			return errorText("'for' " + what + " must be a number")
		}
		*v = Number(n)
	}
	// The first turn is decided here: an infinite step could not be taken back by
	// the loop's end.
	v, step, limit := reg[a].n, reg[a+2].n, reg[a+1].n
	if step >= 0 && v <= limit || step < 0 && v >= limit {
		reg[a+3] = Number(v)
	} else {
		fr.pc = in.c + 1
	}
	return nil
}
