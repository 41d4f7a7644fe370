package sandbox

import "strconv"

// The compiler turns the tree into instructions for a register machine. Locals
// live in registers from 0 up in order of declaration; temporaries lie above.

const (
	maxRegisters = 250
	maxFieldKey  = 40 // longer constant keys go through a register, which charges for them
)

type compiler struct {
	parser *parser
	parent *compiler
	fn     *function
	p      *proto
	free   int // first free register
	active []*local
	infos  []int // index into p.locals of each active local
	scope  *scope
	consts map[Value]int
	line   int32
	// gotos without a label so far, in the order of the source, nil for those that
	// have found it; waiting has their indexes by name, so that many gotos and many
	// labels take no longer than their sum.
	gotos   []*stmt
	waiting map[*str][]int
}

// scope is a block while it is compiled.
type scope struct {
	parent *scope
	start  int // locals active at its start
	loop   bool
	breaks []int
	labels map[*str]label
	gotos  int // how many there were before it
}

type label struct {
	pc     int
	active int
	line   int32
}

// compileChunk compiles source text; intern holds strings that must be shared
// with the libraries.
func compileChunk(chunk, source string, limit int, intern map[string]*str) (*proto, error) {
	p, _, err := compileParsed(chunk, source, limit, intern)
	return p, err
}

func compileParsed(chunk, source string, limit int, intern map[string]*str) (result *proto, ps *parser, err error) {
	if len(source) > limit {
		return nil, nil, &Error{Kind: Syntax, Message: chunk + ": source of " + strconv.Itoa(len(source)) + " bytes is over the limit of " + strconv.Itoa(limit), Chunk: chunk}
	}
	if len(source) > 0 && source[0] == '\x1b' {
		return nil, nil, &Error{Kind: Syntax, Message: chunk + ": bytecode is not accepted", Chunk: chunk, Line: 1, Column: 1}
	}
	defer func() {
		if e := recover(); e != nil {
			se, ok := e.(*Error)
			if !ok {
				se = &Error{Kind: Internal, Message: "sandbox: internal error in the compiler", Chunk: chunk}
			}
			result, err = nil, se
		}
	}()
	ps = &parser{lexer: newLexer(chunk, source), bind: map[*str]*local{}, strings: map[string]*str{}, intern: intern}
	fn := ps.chunk()
	c := &compiler{parser: ps, fn: fn}
	return c.function(), ps, nil
}

func (c *compiler) fail(line int32, near, text string) {
	c.parser.fail(int(line), 1, near, text)
}

func (c *compiler) function() *proto {
	fn := c.fn
	c.p = &proto{nparams: len(fn.params), vararg: fn.vararg, chunk: c.parser.chunkName(), name: fn.name, line: fn.line, maxStack: 2}
	c.p.arity = uint16(len(fn.params) + 1)
	if fn.vararg {
		c.p.arity = 1<<16 - 1
	}
	c.consts, c.waiting = map[Value]int{}, map[*str][]int{}
	for _, u := range fn.upvalues {
		info := upvalueInfo{name: u.name.s, index: u.index}
		if u.local != nil {
			info.local, info.index = true, u.local.reg
		}
		c.p.upvalues = append(c.p.upvalues, info)
	}
	c.openScope(false)
	for _, l := range fn.params {
		c.alloc(1)
		c.activate(l)
	}
	c.statements(fn.body)
	c.line = int32(fn.endLine)
	c.closeScope(false)
	c.emit(opReturn, 0, 1, 0)
	return c.p
}

func (l *lexer) chunkName() string { return l.chunk }

//go:noinline
func (c *compiler) emit(op opcode, a, b, cc int) int {
	c.p.code = append(c.p.code, instr{op, uint8(a), uint16(b), int32(cc)})
	c.p.lines = append(c.p.lines, c.line)
	return len(c.p.code) - 1
}

func (c *compiler) here() int { return len(c.p.code) }

// jumps is append: one copy of its code for all lists of jumps.
//
//go:noinline
func jumps(list []int, more ...int) []int { return append(list, more...) }

//go:noinline
func (c *compiler) patch(list []int, target int) {
	for _, j := range list {
		c.p.code[j].c = int32(target)
	}
}

//go:noinline
func (c *compiler) patchHere(list []int) { c.patch(list, c.here()) }

