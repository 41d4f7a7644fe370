package sandbox

import "strconv"

// The parser makes a tree with all names resolved: an expression knows whether
// a name is a local, an upvalue or a global, and a local knows whether a
// closure captures it. Nesting is bounded; chains of operators, suffixes and
// elseif are lists or left spines, and are never walked by recursion.

const (
	maxNesting  = 200 // levels of blocks, functions, parentheses, constructors
	maxLocals   = 200 // active in one function, as in LuaJIT
	maxUpvalues = 250 // LuaJIT: 60
)

type exprOp uint8

const (
	exNil exprOp = iota
	exTrue
	exFalse
	exNumber
	exString
	exVararg
	exFunction
	exLocal
	exUpvalue
	exGlobal
	exIndex  // left[right]
	exCall   // left(list...)
	exMethod // left:str(list...)
	exParen  // (left), cut to one value
	exTable  // list of fields
	exConcat // list, two or more
	exAnd
	exOr
	exNot
	exNeg
	exLen
	exEq
	exNe
	exLt
	exLe
	exGt
	exGe
	exAdd // the order of the arithmetic opcodes
	exSub
	exMul
	exDiv
	exMod
	exPow
)

type expr struct {
	op          exprOp
	line, col   int32
	left, right *expr
	list        []*expr
	keys        []*expr // of exTable: nil for list elements
	num         float64
	str         *str
	local       *local    // of exLocal
	index       int       // of exUpvalue
	fn          *function // of exFunction
	endLine     int32     // of a call that is returned
}

type local struct {
	name     *str
	fn       *function
	shadowed *local // the binding that this one hides
	captured bool
	reg      int
	line     int32
}

type upvalueDesc struct {
	name    *str
	local   *local // of the enclosing function, or nil
	index   int    // upvalue of the enclosing function, if local is nil
	binding *local
}

type function struct {
	parent    *function
	name      string
	line      int
	endLine   int
	params    []*local
	vararg    bool
	upvalues  []upvalueDesc
	upIndex   map[*local]int
	body      *block
	active    int
	hasNested bool
}

type block struct {
	stmts []*stmt
	open  bool // of repeat: its locals live on in the condition
}

type stmtOp uint8

const (
	stLocal stmtOp = iota
	stLocalFunction
	stAssign
	stCall
	stDo
	stWhile
	stRepeat
	stIf
	stForNum
	stForIn
	stReturn
	stBreak
	stGoto
	stLabel
)

type stmt struct {
	op      stmtOp
	line    int32
	endLine int32 // of stAssign: where it stores
	locals  []*local
	targets []*expr
	exprs   []*expr
	conds   []*expr  // of stIf, stWhile, stRepeat
	blocks  []*block // bodies; of stIf one more than conds where there is an else
	name    *str     // of stGoto and stLabel
	col     int32

	pc, active int32 // of stGoto, while it has no label
}

type parser struct {
	*lexer
	fn      *function
	depth   int
	bind    map[*str]*local
	strings map[string]*str
	intern  map[string]*str

	globals []globalUse // for Check
}

// globalUse is a name that is no local, with the fields that follow it.
type globalUse struct {
	path     []string
	places   [][2]int32 // line and column of each part of path
	assigned bool
}

func (p *parser) constant(s string) *str {
	if o := p.intern[s]; o != nil {
		return o
	}
	o := p.strings[s]
	if o == nil {
		o = newSharedStr(s)
		p.strings[o.s] = o
	}
	return o
}

// enter is called by blocks and expressions: all nesting goes through them.
func (p *parser) enter() {
	p.depth++
	if p.depth > maxNesting {
		p.fail(p.tokLine, p.tokCol, "", "chunk has too many syntax levels")
	}
}

func (p *parser) leave() { p.depth-- }

// push appends a node to a list: one copy of the code of append for all kinds.
//
//go:noinline
func push[T any](list *[]*T, x *T) { *list = append(*list, x) }

