package sandbox

import (
	"math"
	"unsafe"
)

// execute runs the current thread until the frame that was entered last with
// toEntry returns. Lua functions call each other, and coroutines switch,
// without leaving the loop.
//
// The fast paths are inside of the switch, because calls out of a function of
// this size are what costs in Go's Wasm code. A slow path writes pc and the
// budget back first, and goes to reload when it may have changed frames.
func (r *Run) execute() error {
	var (
		th   *thread
		fr   *frame
		cl   *closure
		code []instr
		k    []Value
		reg  *[window]Value
		base int
		pc   int
		n    int64
		err  error
	)
reload:
	if r.exit {
		r.exit = false
		return nil
	}
	th = r.th
	fr = &th.frames[th.n-1]
	n = r.steps
frame:
	cl = fr.cl
	code = cl.proto.code
	k = cl.proto.consts
	base = int(fr.base)
	reg = (*[window]Value)(th.stack[base:])
	pc = int(fr.pc)

nextInstr:
	for {
		n--
		if n < 0 {
			fr.pc = int32(pc + 1)
			r.steps = n
			return errInstructions
		}
		i := &code[pc]
		pc++
		switch i.op {
		case opMove:
			// A store of a pointer costs two jumps more than one of a number.
			d, v := &reg[i.a], &reg[uint8(i.b)]
			if d.p == v.p {
				d.n = v.n
				continue
			}
			*d = *v
		case opLoadK:
			d, v := &reg[i.a], &k[i.c]
			if d.p == v.p {
				d.n = v.n
				continue
			}
			*d = *v
		case opLoadNil:
			for j := int(i.a); j < int(i.a)+int(i.b); j++ {
				reg[uint8(j)] = Value{}
			}
		case opLoadTrue:
			reg[i.a] = Value{p: unsafe.Pointer(&tagTrue)}
		case opLoadFalse:
			reg[i.a] = Value{p: unsafe.Pointer(&tagFalse)}
		case opGetUpval:
			d, v := &reg[i.a], cl.up[i.b].p
			if d.p == v.p {
				d.n = v.n
				continue
			}
			*d = *v
		case opSetUpval:
			*cl.up[i.b].p = reg[i.a]

		case opGetGlobal:
			nd := cl.env.findStr(k[i.c].str())
			if nd != nil && nd.val.p != nil {
				reg[i.a] = nd.val
				continue
			}
			if cl.env.meta == nil {
				reg[i.a] = Value{}
				continue
			}
			fr.pc, r.steps = int32(pc), n
			if err = r.index(cl.env.value(), k[i.c], base+int(i.a)); err != nil {
				goto failed
			}
			goto reload
		case opSetGlobal:
			nd := cl.env.findStr(k[i.c].str())
			if nd != nil && nd.val.p != nil && !cl.env.readonly {
				nd.val = reg[i.a]
				continue
			}
			fr.pc, r.steps = int32(pc), n
			if err = r.setIndex(cl.env.value(), k[i.c], reg[i.a]); err != nil {
				goto failed
			}
			goto reload

		case opGetField:
			v := reg[uint8(i.b)]
			if v.p != nil && *(*uint8)(v.p) == kindTable {
				t := (*Table)(v.p)
				if t.used > 0 {
					key := (*str)(k[i.c].p)
					nodes := t.nodes
					at := nodes[key.hash&uint32(len(nodes)-1)].head
					for at != 0 {
						nd := &nodes[at-1]
						if nd.key.p == unsafe.Pointer(key) {
							if nd.val.p != nil {
								reg[i.a] = nd.val
								continue nextInstr
							}
							break
						}
						at = nd.next
					}
				}
			}
			{
				fr.pc, r.steps = int32(pc), n
				res, f, e := r.lookup(v, k[i.c])
				if e != nil {
					err = e
					goto failed
				}
				if f.p == nil {
					reg[i.a] = res
					n = r.steps
					continue
				}
				if err = r.callMeta(f, res, k[i.c], base+int(i.a), 1, toCall); err != nil {
					goto failed
				}
			}
			goto reload
		case opGetInt:
			v := reg[uint8(i.b)]
			if v.p != nil && *(*uint8)(v.p) == kindTable {
				t := (*Table)(v.p)
				if at := uint(i.c) - 1; at < uint(len(t.arr)) {
					if x := t.arr[at]; x.p != nil {
						reg[i.a] = x
						continue
					}
				}
			}
			fr.pc, r.steps = int32(pc), n
			if err = r.index(v, Number(float64(i.c)), base+int(i.a)); err != nil {
				goto failed
			}
			goto reload
		case opGetIndex:
			v := reg[uint8(i.b)]
			key := reg[uint8(i.c)]
			if v.p != nil && *(*uint8)(v.p) == kindTable {
				t := (*Table)(v.p)
				if key.p == unsafe.Pointer(&tagNumber) {
					at := int(key.n)
					if float64(at) == key.n && uint(at-1) < uint(len(t.arr)) {
						if x := t.arr[at-1]; x.p != nil {
							reg[i.a] = x
							continue
						}
					}
				} else if key.p != nil && *(*uint8)(key.p) == kindString && len((*str)(key.p).s) <= 64 {
					if nd := t.findStr((*str)(key.p)); nd != nil && nd.val.p != nil {
						reg[i.a] = nd.val
						continue
					}
				}
			}
			fr.pc, r.steps = int32(pc), n
			if err = r.index(v, key, base+int(i.a)); err != nil {
				goto failed
			}
			goto reload

		case opSetField:
			v := reg[i.a]
			if v.p != nil && *(*uint8)(v.p) == kindTable {
				t := (*Table)(v.p)
				if nd := t.findStr((*str)(k[i.c].p)); nd != nil && nd.val.p != nil && !t.readonly {
					nd.val = reg[uint8(i.b)]
					continue
				}
			}
			fr.pc, r.steps = int32(pc), n
			if err = r.setIndex(v, k[i.c], reg[uint8(i.b)]); err != nil {
				goto failed
			}
			goto reload
		case opSetInt:
			v := reg[i.a]
			if v.p != nil && *(*uint8)(v.p) == kindTable {
				t := (*Table)(v.p)
				if at := uint(i.c) - 1; at < uint(len(t.arr)) && t.arr[at].p != nil {
					if x := reg[uint8(i.b)]; x.p != nil && !t.readonly {
						t.arr[at] = x
						continue
					}
				}
			}
			fr.pc, r.steps = int32(pc), n
			if err = r.setIndex(v, Number(float64(i.c)), reg[uint8(i.b)]); err != nil {
				goto failed
			}
			goto reload
		case opSetIndex:
			v := reg[i.a]
			key := reg[uint8(i.b)]
			x := reg[uint8(i.c)]
			if v.p != nil && *(*uint8)(v.p) == kindTable {
				t := (*Table)(v.p)
				if key.p == unsafe.Pointer(&tagNumber) && !t.readonly && x.p != nil {
					at := int(key.n)
					if float64(at) == key.n {
						if uint(at-1) < uint(len(t.arr)) && (t.meta == nil || t.arr[at-1].p != nil) {
							t.arr[at-1] = x
							continue
						}
						if at == len(t.arr)+1 && at <= cap(t.arr) && t.meta == nil && !t.hasInts {
							t.arr = append(t.arr, x)
							continue
						}
					}
				}
			}
			fr.pc, r.steps = int32(pc), n
			if err = r.setIndex(v, key, x); err != nil {
				goto failed
			}
			goto reload

		case opSelf:
			v := reg[uint8(i.b)]
			reg[i.a+1] = v
			if v.p != nil {
				var t *Table
				if *(*uint8)(v.p) == kindTable {
					t = (*Table)(v.p)
				} else if *(*uint8)(v.p) == kindString {
					t = r.stringLib
				}
				if t != nil && t.used > 0 {
					key := (*str)(k[i.c].p)
					nodes := t.nodes
					at := nodes[key.hash&uint32(len(nodes)-1)].head
					for at != 0 {
						nd := &nodes[at-1]
						if nd.key.p == unsafe.Pointer(key) {
							if nd.val.p != nil {
								reg[i.a] = nd.val
								continue nextInstr
							}
							break
						}
						at = nd.next
					}
				}
			}
			fr.pc, r.steps = int32(pc), n
			{
				res, f, e := r.lookup(v, k[i.c])
				if e != nil {
					err = e
					goto failed
				}
				n = r.steps
				if f.p == nil {
					reg[i.a] = res
					continue
				}
				if err = r.callMeta(f, res, k[i.c], base+int(i.a), 1, toCall); err != nil {
					goto failed
				}
			}
			goto reload

		case opNewTable:
			fr.pc, r.steps = int32(pc), n
			{
				t, e := r.newTable(int(i.b), int(i.c))
				if e != nil {
					err = e
					goto failed
				}
				reg[i.a] = Value{p: unsafe.Pointer(t)}
			}
			n = r.steps
		case opSetList:
			fr.pc, r.steps = int32(pc), n
			{
				from := base + int(i.a) + 1
				count := int(i.b)
				if count == 0 {
					count = th.top - from
				}
				if err = r.setList(reg[i.a].table(), int(i.c), th.stack[from:from+count]); err != nil {
					goto failed
				}
			}
			n = r.steps

		case opAdd:
			x, y := &reg[uint8(i.b)], &reg[uint8(i.c)]
			if x.p == unsafe.Pointer(&tagNumber) && y.p == unsafe.Pointer(&tagNumber) {
				f := x.n + y.n
				d := &reg[i.a]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = f
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), f}
				continue
			}
			goto arithmetic
		case opSub:
			x, y := &reg[uint8(i.b)], &reg[uint8(i.c)]
			if x.p == unsafe.Pointer(&tagNumber) && y.p == unsafe.Pointer(&tagNumber) {
				f := x.n - y.n
				d := &reg[i.a]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = f
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), f}
				continue
			}
			goto arithmetic
		case opMul:
			x, y := &reg[uint8(i.b)], &reg[uint8(i.c)]
			if x.p == unsafe.Pointer(&tagNumber) && y.p == unsafe.Pointer(&tagNumber) {
				f := x.n * y.n
				d := &reg[i.a]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = f
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), f}
				continue
			}
			goto arithmetic
		case opDiv:
			x, y := &reg[uint8(i.b)], &reg[uint8(i.c)]
			if x.p == unsafe.Pointer(&tagNumber) && y.p == unsafe.Pointer(&tagNumber) {
				f := x.n / y.n
				d := &reg[i.a]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = f
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), f}
				continue
			}
			goto arithmetic
		case opMod:
			x, y := &reg[uint8(i.b)], &reg[uint8(i.c)]
			if x.p == unsafe.Pointer(&tagNumber) && y.p == unsafe.Pointer(&tagNumber) {
				f := x.n - math.Floor(x.n/y.n)*y.n
				d := &reg[i.a]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = f
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), f}
				continue
			}
			goto arithmetic
		case opPow:
			x, y := &reg[uint8(i.b)], &reg[uint8(i.c)]
			if x.p == unsafe.Pointer(&tagNumber) && y.p == unsafe.Pointer(&tagNumber) {
				f := pow(x.n, y.n)
				d := &reg[i.a]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = f
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), f}
				continue
			}
			goto arithmetic
		case opAddK:
			if x := &reg[uint8(i.b)]; x.p == unsafe.Pointer(&tagNumber) {
				f := x.n + k[i.c].n
				d := &reg[i.a]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = f
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), f}
				continue
			}
			goto arithmeticK
		case opSubK:
			if x := &reg[uint8(i.b)]; x.p == unsafe.Pointer(&tagNumber) {
				f := x.n - k[i.c].n
				d := &reg[i.a]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = f
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), f}
				continue
			}
			goto arithmeticK
		case opMulK:
			if x := &reg[uint8(i.b)]; x.p == unsafe.Pointer(&tagNumber) {
				f := x.n * k[i.c].n
				d := &reg[i.a]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = f
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), f}
				continue
			}
			goto arithmeticK
		case opDivK:
			if x := &reg[uint8(i.b)]; x.p == unsafe.Pointer(&tagNumber) {
				f := x.n / k[i.c].n
				d := &reg[i.a]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = f
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), f}
				continue
			}
			goto arithmeticK
		case opModK:
			if x := &reg[uint8(i.b)]; x.p == unsafe.Pointer(&tagNumber) {
				y := k[i.c].n
				f := x.n - math.Floor(x.n/y)*y
				d := &reg[i.a]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = f
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), f}
				continue
			}
			goto arithmeticK
		case opPowK:
			if x := &reg[uint8(i.b)]; x.p == unsafe.Pointer(&tagNumber) {
				f := pow(x.n, k[i.c].n)
				d := &reg[i.a]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = f
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), f}
				continue
			}
			goto arithmeticK
		case opNeg:
			x := reg[uint8(i.b)]
			if x.p == unsafe.Pointer(&tagNumber) {
				f := -x.n
				d := &reg[i.a]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = f
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), f}
				continue
			}
			fr.pc, r.steps = int32(pc), n
			if err = r.negate(x, base+int(i.a)); err != nil {
				goto failed
			}
			goto reload
		case opNot:
			if x := reg[uint8(i.b)]; x.p == nil || x.p == unsafe.Pointer(&tagFalse) {
				reg[i.a] = Value{p: unsafe.Pointer(&tagTrue)}
			} else {
				reg[i.a] = Value{p: unsafe.Pointer(&tagFalse)}
			}
		case opLen:
			x := reg[uint8(i.b)]
			switch x.kind() {
			case kindTable:
				f := float64(x.table().length())
				d := &reg[i.a]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = f
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), f}
				continue
			case kindString:
				f := float64(len(x.str().s))
				d := &reg[i.a]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = f
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), f}
				continue
			}
			fr.pc, r.steps = int32(pc), n
			if err = r.lengthOf(x, base+int(i.a)); err != nil {
				goto failed
			}
			goto reload
		case opConcat:
			fr.pc, r.steps = int32(pc), n
			if err = r.concat(th, base+int(i.b), base+int(i.c), base+int(i.a)); err != nil {
				goto failed
			}
			goto reload

		case opJump:
			pc = int(i.c)
		case opJumpClose:
			th.closeUpvalues(base + int(i.a))
			pc = int(i.c)
		case opJumpIf:
			if x := reg[i.a].p; x != nil && x != unsafe.Pointer(&tagFalse) {
				pc = int(i.c)
			}
		case opJumpNot:
			if x := reg[i.a].p; x == nil || x == unsafe.Pointer(&tagFalse) {
				pc = int(i.c)
			}

		case opEq:
			if x, y := &reg[i.a], &reg[uint8(i.b)]; x.p == y.p {
				if x.n == y.n {
					pc = int(i.c)
				}
				continue
			}
			goto equal
		case opNe:
			if x, y := &reg[i.a], &reg[uint8(i.b)]; x.p == y.p {
				if x.n != y.n {
					pc = int(i.c)
				}
				continue
			}
			goto equal
		case opEqK:
			x, y := &reg[i.a], &k[i.b]
			if x.p == y.p {
				if x.n == y.n {
					pc = int(i.c)
				}
				continue
			}
			if equalStrings(*x, *y) {
				pc = int(i.c)
			}
		case opNeK:
			x, y := &reg[i.a], &k[i.b]
			if x.p == y.p {
				if x.n != y.n {
					pc = int(i.c)
				}
				continue
			}
			if !equalStrings(*x, *y) {
				pc = int(i.c)
			}
		case opLt:
			x, y := &reg[i.a], &reg[uint8(i.b)]
			if x.p == unsafe.Pointer(&tagNumber) && y.p == unsafe.Pointer(&tagNumber) {
				if x.n < y.n {
					pc = int(i.c)
				}
				continue
			}
			goto compare
		case opNotLt:
			x, y := &reg[i.a], &reg[uint8(i.b)]
			if x.p == unsafe.Pointer(&tagNumber) && y.p == unsafe.Pointer(&tagNumber) {
				if !(x.n < y.n) {
					pc = int(i.c)
				}
				continue
			}
			goto compare
		case opLe:
			x, y := &reg[i.a], &reg[uint8(i.b)]
			if x.p == unsafe.Pointer(&tagNumber) && y.p == unsafe.Pointer(&tagNumber) {
				if x.n <= y.n {
					pc = int(i.c)
				}
				continue
			}
			goto compare
		case opNotLe:
			x, y := &reg[i.a], &reg[uint8(i.b)]
			if x.p == unsafe.Pointer(&tagNumber) && y.p == unsafe.Pointer(&tagNumber) {
				if !(x.n <= y.n) {
					pc = int(i.c)
				}
				continue
			}
			goto compare
		case opLtK:
			if x := &reg[i.a]; x.p == unsafe.Pointer(&tagNumber) {
				if x.n < k[i.b].n {
					pc = int(i.c)
				}
				continue
			}
			goto compare
		case opNotLtK:
			if x := &reg[i.a]; x.p == unsafe.Pointer(&tagNumber) {
				if !(x.n < k[i.b].n) {
					pc = int(i.c)
				}
				continue
			}
			goto compare
		case opLeK:
			if x := &reg[i.a]; x.p == unsafe.Pointer(&tagNumber) {
				if x.n <= k[i.b].n {
					pc = int(i.c)
				}
				continue
			}
			goto compare
		case opNotLeK:
			if x := &reg[i.a]; x.p == unsafe.Pointer(&tagNumber) {
				if !(x.n <= k[i.b].n) {
					pc = int(i.c)
				}
				continue
			}
			goto compare
		case opGtK:
			if x := &reg[i.a]; x.p == unsafe.Pointer(&tagNumber) {
				if x.n > k[i.b].n {
					pc = int(i.c)
				}
				continue
			}
			goto compare
		case opNotGtK:
			if x := &reg[i.a]; x.p == unsafe.Pointer(&tagNumber) {
				if !(x.n > k[i.b].n) {
					pc = int(i.c)
				}
				continue
			}
			goto compare
		case opGeK:
			if x := &reg[i.a]; x.p == unsafe.Pointer(&tagNumber) {
				if x.n >= k[i.b].n {
					pc = int(i.c)
				}
				continue
			}
			goto compare
		case opNotGeK:
			if x := &reg[i.a]; x.p == unsafe.Pointer(&tagNumber) {
				if !(x.n >= k[i.b].n) {
					pc = int(i.c)
				}
				continue
			}
			goto compare

		case opCall:
			fn := base + int(i.a)
			if f := &reg[i.a]; f.p != nil && *(*uint8)(f.p) == kindClosure {
				ncl := (*closure)(f.p)
				if i.b == ncl.proto.arity && fn+1+window <= len(th.stack) && uint(th.n) < uint(len(th.frames)) {
					fr.pc = int32(pc)
					fr = &th.frames[th.n]
					th.n++
					if fr.cl != ncl { // as above: stores of pointers are dear
						fr.cl = ncl
					}
					fr.base, fr.fn, fr.ret, fr.nres = int32(fn+1), int32(fn), int32(fn), i.c-1
					fr.pc, fr.nvar, fr.kind = 0, 0, toCall
					goto frame
				}
			}
			nargs := int(i.b) - 1
			if nargs < 0 {
				nargs = th.top - fn - 1
			}
			fr.pc, r.steps = int32(pc), n
			if f := &reg[i.a]; f.p != nil && *(*uint8)(f.p) == kindNative && (*native)(f.p).fn != nil {
				if err = r.callPlain(th, (*native)(f.p), fn, nargs, int(i.c)-1); err != nil {
					goto failed
				}
				goto reload
			}
			if err = r.precall(fn, nargs, toCall, fn, int(i.c)-1); err != nil {
				goto failed
			}
			goto reload
		case opTailCall:
			fn := base + int(i.a)
			nargs := int(i.b) - 1
			if nargs < 0 {
				nargs = th.top - fn - 1
			}
			fr.pc, r.steps = int32(pc), n
			if err = r.tailCall(th, fr, fn, nargs); err != nil {
				goto failed
			}
			goto reload
		case opReturn1:
			if fr.kind == toCall && fr.nres == 1 {
				d, v := &th.stack[fr.ret], &reg[i.a]
				th.n--
				fr = &th.frames[th.n-1]
				if d.p == v.p {
					d.n = v.n
					goto frame
				}
				*d = *v
				goto frame
			}
			goto returning
		case opReturn:
			goto returning

		case opForPrep:
			fr.pc, r.steps = int32(pc), n
			if err = r.forPrep(fr, reg, i); err != nil {
				goto failed
			}
			pc, n = int(fr.pc), r.steps
		case opForLoop:
			idx := &reg[i.a]
			step := reg[i.a+2].n
			v := idx.n + step
			limit := reg[i.a+1].n
			if step >= 0 && v <= limit || step < 0 && v >= limit {
				idx.n = v
				pc = int(i.c)
				d := &reg[i.a+3]
				if d.p == unsafe.Pointer(&tagNumber) {
					d.n = v
					continue
				}
				*d = Value{unsafe.Pointer(&tagNumber), v}
			}
		case opForCall:
			f := reg[i.a]
			if f.p != nil && *(*uint8)(f.p) == kindNative {
				sp := (*native)(f.p).special
				if sp == spNext || sp == spIpairs {
					if t := reg[i.a+1]; t.kind() == kindTable && (sp == spNext || reg[i.a+2].p == unsafe.Pointer(&tagNumber)) {
						r.steps = n
						fr.pc = int32(pc)
						var x, y Value
						if sp == spIpairs {
							at := int(reg[i.a+2].n) + 1
							y = t.table().getInt(at)
							if y.p != nil {
								x = Value{unsafe.Pointer(&tagNumber), float64(at)}
							}
						} else {
							x, y, err = r.next(t.table(), reg[i.a+2])
							if err != nil {
								goto failed
							}
							n = r.steps
						}
						reg[i.a+3] = x
						reg[i.a+4] = y
						for j := 2; j < int(i.b); j++ {
							reg[i.a+3+uint8(j)] = Value{}
						}
						continue
					}
				}
			}
			reg[i.a+3], reg[i.a+4], reg[i.a+5] = f, reg[i.a+1], reg[i.a+2]
			fr.pc, r.steps = int32(pc), n
			if err = r.precall(base+int(i.a)+3, 2, toCall, base+int(i.a)+3, int(i.b)); err != nil {
				goto failed
			}
			goto reload
		case opForNext:
			if reg[i.a+3].p != nil {
				reg[i.a+2] = reg[i.a+3]
				pc = int(i.c)
			}

		case opClosure:
			fr.pc, r.steps = int32(pc), n
			{
				f, e := r.makeClosure(th, cl, cl.proto.protos[i.c], base)
				if e != nil {
					err = e
					goto failed
				}
				reg[i.a] = f
			}
			n = r.steps
		case opClose:
			th.closeUpvalues(base + int(i.a))
		case opVararg:
			want := int(i.b) - 1
			have := int(fr.nvar)
			to := base + int(i.a)
			if want < 0 {
				fr.pc, r.steps = int32(pc), n
				if err = r.openVarargs(th, base-have, to, have); err != nil {
					goto failed
				}
				goto reload
			}
			for j := 0; j < want; j++ {
				if j < have {
					reg[i.a+uint8(j)] = th.stack[base-have+j]
				} else {
					reg[i.a+uint8(j)] = Value{}
				}
			}
		}
		continue

	arithmetic:
		fr.pc, r.steps = int32(pc), n
		if err = r.arithmetic(int(arithIndex[i.op])-1, reg[uint8(i.b)], reg[uint8(i.c)], base+int(i.a)); err != nil {
			goto failed
		}
		goto reload
	arithmeticK:
		fr.pc, r.steps = int32(pc), n
		if err = r.arithmetic(int(arithIndex[i.op])-1, reg[uint8(i.b)], k[i.c], base+int(i.a)); err != nil {
			goto failed
		}
		goto reload
	equal:
		{
			x, y := reg[i.a], reg[uint8(i.b)]
			fr.pc, r.steps = int32(pc), n
			f, e := r.equalMeta(x, y)
			if e != nil {
				err = e
				goto failed
			}
			if f.p != nil {
				if err = r.callMeta(f, x, y, 0, 0, toJump); err != nil {
					goto failed
				}
				goto reload
			}
			n = r.steps
			if equalStrings(x, y) == (i.op == opEq) {
				pc = int(i.c)
			}
			continue
		}
	compare:
		fr.pc, r.steps = int32(pc), n
		if err = r.compare(fr, *i, reg, k); err != nil {
			goto failed
		}
		goto reload
	returning:
		{
			from := base + int(i.a)
			count := int(i.b) - 1
			if count < 0 {
				count = th.top - from
			}
			if th.open != nil {
				th.closeUpvalues(base)
			}
			if fr.kind == toCall {
				stack := th.stack
				ret := int(fr.ret)
				want := int(fr.nres)
				th.n--
				if want < 0 {
					want = count
					th.top = ret + count
					if count > 8 {
						n -= int64(count) >> 3
					}
				}
				for j := 0; j < want; j++ {
					if j < count {
						stack[ret+j] = stack[from+j]
					} else {
						stack[ret+j] = Value{}
					}
				}
				fr = &th.frames[th.n-1]
				goto frame
			}
			fr.pc, r.steps = int32(pc), n
			f := *fr
			th.n--
			if err = r.deliver(&f, th.stack[from:from+count]); err != nil {
				goto failed
			}
			goto reload
		}
	failed:
		if err = r.unwind(err); err != nil {
			return err
		}
		goto reload
	}
}
