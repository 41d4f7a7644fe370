#include "textflag.h"

// The registers are 64-bit locals; only their lower halves count. Every value is
// narrowed when read, so engines keep it in a 32-bit register. The functions are
// those of FIPS 180-4 section 4.1.2; rotations to the right by n are rotations to
// the left by 32-n, which is what Wasm has in one instruction each way.
//
// R0 to R7 hold a to h, R8 the address of w, R9 that of p, R10 its end, R11 that
// of h, R12 a temporary, R13 the address of the next 16 words of k,
// R14 and R15 what one round leaves for the next.
//
// The rounds that need a schedule are a loop of 16: in a proxy this code is seldom
// in a cache, and unrolled it would be twice as much.

#define VAL(r) Get r; I32WrapI64
#define PUT(r) I64ExtendI32U; Set r
#define ROTL(r, n) VAL(r); I32Const $n; I32Rotl

// The word at offset i of the message becomes w[i], big-endian. The stack gets it.
#define LOAD(i) \
	VAL(R9); I32Load $(i*4); I64ExtendI32U; Set R12; \
	ROTL(R12, 8); I32Const $0x00ff00ff; I32And; \
	ROTL(R12, 24); I32Const $-0x00ff0100; I32And; \
	I32Or; I64ExtendI32U; Set R12; \
	VAL(R8); VAL(R12); I32Store $(i*4); \
	VAL(R12)

// w[i] += s1(w[i-2]) + w[i-7] + s0(w[i-15]), indices mod 16. The stack gets it.
#define SCHED(i, i2, i7, i15) \
	VAL(R8); I32Load $(i2*4); I64ExtendI32U; Set R12; \
	ROTL(R12, 15); ROTL(R12, 13); I32Xor; VAL(R12); I32Const $10; I32ShrU; I32Xor; \
	VAL(R8); I32Load $(i15*4); I64ExtendI32U; Set R12; \
	ROTL(R12, 25); ROTL(R12, 14); I32Xor; VAL(R12); I32Const $3; I32ShrU; I32Xor; \
	I32Add; \
	VAL(R8); I32Load $(i7*4); I32Add; \
	VAL(R8); I32Load $(i*4); I32Add; \
	I64ExtendI32U; Set R12; \
	VAL(R8); VAL(R12); I32Store $(i*4); \
	VAL(R12)

// r turned right by n1, by n1+n2 and by all three, added up without carry.
#define SIGMA(r, n1, n2, n3) \
	ROTL(r, 32-n3); VAL(r); I32Xor; I32Const $(32-n2); I32Rotl; VAL(r); I32Xor; I32Const $(32-n1); I32Rotl

// One round on top of w[i] on the stack: h = t1 + t2, d += t1; the caller renames.
// bc holds b^c, ab gets a^b, which is the next round's: maj is b ^ (a^b)&(b^c).
#define ROUND(a, b, c, d, e, f, g, h, i, bc, ab) \
	VAL(R13); I32Load $(i*4); I32Add; VAL(h); I32Add; \
	SIGMA(e, 6, 5, 14); I32Add; \
	VAL(f); VAL(g); I32Xor; VAL(e); I32And; VAL(g); I32Xor; I32Add; \
	PUT(h); \
	VAL(d); VAL(h); I32Add; PUT(d); \
	VAL(h); \
	SIGMA(a, 2, 11, 9); I32Add; \
	VAL(a); VAL(b); I32Xor; PUT(ab); VAL(ab); VAL(bc); I32And; VAL(b); I32Xor; I32Add; \
	PUT(h)

#define FROM(r, i) VAL(R11); I32Load $(i*4); PUT(r)
#define ADDTO(r, i) VAL(R11); VAL(R11); I32Load $(i*4); VAL(r); I32Add; I32Store $(i*4)

