// Go's own compares byte by byte.

#include "go_asm.h"
#include "textflag.h"

// func memequal(a, b unsafe.Pointer, size uintptr) bool
TEXT runtime·memequal(SB), NOSPLIT, $0-25
	Get SP
	I64Load a+0(FP)
	I64Load b+8(FP)
	I64Load size+16(FP)
	Call memeqbody<>(SB)
	I64Store8 ret+24(FP)
	RET

// func memequal_varlen(a, b unsafe.Pointer) bool
TEXT runtime·memequal_varlen(SB), NOSPLIT, $0-17
	Get SP
	I64Load a+0(FP)
	I64Load b+8(FP)
	I64Load 8(CTXT) // the compiler stores the size at offset 8 in the closure
	Call memeqbody<>(SB)
	I64Store8 ret+16(FP)
	RET

// Parameters: R0: a, R1: b, R2: their length. It has no other registers.
// Result: 1 if they are equal, else 0.
TEXT memeqbody<>(SB), NOSPLIT, $0-0
	Get R0
	Get R1
	I64Eq
	If
		I64Const $1
		Return
	End

	Get R2
	I64Const $8
	I64GeU
	If
		// Words, and one that ends with the last byte.
		Loop
			Get R2
			I64Const $8
			I64GtU
			If
				Get R0
				I32WrapI64
				I64Load $0
				Get R1
				I32WrapI64
				I64Load $0
				I64Ne
				If
					I64Const $0
					Return
				End
				Get R0
				I64Const $8
				I64Add
				Set R0
				Get R1
				I64Const $8
				I64Add
				Set R1
				Get R2
				I64Const $8
				I64Sub
				Set R2
				Br $1
			End
		End
		Get R0
		Get R2
		I64Add
		I64Const $8
		I64Sub
		I32WrapI64
		I64Load $0
		Get R1
		Get R2
		I64Add
		I64Const $8
		I64Sub
		I32WrapI64
		I64Load $0
		I64Eq
		I64ExtendI32U
		Return
	End

	Get R2
	I64Const $4
	I64GeU
	If
		// The first 4 bytes and the last.
		Get R0
		I32WrapI64
		I32Load $0
		Get R1
		I32WrapI64
		I32Load $0
		I32Eq
		Get R0
		Get R2
		I64Add
		I64Const $4
		I64Sub
		I32WrapI64
		I32Load $0
		Get R1
		Get R2
		I64Add
		I64Const $4
		I64Sub
		I32WrapI64
		I32Load $0
		I32Eq
		I32And
		I64ExtendI32U
		Return
	End

	Get R2
	I64Eqz
	If
		I64Const $1
		Return
	End

	// 1 to 3 bytes: the first, that in the middle, the last.
	Get R0
	I32WrapI64
	I32Load8U $0
	Get R1
	I32WrapI64
	I32Load8U $0
	I32Eq
	Get R0
	Get R2
	I64Const $1
	I64ShrU
	I64Add
	I32WrapI64
	I32Load8U $0
	Get R1
	Get R2
	I64Const $1
	I64ShrU
	I64Add
	I32WrapI64
	I32Load8U $0
	I32Eq
	I32And
	Get R0
	Get R2
	I64Add
	I64Const $1
	I64Sub
	I32WrapI64
	I32Load8U $0
	Get R1
	Get R2
	I64Add
	I64Const $1
	I64Sub
	I32WrapI64
	I32Load8U $0
	I32Eq
	I32And
	I64ExtendI32U
	Return
