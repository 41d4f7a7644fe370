package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-proxy/gatehouse/sandbox"
	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/attacks"
)

// Each attack runs in a process of its own: this test binary, started again
// with attackVar set to the name of the case. The process may map no more than
// attackSpace bytes beyond what the Go runtime has mapped when it starts (the
// runtime reserves about a gigabyte of address space that it never touches, so
// an absolute limit would say little). An attack that gets memory without
// paying for it ends the process; one that does not end is killed after
// attackTime, of which a well-behaved case needs a few hundredths.
const (
	attackVar   = "GATEHOUSE_SANDBOX_ATTACK"
	attackSpace = 256 << 20
	attackTime  = 20 * time.Second
)

func TestMain(m *testing.M) {
	if name := os.Getenv(attackVar); name != "" {
		if err := attackProcess(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// report is what the process of an attack tells the test.
type report struct {
	End          string // "done" or the kind of the error
	Out          string
	Message      string
	Line         int
	Instructions int64
	Memory       int64 // as charged
	Allocated    int64 // as Go counted it
	Micros       int64
	Again        string // how the second run on the same script ended
	Next         string // what the next, innocent script returned
}

const innocent = `local t = {} for i = 1, 100 do t[i] = i * i end
table.sort(t, function(a, b) return a > b end)
local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return a + b end)
return t[1], ("x"):rep(3), string.format("%05.1f", 2.25 * 2), co(1), co(5), pcall(error, "e", 0), ("a,b"):gsub(",", ";"), #t`

const innocentResult = `10000 xxx 004.5 2 6 false a;b 100`

func attackProcess(name string) error {
	a, ok := attacks.All()[name]
	if !ok {
		return fmt.Errorf("no such attack: %q", name)
	}
	if err := limitSpace(attackSpace); err != nil {
		return err
	}
	debug.SetGCPercent(50)
	var rep report
	env := sandbox.NewEnv()
	if a.Open {
		env.AllowAll()
	}
	cfg := sandbox.Config{Env: env, Now: func() int64 { return 0 }}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	script := runAttack(a, cfg, &rep)
	rep.Micros = time.Since(start).Microseconds()
	runtime.ReadMemStats(&after)
	rep.Allocated = int64(after.TotalAlloc - before.TotalAlloc)
	if script != nil {
		_, err := script.Run(nil)
		rep.Again = endOf(err)
	}
	p, err := sandbox.Compile("innocent", innocent, cfg)
	if err != nil {
		return err
	}
	r, err := p.NewScript().Run(nil)
	if err != nil {
		return fmt.Errorf("the next script failed: %w", err)
	}
	rep.Next = texts(r.Results())
	return json.NewEncoder(os.Stdout).Encode(rep)
}

func runAttack(a attacks.Attack, cfg sandbox.Config, rep *report) *sandbox.Script {
	p, err := sandbox.Compile("attack", a.Source(), cfg)
	var script *sandbox.Script
	if err == nil {
		script = p.NewScript()
		var r *sandbox.Run
		r, err = script.Run(nil)
		st := r.Stats()
		rep.Instructions, rep.Memory = st.Instructions, st.Memory
		rep.Out = texts(r.Results())
	}
	rep.End = endOf(err)
	var e *sandbox.Error
	if errors.As(err, &e) {
		rep.Message, rep.Line = e.Message, e.Line
	}
	return script
}

func endOf(err error) string {
	if err == nil {
		return "done"
	}
	var e *sandbox.Error
	if errors.As(err, &e) {
		return e.Kind.String()
	}
	return "foreign error " + err.Error()
}

func texts(values []sandbox.Value) string {
	var s []string
	for _, v := range values {
		n, isNumber := v.AsNumber()
		t, isString := v.AsString()
		b, isBool := v.AsBool()
		switch {
		case isNumber:
			s = append(s, strconv.FormatFloat(n, 'g', -1, 64))
		case isString && len(t) > 200:
			s = append(s, t[:200]+"...")
		case isString:
			s = append(s, t)
		case isBool:
			s = append(s, strconv.FormatBool(b))
		default:
			s = append(s, v.Type().String())
		}
	}
	return strings.Join(s, " ")
}

// limitSpace bounds the address space of this process to what it has now and more.
func limitSpace(more uint64) error {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return err
	}
	pages, err := strconv.ParseUint(strings.Fields(string(statm))[0], 10, 64)
	if err != nil {
		return err
	}
	limit := pages*uint64(os.Getpagesize()) + more
	return syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: limit, Max: limit})
}

// TestAttacks starts every attack and checks how it ended, that it stayed in
// its budgets, that Go allocated about what was charged, and that the machine
// then runs an innocent script.
func TestAttacks(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Fatal("the address-space limit needs Linux: run the tests there or in a container")
	}
	all := attacks.All()
	if len(all) < 120 {
		t.Errorf("%d attacks, want at least 120", len(all))
	}
	limits := sandbox.DefaultLimits()
	for name, a := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rep, err := startAttack(name)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %s in %d us, %d instructions, %d bytes charged, %d allocated; then %s; %q", rep.End, rep.Out, rep.Micros, rep.Instructions, rep.Memory, rep.Allocated, rep.Again, rep.Message)
			if !a.MayEnd(rep.End) {
				t.Errorf("ended as %s (%s), want %s", rep.End, rep.Message, a.Want())
			}
			if rep.Again != "" && !a.MayEnd(rep.Again) {
				t.Errorf("the second run ended as %s, want %s", rep.Again, a.Want())
			}
			if rep.End == "done" && a.Out != "" && rep.Out != a.Out {
				t.Errorf("returned %q, want %q", rep.Out, a.Out)
			}
			if rep.Next != innocentResult {
				t.Errorf("the next script returned %q, want %q", rep.Next, innocentResult)
			}
			if rep.Instructions > limits.Instructions || rep.Memory > limits.Memory {
				t.Errorf("%d instructions and %d bytes, limits are %d and %d", rep.Instructions, rep.Memory, limits.Instructions, limits.Memory)
			}
			// A slice that grows is allocated about twice over; the compiler and
			// the state of the script are not part of a run's charge.
			if most := 3*rep.Memory + 24<<20; rep.Allocated > most {
				t.Errorf("Go allocated %d bytes for %d charged", rep.Allocated, rep.Memory)
			}
			if (rep.End == "instructions" || rep.End == "memory") && (rep.Line <= 0 || !strings.Contains(rep.Message, "attack:")) {
				t.Errorf("the overrun does not say where: line %d, %q", rep.Line, rep.Message)
			}
		})
	}
}

func startAttack(name string) (report, error) {
	var rep report
	self, err := os.Executable()
	if err != nil {
		return rep, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), attackTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), attackVar+"="+name, "GOMAXPROCS=1")
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		text := stderr.String()
		if len(text) > 1500 {
			text = text[:1500]
		}
		return rep, fmt.Errorf("the process died (%w): %s", err, text)
	}
	return rep, json.Unmarshal(out.Bytes(), &rep)
}
