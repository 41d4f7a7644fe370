//go:build envoy

package envoyprobe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-proxy/gatehouse/sandbox"
	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/attacks"
)

const (
	root = "../../.."
	sum  = "sum"
)

// deep are programs that recurse in Go as deep as they are let: each is at the
// cap of one recursion, the last ones at several at once. What they return
// shows that the cap was met and not something before it.
var deep = map[string]struct{ src, want string }{
	"parentheses at the cap":        {"return " + strings.Repeat("(", 198) + "1" + strings.Repeat(")", 198), "done 1"},
	"parentheses over the cap":      {"return " + strings.Repeat("(", 300) + "1" + strings.Repeat(")", 300), "syntax program:1: chunk has too many syntax levels"},
	"functions at the cap":          {strings.Repeat("return function() ", 99) + strings.Repeat(" end", 99), "done function"},
	"tables at the cap":             {"return " + strings.Repeat("{", 199) + strings.Repeat("}", 199), "done table"},
	"all sorts at the cap":          {"return " + strings.Repeat("type(function() return {1^{(", 28) + "1" + strings.Repeat(")}} end)", 28), "done function"},
	"operators of the right at cap": {"return " + strings.Repeat("1^", 198) + "1", "done 1"},
	"recursion of Lua functions":    {`local n = 0 local function f() n = n + 1 return 1 + f() end local ok, e = pcall(f) return n > 150, e:match("stack overflow")`, "done boolean stack overflow"},
	"pattern at the cap":            {`local ok, e = pcall(string.match, ("x"):rep(400), ("x?"):rep(400) .. "y") return ok, (tostring(e):match("too complex"))`, "done boolean too complex"},
	"JSON at the cap":               {`local d = 100 return #host.json(("["):rep(d) .. ("]"):rep(d)), (pcall(host.json, ("["):rep(101) .. ("]"):rep(101)))`, "done 200 boolean"},
	"callbacks of gsub":             {`local n = 0 local function f() n = n + 1 return (("x"):gsub("x", f)) end local ok, e = pcall(f) return n, e:match("C stack overflow")`, "done 100 C stack overflow"},
	"callbacks of sort":             {`local n = 0 local function f() n = n + 1 table.sort({1, 2}, f) end local ok, e = pcall(f) return n, e:match("C stack overflow")`, "done 100 C stack overflow"},
	"tostring of tostring":          {`local n = 0 local t = setmetatable({}, {__tostring = function(t) n = n + 1 return tostring(t) end}) local ok, e = pcall(tostring, t) return n, e:match("C stack overflow")`, "done 99 C stack overflow"},
	"errors in error handlers":      {`local n = 0 local function h(e) n = n + 1 error(e) end local ok, e = xpcall(error, h, "x") return n > 5, e`, "done boolean error in error handling"},
	"coroutines in coroutines":      {`local n = 0 local function f() n = n + 1 return coroutine.wrap(f)() end local ok, e = pcall(f) return n, e:match("C stack overflow")`, "done 201 C stack overflow"},
	"callbacks, then a pattern":     {`local n, m = 0 local function f() n = n + 1 if n == 99 then m = pcall(string.match, ("x"):rep(400), ("x?"):rep(400) .. "y") return "x" end return (("x"):gsub("x", f)) end f() return n, m`, "done 99 boolean"},
	"callbacks, then JSON":          {`local n, m = 0 local function f() n = n + 1 if n == 99 then m = #host.json(("["):rep(100) .. ("]"):rep(100)) return "x" end return (("x"):gsub("x", f)) end f() return n, m`, "done 99 200"},
	"callbacks, then a large sort":  {`local n, m = 0 local function f() n = n + 1 if n == 99 then m = {} for i = 1, 2000 do m[i] = i * 7919 % 2003 end table.sort(m) return "x" end return (("x"):gsub("x", f)) end f() return n, m[1]`, "done 99 1"},
	"callbacks in deep coroutines":  {`local n = 0 local function f() n = n + 1 return (("x"):gsub("x", coroutine.wrap(f))) end local ok, e = pcall(f) return n > 40, e:match("C stack overflow")`, "done boolean C stack overflow"},
}

// TestInEnvoy runs every attack and every deep recursion in one Wasm VM of a
// real Envoy, one after the other. V8's stack ends far earlier than Go's own:
// a depth cap that is too wide ends the VM, which then answers 503 for ever,
// and that fails all that follow.
func TestInEnvoy(t *testing.T) {
	programs := map[string]string{sum: `local s = 0 for i = 1, 1000 do s = s + i end return s`}
	for name, a := range attacks.All() {
		programs[name] = a.Source()
	}
	for name, d := range deep {
		programs[name] = d.src
	}
	dir, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(dir, programs)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for name, d := range deep {
		got, err := p.Run(name, 1, 0, 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Text != d.want {
			t.Errorf("%s:\n got  %s\n want %s", name, got.Text, d.want)
		}
	}
	limits := sandbox.DefaultLimits()
	for name, a := range attacks.All() {
		run := p.RunDefault
		if a.Open {
			run = func(name string) (Answer, error) { return p.Run(name, 1, 0, 0) }
		}
		got, err := run(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		end, _, _ := strings.Cut(got.Text, " ")
		if !a.MayEnd(end) {
			t.Errorf("%s: ended as %s, want %s", name, got.Text, a.Want())
		}
		if got.Instructions > limits.Instructions || got.Memory > limits.Memory {
			t.Errorf("%s: %d instructions and %d bytes", name, got.Instructions, got.Memory)
		}
		t.Logf("%8d us %8d instructions %9d bytes %s: %.80s", got.Took.Microseconds(), got.Instructions, got.Memory, name, got.Text)
	}
	// The same programs use the same in Envoy as everywhere.
	want, err := os.ReadFile(filepath.Join(root, "sandbox", "testdata", "counts.txt"))
	if err != nil {
		t.Fatal(err)
	}
	counts, err := p.Counts()
	if err != nil {
		t.Fatal(err)
	}
	if counts != string(want) {
		t.Errorf("counts differ from testdata/counts.txt:\n%s", counts)
	}
	got, err := p.Run(sum, 1, 0, 0)
	if err != nil || got.Text != "done 500500" {
		t.Errorf("after the attacks: %+v, %v", got, err)
	}
}