// The constants of FIPS 180-4 section 4.2.2, two by two.
DATA ·k+0(SB)/8, $0x71374491428a2f98
DATA ·k+8(SB)/8, $0xe9b5dba5b5c0fbcf
DATA ·k+16(SB)/8, $0x59f111f13956c25b
DATA ·k+24(SB)/8, $0xab1c5ed5923f82a4
DATA ·k+32(SB)/8, $0x12835b01d807aa98
DATA ·k+40(SB)/8, $0x550c7dc3243185be
DATA ·k+48(SB)/8, $0x80deb1fe72be5d74
DATA ·k+56(SB)/8, $0xc19bf1749bdc06a7
DATA ·k+64(SB)/8, $0xefbe4786e49b69c1
DATA ·k+72(SB)/8, $0x240ca1cc0fc19dc6
DATA ·k+80(SB)/8, $0x4a7484aa2de92c6f
DATA ·k+88(SB)/8, $0x76f988da5cb0a9dc
DATA ·k+96(SB)/8, $0xa831c66d983e5152
DATA ·k+104(SB)/8, $0xbf597fc7b00327c8
DATA ·k+112(SB)/8, $0xd5a79147c6e00bf3
DATA ·k+120(SB)/8, $0x1429296706ca6351
DATA ·k+128(SB)/8, $0x2e1b213827b70a85
DATA ·k+136(SB)/8, $0x53380d134d2c6dfc
DATA ·k+144(SB)/8, $0x766a0abb650a7354
DATA ·k+152(SB)/8, $0x92722c8581c2c92e
DATA ·k+160(SB)/8, $0xa81a664ba2bfe8a1
DATA ·k+168(SB)/8, $0xc76c51a3c24b8b70
DATA ·k+176(SB)/8, $0xd6990624d192e819
DATA ·k+184(SB)/8, $0x106aa070f40e3585
DATA ·k+192(SB)/8, $0x1e376c0819a4c116
DATA ·k+200(SB)/8, $0x34b0bcb52748774c
DATA ·k+208(SB)/8, $0x4ed8aa4a391c0cb3
DATA ·k+216(SB)/8, $0x682e6ff35b9cca4f
DATA ·k+224(SB)/8, $0x78a5636f748f82ee
DATA ·k+232(SB)/8, $0x8cc7020884c87814
DATA ·k+240(SB)/8, $0xa4506ceb90befffa
DATA ·k+248(SB)/8, $0xc67178f2bef9a3f7
GLOBL ·k(SB), RODATA|NOPTR, $256