//go:noinline
func (p *parser) test(t token) bool {
	if p.tok == t {
		p.next()
		return true
	}
	return false
}

func (p *parser) expect(t token) {
	if p.tok != t {
		p.failToken("'" + t.String() + "' expected")
	}
	p.next()
}

// expectClose is expect for the end of what was opened at line.
func (p *parser) expectClose(t, open token, line int) {
	if p.tok == t {
		p.next()
		return
	}
	if line == p.tokLine {
		p.failToken("'" + t.String() + "' expected")
	}
	p.failToken("'" + t.String() + "' expected (to close '" + open.String() + "' at line " + strconv.Itoa(line) + ")")
}

// name reads a name; goto is one where it starts no statement, as in LuaJIT.
func (p *parser) name() *str {
	if p.tok != tkName && p.tok != tkGoto {
		p.failToken("'<name>' expected")
	}
	s := p.constant(p.str)
	p.next()
	return s
}

// declare makes a local; activate gives it its scope.
func (p *parser) declare(name *str) *local {
	return &local{name: name, fn: p.fn, line: int32(p.tokLine)}
}

func (p *parser) activate(l *local) {
	p.fn.active++
	if p.fn.active > maxLocals {
		p.tooMany("local variables", maxLocals)
	}
	l.shadowed = p.bind[l.name]
	p.bind[l.name] = l
}

func (p *parser) tooMany(what string, limit int) {
	where := "main function"
	if p.fn.parent != nil {
		where = "function at line " + strconv.Itoa(p.fn.line)
	}
	p.fail(p.tokLine, p.tokCol, "", where+" has more than "+strconv.Itoa(limit)+" "+what)
}

// deactivate ends the scope of locals, last one first.
//
//go:noinline
func (p *parser) deactivate(locals []*local) {
	for i := len(locals) - 1; i >= 0; i-- {
		l := locals[i]
		if l.shadowed != nil {
			p.bind[l.name] = l.shadowed
		} else {
			delete(p.bind, l.name)
		}
		l.shadowed = nil
	}
	p.fn.active -= len(locals)
}

// resolve turns a name into an expression.
func (p *parser) resolve(name *str, line, col int) *expr {
	e := &expr{line: int32(line), col: int32(col), str: name}
	l := p.bind[name]
	switch {
	case l == nil:
		e.op = exGlobal
		p.globals = append(p.globals, globalUse{path: []string{name.s}, places: [][2]int32{{e.line, e.col}}})
		e.index = len(p.globals)
	case l.fn == p.fn:
		e.op, e.local = exLocal, l
	default:
		l.captured = true
		e.op, e.index = exUpvalue, p.upvalue(p.fn, l)
	}
	return e
}

// upvalue returns the index of l among the upvalues of fn. The functions
// between fn and the owner of l pass it on; nesting bounds the recursion.
func (p *parser) upvalue(fn *function, l *local) int {
	if i, ok := fn.upIndex[l]; ok {
		return i
	}
	d := upvalueDesc{name: l.name, binding: l}
	if fn.parent == l.fn {
		d.local = l
	} else {
		d.index = p.upvalue(fn.parent, l)
	}
	if len(fn.upvalues) == maxUpvalues {
		p.fn = fn
		p.tooMany("upvalues", maxUpvalues)
	}
	if fn.upIndex == nil {
		fn.upIndex = map[*local]int{}
	}
	fn.upvalues = append(fn.upvalues, d)
	fn.upIndex[l] = len(fn.upvalues) - 1
	return len(fn.upvalues) - 1
}

func (p *parser) chunk() *function {
	p.fn = &function{vararg: true, name: "main chunk"}
	p.next()
	p.fn.body = p.block()
	if p.tok != tkEOF {
		p.failToken("'<eof>' expected")
	}
	p.fn.endLine = p.tokLine
	return p.fn
}

