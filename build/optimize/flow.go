package main

import (
	"bytes"
	"errors"
)

var errForeign = errors.New("not a function of Go's compiler")

// An item is a piece of a segment, between two points where control may leave it.
type item struct {
	kind   kind
	code   []instr // plain
	typ    byte    // cond: of the block
	then   []item  // cond, dispatch
	orElse []item  // cond
	target int     // jump: a node; ending: the function that is called; ret: bytes of the frame
	pc     int     // ending: of the return address
	inLoop bool    // dispatch: at the head of a loop
}

type kind byte

const (
	plain    kind = iota // instructions that go on with the next
	cond                 // if
	jump                 // to a node, always
	unwind               // the end of a call: on, or out where the stack unwinds
	ret                  // the end of the function
	ending               // a call that never comes back, but for the stack to unwind
	stop                 // control has left in the code before
	dispatch             // to the node of the program counter, if the function is resumed
	underWay             // says so to the heads of loops
)

// A function is the code of a function of Go's compiler, in straight segments by
// the order of their program counters. cmd/internal/obj/wasm has their form:
//
//	block           // left to unwind the stack
//	  loop          // entered again to jump to another segment
//	    block ...   // one for each segment
//	      (br_table ... (local.get 0))
//	    end
//	    segment 0
//	  end ...
type function struct {
	number int    // the upper half of its program counters
	locals []byte // the declarations, without their count
	groups int    // their count
	count  int    // of parameters and locals

	segments [][]item
	table    []int        // segment of a program counter
	resumed  []bool       // of a segment: the function may be resumed there
	unwinds  bool         // there is a call in it after which the stack may unwind
	asked    []int        // program counters by which the runtime looks up what it knows
	opaque   bool         // it may look up others too
	cold     map[int]bool // segments that are hardly ever run
}

// A decoder reads a function.
type decoder struct {
	reader
	callee func(f int) callee

	f     *function
	depth int // of the blocks around the instruction, within the function
	outer int // blocks around the segments: that of the unwinding, and the loop
	loop  bool
}

// decode reads the body of a function; errForeign if it has another form. The
// segment with the program counter deferreturn may be resumed too, if it is not 0.
func decode(body []byte, number, deferreturn int, callee func(f int) callee) (*function, error) {
	d := decoder{reader: reader{rest: body}, callee: callee}
	d.f = &function{number: number, cold: map[int]bool{}}
	d.head()
	if d.err == nil {
		d.body()
	}
	if d.err == nil && deferreturn >= len(d.f.table) {
		d.fail(errForeign)
	}
	if errors.Is(d.err, errShort) {
		return nil, errForeign
	}
	if d.err != nil {
		return nil, d.err
	}
	d.f.resumed[0] = true // where morestack has grown the stack
	if deferreturn > 0 {
		d.f.resumed[d.f.table[deferreturn]] = true
		d.f.asked = append(d.f.asked, deferreturn-1, deferreturn, deferreturn+1)
	}
	return d.f, nil
}

func (d *decoder) want(want ...byte) {
	if !d.next(want...) {
		d.fail(errForeign)
	}
}

// head reads up to the first segment.
func (d *decoder) head() {
	f := d.f
	f.groups = d.number()
	start := d.rest
	f.count = 1
	for range f.groups {
		f.count += d.number()
		d.byte()
		if d.err != nil || f.count > 1<<16 {
			d.fail(errForeign)
			return
		}
	}
	f.locals = start[:len(start)-len(d.rest)]
	if len(f.locals) < 2 || f.locals[1] != typeI32 {
		d.fail(errForeign)
		return
	}
	d.want(opGlobalGet, globalSP, opLocalSet, localSP)
	count := func() (n int) {
		for d.next(opBlock, typeVoid) {
			n++
		}
		return n
	}
	blocks := count()
	if d.next(opLoop, typeVoid) {
		if blocks > 1 {
			d.fail(errForeign)
			return
		}
		f.unwinds = blocks == 1
		d.loop = true
		d.outer = blocks + 1
		blocks = count()
	}
	d.want(opLocalGet, localPC, opBrTable)
	last := 0
	for range d.number() + 1 {
		segment := d.number()
		if d.err != nil || segment < last || len(f.table) == 1<<numberBit {
			d.fail(errForeign)
			return
		}
		last = segment
		f.table = append(f.table, segment)
	}
	if !d.loop && blocks == last+2 {
		f.unwinds = true
		d.outer = 1
		blocks--
	}
	if blocks != last+1 {
		d.fail(errForeign)
		return
	}
	f.segments = make([][]item, last+1)
	f.resumed = make([]bool, last+2)
	d.want(opEnd)
}

// body reads the segments, and what comes after the last.
func (d *decoder) body() {
	f := d.f
	last := len(f.segments) - 1
	for s := range f.segments {
		d.depth = d.outer + last - s
		var end byte
		f.segments[s], end = d.items(s, true)
		if end != opEnd {
			d.fail(errForeign)
		}
	}
	if d.loop {
		d.want(opUnreachable) // without a loop it belongs to the last segment
		d.want(opEnd)
		if !f.unwinds {
			d.whole()
			return
		}
	} else if !f.unwinds {
		d.whole()
		return
	}
	d.want(opI32Const, 1)
	d.want(opEnd)
	d.whole()
}

func (d *decoder) whole() {
	if len(d.rest) > 0 {
		d.fail(errForeign)
	}
}

