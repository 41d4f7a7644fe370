//go:build differential

package sandbox_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/gen"
	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/oracle"
)

// TestDifferential runs programs that nobody has seen before here and in
// LuaJIT, and compares. It is behind a build tag since it needs luajit and
// takes its time:
//
//	make differential-sandbox                    # one minute, fresh seeds
//	make differential-sandbox SEED=7 PROGRAMS=1000
//
// A program that differs is kept in testdata/failed and named.
func TestDifferential(t *testing.T) {
	luajit, err := exec.LookPath("luajit")
	if err != nil {
		t.Fatal("luajit is not on the PATH; on Debian: apt-get install luajit")
	}
	seed := uint64(envInt(t, "SEED", int(rand.Uint32())))
	most := envInt(t, "PROGRAMS", 1<<30)
	deadline := time.Now().Add(time.Duration(envInt(t, "SECONDS", 60)) * time.Second)
	dir := t.TempDir()
	driver := filepath.Join("internal", "record", "driver.lua")
	file := filepath.Join(dir, "case.lua")
	n, failed := 0, 0
	for ; n < most && time.Now().Before(deadline) && failed < 10; n++ {
		s := seed + uint64(n)
		src := gen.Program(s)
		if n%2 == 1 {
			src = gen.JIT(s)
		}
		if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		var out, stderr bytes.Buffer
		cmd := exec.CommandContext(ctx, luajit, "-joff", driver, file)
		cmd.Stdout, cmd.Stderr = &out, &stderr
		err := cmd.Run()
		cancel()
		if err != nil {
			t.Fatalf("seed %d: luajit: %v: %s", s, err, stderr.Bytes())
		}
		want := oracle.Escape(out.String())
		if got := runCase(src); got != want {
			failed++
			keep := filepath.Join("testdata", "failed", strconv.FormatUint(s, 10)+".lua")
			if err := os.MkdirAll(filepath.Dir(keep), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(keep, []byte(src), 0o644); err != nil {
				t.Fatal(err)
			}
			t.Errorf("seed %d, kept as %s:\n%s", s, keep, firstDifference(got, want))
		}
	}
	t.Logf("%d programs from seed %d", n, seed)
}

func envInt(t *testing.T, name string, def int) int {
	s := os.Getenv(name)
	if s == "" {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: want a number, got %q", name, s)
	}
	return n
}
