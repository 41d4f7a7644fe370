package sandbox_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-proxy/gatehouse/sandbox"
	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/attacks"
	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/gen"
	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/oracle"
)

// fuzzLimits are small, so that the fuzzer tries much in little time.
var fuzzLimits = sandbox.Limits{Instructions: 20_000, Memory: 1 << 20, State: 1 << 20, Source: 64 << 10, Depth: 200, Coroutines: 20}

// checkError fails for everything that may not happen whatever the script is:
// errors of foreign types, internal faults, texts without a position.
func checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var e *sandbox.Error
	if !errors.As(err, &e) {
		t.Fatalf("an error of type %T: %v", err, err)
	}
	switch e.Kind {
	case sandbox.Syntax:
		if e.Line <= 0 {
			t.Errorf("a syntax error without a line: %q", e.Message)
		}
	case sandbox.Runtime, sandbox.Instructions, sandbox.Memory:
	default:
		t.Fatalf("%v: %s\n%s", e.Kind, e.Message, e.Traceback)
	}
}

// checkStats fails where a run went over its budgets.
func checkStats(t *testing.T, r *sandbox.Run, l sandbox.Limits) {
	t.Helper()
	if s := r.Stats(); s.Instructions > l.Instructions || s.Memory > l.Memory || s.Instructions < 0 || s.Memory < 0 {
		t.Fatalf("used %+v of %+v", s, l)
	}
}

func seedSources(f *testing.F) {
	packs, err := oracle.Packs("testdata/oracle")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range packs {
		p, err := oracle.ReadPack(path)
		if err != nil {
			f.Fatal(err)
		}
		for i, c := range p.Cases {
			if i%8 == 0 { // all of them would be a minute before the first mutation
				f.Add(c.Source)
			}
		}
	}
	all := attacks.All()
	for _, name := range slices.Sorted(maps.Keys(all)) { // the fuzzer numbers its seeds
		a := all[name]
		if src := a.Source(); len(src) < 200 {
			f.Add(src)
		}
	}
	for seed := uint64(1); seed <= 10; seed++ {
		f.Add(gen.Program(seed))
		f.Add(gen.JIT(seed))
	}
	bench, err := filepath.Glob("testdata/bench/*.lua")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range bench {
		src, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(src))
	}
}

// FuzzCompile feeds arbitrary text to the lexer, the parser, the compiler and
// to Check. Compile and Check must agree on what is Lua.
func FuzzCompile(f *testing.F) {
	seedSources(f)
	env := sandbox.NewEnv()
	env.AllowAll()
	f.Fuzz(func(t *testing.T, src string) {
		cfg := sandbox.Config{Env: env, Limits: fuzzLimits}
		_, err := sandbox.Compile("fuzz", src, cfg)
		checkError(t, err)
		problems := sandbox.Check("fuzz", src, cfg)
		if err != nil && len(problems) == 0 {
			t.Fatalf("Compile says %v, Check finds nothing", err)
		}
		for _, p := range problems {
			if p.Line <= 0 || p.Column <= 0 {
				t.Fatalf("a problem without a place: %+v", p)
			}
		}
	})
}

// FuzzRun runs arbitrary text with every library function there is, twice on
// one script. Whatever it does, it ends within its budgets and does the same
// on a fresh script.
func FuzzRun(f *testing.F) {
	seedSources(f)
	env := sandbox.NewEnv()
	env.AllowAll()
	f.Fuzz(func(t *testing.T, src string) {
		var out strings.Builder
		cfg := sandbox.Config{
			Env: env, Limits: fuzzLimits,
			Print: func(line string) { out.WriteString(line) },
			Now:   func() int64 { return 0 },
		}
		p, err := sandbox.Compile("fuzz", src, cfg)
		if err != nil {
			return
		}
		s := p.NewScript()
		r, err := s.Run(nil)
		checkError(t, err)
		checkStats(t, r, fuzzLimits)
		first, stats := endOf(err), r.Stats()
		r, err = s.Run(nil)
		checkError(t, err)
		checkStats(t, r, fuzzLimits)
		if n := s.StateSize(); n > fuzzLimits.State {
			t.Fatalf("a state of %d bytes is kept", n)
		}
		// What was done before must not show on a fresh script.
		r, err = p.NewScript().Run(nil)
		if again := endOf(err); again != first || r.Stats() != stats {
			t.Fatalf("the same source ended as %s with %+v, then as %s with %+v", first, stats, again, r.Stats())
		}
	})
}

// FuzzGenerated runs generated programs under small budgets: unlike arbitrary
// text they are always valid and reach deep.
func FuzzGenerated(f *testing.F) {
	for seed := uint64(1); seed <= 20; seed++ {
		f.Add(seed, int64(1000), int64(10_000))
	}
	env := sandbox.NewEnv()
	env.AllowAll()
	f.Fuzz(func(t *testing.T, seed uint64, instructions, memory int64) {
		l := fuzzLimits
		l.Instructions, l.Memory = 1+uint63(instructions)%200_000, 1+uint63(memory)%(4<<20)
		p, err := sandbox.Compile("fuzz", gen.JIT(seed), sandbox.Config{Env: env, Limits: l})
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.NewScript().Run(nil)
		checkError(t, err)
		checkStats(t, r, l)
	})
}

func uint63(n int64) int64 { return n & (1<<63 - 1) }