// alloc takes n registers and returns the first.
func (c *compiler) alloc(n int) int {
	r := c.free
	c.free += n
	if c.free > maxRegisters {
		c.fail(c.line, "", "function or expression too complex")
	}
	if c.free > c.p.maxStack {
		c.p.maxStack = c.free
	}
	return r
}

//go:noinline
func (c *compiler) constant(v Value) int {
	if i, ok := c.consts[v]; ok {
		return i
	}
	c.p.consts = append(c.p.consts, v)
	c.consts[v] = len(c.p.consts) - 1
	return len(c.p.consts) - 1
}

// Scopes

func (c *compiler) activate(l *local) {
	l.reg = len(c.active)
	if n := len(c.active); n > 0 {
		l.reg = c.active[n-1].reg + 1
	}
	c.activateAt(l, l.reg)
}

//go:noinline
func (c *compiler) activateAt(l *local, reg int) {
	l.reg = reg
	c.active = append(c.active, l)
	c.infos = append(c.infos, len(c.p.locals))
	c.p.locals = append(c.p.locals, localInfo{name: l.name.s, reg: reg, start: int32(c.here())})
}

// localRegs is the number of registers that locals hold.
func (c *compiler) localRegs() int {
	if n := len(c.active); n > 0 {
		return c.active[n-1].reg + 1
	}
	return 0
}

//go:noinline
func (c *compiler) openScope(loop bool) *scope {
	c.scope = &scope{parent: c.scope, start: len(c.active), loop: loop, gotos: len(c.gotos)}
	return c.scope
}

// firstCaptured returns the register of the first captured local from index
// start on, -1 if there is none.
func (c *compiler) firstCaptured(start, end int) int {
	for _, l := range c.active[start:end] {
		if l.captured {
			return l.reg
		}
	}
	return -1
}

// closeScope ends the scope of a block. With reached set, control can get to
// its end, and captured locals are closed there.
func (c *compiler) closeScope(reached bool) {
	s := c.scope
	if r := c.firstCaptured(s.start, len(c.active)); r >= 0 && reached {
		c.emit(opClose, r, 0, 0)
	}
	for i := s.gotos; i < len(c.gotos); i++ {
		g := c.gotos[i]
		if g == nil {
			continue
		}
		if s.parent == nil {
			c.parser.fail(int(g.line), int(g.col), "", "undefined label '"+g.name.s+"'")
		}
		if int(g.active) > s.start {
			c.jumpClosing(int(g.pc), c.firstCaptured(s.start, int(g.active)))
			g.active = int32(s.start)
		}
		if l, ok := s.parent.labels[g.name]; ok {
			c.jumpBack(int(g.pc), int(g.active), l)
			c.gotos[i] = nil
		}
	}
	for _, i := range c.infos[s.start:] {
		c.p.locals[i].end = int32(c.here())
	}
	c.active, c.infos = c.active[:s.start], c.infos[:s.start]
	c.free = c.localRegs()
	c.scope = s.parent
}

// jumpClosing makes the jump at pc close upvalues from reg on; -1 for none.
func (c *compiler) jumpClosing(pc, reg int) {
	if reg < 0 {
		return
	}
	j := &c.p.code[pc]
	if j.op != opJumpClose || reg < int(j.a) {
		j.op, j.a = opJumpClose, uint8(reg)
	}
}

func (c *compiler) block(b *block) {
	c.openScope(false)
	c.statements(b)
	c.closeScope(true)
}

// Statements

func (c *compiler) statements(b *block) {
	// A label that only labels follow lies outside of the scope of the locals.
	end := len(b.stmts)
	for end > 0 && b.stmts[end-1].op == stLabel {
		end--
	}
	for i, s := range b.stmts {
		c.line = s.line
		if s.op == stLabel {
			c.label(s, !b.open && i >= end)
		} else {
			c.statement(s)
		}
	}
}

func (c *compiler) statement(s *stmt) {
	switch s.op {
	case stLocal:
		base := c.free
		c.expList(s.exprs, len(s.locals))
		for i, l := range s.locals {
			c.activateAt(l, base+i)
		}
	case stLocalFunction:
		r := c.alloc(1)
		c.activateAt(s.locals[0], r)
		c.toReg(s.exprs[0], r)
	case stAssign:
		c.assign(s)
	case stCall:
		c.call(s.exprs[0], 0)
	case stDo:
		c.block(s.blocks[0])
	case stWhile:
		c.while(s)
	case stRepeat:
		c.repeat(s)
	case stIf:
		c.ifStatement(s)
	case stForNum:
		c.forNum(s)
	case stForIn:
		c.forIn(s)
	case stReturn:
		c.returnStatement(s)
	case stBreak:
		c.breakStatement(s)
	case stGoto:
		c.gotoStatement(s)
	}
}

