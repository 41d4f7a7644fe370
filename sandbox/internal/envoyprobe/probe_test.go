//go:build envoy

package envoyprobe

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-proxy/gatehouse/sandbox"
	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/attacks"
	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/gen"
)

const sum = "sum"

// TestAttacksInEnvoy runs every attack in one Wasm VM of a real Envoy, one
// after the other. V8's stack ends far earlier than Go's own: a depth cap that
// is too wide ends the VM, which then answers 503 for ever, and that fails all
// that follow.
func TestAttacksInEnvoy(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	programs := map[string]string{sum: `local s = 0 for i = 1, 1000 do s = s + i end return s`}
	for name, a := range attacks.All() {
		programs[name] = a.Source()
	}
	for _, seed := range []string{"a", "b"} {
		programs["generated "+seed] = gen.JIT(uint64(seed[0]))
	}
	p, err := Start(root, programs)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	limits := sandbox.DefaultLimits()
	for name, a := range attacks.All() {
		got, err := p.Run(name, 1, 0, 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		end, _, _ := strings.Cut(got.Text, " ")
		// The probe opens all libraries, so that attacks which look for absent
		// names find them; how those end is the native test's to judge.
		if !a.MayEnd(end) && end == "internal" {
			t.Errorf("%s: ended as %s, want %s", name, got.Text, a.Want())
		}
		if got.Instructions > limits.Instructions || got.Memory > limits.Memory {
			t.Errorf("%s: %d instructions and %d bytes", name, got.Instructions, got.Memory)
		}
		t.Logf("%8d us %8d instructions %9d bytes %s: %.80s", got.Took.Microseconds(), got.Instructions, got.Memory, name, got.Text)
	}
	got, err := p.Run(sum, 1, 0, 0)
	if err != nil || got.Text != "done 500500" {
		t.Errorf("after the attacks: %+v, %v", got, err)
	}
}
