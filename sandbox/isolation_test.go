package sandbox_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/gatehouse-proxy/gatehouse/sandbox"
)

func compile(t *testing.T, src string, cfg sandbox.Config) *sandbox.Program {
	t.Helper()
	p, err := sandbox.Compile("test", src, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func run(t *testing.T, s *sandbox.Script, args ...sandbox.Value) string {
	t.Helper()
	r, err := s.Run(nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	return texts(r.Results())
}

// TestNothingLeaksBetweenScripts lets one script change all it can reach and
// looks at it from another script of the same Env.
func TestNothingLeaksBetweenScripts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ dirty, look, want string }{
		"globals":                  {`x = "leak" _G.y = "leak"`, `return x, y, rawget`, "nil nil nil"},
		"a library replaced":       {`string = {} table = nil math.pi = 3`, `return type(string.len), type(table), math.pi > 3.14`, "function table true"},
		"fields of libraries":      {`pcall(function() string.leak = 1 end) pcall(function() math.leak = 1 end) pcall(table.insert, string, "leak")`, `return string.leak, math.leak, string[1]`, "nil nil nil"},
		"methods of strings":       {`pcall(function() ("").leak = 1 end) string = {rep = 1}`, `return ("x").leak, ("x"):rep(2)`, "nil xx"},
		"library functions erased": {`for k in pairs(_G) do _G[k] = nil end`, `return type(print), type(pairs), type(string)`, "function function table"},
		"the random numbers drawn": {`for i = 1, 17 do math.random() end`, `return math.random(1000000)`, ""},
		"names of objects":         {`for i = 1, 100 do local _ = tostring({}) end`, `return tostring({})`, ""},
		"an overrun":               {`while true do end`, `return 1`, "1"},
		"an error":                 {`error("leak")`, `return 1`, "1"},
		"coroutines left behind":   {`for i = 1, 50 do coroutine.wrap(function() coroutine.yield() end)() end`, `return coroutine.wrap(function() return 1 end)()`, "1"},
		"a module required":        {`local t = require("shared") pcall(function() t.leak = 1 end) leak = t`, `return require("shared").leak, leak`, "nil nil"},
		"a metatable on _G":        {`x = 1 for i = 1, 10 do _G["k" .. i] = i end`, `local n = 0 for k in pairs(_G) do if tostring(k):match("^k%d") then n = n + 1 end end return n`, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := sandbox.NewEnv()
			env.Module("shared", "table")
			cfg := sandbox.Config{Env: env, Now: func() int64 { return 0 }}
			dirty, look := compile(t, c.dirty, cfg), compile(t, c.look, cfg)
			before := run(t, look.NewScript())
			for range 3 {
				// That some of these end with an error is their purpose.
				_, _ = dirty.NewScript().Run(nil)
			}
			after := run(t, look.NewScript())
			if after != before {
				t.Errorf("before %q, after %q", before, after)
			}
			if c.want != "" && after != c.want {
				t.Errorf("got %q, want %q", after, c.want)
			}
		})
	}
}