func (c *compiler) while(s *stmt) {
	start := c.here()
	exits := c.cond(s.conds[0], false)
	loop := c.openScope(true)
	c.block(s.blocks[0])
	c.line = s.line
	c.emit(opJump, 0, 0, start)
	exits = jumps(exits, loop.breaks...)
	c.closeScope(false)
	c.patchHere(exits)
}

func (c *compiler) repeat(s *stmt) {
	start := c.here()
	loop := c.openScope(true)
	c.openScope(false)
	c.statements(s.blocks[0])
	c.line = s.conds[0].line
	if r := c.firstCaptured(c.scope.start, len(c.active)); r >= 0 {
		done := c.cond(s.conds[0], true)
		c.emit(opJumpClose, r, 0, start)
		c.patchHere(done)
		c.closeScope(true)
	} else {
		c.patch(c.cond(s.conds[0], false), start)
		c.closeScope(false)
	}
	c.closeScope(false)
	c.patchHere(loop.breaks)
}

func (c *compiler) ifStatement(s *stmt) {
	var ends []int
	for i, cond := range s.conds {
		next := c.cond(cond, false)
		c.block(s.blocks[i])
		if i+1 < len(s.blocks) {
			ends = jumps(ends, c.emit(opJump, 0, 0, 0))
		}
		c.patchHere(next)
	}
	if len(s.blocks) > len(s.conds) {
		c.block(s.blocks[len(s.blocks)-1])
	}
	c.patchHere(ends)
}

func (c *compiler) forNum(s *stmt) {
	base := c.alloc(3)
	for i, e := range s.exprs {
		c.toReg(e, base+i)
	}
	if len(s.exprs) == 2 {
		c.emit(opLoadK, base+2, 0, c.constant(Number(1)))
	}
	loop := c.openScope(true)
	c.line = s.line
	prep := c.emit(opForPrep, base, 0, 0)
	c.openScope(false)
	r := c.alloc(1)
	c.activateAt(s.locals[0], r)
	c.block(s.blocks[0])
	c.closeScopeOver(base)
	c.line = s.line
	c.p.code[prep].c = int32(c.here())
	c.emit(opForLoop, base, 0, prep+1)
	c.closeScope(false)
	c.free = base
	c.patchHere(loop.breaks)
}

// closeScopeOver closes the scope of loop variables, which lie above hidden ones.
func (c *compiler) closeScopeOver(base int) {
	c.closeScope(true)
	c.free = base + 3
}

func (c *compiler) forIn(s *stmt) {
	base := c.free
	c.expList(s.exprs, 3)
	loop := c.openScope(true)
	c.line = s.line
	jump := c.emit(opJump, 0, 0, 0)
	c.openScope(false)
	for _, l := range s.locals {
		c.activateAt(l, c.alloc(1))
	}
	body := c.here()
	c.block(s.blocks[0])
	c.closeScopeOver(base)
	// The call puts its arguments above the variables it sets.
	c.alloc(max(len(s.locals), 3) + 3)
	c.line = s.line
	c.p.code[jump].c = int32(c.here())
	c.emit(opForCall, base, len(s.locals), 0)
	c.emit(opForNext, base, 0, body)
	c.closeScope(false)
	c.free = base
	c.patchHere(loop.breaks)
}

func (c *compiler) returnStatement(s *stmt) {
	top := c.free
	switch {
	case len(s.exprs) == 1 && (s.exprs[0].op == exCall || s.exprs[0].op == exMethod):
		c.call(s.exprs[0], tailCall)
	case len(s.exprs) == 1 && !multi(s.exprs[0]):
		r := c.anyReg(s.exprs[0])
		c.line = s.line
		if c.firstCaptured(0, len(c.active)) < 0 {
			c.emit(opReturn1, r, 2, 0)
		} else {
			c.emit(opReturn, r, 2, 0)
		}
	default:
		n := c.expList(s.exprs, -1)
		c.line = s.line
		c.emit(opReturn, top, n+1, 0)
	}
	c.free = top
}