func (p *parser) blockEnd() bool {
	switch p.tok {
	case tkEOF, tkEnd, tkElse, tkElseif, tkUntil:
		return true
	}
	return false
}

// block reads a block with a scope of its own.
func (p *parser) block() *block {
	b, locals := p.openBlock()
	p.deactivate(locals)
	return b
}

// openBlock reads a block and leaves its locals active, for repeat.
func (p *parser) openBlock() (*block, []*local) {
	p.enter()
	b := &block{}
	var locals []*local
	for !p.blockEnd() {
		last := p.tok == tkReturn || p.tok == tkBreak
		s := p.statement()
		push(&b.stmts, s)
		if s.op == stLocal || s.op == stLocalFunction {
			locals = append(locals, s.locals...)
		}
		p.test(char(';'))
		if last {
			break
		}
	}
	p.leave()
	return b, locals
}

func (p *parser) statement() *stmt {
	s := &stmt{line: int32(p.tokLine), col: int32(p.tokCol)}
	line := p.tokLine
	switch p.tok {
	case tkIf:
		s.op = stIf
		p.next()
		for {
			push(&s.conds, p.expression())
			p.expect(tkThen)
			push(&s.blocks, p.block())
			if p.test(tkElseif) {
				continue
			}
			if p.test(tkElse) {
				push(&s.blocks, p.block())
			}
			break
		}
		p.expectClose(tkEnd, tkIf, line)
	case tkWhile:
		s.op = stWhile
		p.next()
		push(&s.conds, p.expression())
		p.expect(tkDo)
		push(&s.blocks, p.block())
		p.expectClose(tkEnd, tkWhile, line)
	case tkDo:
		s.op = stDo
		p.next()
		push(&s.blocks, p.block())
		p.expectClose(tkEnd, tkDo, line)
	case tkFor:
		p.forStatement(s)
	case tkRepeat:
		s.op = stRepeat
		p.next()
		b, locals := p.openBlock()
		b.open = true
		p.expectClose(tkUntil, tkRepeat, line)
		s.blocks, s.locals = []*block{b}, locals
		push(&s.conds, p.expression())
		p.deactivate(locals)
		s.locals = nil
	case tkFunction:
		p.next()
		p.functionStatement(s)
	case tkLocal:
		p.next()
		if p.test(tkFunction) {
			s.op = stLocalFunction
			l := p.declare(p.name())
			p.activate(l)
			push(&s.locals, l)
			push(&s.exprs, p.functionBody(false, line, l.name.s))
			break
		}
		s.op = stLocal
		for {
			push(&s.locals, p.declare(p.name()))
			if !p.test(char(',')) {
				break
			}
		}
		if p.test(char('=')) {
			s.exprs = p.expressions()
		}
		for _, l := range s.locals {
			p.activate(l)
		}
	case tkReturn:
		s.op = stReturn
		p.next()
		if !p.blockEnd() && p.tok != char(';') {
			s.exprs = p.expressions()
			s.exprs[0].endLine = int32(p.lastLine)
		}
	case tkBreak:
		s.op = stBreak
		p.next()
	case tkLabel:
		p.next()
		s.op = stLabel
		s.name = p.name()
		p.expect(tkLabel)
		for p.test(char(';')) { // LuaJIT takes them for nothing behind a label
		}
	case tkGoto:
		if p.peek() == tkName {
			p.next()
			s.op = stGoto
			s.name = p.name()
			break
		}
		p.exprStatement(s)
	default:
		p.exprStatement(s)
	}
	return s
}

