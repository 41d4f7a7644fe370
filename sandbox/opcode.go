package sandbox

// opcode says what an instruction does. R is a register of the function, K a
// constant, U an upvalue, G the globals. Jumps go to the absolute index c.
//
// To add one: name it here, emit it in compile.go, carry it out in the switch
// of machine.go; when it writes register a, list it in writesA.
//
// The order decides speed in Wasm. Go's compiler makes a binary search of the
// switch, down to groups of four that it tries in turn, and Go's Wasm code pays
// for every step to the upper half or to the next of a group: a jump through
// the function's one jump table. So what scripts do most stands first in
// groups, and in groups whose index has few bits set.
type opcode uint8

const (
	opCall   opcode = iota // R[a .. a+c-2] = R[a](R[a+1 .. a+b-1]); b = 0: up to top; c = 0: all
	opNotLtK               // if not (R[a] < K[b]) then goto c
	opSubK                 // R[a] = R[b] - K[c]
	opMulK                 // R[a] = R[b] * K[c]

	opReturn  // return R[a .. a+b-2]; b = 0: up to top
	opJumpNot // if not R[a] then goto c
	opNe      // if R[a] ~= R[b] then goto c
	opDivK    // R[a] = R[b] / K[c]

	opGetField // R[a] = R[b][K[c]], K[c] a string
	opNeK      // if R[a] ~= K[b] then goto c
	opEq       // if R[a] == R[b] then goto c
	opMod      // R[a] = R[b] % R[c]

	opForLoop // R[a] += R[a+2]; if it is within R[a+1] then R[a+3] = R[a]; goto c
	opForNext // if R[a+3] ~= nil then R[a+2] = R[a+3]; goto c
	opLe      // if R[a] <= R[b] then goto c
	opClosure // R[a] = closure of prototype c

	opMove   // R[a] = R[b]
	opSelf   // R[a+1] = R[b]; R[a] = R[b][K[c]]
	opEqK    // if R[a] == K[b] then goto c
	opVararg // R[a .. a+b-2] = ...; b = 0: all, and set top

	opGetIndex // R[a] = R[b][R[c]]
	opNotLt    // if not (R[a] < R[b]) then goto c
	opLtK      // if R[a] < K[b] then goto c
	opConcat   // R[a] = R[b] .. ... .. R[c]

	opGetGlobal // R[a] = G[K[c]]
	opNotLe     // if not (R[a] <= R[b]) then goto c
	opLeK       // if R[a] <= K[b] then goto c
	opSetInt    // R[a][c] = R[b]

	opSub       // R[a] = R[b] - R[c]
	opGetInt    // R[a] = R[b][c]
	opLoadFalse // R[a] = false
	opPow       // R[a] = R[b] ^ R[c]

	opGetUpval // R[a] = U[b]
	opSetIndex // R[a][R[b]] = R[c]
	opModK     // R[a] = R[b] % K[c]
	opNewTable // R[a] = {} with room for b list elements and c fields

	opAddK   // R[a] = R[b] + K[c]
	opNotLeK // if not (R[a] <= K[b]) then goto c
	opGtK    // if K[b] < R[a] then goto c
	opNot    // R[a] = not R[b]

	opAdd    // R[a] = R[b] + R[c]
	opNotGtK // if not (K[b] < R[a]) then goto c
	opGeK    // if K[b] <= R[a] then goto c
	opNeg    // R[a] = -R[b]

	opSetField // R[a][K[c]] = R[b]
	opLen      // R[a] = #R[b]
	opLoadNil  // R[a .. a+b-1] = nil
	opPowK     // R[a] = R[b] ^ K[c]

	opLoadK   // R[a] = K[c]
	opNotGeK  // if not (K[b] <= R[a]) then goto c
	opDiv     // R[a] = R[b] / R[c]
	opForPrep // numeric for: check R[a .. a+2], goto c

	opJump      // goto c
	opJumpIf    // if R[a] then goto c
	opSetUpval  // U[b] = R[a]
	opSetGlobal // G[K[c]] = R[a]

	opForCall   // R[a+3 .. a+2+b] = R[a](R[a+1], R[a+2])
	opLt        // if R[a] < R[b] then goto c
	opTailCall  // return R[a](R[a+1 .. a+b-1])
	opJumpClose // close upvalues from R[a] on; goto c

	opMul      // R[a] = R[b] * R[c]
	opLoadTrue // R[a] = true
	opSetList  // R[a][c+i] = R[a+i] for i in 1..b; b = 0: up to top
	opClose    // close upvalues from R[a] on

	opcodes // how many there are
)

// Families of opcodes, for the compiler and for slow paths.
var (
	arithOps  = [...]opcode{opAdd, opSub, opMul, opDiv, opMod, opPow} // as exprOp has them
	arithKOps = [...]opcode{opAddK, opSubK, opMulK, opDivK, opModK, opPowK}

	// arithIndex is the place of an opcode in those lists, from 1.
	arithIndex = func() (at [opcodes]uint8) {
		for i := range arithOps {
			at[arithOps[i]], at[arithKOps[i]] = uint8(i+1), uint8(i+1)
		}
		return
	}()

	// comparisons are followed by their negations, which NaN makes needed.
	comparisons = [...][2]opcode{
		{opEq, opNe}, {opEqK, opNeK}, {opLt, opNotLt}, {opLe, opNotLe},
		{opLtK, opNotLtK}, {opLeK, opNotLeK}, {opGtK, opNotGtK}, {opGeK, opNotGeK},
	}
)

// negation returns the comparison that jumps when op does not.
func negation(op opcode) opcode {
	for _, c := range comparisons {
		if c[0] == op {
			return c[1]
		}
		if c[1] == op {
			return c[0]
		}
	}
	return op
}

// negated reports whether a comparison jumps when it does not hold.
func negated(op opcode) bool {
	for _, c := range comparisons {
		if c[1] == op {
			return true
		}
	}
	return false
}

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
	if arithIndex[i.op] != 0 {
		return true
	}
	switch i.op {
	case opNeg, opNot, opLen, opConcat, opMove, opLoadK, opLoadTrue, opLoadFalse, opGetUpval, opGetGlobal, opGetField, opGetInt, opGetIndex, opNewTable, opClosure:
		return true
	}
	return false
}
