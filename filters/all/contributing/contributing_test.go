// Package contributing holds CONTRIBUTING.md to its word.
package contributing

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../../.."

// TestAddAFilter takes the steps of "Add a filter", as they are written, in a
// copy of the module: the new filter must build, fulfil every rule, and be known
// to the command. It is a package of its own, as "make generate", one of the
// steps, runs the tests of the packages around it.
func TestAddAFilter(t *testing.T) {
	t.Parallel()
	const name = "tenantcheck"
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	steps := regexp.MustCompile("(?s)\n## Add a filter\n.*?\n```sh\n(name=" + name + " .*?)```\n").FindSubmatch(text)
	if steps == nil {
		t.Fatal("CONTRIBUTING.md has no steps under \"Add a filter\"")
	}
	dir := clone(t)
	run := func(env []string, command string, args ...string) {
		t.Helper()
		cmd := exec.Command(command, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), append(env, "GOFLAGS=-buildvcs=false", "GOWORK="+filepath.Join(dir, "go.work"))...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v\n%s", command, strings.Join(args, " "), err, out)
		}
	}
	run(nil, "sh", "-euc", string(steps[1]))
	run(nil, "go", "build", "./filters/...", "./cmd/gatehouse")
	run([]string{"GOOS=wasip1", "GOARCH=wasm"}, "go", "build", "-buildmode=c-shared", "-o", filepath.Join(dir, "dist")+"/", "./build/wasm/"+name)
	run(nil, "go", "vet", "./filters/"+name, "./filters/all", "./build/wasm/...", "./e2e")
	run(nil, "go", "test", "-skip", "^TestWasm", "./filters/"+name, "./filters/all", "./cmd/gatehouse")
	run(nil, "go", "run", "./cmd/gatehouse", "validate", "--env-placeholder", name, "envoy/"+name+"/envoy.yaml")
}

// clone copies the module without what is built or installed.
func clone(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if slices.Contains([]string{".git", ".cache", "dist"}, e.Name()) {
			continue
		}
		from, to := filepath.Join(root, e.Name()), filepath.Join(dir, e.Name())
		if e.IsDir() {
			err = os.CopyFS(to, os.DirFS(from))
		} else {
			var b []byte
			if b, err = os.ReadFile(from); err == nil {
				err = os.WriteFile(to, b, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
