package sandbox_test

import (
	"testing"

	"github.com/gatehouse-proxy/gatehouse/sandbox"
)

// What a run costs beside what the script asks for must not grow with the work:
// arithmetic, calls of Lua functions and reads of tables take no memory.
func TestNoAllocations(t *testing.T) {
	for name, source := range map[string]string{
		"nothing":                `return function() end`,
		"arithmetic":             `return function() local x = 0 for i = 1, 1000 do x = (x + i * 2.5) % 7 - i / 3 end return x end`,
		"comparisons and jumps":  `return function() local n = 0 for i = 1, 1000 do if i % 2 == 0 and i < 500 or i == 7 then n = n + 1 end end return n end`,
		"calls of Lua functions": `local function f(a, b) if a == 0 then return b end return f(a - 1, b + 1) end local function g(n) if n < 2 then return n end return g(n - 1) + g(n - 2) end return function() return f(500, 0) + g(10) end`,
		"calls with varargs":     `local function f(...) return select("#", ...) end return function() local n = 0 for i = 1, 200 do n = n + f(i, i, i) end return n end`,
		"methods":                `local o = {n = 1} function o:get() return self.n end return function() local n = 0 for i = 1, 300 do n = n + o:get() end return n end`,
		"table reads":            `local t = {a = {b = 1}, 5, 6, 7} return function() local n = 0 for i = 1, 300 do n = n + t.a.b + t[2] + #t end return n end`,
		"table writes in place":  `local t = {a = 1, 5, 6} return function() for i = 1, 300 do t.a = i t[1] = i end end`,
		"pairs and ipairs":       `local t = {a = 1, b = 2, 3, 4} return function() local n = 0 for i = 1, 50 do for k, v in pairs(t) do n = n + v end for _, v in ipairs(t) do n = n + v end end return n end`,
		"globals and upvalues":   `count = 0 local up = 0 return function() for i = 1, 300 do count = count + 1 up = up + 1 end end`,
		"library functions":      `return function() local n = 0 for i = 1, 200 do n = n + math.floor(i / 2) + math.max(i, 5) + ("x"):len() + bit.band(i, 7) end return n end`,
		"pcall":                  `local function f(a) return a end return function() local n = 0 for i = 1, 200 do local ok, v = pcall(f, i) n = n + v end return n end`,
		"a search in a string":   `local s = ("x"):rep(100) .. "key=1" return function() local n = 0 for i = 1, 50 do n = n + s:find("key=", 1, true) + s:find("k%w+=") end return n end`,
	} {
		t.Run(name, func(t *testing.T) {
			p, err := sandbox.Compile("alloc", source, sandbox.Config{})
			if err != nil {
				t.Fatal(err)
			}
			s := p.NewScript()
			once := func() {
				r, err := s.Run(nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Close()
			}
			once() // runs the chunk and grows the stack
			// The run hands its results out in a slice of their own.
			if n := testing.AllocsPerRun(20, once); n > 1 {
				t.Errorf("%v allocations a run, want at most the results", n)
			}
		})
	}
}