func (c *compiler) breakStatement(s *stmt) {
	sc := c.scope
	for sc != nil && !sc.loop {
		sc = sc.parent
	}
	if sc == nil {
		c.parser.fail(int(s.line), int(s.col), "", "no loop to break")
	}
	j := c.emit(opJump, 0, 0, 0)
	c.jumpClosing(j, c.firstCaptured(sc.start, len(c.active)))
	sc.breaks = jumps(sc.breaks, j)
}

// gotoStatement leads to a label that its block has had, or waits for one to come:
// a later label of a block comes before an earlier one outside of it.
func (c *compiler) gotoStatement(s *stmt) {
	j := c.emit(opJump, 0, 0, 0)
	if l, ok := c.scope.labels[s.name]; ok {
		c.jumpBack(j, len(c.active), l)
		return
	}
	c.waiting[s.name] = jumps(c.waiting[s.name], len(c.gotos))
	s.pc, s.active = int32(j), int32(len(c.active))
	push(&c.gotos, s)
}

// jumpBack leads the goto at pc to a label before it.
func (c *compiler) jumpBack(pc, active int, l label) {
	c.p.code[pc].c = int32(l.pc)
	c.jumpClosing(pc, c.firstCaptured(l.active, active))
}

func (c *compiler) label(s *stmt, last bool) {
	sc := c.scope
	if _, ok := sc.labels[s.name]; ok {
		c.parser.fail(int(s.line), int(s.col), "", "duplicate label '"+s.name.s+"'")
	}
	if sc.labels == nil {
		sc.labels = map[*str]label{}
	}
	sc.labels[s.name] = label{c.here(), len(c.active), s.line}
	list := c.waiting[s.name]
	inside := len(list)
	for inside > 0 && list[inside-1] >= sc.gotos {
		inside--
	}
	for _, i := range list[inside:] {
		g := c.gotos[i]
		if g == nil {
			continue
		}
		if int(g.active) < len(c.active) && !last {
			c.parser.fail(int(g.line), int(g.col), "", "<goto "+s.name.s+"> jumps into the scope of local '"+c.active[g.active].name.s+"'")
		}
		c.p.code[g.pc].c = int32(c.here())
		c.gotos[i] = nil
	}
	if inside < len(list) {
		c.waiting[s.name] = list[:inside]
	}
}

func (c *compiler) assign(s *stmt) {
	top := c.free
	if len(s.targets) == 1 && len(s.exprs) == 1 {
		c.assignOne(s)
		c.free = top
		return
	}
	type place struct{ obj, key int }
	places := make([]place, len(s.targets))
	assigned := map[*local]bool{}
	for _, t := range s.targets {
		if t.op == exLocal {
			assigned[t.local] = true
		}
	}
	// Operands of the targets are evaluated first; a local that is assigned by
	// this very statement must be copied.
	operand := func(e *expr) int {
		if e.op == exLocal && assigned[e.local] {
			r := c.alloc(1)
			c.toReg(e, r)
			return r
		}
		return c.anyReg(e)
	}
	for i, t := range s.targets {
		if t.op == exIndex {
			places[i].obj = operand(t.left)
			if !directKey(t.right) {
				places[i].key = operand(t.right)
			}
		}
	}
	values := c.free
	c.expList(s.exprs, len(s.targets))
	c.line = s.endLine
	for i := len(s.targets) - 1; i >= 0; i-- {
		t := s.targets[i]
		if t.op == exIndex {
			c.store(t, places[i].obj, places[i].key, values+i)
		} else {
			c.storeName(t, values+i)
		}
	}
	c.free = top
}

func (c *compiler) assignOne(s *stmt) {
	t, e := s.targets[0], s.exprs[0]
	switch t.op {
	case exLocal:
		c.toLocal(e, t.local)
	case exIndex:
		obj, key := c.anyReg(t.left), 0
		if !directKey(t.right) {
			key = c.anyReg(t.right)
		}
		v := c.anyReg(e)
		c.line = s.endLine
		c.store(t, obj, key, v)
	default:
		v := c.anyReg(e)
		c.line = s.endLine
		c.storeName(t, v)
	}
}

// toLocal evaluates e into a local that e itself may read.
func (c *compiler) toLocal(e *expr, l *local) {
	switch e.op {
	case exAnd, exOr, exTable:
		if l.captured || reads(e, l, 8) {
			r := c.alloc(1)
			c.toReg(e, r)
			c.emit(opMove, l.reg, r, 0)
			return
		}
	}
	c.toReg(e, l.reg)
}

