package main

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/all"
	"github.com/gatehouse-proxy/gatehouse/filters/all/golden"
)

// environment is that of all cases.
func environment(name string) (string, bool) {
	v, ok := map[string]string{"KEY": "s3cret-do-not-show", "EMPTY": ""}[name]
	return v, ok
}

func execute(args []string, in string) (code int, out, err string) {
	var stdout, stderr strings.Builder
	code = run(args, stdio{strings.NewReader(in), &printer{w: &stdout}, &printer{w: &stderr}, environment})
	return code, stdout.String(), stderr.String()
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
		code, out, err := execute(strings.Fields(args), in)
		all := "exit " + strconv.Itoa(code) + "\n" + out
		if err != "" {
			all += "--- standard error\n" + err
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
			code, out, err := execute(strings.Fields(args), "")
			if code != exitOK {
				t.Errorf("%s: exit %d: %s", args, code, err)
			}
			golden.File(t, file, []byte(out))
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	code, out, err := execute([]string{"version"}, "")
	number, _ := all.Version()
	if code != exitOK || !strings.HasPrefix(out, "gatehouse "+number) || err != "" {
		t.Errorf("exit %d, %q, %q", code, out, err)
	}
}

func TestHelpNamesEveryCommandAndFilter(t *testing.T) {
	t.Parallel()
	code, out, _ := execute([]string{"help"}, "")
	if code != exitOK {
		t.Errorf("exit %d", code)
	}
	for _, c := range commands {
		if !strings.Contains(out, c.name+" ") {
			t.Errorf("help does not name %s", c.name)
		}
		code, usage, _ := execute([]string{c.name, "-h"}, "")
		if code != exitOK || !strings.HasPrefix(usage, "usage: gatehouse "+c.name) {
			t.Errorf("%s -h: exit %d, %q", c.name, code, usage)
		}
	}
	for _, name := range all.Names() {
		if !strings.Contains(out, name) {
			t.Errorf("help does not name %s", name)
		}
	}
}

func TestPrinterRemembersFailure(t *testing.T) {
	t.Parallel()
	p := &printer{w: full{}}
	p.printf("x")
	if p.err == nil {
		t.Error("a failed write is forgotten")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }
