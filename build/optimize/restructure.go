package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// restructure rewrites the functions of a code section, and those of the function
// section (5.5.6), which has their types.
func (m *module) restructure(functions, code []byte) (newFunctions, newCode, hints []byte, err error) {
	types, bodies := reader{rest: functions}, reader{rest: code}
	count := bodies.number()
	if types.number() != count || len(types.rest) != count {
		return nil, nil, nil, errors.New("a function section of a kind that Go does not write")
	}
	h := &helpers{first: m.imports + count}
	var all branchHints
	var written []byte
	write := func(body []byte) {
		written = binary.AppendUvarint(written, uint64(len(body)))
		written = append(written, body...)
	}
	for i := range count {
		body := bodies.bytes()
		if bodies.err != nil {
			return nil, nil, nil, bodies.err
		}
		changed, hints, err := m.rewrite(body, i, h)
		switch {
		case err == nil:
			h.typ = types.rest[i]
			write(changed)
			all.add(m.imports+i, hints)
		case errors.Is(err, errForeign) || errors.Is(err, errIrreducible):
			write(body)
		default:
			return nil, nil, nil, fmt.Errorf("function %s: %w", m.name(i), err)
		}
	}
	for _, f := range h.list {
		write(helper(f))
		types.rest = append(types.rest[:len(types.rest):len(types.rest)], h.typ)
	}
	total := binary.AppendUvarint(nil, uint64(count+len(h.list)))
	return slices.Concat(total, types.rest), slices.Concat(total, written), all.section(), nil
}

// branchHints collects hints for engines
// (https://github.com/WebAssembly/branch-hinting), which those that know it heed: Envoy's V8.
type branchHints struct {
	functions int
	out       []byte
}

func (b *branchHints) add(function int, hints []hint) {
	if len(hints) == 0 {
		return
	}
	b.functions++
	b.out = binary.AppendUvarint(b.out, uint64(function))
	b.out = binary.AppendUvarint(b.out, uint64(len(hints)))
	for _, h := range hints {
		b.out = binary.AppendUvarint(b.out, uint64(h.at))
		b.out = append(b.out, 1, 0)
		if h.likely {
			b.out[len(b.out)-1] = 1
		}
	}
}

func (b *branchHints) section() []byte {
	const name = "metadata.code.branch_hint"
	body := append([]byte{byte(len(name))}, name...)
	body = binary.AppendUvarint(body, uint64(b.functions))
	return append(body, b.out...)
}

func (m *module) rewrite(body []byte, i int, h *helpers) ([]byte, []hint, error) {
	deferreturn, ok := m.function(i)
	if !ok {
		return nil, nil, errForeign
	}
	f, err := decode(body, firstNumber+i, deferreturn, func(f int) callee { return callees[m.name(f-m.imports)] })
	if err != nil {
		return nil, nil, err
	}
	code, hints, err := f.structured(h)
	if err == nil && !f.opaque {
		m.asked[i] = append(f.asked, 0) // where it starts
	}
	return code, hints, err
}

// helpers are functions that call one which never comes back. They take the
// return address, and return what says that the stack unwinds.
type helpers struct {
	first int
	list  []int // what they call
	typ   byte  // theirs, which is that of each function of Go's compiler
}

// of returns the number of the helper that calls a function.
func (h *helpers) of(f int) int {
	i := slices.Index(h.list, f)
	if i < 0 {
		i = len(h.list)
		h.list = append(h.list, f)
	}
	return h.first + i
}

// helper is the body of one.
func helper(f int) []byte {
	body := []byte{1, 1, typeI32} // one group of locals: localSP
	for _, in := range []instr{
		withUint(opGlobalGet, globalSP), i32Const(pointer), plainInstr(opI32Sub),
		withUint(opLocalTee, localSP), withUint(opGlobalSet, globalSP),
		withUint(opLocalGet, localSP), withUint(opLocalGet, 0), plainInstr(opI64ExtendU), withMemory(opI64Store, 3, 0),
		i32Const(0), withUint(opCall, f),
		{opIf, []byte{opIf, typeVoid}}, i32Const(1), plainInstr(opReturn), plainInstr(opEnd),
		plainInstr(opUnreachable), plainInstr(opEnd),
	} {
		body = append(body, in.code...)
	}
	return body
}

// A callee is what is known of a function by its name.
type callee byte

const (
	usual callee = iota
	// It never returns to where it was called, but for the stack to unwind: the
	// compiler calls it where a block ends.
	endless
	// It is hardly ever called from where it could be.
	rare
)

var callees = map[string]callee{
	"runtime.growslice":       rare,
	"runtime.gcWriteBarrier1": rare,
	"runtime.gcWriteBarrier2": rare,
	"runtime.gcWriteBarrier3": rare,
	"runtime.gcWriteBarrier4": rare,
	"runtime.gcWriteBarrier5": rare,
	"runtime.gcWriteBarrier6": rare,
	"runtime.gcWriteBarrier7": rare,
	"runtime.gcWriteBarrier8": rare,
	"runtime.wbZero":          rare,
	"runtime.wbMove":          rare,

	"runtime.morestack":             endless,
	"runtime.morestack_noctxt":      endless,
	"runtime.sigpanic":              endless,
	"runtime.gopanic":               endless,
	"runtime.throw":                 endless,
	"runtime.fatal":                 endless,
	"runtime.fatalthrow":            endless,
	"runtime.fatalpanic":            endless,
	"runtime.goPanicIndex":          endless,
	"runtime.goPanicIndexU":         endless,
	"runtime.goPanicSliceAlen":      endless,
	"runtime.goPanicSliceAlenU":     endless,
	"runtime.goPanicSliceAcap":      endless,
	"runtime.goPanicSliceAcapU":     endless,
	"runtime.goPanicSliceB":         endless,
	"runtime.goPanicSliceBU":        endless,
	"runtime.goPanicSlice3Alen":     endless,
	"runtime.goPanicSlice3AlenU":    endless,
	"runtime.goPanicSlice3Acap":     endless,
	"runtime.goPanicSlice3AcapU":    endless,
	"runtime.goPanicSlice3B":        endless,
	"runtime.goPanicSlice3BU":       endless,
	"runtime.goPanicSlice3C":        endless,
	"runtime.goPanicSlice3CU":       endless,
	"runtime.goPanicSliceConvert":   endless,
	"runtime.panicdivide":           endless,
	"runtime.panicshift":            endless,
	"runtime.panicoverflow":         endless,
	"runtime.panicfloat":            endless,
	"runtime.panicmem":              endless,
	"runtime.panicmemAddr":          endless,
	"runtime.panicdottypeE":         endless,
	"runtime.panicdottypeI":         endless,
	"runtime.panicnildottype":       endless,
	"runtime.panicrangestate":       endless,
	"runtime.panicunsafealignment":  endless,
	"runtime.panicunsafeslicelen":   endless,
	"runtime.panicunsafeslicelen1":  endless,
	"runtime.panicunsafestringlen":  endless,
	"runtime.panicunsafestringlen1": endless,
	"runtime.panicmakeslicelen":     endless,
	"runtime.panicmakeslicecap":     endless,
	"runtime.panicwrap":             endless,
	"runtime.panicnil":              endless,
}