func (p *parser) forStatement(s *stmt) {
	line := p.tokLine
	p.next()
	names := []*str{p.name()}
	if p.tok == char('=') {
		s.op = stForNum
		p.next()
		push(&s.exprs, p.expression())
		p.expect(char(','))
		push(&s.exprs, p.expression())
		if p.test(char(',')) {
			push(&s.exprs, p.expression())
		}
		s.line = int32(p.tokLine)
	} else {
		s.op = stForIn
		for p.test(char(',')) {
			push(&names, p.name())
		}
		if p.tok != tkIn {
			if len(names) > 1 {
				p.failToken("'in' expected")
			}
			p.failToken("'=' or 'in' expected")
		}
		p.next()
		s.line = int32(p.tokLine)
		s.exprs = p.expressions()
	}
	p.expect(tkDo)
	p.fn.active += 3 // the hidden variables of the loop
	for _, n := range names {
		l := p.declare(n)
		push(&s.locals, l)
		p.activate(l)
	}
	push(&s.blocks, p.block())
	p.deactivate(s.locals)
	p.fn.active -= 3
	p.expectClose(tkEnd, tkFor, line)
}

func (p *parser) functionStatement(s *stmt) {
	s.op = stAssign
	line := int(s.line)
	l, c := p.tokLine, p.tokCol
	n := p.name()
	target := p.resolve(n, l, c)
	full := n.s
	method := false
	for p.tok == char('.') || p.tok == char(':') {
		method = p.tok == char(':')
		p.next()
		l, c := p.tokLine, p.tokCol
		key := p.name()
		target = p.index(target, &expr{op: exString, str: key, line: int32(l), col: int32(c)})
		if method {
			full += ":" + key.s
			break
		}
		full += "." + key.s
	}
	p.assigned(target)
	push(&s.targets, target)
	push(&s.exprs, p.functionBody(method, line, full))
	s.endLine = s.line
}

func (p *parser) assigned(e *expr) {
	if e.index > 0 && (e.op == exGlobal || e.op == exIndex) {
		p.globals[e.index-1].assigned = true
	}
}

// read gives the reading of a global or a field the line of the token before,
// which is where both real ones compile it.
//
//go:noinline
func (p *parser) read(e *expr) {
	if e.op == exGlobal || e.op == exIndex {
		e.line = int32(p.lastLine)
	}
}

// index makes left[key] and notes constant fields of globals for Check.
func (p *parser) index(left, key *expr) *expr {
	e := &expr{op: exIndex, line: key.line, col: key.col, left: left, right: key}
	if key.op == exString && left.index > 0 && (left.op == exGlobal || left.op == exIndex) {
		if u := &p.globals[left.index-1]; len(u.path) < 8 {
			u.path = append(u.path, key.str.s)
			u.places = append(u.places, [2]int32{key.line, key.col})
			e.index = left.index
		}
	}
	return e
}

func (p *parser) exprStatement(s *stmt) {
	e := p.suffixed()
	if e.op == exCall || e.op == exMethod {
		s.op = stCall
		push(&s.exprs, e)
		return
	}
	s.op = stAssign
	push(&s.targets, e)
	for {
		switch e.op {
		case exLocal, exUpvalue, exGlobal, exIndex:
		default:
			p.failToken("syntax error")
		}
		p.assigned(e)
		if !p.test(char(',')) {
			break
		}
		e = p.suffixed()
		push(&s.targets, e)
		if len(s.targets) >= maxLocals {
			p.tooMany("variable names", maxLocals)
		}
	}
	p.expect(char('='))
	s.exprs = p.expressions()
	s.endLine = int32(p.lastLine) // of the store, in both real ones
}

func (p *parser) expressions() []*expr {
	list := []*expr{p.expression()}
	for p.test(char(',')) {
		push(&list, p.expression())
	}
	return list
}

// Priorities of binary operators: left, and right where they differ.
type priority struct{ left, right uint8 }

const unaryPriority = 8

