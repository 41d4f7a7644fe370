// Package gen writes random Lua programs that end and that print what they
// compute. A program depends on its seed alone, so that outputs recorded from
// real Lua engines stay valid until this package changes.
//
// Programs end by construction: loops have constant bounds, functions call
// only functions written before them, and every function draws on a common
// supply of fuel. They keep to what lua5.1 and LuaJIT agree on, print no
// addresses and depend on no order of pairs. They do fail: a good part of the
// statements runs under pcall and prints the message.
package gen

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// Program returns the program of a seed.
func Program(seed uint64) string { return write(seed, false) }

// JIT returns the program of a seed with what LuaJIT has beyond Lua 5.1: goto,
// bit operations, yields across pcall, escapes.
func JIT(seed uint64) string { return write(seed, true) }

const prelude = `local fuel = 400
local function p(...)
  local r = {}
  for i = 1, select("#", ...) do
    local v = (select(i, ...))
    if v ~= v then r[i] = "nan"
    elseif type(v) == "table" then r[i] = "table" .. #v
    elseif type(v) == "function" then r[i] = "function"
    else r[i] = tostring(v) end
  end
  print(table.concat(r, " "))
end
local function cut(s) if #s > 120 then return s:sub(1, 120) end return s end
local Obj = {} Obj.__index = Obj
local function new(v) return setmetatable({v = v}, Obj) end
local function val(x) if type(x) == "table" then return x.v end return tonumber(x) or 0 end
Obj.__add = function(a, b) return new(val(a) + val(b)) end
Obj.__sub = function(a, b) return new(val(a) - val(b)) end
Obj.__mul = function(a, b) return new(val(a) * val(b)) end
Obj.__unm = function(a) return new(-val(a)) end
Obj.__eq = function(a, b) return a.v == b.v end
Obj.__lt = function(a, b) return a.v < b.v end
Obj.__le = function(a, b) return a.v <= b.v end
Obj.__concat = function(a, b) return "<" .. (type(a) == "table" and "o" .. a.v or tostring(a)) .. "|" .. (type(b) == "table" and "o" .. b.v or tostring(b)) .. ">" end
Obj.__call = function(self, x) return self.v, x end
Obj.__tostring = function(self) return "o(" .. tostring(self.v) .. ")" end
function Obj:get(k) return self.v + (k or 0) end
`

type kind int

const (
	num kind = iota
	str
	boolean
	arr // array of numbers
	obj // instance of Obj
	fun // function(number, string) -> number, string
	kinds
)

type variable struct {
	name string
	kind kind
	ro   bool // loop variables and functions are not assigned to
}

type writer struct {
	r      *rand.Rand
	b      strings.Builder
	vars   []variable
	next   int
	indent int
	loops  int // loops around this point, within the function
	funcs  int // functions around this point
	left   int // statements still to write
	jit    bool
	inCo   bool // in a coroutine body: may yield
}

func write(seed uint64, jit bool) string {
	w := &writer{r: rand.New(rand.NewPCG(seed, 0x6761746568)), jit: jit}
	w.left = 12 + w.r.IntN(30)
	w.b.WriteString(prelude)
	for range 3 {
		w.declare()
	}
	for w.left > 0 {
		w.statement()
	}
	for _, v := range w.vars {
		if v.kind != fun {
			w.line("p(" + v.name + ")")
		}
	}
	return w.b.String()
}

func (w *writer) line(s string) {
	for range w.indent {
		w.b.WriteString("  ")
	}
	w.b.WriteString(s)
	w.b.WriteByte('\n')
}

func (w *writer) n(n int) int         { return w.r.IntN(n) }
func (w *writer) one(n int) bool      { return w.r.IntN(n) == 0 }
func pick[T any](w *writer, l ...T) T { return l[w.r.IntN(len(l))] }

func (w *writer) name(k kind) string {
	w.next++
	return [...]string{"n", "s", "b", "t", "o", "f"}[k] + strconv.Itoa(w.next)
}

