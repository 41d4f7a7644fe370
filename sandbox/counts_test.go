package sandbox_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/counts"
)

var updateCounts = flag.Bool("update-counts", false, "rewrite testdata/counts.txt")

const countsFile = "testdata/counts.txt"

// TestCounts holds instructions and bytes of fixed programs to recorded
// numbers: a change of them is a change of what scripts may do and belongs in
// the release notes.
func TestCounts(t *testing.T) {
	t.Parallel()
	got := strings.Join(counts.Lines(), "\n") + "\n"
	if *updateCounts {
		if err := os.WriteFile(countsFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(countsFile)
	if err != nil {
		t.Fatal(err)
	}
	compareLines(t, got, string(want))
}

// TestWasmCounts runs the same programs as WebAssembly and wants the same
// numbers, to the last byte.
func TestWasmCounts(t *testing.T) {
	t.Parallel()
	wasm := filepath.Join(t.TempDir(), "print.wasm")
	build := exec.Command("go", "build", "-trimpath", "-o", wasm, "./internal/counts/print")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	code, err := os.ReadFile(wasm)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	rt := wazero.NewRuntime(ctx)
	//nolint:errcheck // the process ends with the test
	defer rt.Close(ctx)
	wasi_snapshot_preview1.MustInstantiate(ctx, rt)
	var out, stderr bytes.Buffer
	_, err = rt.InstantiateWithConfig(ctx, code, wazero.NewModuleConfig().WithStdout(&out).WithStderr(&stderr))
	if err != nil && !strings.Contains(err.Error(), "exit_code(0)") {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	want, err := os.ReadFile(countsFile)
	if err != nil {
		t.Fatal(err)
	}
	compareLines(t, out.String(), string(want))
}

func compareLines(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	if len(g) != len(w) {
		t.Errorf("%d lines, recorded are %d", len(g), len(w))
	}
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Errorf("got  %s\nwant %s", g[i], w[i])
		}
	}
}
