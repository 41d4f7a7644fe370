// Package counts runs a fixed set of programs and says what each used. The
// same lines must come out on every platform: budgets are part of the
// language here, and a script that passes a test must pass in Envoy.
package counts

import (
	"strconv"

	"github.com/gatehouse-proxy/gatehouse/sandbox"
	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/gen"
)

// programs are small on purpose: each shows the charge of one thing.
var programs = [][2]string{
	{"nothing", ``},
	{"return", `return 1`},
	{"a loop of 1000 additions", `local s = 0 for i = 1, 1000 do s = s + i % 7 end return s`},
	{"a while loop", `local i = 0 while i < 1000 do i = i + 1 end return i`},
	{"fib(15)", `local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib(15)`},
	{"1000 table writes", `local t = {} for i = 1, 1000 do t[i] = i end return #t`},
	{"1000 field writes", `local t = {} for i = 1, 1000 do t["k" .. i] = i end return t.k500`},
	{"100 closures", `local t = {} for i = 1, 100 do t[i] = function() return i end end return t[50]()`},
	{"10 coroutines", `local s = 0 for i = 1, 10 do local c = coroutine.wrap(function(a) s = s + coroutine.yield(a) end) c(i) c(i) end return s`},
	{"string building", `local s = "" for i = 1, 100 do s = s .. i end return #s`},
	{"rep of 100,000 bytes", `return #("x"):rep(100000)`},
	{"concat of 1000", `local t = {} for i = 1, 1000 do t[i] = i end return #table.concat(t, ", ")`},
	{"sort of 1000", `local t = {} for i = 1, 1000 do t[i] = i * 7919 % 1009 end table.sort(t) return t[1]`},
	{"sort of 1000 by a function", `local t = {} for i = 1, 1000 do t[i] = i * 7919 % 1009 end table.sort(t, function(a, b) return a > b end) return t[1]`},
	{"find with backtracking", `return ("a"):rep(200):find(".-b")`},
	{"gsub by function", `return (("hello world"):rep(20):gsub("%w+", function(w) return w:upper() end)):len()`},
	{"gmatch", `local n = 0 for w in ("one two three "):rep(50):gmatch("%a+") do n = n + #w end return n`},
	{"format", `local n = 0 for i = 1, 100 do n = n + #string.format("%d %5.2f %s %q", i, i / 3, "x", "y") end return n`},
	{"pcall and errors", `local n = 0 for i = 1, 100 do if not pcall(error, "x") then n = n + 1 end end return n`},
	{"an uncaught error", `local t = nil; return t.x`},
	{"an overrun of instructions", `while true do end`},
	{"an overrun of memory", `local s = "x" while true do s = s .. s end`},
	{"random numbers", `local s = 0 for i = 1, 100 do s = s + math.random(1000) end return s`},
	{"numbers to text and back", `local s = 0 for i = 1, 100 do s = s + tonumber(tostring(i / 7)) end return s`},
	{"order of pairs", `local t = {} for _, w in ipairs{"alpha", "beta", "gamma", "delta", "epsilon"} do t[w] = #w end local r = {} for k in pairs(t) do r[#r + 1] = k end return table.concat(r, " ")`},
	{"math functions", `return math.sin(1), math.exp(1), math.log(2), math.pow(2, 0.5), math.atan2(1, 2), math.fmod(7, 3)`},
	{"bit operations", `local h = 5381 for i = 1, 100 do h = bit.tobit(bit.bxor(h * 33, i)) end return h`},
	{"unpack of 200", `local t = {} for i = 1, 200 do t[i] = i end return select("#", unpack(t))`},
}

// generated is how many generated programs are counted as well.
const generated = 100

// Lines runs all and returns a line each: name, how it ended, instructions,
// bytes, and what it returned or printed as a hash.
func Lines() []string {
	var lines []string
	for _, p := range programs {
		lines = append(lines, p[0]+": "+measure(p[1]))
	}
	for seed := uint64(1); seed <= generated; seed++ {
		lines = append(lines, "generated "+strconv.FormatUint(seed, 10)+": "+measure(gen.JIT(seed)))
	}
	return lines
}

func measure(src string) string {
	h := uint32(2166136261)
	add := func(s string) {
		for i := range len(s) {
			h = (h ^ uint32(s[i])) * 16777619
		}
	}
	env := sandbox.NewEnv()
	env.AllowAll()
	p, err := sandbox.Compile("count", src, sandbox.Config{Env: env, Print: add, Now: func() int64 { return 0 }})
	if err != nil {
		return "does not compile: " + err.Error()
	}
	r, err := p.NewScript().Run(nil)
	end := "done"
	if err != nil {
		end = "failed"
		if e, ok := err.(*sandbox.Error); ok {
			end = e.Kind.String()
			add(e.Message + e.Traceback)
		}
	}
	for _, v := range r.Results() {
		if n, ok := v.AsNumber(); ok {
			add(strconv.FormatFloat(n, 'g', -1, 64))
		}
		if s, ok := v.AsString(); ok {
			add(s)
		}
	}
	s := r.Stats()
	return end + ", " + strconv.FormatInt(s.Instructions, 10) + " instructions, " +
		strconv.FormatInt(s.Memory, 10) + " bytes, output " + strconv.FormatUint(uint64(h), 16)
}
