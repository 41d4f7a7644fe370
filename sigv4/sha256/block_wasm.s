#include "textflag.h"

// The registers are 64-bit locals; only their lower halves count. Every value is
// narrowed when read, so engines keep it in a 32-bit register. The functions are
// those of FIPS 180-4 section 4.1.2; rotations to the right by n are rotations to
// the left by 32-n, which is what Wasm has in one instruction each way.
//
// R0 to R7 hold a to h, R8 an address in w, R9 that of p, R10 its end, R11 that of
// h, R12 a temporary, R13 an address in k, R14 and R15 what one round leaves for the
// next.
//
// All is in loops: in a proxy this code is seldom in a cache when a request comes,
// and unrolled it would be five times as much.

#define VAL(r) Get r; I32WrapI64
#define PUT(r) I64ExtendI32U; Set r
#define ROTL(r, n) VAL(r); I32Const $n; I32Rotl
#define MOVE(r, n) Get r; I64Const $n; I64Add; Set r

// Counted from R8, w[16+i] = s1(w[14+i]) + w[9+i] + s0(w[1+i]) + w[i].
#define SCHED(i) \
	VAL(R8); I32Load $((14+i)*4); PUT(R12); \
	VAL(R8); \
	ROTL(R12, 15); ROTL(R12, 13); I32Xor; VAL(R12); I32Const $10; I32ShrU; I32Xor; \
	VAL(R8); I32Load $((1+i)*4); PUT(R12); \
	ROTL(R12, 25); ROTL(R12, 14); I32Xor; VAL(R12); I32Const $3; I32ShrU; I32Xor; \
	I32Add; \
	VAL(R8); I32Load $((9+i)*4); I32Add; \
	VAL(R8); I32Load $(i*4); I32Add; \
	I32Store $((16+i)*4)

// r turned right by n1, by n1+n2 and by all three, added up without carry.
#define SIGMA(r, n1, n2, n3) \
	ROTL(r, 32-n3); VAL(r); I32Xor; I32Const $(32-n2); I32Rotl; VAL(r); I32Xor; I32Const $(32-n1); I32Rotl

// Round i, counted from R8 and R13: h = t1 + t2, d += t1; the caller renames.
// bc holds b^c, ab gets a^b, which is the next round's: maj is b ^ (a^b)&(b^c).
#define ROUND(a, b, c, d, e, f, g, h, i, bc, ab) \
	VAL(R8); I32Load $(i*4); VAL(R13); I32Load $(i*4); I32Add; VAL(h); I32Add; \
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

// func block(h *State, w *schedule, p []byte)
TEXT ·block(SB), NOSPLIT, $0-40
	MOVD h+0(FP), R11
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

		// The words of the message, big-endian.
		MOVD w+8(FP), R8
		Loop
			VAL(R9)
			I32Load $0
			PUT(R12)
			VAL(R8)
			ROTL(R12, 8)
			I32Const $0x00ff00ff
			I32And
			ROTL(R12, 24)
			I32Const $-0x00ff0100
			I32And
			I32Or
			I32Store $0
			MOVE(R8, 4)
			MOVE(R9, 4)
			I64Load w+8(FP)
			I64Const $64
			I64Add
			Get R8
			I64GtU
			BrIf $0
		End

		MOVD w+8(FP), R8
		MOVD $·k(SB), R13
		VAL(R1)
		VAL(R2)
		I32Xor
		PUT(R14)
		Loop
			SCHED(0)
			ROUND(R0, R1, R2, R3, R4, R5, R6, R7, 0, R14, R15)
			SCHED(1)
			ROUND(R7, R0, R1, R2, R3, R4, R5, R6, 1, R15, R14)
			SCHED(2)
			ROUND(R6, R7, R0, R1, R2, R3, R4, R5, 2, R14, R15)
			SCHED(3)
			ROUND(R5, R6, R7, R0, R1, R2, R3, R4, 3, R15, R14)
			SCHED(4)
			ROUND(R4, R5, R6, R7, R0, R1, R2, R3, 4, R14, R15)
			SCHED(5)
			ROUND(R3, R4, R5, R6, R7, R0, R1, R2, 5, R15, R14)
			SCHED(6)
			ROUND(R2, R3, R4, R5, R6, R7, R0, R1, 6, R14, R15)
			SCHED(7)
			ROUND(R1, R2, R3, R4, R5, R6, R7, R0, 7, R15, R14)
			MOVE(R8, 32)
			MOVE(R13, 32)
			Get R13
			I64Const $·k+192(SB)
			I64LtU
			BrIf $0
		End
		Loop
			ROUND(R0, R1, R2, R3, R4, R5, R6, R7, 0, R14, R15)
			ROUND(R7, R0, R1, R2, R3, R4, R5, R6, 1, R15, R14)
			ROUND(R6, R7, R0, R1, R2, R3, R4, R5, 2, R14, R15)
			ROUND(R5, R6, R7, R0, R1, R2, R3, R4, 3, R15, R14)
			ROUND(R4, R5, R6, R7, R0, R1, R2, R3, 4, R14, R15)
			ROUND(R3, R4, R5, R6, R7, R0, R1, R2, 5, R15, R14)
			ROUND(R2, R3, R4, R5, R6, R7, R0, R1, 6, R14, R15)
			ROUND(R1, R2, R3, R4, R5, R6, R7, R0, 7, R15, R14)
			MOVE(R8, 32)
			MOVE(R13, 32)
			Get R13
			I64Const $·k+256(SB)
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
		Get R10
		I64LtU
		BrIf $0
	End
	RET
