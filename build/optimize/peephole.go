package main

import (
	"iter"
	"slices"
)

// A writer collects instructions, and replaces sequences of them by shorter ones
// that do the same.
type writer struct {
	out    []instr
	locals int    // parameters and locals so far
	types  []byte // of further locals
	common int    // the local for scratch; 0 if there is none yet
	way    int    // says that the function is being resumed in a loop
	zero   int    // a vector of zeros, which is what a local begins with
	target int    // addresses of a copy
	source int
	hints  []hint
}

// A hint says whether the branch at an instruction is likely taken.
type hint struct {
	at     int // in out; then in bytes, from the start of the body
	likely bool
}

// hint gives one for the instruction that was written last, an if or a br_if.
func (w *writer) hint(likely bool) {
	w.hints = append(w.hints, hint{len(w.out) - 1, likely})
}

const (
	vector      = 16 // bytes
	mostCopied  = 64
	mostCleared = 128
)

// vectors yields where the vectors begin that make up so many bytes: the last may
// overlap the one before. What is copied does not overlap its copy, unless it is
// the same (OpMove in cmd/compile/internal/ssa).
func vectors(bytes int) iter.Seq[int] {
	return func(yield func(int) bool) {
		at := 0
		for ; at+vector <= bytes; at += vector {
			if !yield(at) {
				return
			}
		}
		if at < bytes {
			yield(bytes - vector)
		}
	}
}

func (w *writer) local(n *int, typ byte) int {
	if *n == 0 {
		*n = w.locals + len(w.types)
		w.types = append(w.types, typ)
	}
	return *n
}

func (w *writer) scratch() int { return w.local(&w.common, typeI32) }
func (w *writer) onWay() int   { return w.local(&w.way, typeI32) }

// append appends the instructions to the start of a body.
func (w *writer) append(body []byte) []byte {
	next := 0
	for i, in := range w.out {
		if next < len(w.hints) && w.hints[next].at == i {
			w.hints[next].at = len(body)
			next++
		}
		body = append(body, in.code...)
	}
	return body
}

// plain writes an instruction of a segment.
func (w *writer) plain(in instr) {
	if in.op == opScratch {
		w.push(withUint(opLocalSet, w.scratch()))
		w.push(i32Const(0))
		w.push(withUint(opLocalGet, w.scratch()))
		return
	}
	w.push(in)
}

// push writes an instruction. Control gets to all that stands in a row before it
// by the row's start alone, since blocks begin and end by instructions.
func (w *writer) push(in instr) {
	n := len(w.out)
	at := func(back int) instr {
		if back > n {
			return instr{op: opNop, code: []byte{opNop}}
		}
		return w.out[n-back]
	}
	before := at(1)
	replace := func(count int, with ...instr) {
		w.out = w.out[:n-count]
		for _, in := range with {
			w.push(in)
		}
	}
	switch in.op {
	case opNop: // where inlined code begins; nothing tells of it here
		return
	case opI32WrapI64:
		if narrow, ok := narrowLoads[before.op]; ok {
			align, offset := before.memory()
			replace(1, withMemory(narrow, min(align, 2), offset))
			return
		}
		switch before.op {
		case opI64ExtendU, opI64ExtendS:
			replace(1)
			return
		case opI64Const:
			replace(1, i32Const(int32(before.value())))
			return
		case opI64Add, opI64Sub, opI64Mul, opI64And, opI64Or, opI64Xor:
			// The lower half of the result is that of the lower halves.
			if c := at(2); c.op == opI64Const {
				op := before.op - opI64Add + opI32Add
				if before.op >= opI64And {
					op = before.op - opI64And + opI32And
				}
				replace(2, plainInstr(opI32WrapI64), i32Const(int32(c.value())), plainInstr(op))
				return
			}
		}
	case opI64Eqz:
		if before.op == opI64ExtendU || before.op == opI64ExtendS {
			replace(1, plainInstr(opI32Eqz))
			return
		}
	case opI32Eqz:
		if not, ok := negated(before.op); ok {
			replace(1, plainInstr(not))
			return
		}
	case opBrIf, opIf:
		if before.op == opI32Eqz && at(2).op == opI32Eqz {
			replace(2, in)
			return
		}
	case opI64Store8, opI64Store16, opI64Store32:
		if before.op == opI64ExtendU || before.op == opI64ExtendS {
			align, offset := in.memory()
			op := in.op - opI64Store8 + opI32Store8
			if in.op == opI64Store32 {
				op = opI32Store
			}
			replace(1, withMemory(op, align, offset))
			return
		}
	case opLocalGet:
		if before.op == opLocalSet && string(before.code[1:]) == string(in.code[1:]) {
			replace(1, instr{opLocalTee, append([]byte{opLocalTee}, in.code[1:]...)})
			return
		}
	case opPrefix:
		if before.op != opI32Const {
			break
		}
		// V8 calls C++ for these.
		bytes := int(before.value())
		if in.code[1] == subMemoryCopy && bytes >= vector && bytes <= mostCopied {
			w.out = w.out[:n-1]
			from, to := w.local(&w.source, typeI32), w.local(&w.target, typeI32)
			w.push(withUint(opLocalSet, from))
			w.push(withUint(opLocalSet, to))
			for at := range vectors(bytes) {
				w.push(withUint(opLocalGet, to))
				w.push(withUint(opLocalGet, from))
				w.push(vectorMemory(vecLoad, at))
				w.push(vectorMemory(vecStore, at))
			}
			return
		}
		if in.code[1] == subMemoryFill && at(2).is(opI32Const, 0) && bytes >= vector && bytes <= mostCleared {
			w.out = w.out[:n-2]
			to, zero := w.local(&w.target, typeI32), w.local(&w.zero, typeV128)
			w.push(withUint(opLocalSet, to))
			for at := range vectors(bytes) {
				w.push(withUint(opLocalGet, to))
				w.push(withUint(opLocalGet, zero))
				w.push(vectorMemory(vecStore, at))
			}
			return
		}
	case opReturn:
		// The copy of the stack pointer is no longer needed.
		if before.is(opLocalSet, localSP) && at(2).is(opGlobalGet, globalSP) {
			replace(2, in)
			return
		}
	}
	if in.op >= opI32Store && in.op <= opI64Store32 {
		in = w.foldStore(in)
		if w.pairZeros(in) {
			return
		}
	}
	if in.op >= opI32Load && in.op <= opI64Load32U && before.op == opI32Add && at(2).op == opI32Const && at(3).is(opLocalGet, localSP) {
		// The stack does not go around the end of the memory.
		if c := at(2).value(); c > 0 {
			align, offset := in.memory()
			replace(2, withMemory(in.op, align, offset+int(c)))
			return
		}
	}
	w.out = append(w.out, in)
}

// foldStore adds what is added to the stack pointer, to make the address of a store,
// to the offset of the store. The stack does not go around the end of the memory.
func (w *writer) foldStore(store instr) instr {
	at := len(w.out)
	for wanted := 1; wanted > 0; { // values on the stack, from what is before
		if at--; at < 3 {
			return store
		}
		in := w.out[at]
		takes, ok := operandsOf(in)
		if !ok || in.is(opLocalTee, localSP) {
			return store
		}
		wanted += takes - 1
	}
	address := w.out[at-3 : at]
	if !address[0].is(opLocalGet, localSP) || address[1].op != opI32Const || address[2].op != opI32Add {
		return store
	}
	c := address[1].value()
	if c <= 0 {
		return store
	}
	w.out = append(w.out[:at-2], w.out[at:]...)
	align, offset := store.memory()
	return withMemory(store.op, align, offset+int(c))
}

// operandsOf tells how many values an instruction takes that leaves one and does
// nothing else but set a local.
func operandsOf(in instr) (n int, ok bool) {
	switch op := in.op; {
	case op == opLocalGet || op == opGlobalGet || op >= opI32Const && op <= opF64Const:
		return 0, true
	case op == opLocalTee || op >= opI32Load && op <= opI64Load32U:
		return 1, true
	case op == opI32Eqz || op == opI64Eqz || op >= opI32Clz && op <= opI32Popcnt || op >= opI64Clz && op <= opI64Popcnt || op >= opI32WrapI64 && op <= opLastNumeric:
		return 1, true
	case op >= opI32Eq && op <= opF64Ge || op >= opI32Add && op <= opI32Rotr || op >= opI64Add && op <= opI64Rotr:
		return 2, true
	}
	return 0, false
}

// pairZeros makes one store of two for 0 that are beside each other, and tells
// whether it has.
func (w *writer) pairZeros(store instr) bool {
	n := len(w.out)
	if n < 5 || store.op != opI64Store {
		return false
	}
	in := w.out[n-5:]
	if in[0].op != opLocalGet || !slices.Equal(in[0].code, in[3].code) || in[2].op != opI64Store ||
		!in[1].is(opI64Const, 0) || !in[4].is(opI64Const, 0) {
		return false
	}
	_, a := in[2].memory()
	_, b := store.memory()
	if a-b != 8 && b-a != 8 {
		return false
	}
	address := in[0]
	w.out = w.out[:n-5]
	w.push(address)
	w.push(withUint(opLocalGet, w.local(&w.zero, typeV128)))
	w.push(vectorMemory(vecStore, min(a, b)))
	return true
}

// narrowLoads read the lower half of what others read.
var narrowLoads = map[byte]byte{
	opI64Load:    opI32Load,
	opI64Load8S:  opI32Load8S,
	opI64Load8U:  opI32Load8U,
	opI64Load16S: opI32Load16S,
	opI64Load16U: opI32Load16U,
	opI64Load32S: opI32Load,
	opI64Load32U: opI32Load,
}

// negated is the comparison that says the opposite. Those of floats for less and
// greater have none, for what is not a number.
func negated(op byte) (not byte, ok bool) {
	switch {
	case op == opF32Eq || op == opF64Eq:
		return op + 1, true
	case op == opF32Ne || op == opF64Ne:
		return op - 1, true
	case op >= opI32Eq && op <= opI32GeU:
		return opI32Eq + opposite[op-opI32Eq], true
	case op >= opI64Eq && op <= opI64GeU:
		return opI64Eq + opposite[op-opI64Eq], true
	}
	return 0, false
}

// eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u
var opposite = [...]byte{1, 0, 8, 9, 6, 7, 4, 5, 2, 3}
