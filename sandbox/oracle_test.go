package sandbox_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-proxy/gatehouse/sandbox"
	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/gen"
	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/oracle"
)

// oracleLimits are wide: what is compared here is the language, not the budgets.
var oracleLimits = sandbox.Limits{Instructions: 200_000_000, Memory: 1 << 30, State: 1 << 30, Depth: 200_000, Coroutines: 10_000}

// runCase runs source as the driver of the recorder runs it in a real engine,
// and returns what it printed, returned or raised, escaped.
func runCase(source string) string {
	var out strings.Builder
	env := sandbox.NewEnv()
	env.AllowAll()
	p, err := sandbox.Compile("case", source, sandbox.Config{
		Limits: oracleLimits,
		Env:    env,
		Print:  func(line string) { out.WriteString(line + "\n") },
		Now:    func() int64 { return 1_700_000_000_000_000_000 },
	})
	var e *sandbox.Error
	if errors.As(err, &e) {
		return oracle.Escape("syntax error: " + e.Message + "\n")
	}
	r, err := p.NewScript().Run(nil)
	if errors.As(err, &e) {
		switch e.Value.Type().String() {
		case "string", "number":
			show(env, &out, "error: ", e.Value)
		default:
			out.WriteString("error object: " + e.Value.Type().String() + "\n")
		}
		if e.Kind != sandbox.Runtime {
			out.WriteString(e.Kind.String() + ": " + e.Message + "\n")
		}
	} else if res := r.Results(); len(res) > 0 {
		show(env, &out, "=>\t", res...)
	}
	return oracle.Escape(out.String())
}

// show writes values as the machine itself prints them.
func show(env *sandbox.Env, out *strings.Builder, prefix string, values ...sandbox.Value) {
	printer, err := sandbox.Compile("show", "print(...)", sandbox.Config{
		Env: env, Print: func(line string) { out.WriteString(prefix + line + "\n") },
	})
	if err == nil {
		_, err = printer.NewScript().Run(nil, values...)
	}
	if err != nil {
		out.WriteString("cannot be shown: " + err.Error() + "\n")
	}
}

// TestOracles runs the hand-written programs and compares with what lua5.1 and
// LuaJIT printed. Where the two differ, testdata/differences.txt must say why.
func TestOracles(t *testing.T) {
	t.Parallel()
	listed, err := oracle.Differences("testdata/differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	own, err := oracle.ReadOut("testdata/own.out")
	if err != nil {
		t.Fatal(err)
	}
	packs, err := oracle.Packs("testdata/oracle")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, path := range packs {
		p, err := oracle.ReadPack(path)
		if err != nil {
			t.Fatal(err)
		}
		outs, err := oracle.ReadOut(oracle.OutPath(path))
		if err != nil {
			t.Fatal(err)
		}
		if len(outs) != len(p.Cases) {
			t.Errorf("%s: %d programs and %d outputs: run the recorder", p.File, len(p.Cases), len(outs))
		}
		for _, c := range p.Cases {
			d, differs := listed[c.ID()]
			used[c.ID()] = true
			t.Run(p.File+"/"+c.Name, func(t *testing.T) {
				t.Parallel()
				o, ok := outs[c.Name]
				if !ok {
					t.Fatal("no recorded output: run the recorder")
				}
				want := o.Want()
				switch {
				case d.Counts == oracle.Own:
					w, ok := own[c.ID()]
					if !ok {
						t.Fatal("own.out has no output for it")
					}
					if w.Text == want {
						t.Error("listed as our own way, yet LuaJIT does the same: remove it from differences.txt")
					}
					want = w.Text
				case o.One && differs:
					t.Error("listed in differences.txt, but the engines agree")
				case !o.One && !differs:
					t.Error("the engines differ: differences.txt must say why")
				case d.Counts == oracle.Lua51:
					want = o.Lua51
				}
				if got := runCase(c.Source); got != want {
					t.Errorf("program:\n%s\ngot:\n%s\nwant:\n%s", c.Source, got, want)
				}
			})
		}
	}
	for id := range listed {
		if !used[id] {
			t.Errorf("differences.txt: %s: no such case", id)
		}
	}
	for id := range own {
		if listed[id].Counts != oracle.Own {
			t.Errorf("own.out: %s: not listed as [own] in differences.txt", id)
		}
	}
}

// TestGeneratedPrograms runs thousands of random programs whose output lua5.1
// and LuaJIT agreed on, and more with LuaJIT's extensions.
func TestGeneratedPrograms(t *testing.T) {
	t.Parallel()
	for file, program := range map[string]func(uint64) string{
		"generated.out":        gen.Program,
		"generated-luajit.out": gen.JIT,
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			compareGenerated(t, file, program)
		})
	}
}

func compareGenerated(t *testing.T, file string, program func(uint64) string) {
	outs, err := oracle.ReadOut(filepath.Join("testdata", "oracle", file))
	if err != nil {
		t.Fatal(err)
	}
	if len(outs) < 900 {
		t.Fatalf("%d programs recorded, want more", len(outs))
	}
	failures := 0
	for _, name := range slices.Sorted(maps.Keys(outs)) {
		var seed uint64
		var hash uint32
		if _, err := fmt.Sscanf(name, "%d %x", &seed, &hash); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		src := program(seed)
		h := fnv.New32a()
		h.Write([]byte(src))
		if h.Sum32() != hash {
			t.Fatalf("program %d is not the one that was recorded: the generator changed, run the recorder with -generated", seed)
		}
		if got := runCase(src); got != outs[name].Text {
			failures++
			if failures <= 5 {
				t.Errorf("program %d (go run ./sandbox/internal/record -show %d):\n%s", seed, seed, firstDifference(got, outs[name].Text))
			}
		}
	}
	if failures > 0 {
		t.Errorf("%d of %d programs differ", failures, len(outs))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := "(end)", "(end)"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return fmt.Sprintf("line %d of the output:\ngot  %q\nwant %q", i+1, a, b)
		}
	}
	return "same"
}