func (p *parser) binary() (exprOp, priority, bool) {
	switch p.tok {
	case char('+'):
		return exAdd, priority{6, 6}, true
	case char('-'):
		return exSub, priority{6, 6}, true
	case char('*'):
		return exMul, priority{7, 7}, true
	case char('/'):
		return exDiv, priority{7, 7}, true
	case char('%'):
		return exMod, priority{7, 7}, true
	case char('^'):
		return exPow, priority{10, 9}, true
	case tkConcat:
		return exConcat, priority{5, 5}, true
	case tkEq:
		return exEq, priority{3, 3}, true
	case tkNe:
		return exNe, priority{3, 3}, true
	case char('<'):
		return exLt, priority{3, 3}, true
	case tkLe:
		return exLe, priority{3, 3}, true
	case char('>'):
		return exGt, priority{3, 3}, true
	case tkGe:
		return exGe, priority{3, 3}, true
	case tkAnd:
		return exAnd, priority{2, 2}, true
	case tkOr:
		return exOr, priority{1, 1}, true
	}
	return 0, priority{}, false
}

//go:noinline
func (p *parser) expression() *expr { return p.subexpression(0) }

// subexpression reads operators that bind tighter than limit.
func (p *parser) subexpression(limit uint8) *expr {
	p.enter()
	var e *expr
	col := int32(p.tokCol)
	switch p.tok {
	case tkNot:
		e = p.unary(exNot)
	case char('-'):
		e = p.unary(exNeg)
	case char('#'):
		e = p.unary(exLen)
	default:
		e = p.simple()
	}
	for {
		op, prio, ok := p.binary()
		if !ok || prio.left <= limit {
			break
		}
		if op == exConcat {
			// Right associative, but a list: long chains do not nest.
			list := []*expr{e}
			for p.test(tkConcat) {
				p.read(list[len(list)-1])
				push(&list, p.subexpression(prio.right))
			}
			e = &expr{op: exConcat, line: int32(p.lastLine), col: col, list: list}
			continue
		}
		p.next()
		p.read(e)
		right := p.subexpression(prio.right)
		// Errors name the line where the last operand ends, as both real ones do.
		e = fold(&expr{op: op, line: int32(p.lastLine), col: col, left: e, right: right})
	}
	p.leave()
	return e
}

func (p *parser) unary(op exprOp) *expr {
	e := &expr{op: op, line: int32(p.tokLine), col: int32(p.tokCol)}
	p.next()
	e.left = p.subexpression(unaryPriority)
	e.line = int32(p.lastLine)
	return fold(e)
}

// fold computes operations on number constants, except where the result is
// NaN or zero, whose sign a constant table would lose.
func fold(e *expr) *expr {
	a := e.left
	if a.op != exNumber {
		return e
	}
	var n float64
	if e.op == exNeg {
		n = -a.num
	} else {
		b := e.right
		if b == nil || b.op != exNumber || e.op < exAdd {
			return e
		}
		n = arith(e.op, a.num, b.num)
	}
	if n != n || n == 0 {
		return e
	}
	return &expr{op: exNumber, line: e.line, col: e.col, num: n}
}

func (p *parser) simple() *expr {
	e := &expr{line: int32(p.tokLine), col: int32(p.tokCol)}
	switch p.tok {
	case tkNumber:
		e.op, e.num = exNumber, p.num
	case tkString:
		e.op, e.str = exString, p.constant(p.str)
	case tkNil:
		e.op = exNil
	case tkTrue:
		e.op = exTrue
	case tkFalse:
		e.op = exFalse
	case tkDots:
		if !p.fn.vararg {
			p.failToken("cannot use '...' outside a vararg function")
		}
		e.op = exVararg
	case char('{'):
		return p.constructor()
	case tkFunction:
		line := p.tokLine
		p.next()
		return p.functionBody(false, line, "")
	default:
		return p.suffixed()
	}
	p.next()
	return e
}