// reads reports whether e may read l; it gives up, with true, at some depth.
func reads(e *expr, l *local, depth int) bool {
	if e == nil {
		return false
	}
	if e.op == exLocal {
		return e.local == l
	}
	if depth == 0 {
		return true
	}
	if reads(e.left, l, depth-1) || reads(e.right, l, depth-1) {
		return true
	}
	for _, x := range e.list {
		if reads(x, l, depth-1) {
			return true
		}
	}
	for _, x := range e.keys {
		if reads(x, l, depth-1) {
			return true
		}
	}
	return false
}

func (c *compiler) storeName(t *expr, v int) {
	switch t.op {
	case exLocal:
		if v != t.local.reg {
			c.emit(opMove, t.local.reg, v, 0)
		}
	case exUpvalue:
		c.emit(opSetUpval, v, t.index, 0)
	case exGlobal:
		c.emit(opSetGlobal, v, 0, c.constant(strValue(t.str)))
	}
}

// directKey reports whether a key is part of the instruction.
func directKey(k *expr) bool { return fieldKey(k) || intConst(k) }

func fieldKey(k *expr) bool { return k.op == exString && len(k.str.s) <= maxFieldKey }

func intConst(k *expr) bool {
	return k.op == exNumber && k.num == float64(int32(k.num))
}

func (c *compiler) store(t *expr, obj, key, v int) {
	switch {
	case fieldKey(t.right):
		c.emit(opSetField, obj, v, c.constant(strValue(t.right.str)))
	case intConst(t.right):
		c.emit(opSetInt, obj, v, int(t.right.num))
	default:
		c.emit(opSetIndex, obj, key, v)
	}
}

func (c *compiler) load(dst, obj int, e *expr) {
	key := e.right
	switch {
	case fieldKey(key):
		c.line = e.line
		c.emit(opGetField, dst, obj, c.constant(strValue(key.str)))
	case intConst(key):
		c.line = e.line
		c.emit(opGetInt, dst, obj, int(key.num))
	default:
		top := c.free
		r := c.anyReg(key)
		c.line = e.line
		c.emit(opGetIndex, dst, obj, r)
		c.free = top
	}
}

// Expressions

// multi reports whether e can give more or less than one value.
func multi(e *expr) bool { return e.op == exCall || e.op == exMethod || e.op == exVararg }

// expList evaluates a list into consecutive registers from c.free on, adjusted
// to want values. With want < 0 it takes all and returns the number of
// registers, or -1 if the last ones run up to top.
func (c *compiler) expList(list []*expr, want int) int {
	for i, e := range list {
		if i == len(list)-1 && multi(e) && (want < 0 || want > i) {
			if want < 0 {
				c.open(e, -1)
				return -1
			}
			c.open(e, want-i)
			return want
		}
		if want >= 0 && i >= want {
			// More values than names: evaluate and drop.
			r := c.alloc(1)
			c.toReg(e, r)
			c.free = r
			continue
		}
		c.toReg(e, c.alloc(1))
	}
	n := len(list)
	if want > n {
		r := c.alloc(want - n)
		c.emit(opLoadNil, r, want-n, 0)
	}
	return n
}

// open evaluates a call or vararg to want values in registers from c.free on;
// to all up to top if want < 0.
func (c *compiler) open(e *expr, want int) {
	base := c.free
	if e.op == exVararg {
		c.line = e.line
		c.emit(opVararg, base, want+1, 0)
	} else {
		c.call(e, want)
	}
	c.free = base
	c.alloc(max(want, 1))
	if want <= 0 {
		c.free = base
	}
}

const tailCall = -2

// call compiles a call with its function in register c.free, and leaves want
// results there: -1 for all up to top, tailCall to return them.
func (c *compiler) call(e *expr, want int) {
	base := c.alloc(1)
	c.callee(e, base)
	c.invoke(e, base, want)
	c.free = base
}

// callee puts the function of call e (and self) into base; e.left may be a
// long chain, which suffix walks.
func (c *compiler) callee(e *expr, base int) {
	if e.op == exMethod {
		obj := base
		if e.left.op == exLocal {
			obj = e.left.local.reg
		} else {
			c.toReg(e.left, base)
		}
		c.self(e, base, obj)
		return
	}
	c.toReg(e.left, base)
}

