package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/all"
	"github.com/gatehouse-proxy/gatehouse/internal/golden"
)

// environment is that of all cases.
func environment(name string) (string, bool) {
	v, ok := map[string]string{"KEY": "s3cret-do-not-show", "EMPTY": ""}[name]
	return v, ok
}

// TestCommand runs testdata/run/*.txt: the arguments in the first line, standard
// input below; a line of ten dashes; then the exit status, standard output and
// what went to standard error.
func TestCommand(t *testing.T) {
	t.Parallel()
	golden.Cases(t, "testdata/run", ".txt", func(t *testing.T, input string) string {
		line, in, _ := strings.Cut(input, "\n")
		args, ok := strings.CutPrefix(line, "gatehouse")
		if !ok {
			t.Fatalf("the first line is no command: %s", line)
		}
		var out, err strings.Builder
		code := run(strings.Fields(args), stdio{strings.NewReader(in), &out, &err, environment})
		all := "exit " + strconv.Itoa(code) + "\n" + out.String()
		if err.Len() > 0 {
			all += "--- standard error\n" + err.String()
		}
		if strings.Contains(all, "s3cret") {
			t.Error("a secret is shown")
		}
		return all
	})
}

// Whatever the sample, what schema prints is what the repository has.
func TestSchemaPrintsTheFiles(t *testing.T) {
	t.Parallel()
	for _, name := range all.Names() {
		for args, file := range map[string]string{
			"schema " + name:                   "../../filters/" + name + "/schema.json",
			"schema " + name + " --wrap istio": "../../envoy/schema/" + name + ".istio.json",
			"schema --wrap=gateway " + name:    "../../envoy/schema/" + name + ".gateway.json",
		} {
			var out, err strings.Builder
			if code := run(strings.Fields(args), stdio{nil, &out, &err, nil}); code != exitOK {
				t.Errorf("%s: exit %d: %s", args, code, err.String())
			}
			golden.File(t, file, []byte(out.String()))
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	var out, err strings.Builder
	code := run([]string{"version"}, stdio{nil, &out, &err, nil})
	number, _ := all.Version()
	if code != exitOK || !strings.HasPrefix(out.String(), "gatehouse "+number) || err.Len() > 0 {
		t.Errorf("exit %d, %q, %q", code, out.String(), err.String())
	}
}

func TestHelpNamesEveryCommandAndFilter(t *testing.T) {
	t.Parallel()
	var out, err strings.Builder
	if code := run([]string{"help"}, stdio{nil, &out, &err, nil}); code != exitOK {
		t.Errorf("exit %d", code)
	}
	for _, c := range commands {
		if !strings.Contains(out.String(), c.name+" ") {
			t.Errorf("help does not name %s", c.name)
		}
		var usage strings.Builder
		if code := run([]string{c.name, "-h"}, stdio{nil, &usage, &err, nil}); code != exitOK || !strings.HasPrefix(usage.String(), "usage: gatehouse "+c.name) {
			t.Errorf("%s -h: exit %d, %q", c.name, code, usage.String())
		}
	}
	for _, name := range all.Names() {
		if !strings.Contains(out.String(), name) {
			t.Errorf("help does not name %s", name)
		}
	}
}
