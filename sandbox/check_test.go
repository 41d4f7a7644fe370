package sandbox_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-proxy/gatehouse/sandbox"
)

// checkEnv is what a host of the field would define.
func checkEnv() *sandbox.Env {
	env := sandbox.NewEnv()
	nothing := sandbox.Func("nothing", func(*sandbox.Call) error { return nil })
	for _, path := range []string{"kong.log.err", "kong.log.warn", "kong.log.__call", "kong.request.get_header", "kong.request.get_path", "ngx.var.__index", "ngx.ctx.__index", "ngx.ctx.__newindex"} {
		env.Define(path, nothing)
	}
	env.Define("ngx.HTTP_OK", sandbox.Number(200))
	return env
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ source, want string }{
		"nothing to say":                       {`local s = string.format("%d", 1) print(s, _G, _VERSION, math.pi)`, ""},
		"a syntax error":                       {"local x = 1\nlocal y = = 2", "2:11: unexpected symbol near '=' (fatal)"},
		"a syntax error hides unknown names":   {"foo()\nreturn return", "2:8: unexpected symbol near 'return' (fatal)"},
		"a name with a colon in the message":   {"goto x", "1:1: undefined label 'x' (fatal)"},
		"source over the limit":                {"--" + strings.Repeat("x", 300<<10), "1:1: source of 307202 bytes is over the limit of 262144 (fatal)"},
		"bytecode":                             {"\x1bLua", "1:1: bytecode is not accepted (fatal)"},
		"a misspelt global":                    {"\n  prnit(1)", "2:3: unknown global prnit; did you mean print?"},
		"a misspelt global of the chunk":       {"counter = 0\nreturn countr", "2:8: unknown global countr; did you mean counter?"},
		"a global in the wrong case":           {"return String.len", "1:8: unknown global String; did you mean string?"},
		"a global like no other":               {"return xyzzy_frobnicate", "1:8: unknown global xyzzy_frobnicate"},
		"a global assigned later":              {"function f() return g() end function g() end return f", ""},
		"a global assigned through _G":         {"_G.x = 1 return x, _G.x", ""},
		"a global read through _G":             {"return _G.prnit", "1:11: unknown global prnit; did you mean print?"},
		"a local hides nothing of the outside": {"do local y = 1 end return y", "1:27: unknown global y"},
		"a local is no global":                 {"local foo = 1 return function() return foo end", ""},
		"what Lua has and the sandbox has not": {"loadstring('x')()", "1:1: absent global loadstring: the sandbox does not have it"},
		"a library that is absent":             {"return io.open('x')", "1:8: absent global io: the sandbox does not have it"},
		"what the host does not allow":         {"setmetatable({}, {})", "1:1: absent global setmetatable: the host does not allow it"},
		"a field that the host does not allow": {"return os.date()", "1:11: absent field os.date: the host does not allow it"},
		"a field that the sandbox has not":     {"return string.dump", "1:15: absent field string.dump: the sandbox does not have it"},
		"a misspelt field":                     {"return string.\n  fromat('x')", "2:3: unknown field string.fromat; did you mean string.format?"},
		"a misspelt field in brackets":         {`return string["lenn"]`, "1:15: unknown field string.lenn; did you mean string.len?"},
		"a misspelt field of the host":         {"kong.request.get_heeder('x')", "1:14: unknown field kong.request.get_heeder; did you mean kong.request.get_header?"},
		"a misspelt table of the host":         {"kong.requst.get_header('x')", "1:6: unknown field kong.requst; did you mean kong.request?"},
		"fields of a table with __index":       {"return ngx.var.anything, ngx.var.any.thing", ""},
		"fields that a host lets be assigned":  {"ngx.ctx.user = 1", ""},
		"a field of a read-only table":         {"string.trim = function() end", "1:8: assignment to string.trim: the table is read-only"},
		"a field of a replaced library":        {"string = {} return string.fromat", ""},
		"a computed field":                     {"return string[...]", ""},
		"fields of values":                     {"return ngx.HTTP_OK.x, print.x", ""},
		"several, in the order of the source":  {"return aaaaa,\nprnit, string.x(bbbbb)", "1:8: unknown global aaaaa\n2:1: unknown global prnit; did you mean print?\n2:15: unknown field string.x\n2:17: unknown global bbbbb"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines []string
			for _, p := range sandbox.Check("check", c.source, sandbox.Config{Env: checkEnv()}) {
				l := strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column) + ": " + p.Message
				if p.Fatal {
					l += " (fatal)"
				}
				lines = append(lines, l)
				if !p.Fatal && (!strings.Contains(p.Message, p.Name) || !strings.Contains(p.Message, p.Nearest)) {
					t.Errorf("%+v does not name what it is about", p)
				}
			}
			if got := strings.Join(lines, "\n"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// A hostile chunk gets a short answer.
func TestCheckIsBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 12_000 {
		b.WriteString("unknown_" + strconv.Itoa(i) + "()\n")
	}
	if n := len(sandbox.Check("check", b.String(), sandbox.Config{})); n != 100 {
		t.Errorf("%d problems, want the first 100", n)
	}
}