// pickVar finds a variable of kind k, "" if there is none.
func (w *writer) pickVar(k kind, assign bool) string {
	var names []string
	for _, v := range w.vars {
		if v.kind == k && !(assign && v.ro) {
			names = append(names, v.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return names[w.n(len(names))]
}

func (w *writer) declare() {
	k := kind(w.n(int(fun)))
	e := w.expr(k, 3)
	name := w.name(k)
	// Now and then a name that hides an older one of the same kind.
	if old := w.pickVar(k, true); old != "" && w.one(6) && k != fun {
		name = old
	}
	w.line("local " + name + " = " + e)
	w.vars = append(w.vars, variable{name: name, kind: k})
}

// block writes statements in a scope of their own.
func (w *writer) block(n int) {
	save := len(w.vars)
	w.indent++
	for range n {
		w.statement()
	}
	w.indent--
	w.vars = w.vars[:save]
}

func (w *writer) statement() {
	w.left--
	if w.left < 0 || w.indent > 5 {
		w.line("p(" + w.expr(kind(w.n(3)), 2) + ")")
		return
	}
	switch w.n(26) {
	case 0, 1, 2:
		w.declare()
	case 3, 4, 5:
		w.assign()
	case 6:
		w.line("if " + w.expr(boolean, 3) + " then")
		w.block(1 + w.n(3))
		if w.one(3) {
			w.line("elseif " + w.expr(boolean, 2) + " then")
			w.block(1 + w.n(2))
		}
		if w.one(2) {
			w.line("else")
			w.block(1 + w.n(2))
		}
		w.line("end")
	case 7, 8:
		w.numericFor()
	case 9:
		w.whileLoop()
	case 10:
		w.genericFor()
	case 11, 12:
		w.function()
	case 13, 14:
		w.guarded()
	case 15:
		w.coroutine()
	case 16, 17, 18:
		w.call()
	case 19:
		w.line("do")
		w.block(1 + w.n(3))
		w.line("end")
	case 20:
		if w.loops > 0 {
			w.line("if " + w.expr(boolean, 2) + " then break end")
			return
		}
		w.line("p(" + w.expr(num, 3) + ", " + w.expr(str, 3) + ")")
	case 21:
		w.tableOp()
	case 22:
		w.sort()
	default:
		var l []string
		for range 1 + w.n(3) {
			l = append(l, w.expr(kind(w.n(int(fun))), 3))
		}
		w.line("p(" + strings.Join(l, ", ") + ")")
	}
}

func (w *writer) assign() {
	k := kind(w.n(int(fun)))
	a := w.pickVar(k, true)
	if a == "" {
		w.declare()
		return
	}
	switch w.n(5) {
	case 0:
		if b := w.pickVar(k, true); b != "" && b != a {
			if w.one(2) {
				w.line(a + ", " + b + " = " + b + ", " + a)
			} else {
				w.line(a + ", " + b + " = " + w.expr(k, 2) + ", " + w.expr(k, 2))
			}
			return
		}
	case 1:
		if k == arr {
			w.line(a + "[" + w.index(a) + "] = " + w.expr(num, 3))
			return
		}
		if k == obj {
			w.line(a + ".v = " + w.expr(num, 3))
			return
		}
	}
	w.line(a + " = " + w.expr(k, 3))
}

func (w *writer) index(a string) string {
	switch w.n(3) {
	case 0:
		return "math.min(" + strconv.Itoa(1+w.n(4)) + ", #" + a + " + 1)" // no holes: # may be any border
	case 1:
		return "#" + a + " + 1"
	}
	return "math.max(1, #" + a + ")"
}

func (w *writer) numericFor() {
	if w.loops > 2 {
		w.assign()
		return
	}
	v := w.name(num)
	from, to, step := w.n(4), w.n(7), ""
	switch w.n(4) {
	case 0:
		from, to, step = to, from, ", -1"
	case 1:
		step = ", 2"
	case 2:
		step = ", 0.5"
		to = min(to, from+2)
	}
	w.line("for " + v + " = " + strconv.Itoa(from) + ", " + strconv.Itoa(to) + step + " do")
	w.loopBody(variable{name: v, kind: num, ro: w.one(2)})
	w.line("end")
}

func (w *writer) loopBody(vs ...variable) {
	save := len(w.vars)
	w.vars = append(w.vars, vs...)
	w.loops++
	if w.jit && w.one(3) {
		label := "l" + strconv.Itoa(w.next)
		w.indent++
		w.line("do")
		w.indent++
		w.line("if " + w.expr(boolean, 2) + " then goto " + label + " end")
		w.indent -= 2
		w.indent++
		w.block(1 + w.n(2))
		w.line("end")
		w.line("::" + label + "::")
		w.indent--
	} else {
		w.block(1 + w.n(3))
	}
	w.loops--
	w.vars = w.vars[:save]
}

func (w *writer) whileLoop() {
	if w.loops > 2 {
		w.assign()
		return
	}
	c := "c" + strconv.Itoa(w.next)
	w.next++
	w.line("local " + c + " = 0")
	if w.one(2) {
		w.line("while " + c + " < " + strconv.Itoa(1+w.n(5)) + " and " + w.expr(boolean, 2) + " do")
		w.indent++
		w.line(c + " = " + c + " + 1")
		w.indent--
		w.loopBody(variable{name: c, kind: num, ro: true})
		w.line("end")
		return
	}
	w.line("repeat")
	w.indent++
	w.line(c + " = " + c + " + 1")
	w.indent--
	w.loopBody(variable{name: c, kind: num, ro: true})
	w.line("until " + c + " >= " + strconv.Itoa(1+w.n(4)) + " or " + w.expr(boolean, 2))
}

func (w *writer) genericFor() {
	if w.loops > 2 {
		w.assign()
		return
	}
	a, b := w.name(num), w.name(num)
	switch w.n(4) {
	case 0:
		w.line("for " + a + ", " + b + " in ipairs({unpack(" + w.expr(arr, 2) + ")}) do")
		w.loopBody(variable{a, num, false}, variable{b, num, true})
	case 1:
		s := w.name(str)
		w.line("for " + s + " in (" + w.expr(str, 2) + "):sub(1, 12):gmatch(" + pick(w, `"%a"`, `"%w+"`, `"[^,]+"`, `"."`, `"%d"`) + ") do")
		w.loopBody(variable{s, str, true})
	case 2:
		w.line("local sum" + a + " = 0")
		w.line("for " + a + ", " + b + " in pairs(" + w.expr(arr, 2) + ") do sum" + a + " = sum" + a + " + (" + a + " == \"n\" and 7 or " + a + ") * 3 + " + b + " end")
		w.line("p(sum" + a + ")")
		return
	default:
		w.line("local it" + a + " = 0")
		w.line("for " + a + ", " + b + " in function(s, c) it" + a + " = it" + a + " + 1 if it" + a + " <= s then return it" + a + ", c end end, " + strconv.Itoa(1+w.n(4)) + ", 0 do")
		w.loopBody(variable{a, num, false}, variable{b, num, true})
	}
	w.line("end")
}

// function writes a function(number, string, ...) -> number, string.
func (w *writer) function() {
	if w.funcs > 2 {
		w.assign()
		return
	}
	f, a, s := w.name(fun), w.name(num), w.name(str)
	vararg := w.one(3)
	params := a + ", " + s
	if vararg {
		params += ", ..."
	}
	if w.one(2) {
		w.line("local function " + f + "(" + params + ")")
	} else {
		w.line("local " + f + " = function(" + params + ")")
	}
	save, loops, co := len(w.vars), w.loops, w.inCo
	w.loops, w.inCo = 0, false
	w.funcs++
	w.vars = append(w.vars, variable{a, num, false}, variable{s, str, false})
	w.indent++
	w.line(a + ", " + s + " = " + a + " or 1, " + s + " or \"d\"")
	w.line("fuel = fuel - 1 if fuel < 0 then return " + a + ", " + s + " end")
	if vararg {
		w.line(a + " = " + a + " + select(\"#\", ...)")
	}
	if w.one(3) {
		w.line("if " + w.expr(boolean, 2) + " then return " + w.expr(num, 2) + ", " + w.expr(str, 2) + " end")
	}
	w.indent--
	w.block(1 + w.n(3))
	w.indent++
	switch g := w.pickVar(fun, false); {
	case g != "" && w.one(3):
		w.line("return " + g + "(" + w.expr(num, 2) + ", " + w.expr(str, 2) + ")") // a tail call
	case w.one(4):
		w.line("return " + w.expr(num, 2) + ", cut(" + w.expr(str, 2) + "), " + w.expr(num, 2))
	default:
		w.line("return " + w.expr(num, 2) + ", cut(" + w.expr(str, 2) + ")")
	}
	w.indent--
	w.funcs--
	w.vars, w.loops, w.inCo = w.vars[:save], loops, co
	w.line("end")
	w.vars = append(w.vars, variable{f, fun, true})
}

// guarded writes statements under pcall that are likely to fail.
func (w *writer) guarded() {
	if w.funcs > 2 {
		w.assign()
		return
	}
	x := pick(w, "pcall(function()", "xpcall(function()")
	w.line("p(" + x)
	loops, co := w.loops, w.inCo
	w.loops = 0
	if !w.jit {
		w.inCo = false
	}
	w.funcs++
	save := len(w.vars)
	w.block(w.n(2))
	w.indent++
	switch w.n(10) {
	case 0:
		w.line("error(" + w.expr(str, 2) + ", " + strconv.Itoa(w.n(2)) + ")")
	case 1:
		w.line("local x = nil")
		w.line("return x." + pick(w, "a", "b.c"))
	case 2:
		w.line("local x = " + w.expr(pick(w, boolean, arr), 2))
		w.line("return x + " + w.expr(num, 2))
	case 3:
		w.line("return " + w.expr(num, 2) + " .. {}")
	case 4:
		w.line("return " + w.expr(num, 2) + " < " + w.expr(str, 2))
	case 5:
		w.line("undefined" + pick(w, "", ".field", ":method") + "()")
	case 6:
		w.line("return #" + w.expr(num, 1))
	case 7:
		w.line("error({})")
	case 8:
		w.line("return ({" + w.expr(num, 2) + "}) < {}")
	default:
		w.line("return " + w.expr(num, 3) + ", " + w.expr(str, 2))
	}
	w.indent--
	w.vars = w.vars[:save]
	w.funcs--
	w.loops, w.inCo = loops, co
	if strings.HasPrefix(x, "x") {
		w.line("end, function(e) return \"h:\" .. (type(e) == \"string\" and e or type(e)) end))")
		return
	}
	w.line("end))")
}

func (w *writer) coroutine() {
	if w.funcs > 1 || w.loops > 1 {
		w.assign()
		return
	}
	c := "co" + strconv.Itoa(w.next)
	a := w.name(num)
	w.line("local " + c + " = coroutine.create(function(" + a + ")")
	save, loops, co := len(w.vars), w.loops, w.inCo
	w.loops, w.inCo = 0, true
	w.funcs++
	w.vars = append(w.vars, variable{a, num, false})
	w.indent++
	w.line("for i = 1, " + strconv.Itoa(1+w.n(4)) + " do")
	w.indent++
	w.line(a + " = (coroutine.yield(" + w.expr(num, 2) + ", " + w.expr(str, 1) + ") or 0) + i")
	w.indent--
	w.block(w.n(2))
	w.line("end")
	w.indent--
	w.block(w.n(3))
	w.indent++
	w.line("return " + w.expr(str, 2))
	w.indent--
	w.funcs--
	w.vars, w.loops, w.inCo = w.vars[:save], loops, co
	w.line("end)")
	w.line("for i = 1, " + strconv.Itoa(1+w.n(6)) + " do p(i, coroutine.resume(" + c + ", " + w.expr(num, 1) + ")) end")
	w.line("p(coroutine.status(" + c + "))")
}

func (w *writer) call() {
	if w.inCo && w.one(2) {
		w.line("p(coroutine.yield(" + w.expr(num, 2) + "))")
		return
	}
	f := w.pickVar(fun, false)
	if f == "" {
		w.line("p(" + w.expr(str, 3) + ")")
		return
	}
	args := w.expr(num, 2)
	if w.one(2) {
		args += ", " + w.expr(str, 2)
		for range w.n(3) {
			args += ", " + w.expr(num, 1)
		}
	}
	call := f + "(" + args + ")"
	switch w.n(4) {
	case 0:
		n, s := w.pickVar(num, true), w.pickVar(str, true)
		if n != "" && s != "" {
			w.line(n + ", " + s + " = " + call)
			return
		}
	case 1:
		w.line("p(" + call + ", " + call + ")")
		return
	case 2:
		w.line("p(#{" + call + ", (" + call + "), " + call + "})")
		return
	}
	w.line("p(" + call + ")")
}

func (w *writer) tableOp() {
	t := w.pickVar(arr, true)
	if t == "" {
		w.declare()
		return
	}
	switch w.n(6) {
	case 0:
		w.line("table.insert(" + t + ", " + w.expr(num, 2) + ")")
	case 1:
		w.line("table.insert(" + t + ", 1, " + w.expr(num, 2) + ")")
	case 2:
		w.line("p(table.remove(" + t + "))")
	case 3:
		w.line("p(table.remove(" + t + ", 1))")
	case 4:
		w.line("p(unpack(" + t + ", 1, " + strconv.Itoa(w.n(5)) + "))")
	default:
		w.line("p(table.concat(" + t + ", \",\"))")
	}
	w.line("if #" + t + " > 30 then " + t + " = {} end")
}

func (w *writer) sort() {
	t := w.pickVar(arr, true)
	if t == "" {
		w.declare()
		return
	}
	// NaN has no order: what sort then does is the engine's own affair.
	w.line("for i = 1, #" + t + " do if " + t + "[i] ~= " + t + "[i] then " + t + "[i] = 0 end end")
	w.line("table.sort(" + t + pick(w, "", ", function(a, b) return a > b end", ", function(a, b) return a % 7 < b % 7 or a % 7 == b % 7 and a < b end") + ")")
	w.line("p(table.concat(" + t + ", \" \"))")
}

func (w *writer) number() string {
	switch w.n(8) {
	case 0:
		return pick(w, "0.5", "1.25", "3.75", "1e3", "0x1f", "100", "255", "1e10")
	case 1:
		return "(-" + strconv.Itoa(1+w.n(9)) + ")"
	}
	return strconv.Itoa(w.n(12))
}

func (w *writer) text() string {
	return pick(w, `"abc"`, `"Hello World"`, `"a,b,,c"`, `"x=1;y=22"`, `"12"`, `"0x10"`, `""`, `"  trim "`, `'q"uo'`, `[[long]]`, `"tab\tnl\n"`, `"\65\066"`, `"zzz"`, `"key"`)
}

func (w *writer) pattern() string {
	if w.one(3) {
		var b strings.Builder
		for range 1 + w.n(3) {
			b.WriteString(pick(w, "%a", "%d", "%w", "%s", ".", "[abc]", "[^,]", "l", "o", "a", "%p", "[a-f%d]", "%u"))
			b.WriteString(pick(w, "", "", "+", "*", "-", "?"))
		}
		if w.one(3) {
			return `"(` + b.String() + `)"`
		}
		return `"` + b.String() + `"`
	}
	return pick(w, `"%a+"`, `"(%w)=(%d+)"`, `"l"`, `"^%s*(.-)%s*$"`, `"[aeiou]"`, `"%f[%w]%w+"`, `"()o"`, `"%d"`, `","`, `"(.)(.)"`, `"x*"`, `"%b()"`, `"(%a)%1"`)
}

// expr writes an expression of kind k, nested at most depth deep.
func (w *writer) expr(k kind, depth int) string {
	if depth <= 0 || w.one(4) {
		if v := w.pickVar(k, false); v != "" && !w.one(4) {
			return v
		}
		switch k {
		case num:
			return w.number()
		case str:
			return w.text()
		case boolean:
			return pick(w, "true", "false")
		case arr:
			return pick(w, "{}", "{3, 1, 2}", "{10, 20, 30, 40}", "{5}")
		case obj:
			return "new(" + w.number() + ")"
		}
	}
	d := depth - 1
	switch k {
	case num:
		switch w.n(16) {
		case 0, 1, 2, 3, 4:
			return "(" + w.expr(num, d) + " " + pick(w, "+", "-", "*", "+", "-", "/", "%") + " " + w.expr(num, d) + ")"
		case 5:
			return "-(" + w.expr(num, d) + ")"
		case 6:
			return "#" + w.expr(pick(w, str, arr), d-2)
		case 7:
			return "math." + pick(w, "floor", "abs", "floor") + "(" + w.expr(num, d) + ")"
		case 8:
			return "math." + pick(w, "max", "min") + "(" + w.expr(num, d) + ", " + w.expr(num, d) + ")"
		case 9:
			return "(" + w.expr(boolean, d) + " and " + w.expr(num, d) + " or " + w.expr(num, d) + ")"
		case 10:
			return "((" + w.expr(arr, d) + ")[" + strconv.Itoa(1+w.n(3)) + "] or " + w.number() + ")"
		case 11:
			return "(tonumber(" + w.expr(str, d) + ") or " + w.number() + ")"
		case 12:
			return "(" + w.expr(obj, d) + ")" + pick(w, ".v", ":get()", ":get(3)")
		case 13:
			if w.jit {
				return "bit." + pick(w, "band", "bor", "bxor", "lshift", "rshift", "arshift", "rol") + "(" + w.number() + ", " + w.number() + ")"
			}
			return "(" + w.expr(num, d) + " ^ 2)"
		case 14:
			return "((" + w.expr(str, d) + "):byte() or 0)"
		default:
			if f := w.pickVar(fun, false); f != "" {
				return "(" + f + "(" + w.expr(num, d) + "))"
			}
			return "select(\"#\", " + w.expr(num, d) + ", nil)"
		}
	case str:
		s := "(" + w.expr(str, d) + ")"
		switch w.n(15) {
		case 0, 1, 2:
			return "cut(" + w.expr(pick(w, str, str, num), d) + " .. " + w.expr(str, d) + ")"
		case 3:
			return s + ":" + pick(w, "upper", "lower", "reverse") + "()"
		case 4:
			return s + ":sub(" + strconv.Itoa(w.n(8)-3) + ", " + strconv.Itoa(w.n(10)-3) + ")"
		case 5:
			return "cut(" + s + ":sub(1, 9):rep(" + strconv.Itoa(w.n(4)) + "))"
		case 6:
			return "cut((" + s + ":gsub(" + w.pattern() + ", " + pick(w, `"-"`, `"<%0>"`, `"%1"`, `function(a) return a .. "!" end`, `{a = "A", l = "L"}`, `""`) + ")))"
		case 7:
			return "tostring(" + s + ":match(" + w.pattern() + "))"
		case 8:
			return "table.concat({" + s + ":find(" + w.pattern() + ")}, \":\")"
		case 9:
			return "string.format(" + pick(w, `"%5.1f|"`, `"%g"`, `"%-8s|"`, `"%s"`, `"%10s|"`, `"%.3s"`) + ", " + w.expr(num, d) + ")"
		case 10:
			return "cut(string.format(\"%q\", " + s + "))"
		case 11:
			return "tostring(" + w.expr(kind(w.n(3)), d) + ")"
		case 12:
			return "type(" + w.expr(kind(w.n(5)), d) + ")"
		case 13:
			return "(" + w.expr(obj, d) + " .. " + w.expr(pick(w, str, obj), d) + ")"
		default:
			return "tostring(" + w.expr(obj, d) + ")"
		}
	case boolean:
		switch w.n(9) {
		case 0, 1, 2:
			return "(" + w.expr(num, d) + " " + pick(w, "<", "<=", ">", ">=", "==", "~=") + " " + w.expr(num, d) + ")"
		case 3:
			return "(" + w.expr(str, d) + " " + pick(w, "<", "<=", ">", ">=", "==", "~=") + " " + w.expr(str, d) + ")"
		case 4:
			return "not " + w.expr(boolean, d)
		case 5, 6:
			return "(" + w.expr(boolean, d) + " " + pick(w, "and", "or") + " " + w.expr(boolean, d) + ")"
		case 7:
			return "(" + w.expr(obj, d) + " " + pick(w, "<", "<=", ">", ">=", "==", "~=") + " " + w.expr(obj, d) + ")"
		default:
			return "(" + w.expr(kind(w.n(3)), d) + " == " + w.expr(kind(w.n(3)), d) + ")"
		}
	case arr:
		switch w.n(4) {
		case 0:
			return "{" + w.expr(num, d) + ", " + w.expr(num, d) + "}"
		case 1:
			return "{" + w.expr(num, d) + ", " + w.expr(num, d) + ", n = " + w.expr(num, d) + ", " + w.expr(num, d) + "}"
		case 2:
			return "{" + w.expr(num, d) + ", unpack(" + w.expr(arr, d) + ")}"
		default:
			return "{(" + w.expr(str, d) + "):byte(1, " + strconv.Itoa(w.n(5)) + ")}"
		}
	case obj:
		switch w.n(5) {
		case 0, 1:
			return "(" + w.expr(obj, d) + " " + pick(w, "+", "-", "*") + " " + w.expr(pick(w, obj, num), d) + ")"
		case 2:
			return "-(" + w.expr(obj, d) + ")"
		case 3:
			return "(" + w.expr(num, d) + " + " + w.expr(obj, d) + ")"
		default:
			return "new(" + w.expr(num, d) + ")"
		}
	}
	return w.number()
}