// items reads instructions up to the end, or the else, of their block, which it
// skips. What control cannot reach is left out.
func (d *decoder) items(segment int, top bool) (list []item, end byte) {
	var run []instr
	dead := false
	add := func(more ...item) {
		if !dead {
			if len(run) > 0 {
				list = append(list, item{kind: plain, code: run})
			}
			list = append(list, more...)
		}
		run = nil
	}
	for d.err == nil {
		in := d.instr()
		if d.err != nil {
			break
		}
		switch in.op {
		case opEnd, opElse:
			add()
			return list, in.op

		case opUnreachable:
			run = append(run, in)
			add(item{kind: stop})
			dead = true

		case opReturn:
			if rest, frame, ok := cutReturn(run); ok {
				run = rest
				add(item{kind: ret, target: frame})
			} else {
				run = append(run, in)
				add(item{kind: stop})
			}
			dead = true

		case opIf:
			it := item{kind: cond, typ: in.code[1]}
			d.depth++
			var end byte
			if it.then, end = d.items(segment, false); end == opElse {
				it.orElse, end = d.items(segment, false)
			}
			if end != opEnd {
				d.fail(errForeign)
			}
			d.depth--
			add(it)

		case opCall, opCallIndirect:
			pc, ok := d.f.called(run, in)
			d.f.asked = append(d.f.asked, pc-1, pc) // the call, and where it returns to
			d.f.opaque = d.f.opaque || !ok
			run = append(run, in)
			called := usual
			f := 0
			if in.op == opCall {
				f = (&reader{rest: in.code[1:]}).number()
				called = d.callee(f)
			}
			if called == rare {
				d.f.cold[segment] = true
			}
			if !d.next(opGlobalGet, globalSP, opLocalSet, localSP) {
				break
			}
			if !d.next(opBrIf) {
				run = append(run, withUint(opGlobalGet, globalSP), withUint(opLocalSet, localSP))
				break
			}
			if depth := d.number(); !ok || !d.f.unwinds || depth != d.depth-1 || pc >= len(d.f.table) {
				d.fail(errForeign)
				break
			}
			if called == endless {
				run = run[:len(run)-callLength]
				add(item{kind: ending, target: f, pc: pc})
				dead = true
				break
			}
			run = append(run, withUint(opGlobalGet, globalSP), withUint(opLocalSet, localSP))
			add(item{kind: unwind})
			if top && !dead {
				// The next segment, which begins here, is where it comes back to.
				if d.f.table[pc] != segment+1 || !bytes.HasPrefix(d.rest, []byte{opEnd}) {
					d.fail(errForeign)
				}
				d.f.resumed[segment+1] = true
			} else if !dead {
				d.fail(errForeign)
			}

		case opI32Const:
			if !d.next(opLocalSet, localPC) {
				run = append(run, in)
				break
			}
			pc := in.value()
			d.want(opBr)
			if depth := d.number(); d.err != nil || !d.loop || depth != d.depth-d.outer || pc < 0 || pc >= int64(len(d.f.table)) {
				d.fail(errForeign)
				break
			}
			add(item{kind: jump, target: d.f.table[pc]})
			dead = true

		case opLocalSet:
			if in.is(opLocalSet, localPC) {
				// The number of a function that is called by its address.
				d.want(opI32Const, 0, opLocalGet, localPC)
				in = instr{op: opScratch}
			}
			run = append(run, in)

		case opLocalGet, opLocalTee:
			if in.code[1] == localPC {
				d.fail(errForeign)
			}
			run = append(run, in)

		case opBlock, opLoop, opBr, opBrIf, opBrTable:
			d.fail(errForeign) // written by hand

		default:
			run = append(run, in)
		}
	}
	return nil, 0
}

// opScratch stands for the three instructions that put the number of a function
// on the stack behind the program counter 0.
const opScratch = 0xff

// The number of instructions of a call (cmd/internal/obj/wasm, obj.ACALL).
const callLength = 10

// called tells whether a call is one that stores a return address, of which it
// returns the lower half.
func (f *function) called(run []instr, call instr) (pc int, ok bool) {
	at := len(run) - (callLength - 1)
	if call.op == opCallIndirect {
		at -= 3
	}
	if at < 0 {
		return 0, false
	}
	in := run[at:]
	address := in[6]
	if !in[0].is(opLocalGet, localSP) || !in[1].is(opI32Const, pointer) || in[2].op != opI32Sub ||
		!in[3].is(opLocalTee, localSP) || !in[4].is(opGlobalSet, globalSP) || !in[5].is(opLocalGet, localSP) ||
		address.op != opI64Const || !in[7].is(opI64Store, 3, 0) {
		return 0, false
	}
	if in = in[8:]; call.op == opCallIndirect {
		if !in[0].is(opI64Const, numberBit) || in[1].op != opI64ShrU || in[2].op != opI32WrapI64 || in[3].op != opScratch {
			return 0, false
		}
	} else if !in[0].is(opI32Const, 0) {
		return 0, false
	}
	n := address.value()
	return int(n & (1<<numberBit - 1)), n>>numberBit == int64(f.number)
}

// cutReturn cuts what gives up the frame and the return address, and says that
// the stack does not unwind.
func cutReturn(run []instr) (rest []instr, frame int, ok bool) {
	up := func(in []instr) bool {
		return in[0].is(opLocalGet, localSP) && in[1].op == opI32Const && in[2].op == opI32Add &&
			in[3].is(opLocalTee, localSP) && in[4].is(opGlobalSet, globalSP)
	}
	n := len(run)
	if n < 6 || !run[n-1].is(opI32Const, 0) || !up(run[n-6:]) || !run[n-5].is(opI32Const, pointer) {
		return nil, 0, false
	}
	n -= 6
	if n >= 5 && up(run[n-5:]) {
		return run[:n-5], int(run[n-4].value()), true
	}
	return run[:n], 0, true
}
