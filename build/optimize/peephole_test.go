package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// code makes instructions of operators without operands, and of others as they are.
func code(list ...any) (out []instr) {
	for _, in := range list {
		switch in := in.(type) {
		case int:
			out = append(out, plainInstr(byte(in)))
		case instr:
			out = append(out, in)
		case []instr:
			out = append(out, in...)
		}
	}
	return out
}

func i64Const(n int64) instr {
	return instr{opI64Const, appendVarint([]byte{opI64Const}, n)}
}

func TestPeephole(t *testing.T) {
	get, set, tee := func(n int) instr { return withUint(opLocalGet, n) },
		func(n int) instr { return withUint(opLocalSet, n) },
		func(n int) instr { return withUint(opLocalTee, n) }
	fill := instr{opPrefix, []byte{opPrefix, subMemoryFill, 0}}
	move := instr{opPrefix, []byte{opPrefix, subMemoryCopy, 0, 0}}
	for name, tt := range map[string]struct{ in, want []instr }{
		"nothing to do": {code(get(2), i64Const(5), opI64Add, set(2)), code(get(2), i64Const(5), opI64Add, set(2))},
		"an address in memory": {
			code(get(2), opI32WrapI64, withMemory(opI64Load, 3, 8), opI32WrapI64, withMemory(opI64Load8U, 0, 1)),
			code(get(2), opI32WrapI64, withMemory(opI32Load, 2, 8), withMemory(opI64Load8U, 0, 1)),
		},
		"an address on the stack": {
			code(get(1), opI64ExtendU, i64Const(39), opI64Add, opI32WrapI64, i64Const(0), withMemory(opI64Store8, 0, 0)),
			code(get(1), i64Const(0), withMemory(opI64Store8, 0, 39)),
		},
		"a load from the stack": {
			code(get(1), opI64ExtendU, i64Const(40), opI64Add, opI32WrapI64, withMemory(opI64Load, 3, 2)),
			code(get(1), withMemory(opI64Load, 3, 42)),
		},
		"a store to the stack": {
			code(get(1), i32Const(8), opI32Add, get(2), i64Const(3), opI64Add, withMemory(opI64Store, 3, 16)),
			code(get(1), get(2), i64Const(3), opI64Add, withMemory(opI64Store, 3, 24)),
		},
		"a store to the stack of what was loaded from it": {
			code(get(1), i32Const(8), opI32Add, get(1), withMemory(opI64Load, 3, 48), withMemory(opI64Store, 3, 0)),
			code(get(1), get(1), withMemory(opI64Load, 3, 48), withMemory(opI64Store, 3, 8)),
		},
		"a store below the stack pointer": {
			code(get(1), i32Const(-8), opI32Add, get(2), withMemory(opI64Store, 3, 0)),
			code(get(1), i32Const(-8), opI32Add, get(2), withMemory(opI64Store, 3, 0)),
		},
		"a store to another address": {
			code(get(3), i32Const(8), opI32Add, get(2), withMemory(opI64Store, 3, 0)),
			code(get(3), i32Const(8), opI32Add, get(2), withMemory(opI64Store, 3, 0)),
		},
		"zeros beside each other": {
			code(get(1), i64Const(0), withMemory(opI64Store, 3, 8), get(1), i64Const(0), withMemory(opI64Store, 3, 0)),
			code(get(1), get(10), vectorMemory(vecStore, 0)),
		},
		"zeros apart": {
			code(get(1), i64Const(0), withMemory(opI64Store, 3, 0), get(1), i64Const(0), withMemory(opI64Store, 3, 16)),
			code(get(1), i64Const(0), withMemory(opI64Store, 3, 0), get(1), i64Const(0), withMemory(opI64Store, 3, 16)),
		},
		"zeros of two addresses": {
			code(get(1), i64Const(0), withMemory(opI64Store, 3, 0), get(2), i64Const(0), withMemory(opI64Store, 3, 8)),
			code(get(1), i64Const(0), withMemory(opI64Store, 3, 0), get(2), i64Const(0), withMemory(opI64Store, 3, 8)),
		},
		"where inlined code begins": {code(get(2), opNop, set(3)), code(get(2), set(3))},
		"a load below the stack pointer, which may go around": {
			code(get(1), i32Const(-8), opI32Add, withMemory(opI64Load, 3, 0)),
			code(get(1), i32Const(-8), opI32Add, withMemory(opI64Load, 3, 0)),
		},
		"a load from another address, which may go around": {
			code(get(3), i32Const(8), opI32Add, withMemory(opI64Load, 3, 0)),
			code(get(3), i32Const(8), opI32Add, withMemory(opI64Load, 3, 0)),
		},
		"a constant address":         {code(i64Const(-1<<31|5), opI32WrapI64), code(i32Const(-1<<31 | 5))},
		"the lower half of a sum":    {code(get(2), i64Const(1<<40+7), opI64Add, opI32WrapI64), code(get(2), opI32WrapI64, i32Const(7), opI32Add)},
		"the lower half of a mask":   {code(get(2), i64Const(255), opI64And, opI32WrapI64), code(get(2), opI32WrapI64, i32Const(255), opI32And)},
		"not that of a quotient":     {code(get(2), i64Const(3), 0x80, opI32WrapI64), code(get(2), i64Const(3), 0x80, opI32WrapI64)},
		"less, negated":              {code(get(2), get(3), 0x53, opI32Eqz), code(get(2), get(3), 0x59)},
		"unsigned greater, negated":  {code(get(2), get(3), 0x4b, opI32Eqz), code(get(2), get(3), 0x4d)},
		"less of floats, which stay": {code(get(2), get(3), 0x63, opI32Eqz), code(get(2), get(3), 0x63, opI32Eqz)},
		"equal floats, negated":      {code(get(2), get(3), opF64Eq, opI32Eqz), code(get(2), get(3), opF64Ne)},
		"zero, extended":             {code(get(2), opI32Eqz, opI64ExtendU, opI64Eqz, withUint(opBrIf, 0)), code(get(2), withUint(opBrIf, 0))},
		"twice negated as a number":  {code(get(2), opI32Eqz, opI32Eqz, set(3)), code(get(2), opI32Eqz, opI32Eqz, set(3))},
		"set and get":                {code(set(2), get(2)), code(tee(2))},
		"set and get another":        {code(set(2), get(3)), code(set(2), get(3))},
		"set and get, a block apart": {code(set(2), opEnd, get(2)), code(set(2), opEnd, get(2))},
		"a byte that was extended":   {code(get(2), opI64ExtendU, withMemory(opI64Store8, 0, 4)), code(get(2), withMemory(opI32Store8, 0, 4))},
		"not a word":                 {code(get(2), opI64ExtendU, withMemory(opI64Store, 3, 4)), code(get(2), opI64ExtendU, withMemory(opI64Store, 3, 4))},
		"a large copy":               {code(get(2), get(3), i32Const(mostCopied+1), move), code(get(2), get(3), i32Const(mostCopied+1), move)},
		"a copy of a few bytes":      {code(get(2), get(3), i32Const(vector-1), move), code(get(2), get(3), i32Const(vector-1), move)},
		"a copy": {
			code(get(2), get(3), i32Const(40), move),
			code(get(2), get(3), set(10), tee(11),
				get(10), vectorMemory(vecLoad, 0), vectorMemory(vecStore, 0),
				get(11), get(10), vectorMemory(vecLoad, 16), vectorMemory(vecStore, 16),
				get(11), get(10), vectorMemory(vecLoad, 24), vectorMemory(vecStore, 24)),
		},
		"zeros":           {code(get(2), i32Const(0), i32Const(16), fill), code(tee2(get(2), 10), get(11), vectorMemory(vecStore, 0))},
		"not other bytes": {code(get(2), i32Const(1), i32Const(16), fill), code(get(2), i32Const(1), i32Const(16), fill)},
	} {
		t.Run(name, func(t *testing.T) {
			w := writer{locals: 10}
			for _, in := range tt.in {
				w.push(in)
			}
			want := writer{out: tt.want}
			if got, want := w.append(nil), want.append(nil); !bytes.Equal(got, want) {
				t.Errorf("% x\nwant % x", got, want)
			}
		})
	}
}

