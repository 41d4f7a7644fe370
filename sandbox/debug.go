package sandbox

import "strconv"

// Positions, names and tracebacks for error messages.

// lineAt returns the line of the instruction before pc.
//
//go:noinline
func (p *proto) lineAt(pc int32) int {
	if pc > 0 && int(pc) <= len(p.lines) {
		return int(p.lines[pc-1])
	}
	return p.line
}

// frameAt returns the frame that is level calls below the top, nil if it is
// none of a Lua function. Level 1 is the function that called the Go function
// which is running.
func (r *Run) frameAt(level int) *frame {
	t := r.th
	for i := t.n - 1; i >= 0 && level > 0; i-- {
		f := &t.frames[i]
		if level--; level == 0 && f.cl != nil {
			return f
		}
		if f.kind == toEntry {
			level-- // the Go function that called it has no frame
		}
	}
	return nil
}

// where returns "chunk:line: " of the Lua function on top, or nothing.
//
//go:noinline
func (r *Run) where() string { return r.whereAt(1) }

func (r *Run) whereAt(level int) string {
	f := r.frameAt(level)
	if f == nil {
		return ""
	}
	p := f.cl.proto
	return p.chunk + ":" + strconv.Itoa(p.lineAt(f.pc)) + ": "
}

// currentLine is the line of the innermost Lua function, 0 if there is none.
//
//go:noinline
func (r *Run) currentLine() int {
	for t := r.th; t != nil; t = t.resumer {
		for i := t.n - 1; i >= 0; i-- {
			if f := &t.frames[i]; f.cl != nil {
				return f.cl.proto.lineAt(f.pc)
			}
		}
	}
	return 0
}

// instrAt returns the instruction that the top Lua frame is carrying out.
func (r *Run) instrAt(level int) (*proto, int, instr, bool) {
	f := r.frameAt(level)
	if f == nil || f.pc == 0 {
		return nil, 0, instr{}, false
	}
	p := f.cl.proto
	return p, int(f.pc) - 1, p.code[f.pc-1], true
}

// describe names what is in a register at an instruction: "local", "global",
// "field", "method", "upvalue", or "" where the source has no name for it. In
// long functions it is a long search: it is charged, and the next charge
// notices when nothing is left.
func (r *Run) describe(p *proto, pc, reg int) (kind, name string) {
	steps := 0
	for {
		_ = r.charge(int64(len(p.locals)) >> 6)
		found := ""
		for i := range p.locals {
			// A later local of the same register hides an earlier one.
			if l := &p.locals[i]; l.reg == reg && int(l.start) <= pc && pc < int(l.end) {
				found = l.name
			}
		}
		if found != "" {
			return "local", found
		}
		again := false
		for pc--; pc >= 0; pc-- {
			if steps++; steps&31 == 0 {
				_ = r.charge(1)
			}
			i := p.code[pc]
			a := int(i.a)
			switch {
			case i.op == opSelf && a == reg:
				return "method", p.consts[i.c].str().s
			case i.op == opSelf && a+1 == reg, i.op == opLoadNil && reg >= a && reg < a+int(i.b),
				i.op == opCall && reg >= a, i.op == opVararg && reg >= a, i.op == opForCall && reg >= a+3,
				i.op == opForLoop && reg == a+3:
				return "", ""
			case !i.writesA() || a != reg:
				continue
			}
			switch i.op {
			case opMove:
				if int(i.b) < a {
					reg = int(i.b)
					again = true
				}
			case opGetGlobal:
				return "global", p.consts[i.c].str().s
			case opGetField:
				return "field", p.consts[i.c].str().s
			case opGetUpval:
				return "upvalue", p.upvalues[i.b].name
			}
			if !again {
				return "", ""
			}
			break
		}
		if !again {
			return "", ""
		}
	}
}

