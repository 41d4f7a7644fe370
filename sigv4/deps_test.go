package sigv4

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Importers of the package, and WebAssembly modules above all, pay for what it
// links: no package of the list, and nothing outside the standard library.
func TestDependencies(t *testing.T) {
	t.Parallel()
	// ./credentials and ./sha256 come with it; difftest is another module.
	cmd := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}!{{end}}{{.ImportPath}}", "./...")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	unwanted := map[string]bool{}
	for _, name := range strings.Fields(`fmt reflect encoding/json encoding/xml net net/http net/url regexp math/big
		log log/slog text/template crypto/ecdsa os`) {
		unwanted[name] = true
	}
	seen := false
	for _, name := range strings.Fields(string(out)) {
		own, isOwn := strings.CutPrefix(name, "!")
		switch {
		case unwanted[name]:
			t.Errorf("links %s", name)
		case isOwn && !strings.HasPrefix(own, "github.com/gatehouse-proxy/gatehouse/sigv4"):
			t.Errorf("links %s, which is not of the standard library", own)
		}
		seen = seen || strings.HasSuffix(own, "/sigv4")
	}
	if !seen {
		t.Errorf("the list does not even hold the package: %s", out)
	}
}
