package sandbox_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Each package of this list is paid for in the size of every module that links
// the sandbox. One more is a decision, not an accident.
var direct = []string{"errors", "hash/maphash", "math", "math/bits", "slices", "sort", "strconv", "strings", "unicode/utf8", "unsafe"}

// heavy are packages that must not come in by way of others either.
var heavy = []string{
	"context", "crypto/ecdsa", "encoding/json", "encoding/xml", "fmt", "log", "log/slog", "math/big", "math/rand",
	"net/http", "net/url", "os", "reflect", "regexp", "sync/errgroup", "syscall", "text/template", "time", "unicode",
}

func goList(t *testing.T, format string, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-f", format}, args...)...)
	cmd.Env = append(cmd.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

func TestDeps(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "{{range .Imports}}{{.}} {{end}}", ".") {
		if !slices.Contains(direct, p) {
			t.Errorf("imports %s", p)
		}
	}
	deps := goList(t, "{{.ImportPath}}", "-deps", ".")
	if len(deps) < 10 {
		t.Fatalf("go list -deps knows only %v", deps)
	}
	for _, p := range deps {
		// strings and strconv bring unicode's tables, of which the linker keeps
		// what is used.
		if slices.Contains(heavy, p) && p != "unicode" {
			t.Errorf("depends on %s", p)
		}
	}
}

// The package starts no goroutine and selects on nothing: a Wasm module has one
// thread, and a script must end with its run.
func TestNoGoroutines(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("grep", "-nE", `^\s*(go [a-z(]|select \{)|chan `, "--include=*.go", "--exclude=*_test.go", "-r", ".", "--exclude-dir=internal").Output()
	if err == nil {
		t.Errorf("found:\n%s", out)
	}
}