// typeError is "attempt to <what> <name> (a <type> value)". reg is the
// register of v, negative if it has none.
func (r *Run) typeError(what string, v Value, reg int) error {
	text := "a " + v.Type().String() + " value"
	if p, pc, i, ok := r.instrAt(1); ok && reg >= 0 && (what != "call" || i.op != opForCall) {
		if kind, name := r.describe(p, pc, reg); kind != "" {
			text = kind + " '" + name + "' (" + text + ")"
		}
	}
	return r.scriptErr(r.where() + "attempt to " + what + " " + text)
}

// indexError names the table operand of the instruction; what a chain of
// metatables led to has no name.
func (r *Run) indexError(v Value, depth int) error {
	reg := -1
	if _, _, i, ok := r.instrAt(1); ok && depth == 0 {
		switch i.op {
		case opGetField, opGetInt, opGetIndex, opSelf:
			reg = int(i.b)
		case opSetField, opSetInt, opSetIndex:
			reg = int(i.a)
		}
	}
	return r.typeError("index", v, reg)
}

// operandError names an operand of an arithmetic instruction: the second one
// if second is set.
func (r *Run) operandError(what string, v Value, second bool) error {
	reg := -1
	if _, _, i, ok := r.instrAt(1); ok {
		switch {
		case !second:
			reg = int(i.b)
		case arithIndex[i.op] != 0 && arithOps[arithIndex[i.op]-1] == i.op:
			reg = int(i.c)
		}
	}
	return r.typeError(what, v, reg)
}

func compareText(x, y Value) string {
	a, b := x.Type().String(), y.Type().String()
	if a == b {
		return "attempt to compare two " + a + " values"
	}
	return "attempt to compare " + a + " with " + b
}

// argText completes a bad argument with the name that the call used.
func (r *Run) argText(e *argError) string {
	name, arg := "?", e.arg
	p, pc, i, ok := r.instrAt(1)
	if ok && i.op == opForCall {
		name = "(for generator)"
	}
	if ok && i.op == opCall {
		kind, n := r.describe(p, pc, int(i.a))
		if kind != "" {
			name = n
		}
		if kind == "method" {
			arg--
			if arg == 0 {
				return "calling '" + name + "' on bad self (" + e.text + ")"
			}
		}
	}
	return "bad argument #" + strconv.Itoa(arg) + " to '" + name + "' (" + e.text + ")"
}

// maxTraceback is how many calls a traceback shows at each end.
const maxTraceback = 10

// traceback is the stack of calls in Lua's form.
func (r *Run) traceback(message string, level int) string {
	b := "stack traceback:"
	total := 0
	for t := r.th; t != nil; t = t.resumer {
		total += t.n
	}
	at := 0
	for t := r.th; t != nil; t = t.resumer {
		for i := t.n - 1; i >= 0; i-- {
			at++
			if at <= level {
				continue
			}
			if at == level+maxTraceback+1 && total-level > 2*maxTraceback {
				b += "\n\t..."
			}
			if at > level+maxTraceback && total-at >= maxTraceback {
				continue
			}
			b += "\n\t" + r.describeFrame(t, i)
		}
	}
	if message != "" { // last, and once: it may be as long as the memory budget
		b = message + "\n" + b
	}
	return b
}

// describeFrame is one line of a traceback.
func (r *Run) describeFrame(t *thread, i int) string {
	f := &t.frames[i]
	where, what, name := "[C]: in ", "function", ""
	if f.cl != nil {
		p := f.cl.proto
		where = p.chunk + ":" + strconv.Itoa(p.lineAt(f.pc)) + ": in "
		if p.line == 0 {
			return where + "main chunk"
		}
		what = "function <" + p.chunk + ":" + strconv.Itoa(p.line) + ">"
	} else if v := t.stack[f.fn]; v.kind() == kindNative {
		name = v.native().name
	}
	if i > 0 && f.kind == toCall {
		if c := &t.frames[i-1]; c.cl != nil && c.pc > 0 {
			if in := c.cl.proto.code[c.pc-1]; in.op == opCall {
				if _, n := r.describe(c.cl.proto, int(c.pc)-1, int(in.a)); n != "" {
					name = n
				}
			}
		}
	}
	if name != "" {
		what = "function '" + name + "'"
	}
	return where + what
}
