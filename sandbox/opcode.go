package sandbox

// opcode says what an instruction does. R is a register of the function, K a
// constant, U an upvalue, G the globals. Jumps go to the absolute index c.
//
// To add one: name it here, emit it in compile.go, carry it out in the switch
// of machine.go; when it writes register a, list it in writesA.
type opcode uint8

const (
	opMove      opcode = iota // R[a] = R[b]
	opLoadK                   // R[a] = K[c]
	opLoadNil                 // R[a .. a+b-1] = nil
	opLoadTrue                // R[a] = true
	opLoadFalse               // R[a] = false
	opGetUpval                // R[a] = U[b]
	opSetUpval                // U[b] = R[a]
	opGetGlobal               // R[a] = G[K[c]]
	opSetGlobal               // G[K[c]] = R[a]
	opGetField                // R[a] = R[b][K[c]], K[c] a string
	opSetField                // R[a][K[c]] = R[b]
	opGetInt                  // R[a] = R[b][c]
	opSetInt                  // R[a][c] = R[b]
	opGetIndex                // R[a] = R[b][R[c]]
	opSetIndex                // R[a][R[b]] = R[c]
	opSelf                    // R[a+1] = R[b]; R[a] = R[b][K[c]]
	opNewTable                // R[a] = {} with room for b list elements and c fields
	opSetList                 // R[a][c+i] = R[a+i] for i in 1..b; b = 0: up to top

	// Arithmetic, in the order of exprOp: with two registers, and with K[c].
	opAdd // R[a] = R[b] + R[c]
	opSub
	opMul
	opDiv
	opMod
	opPow
	opAddK // R[a] = R[b] + K[c]
	opSubK
	opMulK
	opDivK
	opModK
	opPowK
	opNeg    // R[a] = -R[b]
	opNot    // R[a] = not R[b]
	opLen    // R[a] = #R[b]
	opConcat // R[a] = R[b] .. ... .. R[c]

	opJump      // goto c
	opJumpClose // close upvalues from R[a] on; goto c
	opJumpIf    // if R[a] then goto c
	opJumpNot   // if not R[a] then goto c

	// Comparisons, each followed by its negation: NaN makes them two.
	opEq // if R[a] == R[b] then goto c
	opNe
	opEqK // if R[a] == K[b] then goto c
	opNeK
	opLt // if R[a] < R[b] then goto c
	opNotLt
	opLe // if R[a] <= R[b] then goto c
	opNotLe
	opLtK // if R[a] < K[b] then goto c
	opNotLtK
	opLeK // if R[a] <= K[b] then goto c
	opNotLeK
	opGtK // if K[b] < R[a] then goto c
	opNotGtK
	opGeK // if K[b] <= R[a] then goto c
	opNotGeK

	opCall     // R[a .. a+c-2] = R[a](R[a+1 .. a+b-1]); b = 0: up to top; c = 0: all
	opTailCall // return R[a](R[a+1 .. a+b-1])
	opReturn   // return R[a .. a+b-2]; b = 0: up to top
	opForPrep  // numeric for: check R[a .. a+2], goto c
	opForLoop  // R[a] += R[a+2]; if it is within R[a+1] then R[a+3] = R[a]; goto c
	opForCall  // R[a+3 .. a+2+b] = R[a](R[a+1], R[a+2])
	opForNext  // if R[a+3] ~= nil then R[a+2] = R[a+3]; goto c
	opClosure  // R[a] = closure of prototype c
	opClose    // close upvalues from R[a] on
	opVararg   // R[a .. a+b-2] = ...; b = 0: all, and set top
)

// instr is one instruction. b is wide enough for most constants, c for all.
type instr struct {
	op opcode
	a  uint8
	b  uint16
	c  int32
}

// proto is a compiled function. It is never written to once it is made.
type proto struct {
	code     []instr
	lines    []int32
	consts   []Value
	protos   []*proto
	upvalues []upvalueInfo
	nparams  int
	vararg   bool
	maxStack int
	closes   bool // has locals that closures capture
	chunk    string
	name     string
	line     int
	locals   []localInfo
}

// upvalueInfo tells opClosure where an upvalue comes from.
type upvalueInfo struct {
	name  string
	local bool // a register of the enclosing function, else one of its upvalues
	index int
}

// localInfo is the life of a local variable, for error messages.
type localInfo struct {
	name       string
	reg        int
	start, end int32
}

// writesA tells whether the instruction writes register a (and no other).
func (i instr) writesA() bool {
	switch {
	case i.op >= opAdd && i.op <= opConcat:
		return true
	}
	switch i.op {
	case opMove, opLoadK, opLoadTrue, opLoadFalse, opGetUpval, opGetGlobal, opGetField, opGetInt, opGetIndex, opNewTable, opClosure:
		return true
	}
	return false
}