func (c *compiler) self(e *expr, base, obj int) {
	c.line = e.line
	c.alloc(1)
	k := c.constant(strValue(e.str))
	c.emit(opSelf, base, obj, k)
}

// invoke compiles arguments and call instruction; base holds the function, and
// for methods base+1 the object.
func (c *compiler) invoke(e *expr, base, want int) {
	n := c.expList(e.list, -1)
	b := 0
	if n >= 0 {
		b = c.free - base
	}
	c.line = e.line
	if want == tailCall {
		c.line = e.endLine
		c.emit(opTailCall, base, b, 0)
	} else {
		c.emit(opCall, base, b, want+1)
	}
	c.free = base + 1
}

// anyReg evaluates e into some register: its own for a local.
func (c *compiler) anyReg(e *expr) int {
	for e.op == exParen && !multi(e.left) {
		e = e.left
	}
	if e.op == exLocal {
		return e.local.reg
	}
	r := c.alloc(1)
	c.toReg(e, r)
	return r
}

// toReg evaluates e into register dst, which is allocated. If dst is a local
// that e may read, toLocal must have been asked.
func (c *compiler) toReg(e *expr, dst int) {
	for e.op == exParen {
		e = e.left
	}
	if e.line != 0 {
		c.line = e.line
	}
	switch e.op {
	case exNil:
		c.emit(opLoadNil, dst, 1, 0)
	case exTrue:
		c.emit(opLoadTrue, dst, 0, 0)
	case exFalse:
		c.emit(opLoadFalse, dst, 0, 0)
	case exNumber:
		c.emit(opLoadK, dst, 0, c.constant(Number(e.num)))
	case exString:
		c.emit(opLoadK, dst, 0, c.constant(strValue(e.str)))
	case exVararg:
		c.emit(opVararg, dst, 2, 0)
	case exFunction:
		c.closure(e, dst)
	case exLocal:
		if e.local.reg != dst {
			c.emit(opMove, dst, e.local.reg, 0)
		}
	case exUpvalue:
		c.emit(opGetUpval, dst, e.index, 0)
	case exGlobal:
		c.emit(opGetGlobal, dst, 0, c.constant(strValue(e.str)))
	case exIndex, exCall, exMethod:
		c.suffix(e, dst)
	case exTable:
		c.table(e, dst)
	case exConcat:
		top := c.free
		for _, x := range e.list {
			c.toReg(x, c.alloc(1))
		}
		c.line = e.line
		c.emit(opConcat, dst, top, c.free-1)
		c.free = top
	case exAnd, exOr:
		c.logical(e, dst)
	case exNot, exNeg, exLen:
		top := c.free
		r := c.anyReg(e.left)
		c.line = e.line
		op := opNot
		switch e.op {
		case exNeg:
			op = opNeg
		case exLen:
			op = opLen
		}
		c.emit(op, dst, r, 0)
		c.free = top
	default:
		c.binary(e, dst)
	}
}

func (c *compiler) closure(e *expr, dst int) {
	sub := &compiler{parser: c.parser, parent: c, fn: e.fn, line: e.line}
	c.p.protos = append(c.p.protos, sub.function())
	c.line = e.line
	c.emit(opClosure, dst, 0, len(c.p.protos)-1)
}

// suffix compiles a chain of indexes and calls from its base outwards.
func (c *compiler) suffix(e *expr, dst int) {
	top := c.free
	var spine []*expr
	for e.op == exIndex || e.op == exCall || e.op == exMethod || e.op == exParen {
		if e.op != exParen {
			push(&spine, e)
		}
		e = e.left
	}
	work := dst
	if dst != c.free-1 || dst < c.localRegs() {
		work = -1
	}
	need := func() int {
		if work < 0 {
			work = c.alloc(1)
		}
		return work
	}
	var obj int
	if e.op == exLocal && spine[len(spine)-1].op != exCall {
		obj = e.local.reg
	} else {
		obj = need()
		c.toReg(e, obj)
	}
	for i := len(spine) - 1; i >= 0; i-- {
		n := spine[i]
		switch n.op {
		case exIndex:
			to := dst
			if i > 0 {
				to = need()
			}
			c.load(to, obj, n)
			obj = to
		case exCall:
			if obj != need() {
				c.emit(opMove, work, obj, 0)
			}
			c.invoke(n, work, 1)
			obj = work
		case exMethod:
			c.self(n, need(), obj)
			c.invoke(n, work, 1)
			obj = work
		}
	}
	if obj != dst {
		c.emit(opMove, dst, obj, 0)
	}
	c.free = top
}

