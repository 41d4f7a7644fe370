// As in memmove_wasm.s: V8 calls C++ for memory.fill.

#include "textflag.h"

// func memclrNoHeapPointers(ptr unsafe.Pointer, n uintptr)
TEXT runtime·memclrNoHeapPointers(SB), NOSPLIT, $0-16
	MOVD ptr+0(FP), R0
	MOVD n+8(FP), R1

	Get R1
	I64Const $64
	I64GtU
	If
		Get R0
		I32WrapI64
		I32Const $0
		Get R1
		I32WrapI64
		MemoryFill
		RET
	End

	Get R1
	I64Const $32
	I64GeU
	If
		Get R0
		Get R1
		I64Add
		I64Const $32
		I64Sub
		Set R2
		MOVD $0, 0(R0)
		MOVD $0, 8(R0)
		MOVD $0, 16(R0)
		MOVD $0, 24(R0)
		MOVD $0, 0(R2)
		MOVD $0, 8(R2)
		MOVD $0, 16(R2)
		MOVD $0, 24(R2)
		RET
	End

	Get R1
	I64Const $16
	I64GeU
	If
		Get R0
		Get R1
		I64Add
		I64Const $16
		I64Sub
		Set R2
		MOVD $0, 0(R0)
		MOVD $0, 8(R0)
		MOVD $0, 0(R2)
		MOVD $0, 8(R2)
		RET
	End

	Get R1
	I64Const $8
	I64GeU
	If
		Get R0
		Get R1
		I64Add
		I64Const $8
		I64Sub
		Set R2
		MOVD $0, 0(R0)
		MOVD $0, 0(R2)
		RET
	End

	Get R1
	I64Const $4
	I64GeU
	If
		Get R0
		Get R1
		I64Add
		I64Const $4
		I64Sub
		Set R2
		MOVW $0, 0(R0)
		MOVW $0, 0(R2)
		RET
	End

	Get R1
	I64Eqz
	If
		RET
	End
	Get R0
	Get R1
	I64Const $1
	I64ShrU
	I64Add
	Set R2
	Get R0
	Get R1
	I64Add
	I64Const $1
	I64Sub
	Set R3
	MOVB $0, 0(R0)
	MOVB $0, 0(R2)
	MOVB $0, 0(R3)
	RET