// TestNothingLeaksBetweenRuns: locals, arguments, errors, stacks of one run do
// not show in the next on the same script; globals and upvalues do, on purpose.
func TestNothingLeaksBetweenRuns(t *testing.T) {
	t.Parallel()
	s := compile(t, `local up = 0
return function(cmd, arg)
  up = up + 1
  local a, b, c
  if cmd == "set" then g = arg return up end
  if cmd == "get" then return up, g, a, b, c, arg end
  if cmd == "loop" then local x, y, z = 1, 2, 3 while true do x = x + y + z end end
  if cmd == "deep" then local function f(n) return 1 + f(n + 1) end return f(1) end
  if cmd == "open" then co = coroutine.create(function() local secret = arg coroutine.yield() return secret end) coroutine.resume(co) return "opened" end
  if cmd == "coloop" then co = coroutine.create(function() while true do end end) coroutine.resume(co) end
  if cmd == "resume" then return coroutine.status(co), coroutine.resume(co) end
end`, sandbox.Config{}).NewScript()
	str := sandbox.String
	steps := []struct {
		args []sandbox.Value
		want string
	}{
		{[]sandbox.Value{str("set"), str("kept")}, "1"},
		{[]sandbox.Value{str("get")}, "2 kept nil nil nil nil"},
		{[]sandbox.Value{str("loop"), str("secret")}, "instructions"},
		{[]sandbox.Value{str("get")}, "4 kept nil nil nil nil"},
		{[]sandbox.Value{str("deep")}, "runtime"},
		{[]sandbox.Value{str("get")}, "6 kept nil nil nil nil"},
		{[]sandbox.Value{str("open"), str("shared")}, "opened"},
		{[]sandbox.Value{str("resume")}, "suspended true shared"},
		{[]sandbox.Value{str("coloop")}, "instructions"},
		{[]sandbox.Value{str("resume")}, "dead false cannot resume dead coroutine"},
		{[]sandbox.Value{str("get")}, "11 kept nil nil nil nil"},
	}
	for i, step := range steps {
		r, err := s.Run(nil, step.args...)
		got := texts(r.Results())
		if err != nil {
			got = endOf(err)
		}
		if got != step.want {
			t.Errorf("step %d: got %q (%v), want %q", i+1, got, err, step.want)
		}
	}
}

// TestRunsDoTheSameOnEveryScript: what a program does and what it is charged
// depends on nothing but program and input.
func TestRunsDoTheSameOnEveryScript(t *testing.T) {
	t.Parallel()
	p := compile(t, `local t = {} for i = 1, 50 do t["k" .. i] = i end t[1.5] = 1 t[true] = 2
local r = {} for k in pairs(t) do r[#r + 1] = tostring(k) end
return table.concat(r, " "), math.random(1e6), tostring(t), tostring(print)`, sandbox.Config{})
	var first string
	var stats sandbox.Stats
	for i := range 5 {
		r, err := p.NewScript().Run(nil)
		if err != nil {
			t.Fatal(err)
		}
		got := texts(r.Results())
		if i == 0 {
			first, stats = got, r.Stats()
		} else if got != first || r.Stats() != stats {
			t.Errorf("run %d: %q %+v, the first gave %q %+v", i, got, r.Stats(), first, stats)
		}
	}
}

// TestStateOverLimitStartsAnew: a script that keeps too much loses its state,
// the host is told, and the next run begins with the chunk.
func TestStateOverLimitStartsAnew(t *testing.T) {
	t.Parallel()
	events := 0
	s := compile(t, `keep = {} local n = 0
return function() n = n + 1 for i = 1, 2000 do keep[#keep + 1] = {n, i, "text " .. i} end return n end`, sandbox.Config{
		Limits: sandbox.Limits{State: 1 << 20, Memory: 64 << 20, Instructions: 50_000_000},
		OnEvent: func(_ *sandbox.Script, e sandbox.Event) {
			if e == sandbox.EventStateDropped {
				events++
			}
		},
	}).NewScript()
	dropped := false
	last := "0"
	for range 30 {
		got := run(t, s)
		if got == "1" && last != "0" {
			dropped = true
		}
		last = got
		if n := s.StateSize(); n > 1<<20 {
			t.Fatalf("a state of %d bytes was kept", n)
		}
	}
	if !dropped || events == 0 || s.Drops() != events {
		t.Errorf("dropped %v, %d events, %d drops counted", dropped, events, s.Drops())
	}
}

func parkable() *sandbox.Env {
	env := sandbox.NewEnv()
	env.Define("park", sandbox.Func("park", func(c *sandbox.Call) error { return c.Park(c.NArgs()) }))
	return env
}