// suffixed reads a name or a parenthesis with what follows it.
func (p *parser) suffixed() *expr {
	line, col := p.tokLine, p.tokCol
	var e *expr
	switch {
	case p.tok == char('('):
		p.next()
		inner := p.expression()
		p.expectClose(char(')'), char('('), line)
		e = inner
		switch inner.op {
		case exCall, exMethod, exVararg, exLocal, exUpvalue, exGlobal, exIndex, exParen:
			e = &expr{op: exParen, line: int32(line), col: int32(col), left: inner}
		}
	case p.tok == tkName || p.tok == tkGoto:
		e = p.resolve(p.name(), line, col)
	default:
		p.failToken("unexpected symbol")
	}
	for {
		switch p.tok {
		case char('.'):
			p.next()
			l, c := p.tokLine, p.tokCol
			e = p.index(e, &expr{op: exString, line: int32(l), col: int32(c), str: p.name()})
		case char('['):
			p.next()
			key := p.expression()
			p.expect(char(']'))
			e = p.index(e, key)
			p.read(e)
		case char(':'):
			p.next()
			call := &expr{op: exMethod, left: e, str: p.name()}
			call.line, call.col = int32(p.tokLine), int32(p.tokCol) // of the arguments
			p.read(e)
			call.list = p.arguments()
			e = call
		case char('('), tkString, char('{'):
			call := &expr{op: exCall, line: int32(p.tokLine), col: int32(p.tokCol), left: e}
			call.list = p.arguments()
			e = call
		default:
			return e
		}
	}
}

func (p *parser) arguments() []*expr {
	switch p.tok {
	case tkString:
		e := &expr{op: exString, line: int32(p.tokLine), col: int32(p.tokCol), str: p.constant(p.str)}
		p.next()
		return []*expr{e}
	case char('{'):
		return []*expr{p.constructor()}
	case char('('):
		if p.tokLine != p.lastLine {
			p.failToken("ambiguous syntax (function call x new statement)")
		}
		line := p.tokLine
		p.next()
		if p.test(char(')')) {
			return nil
		}
		list := p.expressions()
		p.expectClose(char(')'), char('('), line)
		p.read(list[len(list)-1])
		return list
	}
	p.failToken("function arguments expected")
	return nil
}

func (p *parser) constructor() *expr {
	e := &expr{op: exTable, line: int32(p.tokLine), col: int32(p.tokCol)}
	line := p.tokLine
	p.expect(char('{'))
	for p.tok != char('}') {
		var key *expr
		switch {
		case p.tok == char('['):
			p.next()
			key = p.expression()
			p.expect(char(']'))
			p.expect(char('='))
		case (p.tok == tkName || p.tok == tkGoto) && p.peek() == char('='):
			l, c := p.tokLine, p.tokCol
			key = &expr{op: exString, line: int32(l), col: int32(c), str: p.name()}
			p.expect(char('='))
		}
		push(&e.keys, key)
		push(&e.list, p.expression())
		if !p.test(char(',')) && !p.test(char(';')) {
			break
		}
	}
	p.expectClose(char('}'), char('{'), line)
	return e
}

func (p *parser) functionBody(method bool, line int, name string) *expr {
	fn := &function{parent: p.fn, line: line, name: name}
	p.fn.hasNested = true
	p.fn = fn
	if method {
		l := p.declare(p.constant("self"))
		p.activate(l)
		push(&fn.params, l)
	}
	p.expect(char('('))
	if p.tok != char(')') {
		for {
			if p.test(tkDots) {
				fn.vararg = true
				break
			}
			if p.tok != tkName && p.tok != tkGoto {
				p.failToken("<name> or '...' expected")
			}
			l := p.declare(p.name())
			p.activate(l)
			push(&fn.params, l)
			if !p.test(char(',')) {
				break
			}
		}
	}
	p.expect(char(')'))
	fn.body = p.block()
	fn.endLine = p.tokLine
	p.expectClose(tkEnd, tkFunction, line)
	p.deactivate(fn.params)
	p.fn = fn.parent
	return &expr{op: exFunction, line: int32(line), fn: fn}
}