// caller returns a function that runs src with arguments under the small budgets; a result that starts with BROKEN fails the test.
func caller(f *testing.F, src string) func(t *testing.T, args ...sandbox.Value) {
	env := sandbox.NewEnv()
	p, err := sandbox.Compile("fuzz", src, sandbox.Config{Env: env, Limits: fuzzLimits})
	if err != nil {
		f.Fatal(err)
	}
	return func(t *testing.T, args ...sandbox.Value) {
		r, err := p.NewScript().Run(nil, args...)
		checkError(t, err)
		checkStats(t, r, fuzzLimits)
		for _, v := range r.Results() {
			if s, ok := v.AsString(); ok && strings.HasPrefix(s, "BROKEN") {
				t.Fatal(s)
			}
		}
	}
}

// FuzzPattern calls find, match, gmatch and gsub with arbitrary text, and
// holds them to each other.
func FuzzPattern(f *testing.F) {
	for _, s := range [][3]string{
		{"hello world", "o", "x"}, {"key = val", "^(%w+)%s*=%s*(%w+)$", "%2=%1"}, {"f(a(b)c)", "%b()", "%0"},
		{"THE (quick) fox", "%f[%a]%a+", "<%0>"}, {"aaaa", "a-(a*)$", "%1"}, {"x", "[%a-z]", "%%"}, {"a]b", "[]]", ""},
		{"abab", "(ab)%1", "%1%1"}, {"a\x00b", "%z", "."}, {"", "()", "%1"}, {"x", "[^", "x"}, {"x", "%", "%"}, {"xyz", "((x)(y))", "%3%2%1"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	run := caller(f, `local s, p, r = ...
local ok, a, b = pcall(string.find, s, p)
if ok and a then
  if not (a >= 1 and b >= a - 1 and b <= #s) then return "BROKEN: find gave " .. a .. ", " .. b end
  local whole = s:match("^" .. ("."):rep(0)) -- a pattern that always matches
  if whole ~= "" then return "BROKEN: empty match" end
end
local okg, res, n = pcall(string.gsub, s, p, "%0")
if okg and res ~= s then return "BROKEN: gsub by %0 changed the text" end
if okg and ok and not a and n > 0 then return "BROKEN: gsub found what find did not" end
pcall(string.gsub, s, p, r)
pcall(string.gsub, s, p, function(...) return (select(select("#", ...), ...)) end)
pcall(string.gsub, s, p, {[s] = r, a = "b"})
pcall(function() local k = 0 for _ in s:gmatch(p) do k = k + 1 end if k > #s + 1 then error("x") end end)
local at, to = s:find(p, 1, true)
if at and s:sub(at, to) ~= p then return "BROKEN: plain find" end
return "fine"`)
	f.Fuzz(func(t *testing.T, s, p, r string) {
		run(t, sandbox.String(s), sandbox.String(p), sandbox.String(r))
	})
}

// FuzzFormat calls string.format with arbitrary directives and values.
func FuzzFormat(f *testing.F) {
	for _, s := range []string{"%d %s", "%5.2f|%-10s|%05d", "%q", "%x %X %#o", "%g %e %a", "%c", "%%", "%99.99f", "%+ #-0d", "%.3q", "%5.1s", "%i", "%u", "%"} {
		f.Add(s, 1.5, "text")
		f.Add(s, -1e308, "a\x00\n\"\\")
	}
	run := caller(f, `local fmt, n, s = ...
pcall(string.format, fmt, n, n, n, n)
pcall(string.format, fmt, s, s, s, s)
pcall(string.format, fmt, n, s, n, s)
pcall(string.format, fmt, nil, true, {}, print)
if n == n and n ~= 1/0 and n ~= -1/0 then
  if tonumber(string.format("%.17g", n)) ~= n then return "BROKEN: %.17g of " .. n end
  if tonumber(tostring(n)) == nil then return "BROKEN: tostring of " .. n end
end
local five = ("%5s"):format(s)
if #five < 5 or #five < #s then return "BROKEN: %5s" end
return "fine"`)
	f.Fuzz(func(t *testing.T, format string, n float64, s string) {
		run(t, sandbox.String(format), sandbox.Number(n), sandbox.String(s))
	})
}

// FuzzNumeral holds tonumber to what it prints again.
func FuzzNumeral(f *testing.F) {
	for _, s := range []string{"1", " 0x1p4 ", "1e400", "0x.8", ".5.", "1e", "0xffffffffffffffffff", "inf", "nan", "-0", "1_0", "٣", "0b1", "12345678901234567890"} {
		f.Add(s, 10.0)
		f.Add(s, 16.0)
	}
	run := caller(f, `local s, base = ...
local n = tonumber(s)
if n and n == n and tonumber(string.format("%.17g", n)) ~= n and n ~= 1/0 and n ~= -1/0 then return "BROKEN: " .. s end
if n and type(n) ~= "number" then return "BROKEN: type" end
local ok, sum = pcall(function() return s + 0 end)
if ok ~= (n ~= nil) then return "BROKEN: arithmetic and tonumber disagree on " .. s end
if ok and sum ~= n and n == n then return "BROKEN: arithmetic gives another number for " .. s end
pcall(tonumber, s, base)
return "fine"`)
	f.Fuzz(func(t *testing.T, s string, base float64) {
		run(t, sandbox.String(s), sandbox.Number(base))
	})
}