// func block(h *State, w *[16]uint32, p []byte)
TEXT ·block(SB), NOSPLIT, $0-40
	MOVD h+0(FP), R11
	MOVD w+8(FP), R8
	MOVD p_base+16(FP), R9
	Get R9
	I64Load p_len+24(FP)
	I64Add
	Set R10
	Loop
		FROM(R0, 0)
		FROM(R1, 1)
		FROM(R2, 2)
		FROM(R3, 3)
		FROM(R4, 4)
		FROM(R5, 5)
		FROM(R6, 6)
		FROM(R7, 7)

		VAL(R1)
		VAL(R2)
		I32Xor
		PUT(R14)
		MOVD $·k(SB), R13
		LOAD(0)
		ROUND(R0, R1, R2, R3, R4, R5, R6, R7, 0, R14, R15)
		LOAD(1)
		ROUND(R7, R0, R1, R2, R3, R4, R5, R6, 1, R15, R14)
		LOAD(2)
		ROUND(R6, R7, R0, R1, R2, R3, R4, R5, 2, R14, R15)
		LOAD(3)
		ROUND(R5, R6, R7, R0, R1, R2, R3, R4, 3, R15, R14)
		LOAD(4)
		ROUND(R4, R5, R6, R7, R0, R1, R2, R3, 4, R14, R15)
		LOAD(5)
		ROUND(R3, R4, R5, R6, R7, R0, R1, R2, 5, R15, R14)
		LOAD(6)
		ROUND(R2, R3, R4, R5, R6, R7, R0, R1, 6, R14, R15)
		LOAD(7)
		ROUND(R1, R2, R3, R4, R5, R6, R7, R0, 7, R15, R14)
		LOAD(8)
		ROUND(R0, R1, R2, R3, R4, R5, R6, R7, 8, R14, R15)
		LOAD(9)
		ROUND(R7, R0, R1, R2, R3, R4, R5, R6, 9, R15, R14)
		LOAD(10)
		ROUND(R6, R7, R0, R1, R2, R3, R4, R5, 10, R14, R15)
		LOAD(11)
		ROUND(R5, R6, R7, R0, R1, R2, R3, R4, 11, R15, R14)
		LOAD(12)
		ROUND(R4, R5, R6, R7, R0, R1, R2, R3, 12, R14, R15)
		LOAD(13)
		ROUND(R3, R4, R5, R6, R7, R0, R1, R2, 13, R15, R14)
		LOAD(14)
		ROUND(R2, R3, R4, R5, R6, R7, R0, R1, 14, R14, R15)
		LOAD(15)
		ROUND(R1, R2, R3, R4, R5, R6, R7, R0, 15, R15, R14)
		Loop
			Get R13
			I64Const $64
			I64Add
			Set R13
			SCHED(0, 14, 9, 1)
			ROUND(R0, R1, R2, R3, R4, R5, R6, R7, 0, R14, R15)
			SCHED(1, 15, 10, 2)
			ROUND(R7, R0, R1, R2, R3, R4, R5, R6, 1, R15, R14)
			SCHED(2, 0, 11, 3)
			ROUND(R6, R7, R0, R1, R2, R3, R4, R5, 2, R14, R15)
			SCHED(3, 1, 12, 4)
			ROUND(R5, R6, R7, R0, R1, R2, R3, R4, 3, R15, R14)
			SCHED(4, 2, 13, 5)
			ROUND(R4, R5, R6, R7, R0, R1, R2, R3, 4, R14, R15)
			SCHED(5, 3, 14, 6)
			ROUND(R3, R4, R5, R6, R7, R0, R1, R2, 5, R15, R14)
			SCHED(6, 4, 15, 7)
			ROUND(R2, R3, R4, R5, R6, R7, R0, R1, 6, R14, R15)
			SCHED(7, 5, 0, 8)
			ROUND(R1, R2, R3, R4, R5, R6, R7, R0, 7, R15, R14)
			SCHED(8, 6, 1, 9)
			ROUND(R0, R1, R2, R3, R4, R5, R6, R7, 8, R14, R15)
			SCHED(9, 7, 2, 10)
			ROUND(R7, R0, R1, R2, R3, R4, R5, R6, 9, R15, R14)
			SCHED(10, 8, 3, 11)
			ROUND(R6, R7, R0, R1, R2, R3, R4, R5, 10, R14, R15)
			SCHED(11, 9, 4, 12)
			ROUND(R5, R6, R7, R0, R1, R2, R3, R4, 11, R15, R14)
			SCHED(12, 10, 5, 13)
			ROUND(R4, R5, R6, R7, R0, R1, R2, R3, 12, R14, R15)
			SCHED(13, 11, 6, 14)
			ROUND(R3, R4, R5, R6, R7, R0, R1, R2, 13, R15, R14)
			SCHED(14, 12, 7, 15)
			ROUND(R2, R3, R4, R5, R6, R7, R0, R1, 14, R14, R15)
			SCHED(15, 13, 8, 0)
			ROUND(R1, R2, R3, R4, R5, R6, R7, R0, 15, R15, R14)
			Get R13
			I64Const $·k+192(SB)
			I64LtU
			BrIf $0
		End
		ADDTO(R0, 0)
		ADDTO(R1, 1)
		ADDTO(R2, 2)
		ADDTO(R3, 3)
		ADDTO(R4, 4)
		ADDTO(R5, 5)
		ADDTO(R6, 6)
		ADDTO(R7, 7)
		Get R9
		I64Const $64
		I64Add
		Tee R9
		Get R10
		I64LtU
		BrIf $0
	End
	RET