func (c *compiler) table(e *expr, dst int) {
	top := c.free
	t := dst
	if dst != c.free-1 || dst < c.localRegs() {
		t = c.alloc(1)
	}
	fields, list := 0, 0
	for _, k := range e.keys {
		if k != nil {
			fields++
		} else {
			list++
		}
	}
	c.line = e.line
	at := c.emit(opNewTable, t, min(list, 1<<16-1), fields)
	const batch = 50
	pending, done := 0, 0
	for i, x := range e.list {
		k := e.keys[i]
		switch {
		case k != nil:
			mark := c.free
			key := 0
			if !directKey(k) {
				key = c.anyReg(k)
			}
			v := c.anyReg(x)
			c.line = k.line
			c.store(&expr{right: k}, t, key, v)
			c.free = mark
		case i == len(e.list)-1 && multi(x):
			c.p.code[at].b = uint16(min(list-1, 1<<16-1))
			c.open(x, -1)
			c.emit(opSetList, t, 0, done)
			pending = 0
			c.free = t + 1
		default:
			c.toReg(x, c.alloc(1))
			pending++
			if pending == batch {
				c.emit(opSetList, t, pending, done)
				done += pending
				pending = 0
				c.free = t + 1
			}
		}
	}
	if pending > 0 {
		c.emit(opSetList, t, pending, done)
	}
	if t != dst {
		c.emit(opMove, dst, t, 0)
	}
	c.free = top
}

// operands returns the operands of a chain of one logical operator.
//
//go:noinline
func operands(e *expr) []*expr {
	op := e.op
	var rev []*expr
	for e.op == op {
		push(&rev, e.right)
		e = e.left
	}
	push(&rev, e)
	for i, j := 0, len(rev)-1; i < j; i, j = i+1, j-1 {
		rev[i], rev[j] = rev[j], rev[i]
	}
	return rev
}

// logical evaluates and / or for its value.
func (c *compiler) logical(e *expr, dst int) {
	list := operands(e)
	var ends []int
	for _, x := range list[:len(list)-1] {
		if e.op == exOr && x.op == exAnd {
			// a and b or c: the value of a does not matter when it is false.
			inner := operands(x)
			var next []int
			for _, y := range inner[:len(inner)-1] {
				next = jumps(next, c.cond(y, false)...)
			}
			c.toReg(inner[len(inner)-1], dst)
			ends = jumps(ends, c.emit(opJumpIf, dst, 0, 0))
			c.patchHere(next)
			continue
		}
		c.toReg(x, dst)
		op := opJumpNot
		if e.op == exOr {
			op = opJumpIf
		}
		ends = jumps(ends, c.emit(op, dst, 0, 0))
	}
	c.toReg(list[len(list)-1], dst)
	c.patchHere(ends)
}

func isComparison(op exprOp) bool { return op >= exEq && op <= exGe }

// binary evaluates a left spine of arithmetic and comparisons.
func (c *compiler) binary(e *expr, dst int) {
	top := c.free
	var spine []*expr
	for e.op >= exEq {
		push(&spine, e)
		e = e.left
	}
	work := dst
	if dst < c.localRegs() && len(spine) > 1 {
		work = c.alloc(1)
	}
	// left is the register of the left operand, -1 while it is the constant e.
	left := -1
	inner := spine[len(spine)-1]
	if !(e.op == exNumber && isComparison(inner.op)) {
		if e.op == exLocal || e.op == exParen || dst < c.localRegs() && len(spine) == 1 {
			left = c.anyReg(e)
		} else {
			left = work
			c.toReg(e, work)
		}
	}
	for i := len(spine) - 1; i >= 0; i-- {
		n := spine[i]
		to := work
		if i == 0 {
			to = dst
		}
		mark := c.free
		if isComparison(n.op) {
			j := c.compare(n, left, e, true)
			c.emit(opLoadFalse, to, 0, 0)
			skip := c.emit(opJump, 0, 0, 0)
			c.p.code[j].c = int32(c.here())
			c.emit(opLoadTrue, to, 0, 0)
			c.p.code[skip].c = int32(c.here())
		} else if n.right.op == exNumber {
			c.line = n.line
			c.emit(arithKOps[n.op-exAdd], to, left, c.constant(Number(n.right.num)))
		} else {
			r := c.anyReg(n.right)
			c.line = n.line
			c.emit(arithOps[n.op-exAdd], to, left, r)
		}
		c.free = mark
		left = to
	}
	c.free = top
}