// TestParkedRunsAreSeparate: runs of one script that are parked at the same
// time share globals and upvalues and nothing else.
func TestParkedRunsAreSeparate(t *testing.T) {
	t.Parallel()
	s := compile(t, `local up = 0
return function(x)
  local mine = x
  up = up + 1
  local got = pcall(function() mine = mine .. park(x) end)
  local c = coroutine.wrap(function() return park() end)
  return mine, up, got, c()
end`, sandbox.Config{Env: parkable()}).NewScript()
	var runs []*sandbox.Run
	for _, x := range []string{"a", "b", "c"} {
		r, err := s.Run(nil, sandbox.String(x))
		if err != nil {
			t.Fatal(err)
		}
		if r.Status() != sandbox.Parked {
			t.Fatalf("status %v", r.Status())
		}
		runs = append(runs, r)
	}
	for i := len(runs) - 1; i >= 0; i-- {
		if err := runs[i].Resume(sandbox.String("!")); err != nil {
			t.Fatal(err)
		}
		if runs[i].Status() != sandbox.Parked {
			t.Fatalf("status %v", runs[i].Status())
		}
	}
	for i, r := range runs {
		if err := r.Resume(sandbox.Number(float64(i))); err != nil {
			t.Fatal(err)
		}
		want := string(rune('a'+i)) + "! 3 true " + string(rune('0'+i))
		if got := texts(r.Results()); got != want {
			t.Errorf("run %d: got %q, want %q", i, got, want)
		}
	}
}

// TestParkedRunKeepsItsBudget: what was used before the park counts after it.
func TestParkedRunKeepsItsBudget(t *testing.T) {
	t.Parallel()
	s := compile(t, `while true do for i = 1, 1000 do end pcall(park) end`, sandbox.Config{
		Env: parkable(), Limits: sandbox.Limits{Instructions: 50_000},
	}).NewScript()
	r, err := s.Run(nil)
	resumes := 0
	for err == nil && r.Status() == sandbox.Parked {
		if resumes++; resumes > 100 {
			t.Fatal("the budget was reset by the park")
		}
		err = r.Resume()
	}
	var e *sandbox.Error
	if !errors.As(err, &e) || e.Kind != sandbox.Instructions || resumes < 10 {
		t.Errorf("ended after %d resumes with %v", resumes, err)
	}
}

// TestDroppedRunsLeaveNothing parks and drops many runs, with and without
// Close, and looks at the memory that is left. It runs alone: others allocate.
func TestDroppedRunsLeaveNothing(t *testing.T) {
	p := compile(t, `local x = ("x"):rep(100000) local c = coroutine.wrap(function() park() end) c() return x`, sandbox.Config{Env: parkable()})
	s := p.NewScript()
	park := func(closing bool) {
		r, err := s.Run(nil)
		if err != nil || r.Status() != sandbox.Parked {
			t.Fatalf("%v, %v", r.Status(), err)
		}
		if closing {
			r.Close()
		}
	}
	live := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	park(true)
	before := live()
	for i := range 2000 {
		park(i%2 == 0)
	}
	// 2000 runs hold 200 MB if they are kept.
	if after := live(); after > before+4<<20 {
		t.Errorf("%d bytes live before, %d after", before, after)
	}
	runtime.KeepAlive(s)
}

// TestErrorsNameNoHost: no message or traceback shows Go's own names or paths.
func TestErrorsNameNoHost(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"a runtime error":      `local function f() local x = nil; return x.y end f()`,
		"an error in a sort":   `table.sort({1, 2, 3}, function() error("cmp") end)`,
		"an overrun":           `while true do end`,
		"a stack overflow":     `local function f() return 1 + f() end f()`,
		"an error in a method": `("x"):rep({})`,
		"a bad pattern":        `("x"):find("[")`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compile(t, src, sandbox.Config{}).NewScript().Run(nil)
			var e *sandbox.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			for _, bad := range []string{".go", "goroutine", "runtime.", "github.com", "0xc0"} {
				if strings.Contains(e.Message+e.Traceback, bad) {
					t.Errorf("%q shows in %q\n%s", bad, e.Message, e.Traceback)
				}
			}
			if !strings.HasPrefix(e.Message, "test:1:") || !strings.Contains(e.Traceback, "stack traceback:\n\t") {
				t.Errorf("message %q, traceback %q", e.Message, e.Traceback)
			}
		})
	}
}
