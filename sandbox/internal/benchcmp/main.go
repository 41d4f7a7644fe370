// Command benchcmp times the programs of sandbox/testdata/bench on our machine,
// gopher-lua, lua5.1, luajit, luajit without its compiler, and our machine
// inside a real Envoy where there is one. Run by `make bench-sandbox`.
//
// Every round runs every engine once, so that the noise of the machine meets
// all alike. It prints a Markdown table: median of the rounds, and in brackets
// how far the fastest and slowest are from it.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/gatehouse-proxy/gatehouse/sandbox"
	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/envoyprobe"
)

// driver runs a program for a time in an engine of its own and prints
// nanoseconds a run.
const driver = `local path, least = arg[1], tonumber(arg[2])
local f = assert(loadfile(path))
local r = f()
if type(r) == "function" then f = r end
local n, t0 = 0, os.clock()
repeat f() n = n + 1 local t = os.clock() - t0 until t >= least
print(string.format("%.0f", (os.clock() - t0) / n * 1e9))`

type engine struct {
	name string
	run  func(program string) (time.Duration, error) // one run, averaged
}

func main() {
	rounds := flag.Int("rounds", 9, "rounds; the median counts")
	least := flag.Duration("time", 150*time.Millisecond, "how long an engine runs a program in one round")
	root := flag.String("root", "../../..", "root of the repository")
	flag.Parse()
	if err := bench(*root, *rounds, *least); err != nil {
		fmt.Fprintln(os.Stderr, "benchcmp:", err)
		os.Exit(1)
	}
}

func bench(root string, rounds int, least time.Duration) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(root, "sandbox", "testdata", "bench", "*.lua"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("%s/sandbox/testdata/bench: no programs", root)
	}
	sources := map[string]string{}
	for _, p := range paths {
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		sources[p] = string(src)
	}
	instructions := map[string]int64{}
	for _, p := range paths {
		r, err := ours(sources[p])
		if err != nil {
			return err
		}
		if _, err := r.once(); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		n, err := r.once()
		if err != nil {
			return err
		}
		instructions[p] = n
	}
	file, err := os.CreateTemp("", "driver*.lua")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(driver); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	process := func(args ...string) func(string) (time.Duration, error) {
		return func(p string) (time.Duration, error) {
			cmd := exec.Command(args[0], append(args[1:], file.Name(), p, strconv.FormatFloat(least.Seconds(), 'f', -1, 64))...)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				return 0, fmt.Errorf("%s: %s: %w", args[0], p, err)
			}
			n, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
			return time.Duration(n), err
		}
	}
	engines := []engine{
		{"sandbox", func(p string) (time.Duration, error) {
			r, err := ours(sources[p])
			if err != nil {
				return 0, err
			}
			return timed(least, func() error { _, err := r.once(); return err })
		}},
		{"gopher-lua", func(p string) (time.Duration, error) { return gopher(sources[p], least) }},
		{"lua5.1", process("lua5.1")},
		{"luajit -joff", process("luajit", "-joff")},
		{"luajit", process("luajit")},
	}
	if e, err := inEnvoy(root, sources, least); err == nil {
		defer e.probe.Close()
		engines = append([]engine{engines[0], {"sandbox in Envoy", e.run}}, engines[1:]...)
	} else {
		fmt.Fprintln(os.Stderr, "without the column \"in Envoy\":", err)
	}

	times := map[string]map[string][]float64{}
	for _, p := range paths {
		times[p] = map[string][]float64{}
	}
	for range rounds {
		for _, p := range paths {
			for _, e := range engines {
				d, err := e.run(p)
				if err != nil {
					return err
				}
				times[p][e.name] = append(times[p][e.name], float64(d))
			}
		}
	}
	load := "unknown"
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ = strings.Cut(string(text), " ")
	}
	fmt.Printf("# Speed of the sandbox\n\nWritten by `make bench-sandbox` from the programs in `testdata/bench`. %d CPUs, load %s at the end: where the load is over the number of CPUs, absolute figures are too high, and columns compare only where their spread is small. The column of Envoy is there when $ENVOY names its binary; it is wall time, the others are processor time. Bounds: 6 ns natively and 25 ns in Envoy for each instruction of the machine itself (fib, loops); library work is dearer than an instruction and charged by its amount.\n\n", runtime.NumCPU(), load)
	fmt.Printf("Nanoseconds per instruction of our machine (median of %d rounds, spread in %%).\n\n| program | instructions |", rounds)
	for _, e := range engines {
		fmt.Printf(" %s |", e.name)
	}
	fmt.Print("\n| --- | ---: |", strings.Repeat(" ---: |", len(engines)), "\n")
	for _, p := range paths {
		n := instructions[p]
		fmt.Printf("| %s | %d |", strings.TrimSuffix(filepath.Base(p), ".lua"), n)
		for _, e := range engines {
			t := times[p][e.name]
			sort.Float64s(t)
			m := t[len(t)/2]
			fmt.Printf(" %.2f (%+.0f %+.0f) |", m/float64(n), (t[0]/m-1)*100, (t[len(t)-1]/m-1)*100)
		}
		fmt.Println()
	}
	return nil
}

