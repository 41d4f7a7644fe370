// Package golden compares what tests make with files, and rewrites the files
// when the tests run with -update (make generate).
package golden

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden and generated files")

// Update tells whether files are to be rewritten.
func Update() bool { return *update }

// File compares got with a whole file.
func File(t *testing.T, path string, got []byte) {
	t.Helper()
	if err := check(path, got, *update); err != nil {
		t.Error(err)
	}
}

func check(path string, got []byte, update bool) error {
	want, err := os.ReadFile(path)
	if err == nil && bytes.Equal(got, want) {
		return nil
	}
	if update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, got, 0o644)
	}
	if err != nil {
		return fmt.Errorf("%w; make it with -update", err)
	}
	return fmt.Errorf("%s is not fresh; rewrite it with -update\n%s", path, firstDifference(string(got), string(want)))
}

// Separator stands between input and output in the files of Cases.
const Separator = "\n----------\n"

// Cases runs each file of a folder: what stands above the Separator is the
// input, what stands below is the output. At least one file must be there.
func Cases(t *testing.T, dir, ext string, run func(t *testing.T, input string) (output string)) {
	t.Helper()
	for _, file := range files(t, dir, ext) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ext), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, _, found := strings.Cut(string(text), Separator)
			if !found && !*update {
				t.Fatalf("%s has no line of ten dashes", file)
			}
			input = strings.TrimSuffix(input, "\n")
			output := strings.TrimRight(run(t, input), "\n") + "\n"
			File(t, file, []byte(input+Separator+output))
		})
	}
}

// Inputs returns what stands above the Separator in each file of a folder.
func Inputs(t testing.TB, dir, ext string) []string {
	t.Helper()
	var inputs []string
	for _, file := range files(t, dir, ext) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		input, _, _ := strings.Cut(string(text), Separator)
		inputs = append(inputs, input)
	}
	return inputs
}

func files(t testing.TB, dir, ext string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"+ext))
	if err != nil || len(list) == 0 {
		t.Fatalf("no cases in %s (%v)", dir, err)
	}
	return list
}

// firstDifference shows where two texts part.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		gl, wl := "(end)", "(end)"
		if i < len(g) {
			gl = g[i]
		}
		if i < len(w) {
			wl = w[i]
		}
		if gl != wl {
			return " got: " + gl + "\nwant: " + wl
		}
	}
	return ""
}
