package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "file.txt")
	if err := check(path, []byte("a\nb\n"), false); err == nil || !strings.Contains(err.Error(), "make it with -update") {
		t.Errorf("a missing file: %v", err)
	}
	if err := check(path, []byte("a\nb\n"), true); err != nil {
		t.Errorf("making it: %v", err)
	}
	if err := check(path, []byte("a\nb\n"), false); err != nil {
		t.Errorf("the same text: %v", err)
	}
	for name, test := range map[string]struct{ got, report string }{
		"another line":      {"a\nc\n", " got: c\nwant: b"},
		"a line more":       {"a\nb\nc\n", " got: c\nwant: \n"},
		"a line less":       {"a\n", " got: \nwant: b"},
		"no end of line":    {"a\nb", " got: (end)\nwant: "},
		"nothing":           {"", " got: \nwant: a"},
		"another last byte": {"a\nb\r\n", " got: b\r\nwant: b"},
	} {
		err := check(path, []byte(test.got), false)
		if err == nil || !strings.Contains(err.Error()+"\n", test.report) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "a\nb\n" {
		t.Errorf("the file was changed without -update: %q, %v", text, err)
	}
}
