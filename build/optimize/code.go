package main

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Opcodes of the WebAssembly Core Specification 2.0, 5.4.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opI32Load      = 0x28
	opI64Load      = 0x29
	opI32Load8S    = 0x2c
	opI32Load8U    = 0x2d
	opI32Load16S   = 0x2e
	opI32Load16U   = 0x2f
	opI64Load8S    = 0x30
	opI64Load8U    = 0x31
	opI64Load16S   = 0x32
	opI64Load16U   = 0x33
	opI64Load32S   = 0x34
	opI64Load32U   = 0x35
	opI32Store     = 0x36
	opI64Store     = 0x37
	opI32Store8    = 0x3a
	opI32Store16   = 0x3b
	opI64Store8    = 0x3c
	opI64Store16   = 0x3d
	opI64Store32   = 0x3e
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32Eqz       = 0x45
	opI32Eq        = 0x46
	opI32GeU       = 0x4f
	opI64Eqz       = 0x50
	opI64Eq        = 0x51
	opI64GeU       = 0x5a
	opF32Eq        = 0x5b
	opF32Ne        = 0x5c
	opF64Eq        = 0x61
	opF64Ne        = 0x62
	opF64Ge        = 0x66
	opI32Clz       = 0x67
	opI32Popcnt    = 0x69
	opI32Add       = 0x6a
	opI32Sub       = 0x6b
	opI32Mul       = 0x6c
	opI32And       = 0x71
	opI32Or        = 0x72
	opI32Xor       = 0x73
	opI32Rotr      = 0x78
	opI64Clz       = 0x79
	opI64Popcnt    = 0x7b
	opI64Add       = 0x7c
	opI64Sub       = 0x7d
	opI64Mul       = 0x7e
	opI64And       = 0x83
	opI64Or        = 0x84
	opI64Xor       = 0x85
	opI64ShrU      = 0x88
	opI64Rotr      = 0x8a
	opI32WrapI64   = 0xa7
	opI64ExtendS   = 0xac // i64.extend_i32_s
	opI64ExtendU   = 0xad // i64.extend_i32_u
	opLastNumeric  = 0xc4
	opPrefix       = 0xfc
	opVector       = 0xfd

	subMemoryCopy = 10
	subMemoryFill = 11

	vecLoad  = 0
	vecStore = 11

	typeVoid = 0x40
	typeI32  = 0x7f
	typeV128 = 0x7b
)

// The globals and locals of each function of Go's compiler
// (cmd/internal/obj/wasm): the stack pointer and its copy; the program counter
// with which it is resumed, 0 for a call.
const (
	globalSP  = 0
	localPC   = 0
	localSP   = 1
	pointer   = 8  // bytes of a return address
	numberBit = 16 // of a program counter: the function's number, then its own counter
)

// An instr is an instruction as it is encoded.
type instr struct {
	op   byte
	code []byte
}

func plainInstr(op byte) instr { return instr{op, []byte{op}} }

func withUint(op byte, n int) instr {
	return instr{op, binary.AppendUvarint([]byte{op}, uint64(n))}
}

func i32Const(n int32) instr {
	return instr{opI32Const, appendVarint([]byte{opI32Const}, int64(n))}
}

func withMemory(op, align byte, offset int) instr {
	return instr{op, binary.AppendUvarint([]byte{op, align}, uint64(offset))}
}

func vectorMemory(sub byte, offset int) instr {
	return instr{opVector, binary.AppendUvarint([]byte{opVector, sub, 0}, uint64(offset))}
}

// is tells whether an instruction is op with one operand, as Go encodes it.
func (i instr) is(op byte, operand ...byte) bool {
	return i.op == op && slices.Equal(i.code[1:], operand)
}

// value is the operand of a constant.
func (i instr) value() int64 {
	r := reader{rest: i.code[1:]}
	return r.signed()
}

// memory returns alignment and offset of a load or store.
func (i instr) memory() (align byte, offset int) {
	r := reader{rest: i.code[1:]}
	return byte(r.number()), r.number()
}

// instr reads an instruction; those that begin or end a block are read without
// what is in it.
func (r *reader) instr() instr {
	start := r.rest
	op := r.byte()
	switch {
	case op == opUnreachable || op == opNop || op == opElse || op == opEnd || op == opReturn ||
		op == opDrop || op == opSelect || op >= opI32Eqz && op <= opLastNumeric:
	case op == opBlock || op == opLoop || op == opIf || op == opMemorySize || op == opMemoryGrow:
		r.byte()
	case op == opBr || op == opBrIf || op == opCall || op >= opLocalGet && op <= opGlobalSet:
		r.number()
	case op == opBrTable:
		for range r.number() + 1 {
			if r.number(); r.err != nil {
				break
			}
		}
	case op == opCallIndirect || op >= opI32Load && op <= opI64Store32:
		r.number()
		r.number()
	case op == opI32Const || op == opI64Const:
		r.signed()
	case op == opF32Const:
		r.skip(4)
	case op == opF64Const:
		r.skip(8)
	case op == opPrefix:
		switch sub := r.number(); {
		case sub <= 7: // saturating conversions
		case sub == subMemoryCopy:
			r.number()
			r.number()
		case sub == subMemoryFill:
			r.number()
		default:
			r.fail(fmt.Errorf("instruction 0xfc %d is not known", sub))
		}
	default:
		r.fail(fmt.Errorf("instruction %#x is not known", op))
	}
	return instr{op, start[:len(start)-len(r.rest)]}
}