// tee2 is what set and get of a local make.
func tee2(value instr, local int) []instr { return code(value, withUint(opLocalTee, local)) }

// FuzzDecode: whatever a function is, it is left as it is or becomes one that can
// be read.
func FuzzDecode(f *testing.F) {
	_, wasm := link(f, "trace")
	sections, err := split(wasm[8:])
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range sections {
		if s.id != codeSection {
			continue
		}
		r := reader{rest: s.body}
		for i := range r.number() {
			if body := r.bytes(); i%20 == 0 && len(body) < 1000 {
				f.Add(body, i, 0)
			}
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, number, deferreturn int) {
		// Some callee never comes back, another is rare.
		callees := func(f int) callee { return callee(f % 3) }
		fn, err := decode(body, firstNumber+number&0xfff, max(deferreturn, 0), callees)
		if err != nil {
			return
		}
		got, _, err := fn.structured(&helpers{first: 5000})
		if err != nil {
			if !errors.Is(err, errIrreducible) {
				t.Fatal(err)
			}
			return
		}
		o := reader{rest: got}
		for range o.number() {
			o.number()
			o.byte()
		}
		depth := 0
		for len(o.rest) > 0 {
			if o.rest[0] == opVector {
				o.skip(3)
				o.number()
				continue
			}
			switch o.instr().op {
			case opBlock, opLoop, opIf:
				depth++
			case opEnd:
				depth--
			}
		}
		if o.err != nil || depth != -1 {
			t.Fatalf("%v, %d blocks are open", o.err, depth)
		}
	})
}

// TestKeepsWhatItDoesNotKnow: a function in assembler has another form.
func TestKeepsWhatItDoesNotKnow(t *testing.T) {
	for name, body := range map[string]string{
		"empty":                          "",
		"no copy of the stack pointer":   "\x00\x0b",
		"no table":                       "\x01\x01\x7f\x23\x00\x21\x01\x00\x0b",
		"a block of its own":             "\x01\x01\x7f\x23\x00\x21\x01\x02\x40\x20\x00\x0e\x00\x00\x0b\x02\x40\x0b\x00\x0b",
		"an instruction that it has not": "\x01\x01\x7f\x23\x00\x21\x01\x02\x40\x20\x00\x0e\x00\x00\x0b\xd0\x70\x00\x0b",
	} {
		if f, err := decode([]byte(body), firstNumber, 0, func(int) callee { return usual }); err == nil {
			t.Errorf("%s: %+v", name, f)
		} else if !strings.Contains(err.Error(), "not") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
