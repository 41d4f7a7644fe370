package hosttest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const goldenRule = "\n----------\n"

// Configurations loads each testdata/config/*.txt of the calling package: a
// configuration, a rule of ten dashes, and "accepted" or the exact error. The
// environment variable KEY is set to "s3cret", which no error may show.
func Configurations(t *testing.T, load func([]byte, filter.Host) (filter.Filter, error)) {
	t.Helper()
	files, err := filepath.Glob("testdata/config/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata/config (%v)", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(text), goldenRule)
			host := NewHost()
			host.Environment = map[string]string{"KEY": "s3cret", "EMPTY": ""}
			got := "accepted"
			if _, err := load([]byte(input), host); err != nil {
				got = err.Error()
			}
			if strings.Contains(got, "s3cret") {
				t.Errorf("the error shows a secret: %s", got)
			}
			if *update {
				if err := os.WriteFile(file, []byte(input+goldenRule+got+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != strings.TrimSuffix(want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