// cpu is the processor time of this process, as os.clock is for the engines
// that run in processes of their own: what else the machine does counts less.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// timed repeats f for at least a time and returns the time of one.
func timed(least time.Duration, f func() error) (time.Duration, error) {
	start := cpu()
	for n := 1; ; n++ {
		if err := f(); err != nil {
			return 0, err
		}
		if d := cpu() - start; d >= least {
			return d / time.Duration(n), nil
		}
	}
}

const budget = 1 << 40

type script struct{ s *sandbox.Script }

func ours(src string) (script, error) {
	env := sandbox.NewEnv()
	env.AllowAll()
	start := time.Now()
	p, err := sandbox.Compile("bench", src, sandbox.Config{
		Env: env, Limits: sandbox.Limits{Instructions: budget, Memory: budget, State: budget},
		Now: func() int64 { return int64(time.Since(start)) },
	})
	if err != nil {
		return script{}, err
	}
	return script{p.NewScript()}, nil
}

func (s script) once() (int64, error) {
	r, err := s.s.Run(nil)
	n := r.Stats().Instructions
	r.Close()
	return n, err
}

func gopher(src string, least time.Duration) (time.Duration, error) {
	l := lua.NewState()
	defer l.Close()
	f, err := l.LoadString(src)
	if err != nil {
		return 0, err
	}
	call := func() error { return l.CallByParam(lua.P{Fn: f, NRet: 1, Protect: true}) }
	if err := call(); err != nil {
		return 0, err
	}
	if g, ok := l.Get(-1).(*lua.LFunction); ok {
		f = g
	}
	l.SetTop(0)
	return timed(least, func() error { err := call(); l.SetTop(0); return err })
}

type envoyEngine struct {
	probe *envoyprobe.Probe
	least time.Duration
	times map[string]int
}

func inEnvoy(root string, sources map[string]string, least time.Duration) (*envoyEngine, error) {
	programs := map[string]string{}
	for p, src := range sources {
		programs[filepath.Base(p)] = src
	}
	probe, err := envoyprobe.Start(root, programs)
	if err != nil {
		return nil, err
	}
	return &envoyEngine{probe, least, map[string]int{}}, nil
}

func (e *envoyEngine) run(p string) (time.Duration, error) {
	name := filepath.Base(p)
	if e.times[name] == 0 {
		a, err := e.probe.Run(name, 1, budget, budget)
		if err != nil {
			return 0, err
		}
		e.times[name] = 1 + int(e.least/max(a.Took, time.Microsecond))
	}
	a, err := e.probe.Run(name, e.times[name], budget, budget)
	if err != nil {
		return 0, err
	}
	if !strings.HasPrefix(a.Text, "done") {
		return 0, fmt.Errorf("%s in Envoy: %s", name, a.Text)
	}
	return a.Took / time.Duration(e.times[name]), nil
}
