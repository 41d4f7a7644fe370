// A copy of a few bytes costs more to call the engine for than to make: V8 calls C++
// for memory.copy. All is read before anything is written, since source and
// target may overlap.

#include "textflag.h"

// func memmove(to, from unsafe.Pointer, n uintptr)
TEXT runtime·memmove(SB), NOSPLIT, $0-24
	MOVD to+0(FP), R0
	MOVD from+8(FP), R1
	MOVD n+16(FP), R2

	Get R2
	I64Const $64
	I64GtU
	If
		Get R0
		I32WrapI64
		Get R1
		I32WrapI64
		Get R2
		I32WrapI64
		MemoryCopy
		RET
	End

	Get R2
	I64Const $32
	I64GeU
	If
		// R3, R4: the last 32 bytes of both.
		Get R0
		Get R2
		I64Add
		I64Const $32
		I64Sub
		Set R3
		Get R1
		Get R2
		I64Add
		I64Const $32
		I64Sub
		Set R4
		MOVD 0(R1), R5
		MOVD 8(R1), R6
		MOVD 16(R1), R7
		MOVD 24(R1), R8
		MOVD 0(R4), R9
		MOVD 8(R4), R10
		MOVD 16(R4), R11
		MOVD 24(R4), R12
		MOVD R5, 0(R0)
		MOVD R6, 8(R0)
		MOVD R7, 16(R0)
		MOVD R8, 24(R0)
		MOVD R9, 0(R3)
		MOVD R10, 8(R3)
		MOVD R11, 16(R3)
		MOVD R12, 24(R3)
		RET
	End

	Get R2
	I64Const $16
	I64GeU
	If
		// R3, R4: the last 16 bytes of both.
		Get R0
		Get R2
		I64Add
		I64Const $16
		I64Sub
		Set R3
		Get R1
		Get R2
		I64Add
		I64Const $16
		I64Sub
		Set R4
		MOVD 0(R1), R5
		MOVD 8(R1), R6
		MOVD 0(R4), R7
		MOVD 8(R4), R8
		MOVD R5, 0(R0)
		MOVD R6, 8(R0)
		MOVD R7, 0(R3)
		MOVD R8, 8(R3)
		RET
	End

	Get R2
	I64Const $8
	I64GeU
	If
		// R3, R4: the last 8 bytes of both.
		Get R0
		Get R2
		I64Add
		I64Const $8
		I64Sub
		Set R3
		Get R1
		Get R2
		I64Add
		I64Const $8
		I64Sub
		Set R4
		MOVD 0(R1), R5
		MOVD 0(R4), R6
		MOVD R5, 0(R0)
		MOVD R6, 0(R3)
		RET
	End

	Get R2
	I64Const $4
	I64GeU
	If
		// R3, R4: the last 4 bytes of both.
		Get R0
		Get R2
		I64Add
		I64Const $4
		I64Sub
		Set R3
		Get R1
		Get R2
		I64Add
		I64Const $4
		I64Sub
		Set R4
		MOVW 0(R1), R5
		MOVW 0(R4), R6
		MOVW R5, 0(R0)
		MOVW R6, 0(R3)
		RET
	End

	Get R2
	I64Eqz
	If
		RET
	End
	// 1 to 3 bytes: the first, that in the middle, the last.
	Get R1
	Get R2
	I64Const $1
	I64ShrU
	I64Add
	Set R5
	Get R1
	Get R2
	I64Add
	I64Const $1
	I64Sub
	Set R6
	MOVB 0(R1), R7
	MOVB 0(R5), R8
	MOVB 0(R6), R9
	Get R0
	Get R2
	I64Const $1
	I64ShrU
	I64Add
	Set R5
	Get R0
	Get R2
	I64Add
	I64Const $1
	I64Sub
	Set R6
	MOVB R7, 0(R0)
	MOVB R8, 0(R5)
	MOVB R9, 0(R6)
	RET