// compare emits the comparison n with its left operand in register left, or
// being the constant k if left is -1. It jumps when the result is jumpIf.
func (c *compiler) compare(n *expr, left int, k *expr, jumpIf bool) int {
	op := n.op
	right := n.right
	for right.op == exParen && !multi(right.left) {
		right = right.left
	}
	if op == exEq || op == exNe {
		if op == exNe {
			jumpIf = !jumpIf
		}
		if left < 0 {
			left = c.alloc(1)
			c.toReg(k, left)
		}
		if i, ok := c.smallConst(right); ok {
			return c.emitCompare(n, opEqK, left, i, jumpIf)
		}
		r := c.anyReg(right)
		return c.emitCompare(n, opEq, left, r, jumpIf)
	}
	if left < 0 {
		if i, ok := c.smallConst(k); ok {
			r := c.anyReg(right)
			return c.emitCompare(n, [...]opcode{opGtK, opGeK, opLtK, opLeK}[op-exLt], r, i, jumpIf)
		}
		left = c.alloc(1)
		c.toReg(k, left)
	}
	if right.op == exNumber {
		if i, ok := c.smallConst(right); ok {
			return c.emitCompare(n, [...]opcode{opLtK, opLeK, opGtK, opGeK}[op-exLt], left, i, jumpIf)
		}
	}
	r := c.anyReg(right)
	switch op {
	case exLt:
		return c.emitCompare(n, opLt, left, r, jumpIf)
	case exLe:
		return c.emitCompare(n, opLe, left, r, jumpIf)
	case exGt:
		return c.emitCompare(n, opLt, r, left, jumpIf)
	}
	return c.emitCompare(n, opLe, r, left, jumpIf)
}

func (c *compiler) emitCompare(n *expr, op opcode, a, b int, jumpIf bool) int {
	if !jumpIf {
		op = negation(op)
	}
	c.line = n.line
	return c.emit(op, a, b, 0)
}

// smallConst returns the index of a constant that fits operand b.
func (c *compiler) smallConst(e *expr) (int, bool) {
	var v Value
	switch e.op {
	case exNil:
	case exTrue:
		v = Bool(true)
	case exFalse:
		v = Bool(false)
	case exNumber:
		v = Number(e.num)
	case exString:
		if len(e.str.s) > maxFieldKey {
			return 0, false
		}
		v = strValue(e.str)
	default:
		return 0, false
	}
	i := c.constant(v)
	return i, i < 1<<16
}

// cond evaluates e for its truth and returns the jumps that are taken when
// that is jumpIf.
func (c *compiler) cond(e *expr, jumpIf bool) []int {
	for e.op == exParen && !multi(e.left) {
		e = e.left
	}
	top := c.free
	defer func() { c.free = top }()
	switch {
	case e.op == exNot:
		return c.cond(e.left, !jumpIf)
	case e.op == exAnd || e.op == exOr:
		list := operands(e)
		stop := e.op == exOr // the truth of an operand that decides all
		var out, skip []int
		for _, x := range list[:len(list)-1] {
			j := c.cond(x, stop)
			if stop == jumpIf {
				out = jumps(out, j...)
			} else {
				skip = jumps(skip, j...)
			}
		}
		out = jumps(out, c.cond(list[len(list)-1], jumpIf)...)
		c.patchHere(skip)
		return out
	case isComparison(e.op):
		if e.left.op == exNumber {
			return jumps(nil, c.compare(e, -1, e.left, jumpIf))
		}
		left := c.anyReg(e.left)
		return jumps(nil, c.compare(e, left, nil, jumpIf))
	case e.op <= exString: // constants
		if truth := e.op != exNil && e.op != exFalse; truth == jumpIf {
			return jumps(nil, c.emit(opJump, 0, 0, 0))
		}
		return nil
	}
	r := c.anyReg(e)
	op := opJumpNot
	if jumpIf {
		op = opJumpIf
	}
	return jumps(nil, c.emit(op, r, 0, 0))
}
