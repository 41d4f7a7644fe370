package sandbox_test

import (
	"errors"
	"runtime"
	"strings"
	"sync"
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

// live is the memory that Go has in use.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// liveAfter runs a script several times, closing each run, and returns the
// memory that Go then has in use beside what it had before.
func liveAfter(t *testing.T, s *sandbox.Script, runs int) int64 {
	t.Helper()
	before := live()
	for range runs {
		r, err := s.Run(nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	after := live() - before
	runtime.KeepAlive(s)
	return after
}

// TestStateCountsAllThatIsKept: what a script keeps in memory is what the walk
// of its state counts, also where it hangs on a variable of a coroutine that
// nothing else refers to, on a buffer, or on what a run leaves for the next. It
// runs alone: others allocate.
func TestStateCountsAllThatIsKept(t *testing.T) {
	env := sandbox.NewEnv()
	env.Define("decode", decodeFunc())
	for name, src := range map[string]string{
		"a variable of a lost coroutine": `keep = {} return function() coroutine.wrap(function() local small, large = 1, ("x"):rep(5e6) keep[#keep + 1] = function() return small end coroutine.yield() return large end)() end`,
		"strings of many escapes":        `keep = {} return function() keep[#keep + 1] = decode('"' .. ("\\u0041"):rep(2e5) .. '"') end`,
		"results of nested calls":        `local t, n = {}, 0 for i = 1, 7900 do t[i] = i end local function f() n = n + 1 unpack(t) if n < 95 then ("x"):gsub("x", f) end return "" end return function() n = 0 f() end`,
		"the coroutine of the last call": `return function() coroutine.wrap(function() local s = ("x"):rep(8e6) tostring(1) coroutine.yield() return s end)() end`,
	} {
		t.Run(name, func(t *testing.T) {
			s := compile(t, src, sandbox.Config{Env: env}).NewScript()
			if kept := liveAfter(t, s, 20); kept > 6<<20 {
				t.Errorf("%d bytes are kept, the state has %d", kept, s.StateSize())
			}
		})
	}
}

// TestRunsOfOneScriptCostTheSame: a run that finds the stack of an earlier one
// is charged as one that does not, and its calls nest no deeper.
func TestRunsOfOneScriptCostTheSame(t *testing.T) {
	t.Parallel()
	s := compile(t, `local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end return function(n) return f(n) end`, sandbox.Config{}).NewScript()
	var stats sandbox.Stats
	for i := range 5 {
		r, err := s.Run(nil, sandbox.Number(100))
		if err != nil {
			t.Fatal(err)
		}
		if i > 1 && r.Stats() != stats {
			t.Errorf("run %d: %+v, the one before %+v", i+1, r.Stats(), stats)
		}
		stats = r.Stats()
		r.Close()
	}
	for _, depth := range []int{-1, 5, 100} {
		s := compile(t, `local d = 0 local function f(n) d = n return 1 + f(n + 1) end return function() pcall(f, 1) return d end`, sandbox.Config{Limits: sandbox.Limits{Depth: depth}}).NewScript()
		for range 3 {
			r, err := s.Run(nil)
			if depth < 0 {
				if err == nil {
					t.Error("a call went through where none is left")
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if n, _ := r.Results()[0].AsNumber(); int(n) > depth || int(n) < depth-3 {
				t.Errorf("%v calls nested, the limit is %d", n, depth)
			}
			r.Close()
		}
	}
}

// TestProgramsAreShared makes and runs scripts of one program in several
// goroutines; the race detector looks on.
func TestProgramsAreShared(t *testing.T) {
	t.Parallel()
	env := sandbox.NewEnv()
	env.Define("host.value", sandbox.Opaque("x", nil))
	p := compile(t, `keep = {host.value} local t = {} for i = 1, 500 do t[i] = {host.value, "text"} end keep.t = t return tostring(host.value), ("%p"):format("text"), _G == keep`, sandbox.Config{
		Env: env, Limits: sandbox.Limits{State: 1000},
	})
	var all sync.WaitGroup
	var got [4]string
	for i := range got {
		all.Go(func() {
			for range 20 {
				r, err := p.NewScript().Run(nil)
				if err != nil {
					t.Error(err)
				}
				got[i] = texts(r.Results())
			}
		})
	}
	all.Wait()
	for _, g := range got {
		if g != got[0] || !strings.HasPrefix(g, "userdata: 0x") {
			t.Errorf("got %q, another %q", g, got[0])
		}
	}
}

// TestRunsAfterTheirEnd: a run that is closed, or whose state is dropped, does
// nothing any more, whatever the host or the script try.
func TestRunsAfterTheirEnd(t *testing.T) {
	t.Parallel()
	env := parkable()
	env.Define("close", sandbox.Func("close", func(c *sandbox.Call) error {
		c.Run().Close()
		return nil
	}))
	parked := func(src string) *sandbox.Run {
		r, err := compile(t, src, sandbox.Config{Env: env}).NewScript().Run(nil)
		if err != nil || r.Status() != sandbox.Parked {
			t.Fatalf("%v, %v", r.Status(), err)
		}
		return r
	}
	for name, again := range map[string]func(*sandbox.Run) error{
		"Resume": func(r *sandbox.Run) error { return r.Resume() },
		"Fail":   func(r *sandbox.Run) error { return r.Fail("x") },
		"Start":  func(r *sandbox.Run) error { return r.Start() },
	} {
		r := parked(`park() return 1`)
		r.Close()
		r.Close()
		if got := endOf(again(r)); got != "misuse" || r.Stats() != (sandbox.Stats{}) {
			t.Errorf("%s of a closed run: %s, %+v", name, got, r.Stats())
		}
	}
	r := parked(`while true do pcall(park) end`)
	r.Script().Reset()
	if err := r.Resume(); err == nil || r.Status() != sandbox.Failed {
		t.Errorf("a run without its state went on: %v, %v", r.Status(), err)
	}
	if got := run(t, compile(t, `close() local t = {close()} return #t, coroutine.wrap(function() close() return 2 end)()`, sandbox.Config{Env: env}).NewScript()); got != "0 2" {
		t.Errorf("a run that closes itself returned %q", got)
	}
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
