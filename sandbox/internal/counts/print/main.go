// Command print writes the lines of package counts. The test of the sandbox
// compiles it to WebAssembly and compares with what the same code gives
// natively.
package main

import (
	"os"
	"strings"

	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/counts"
)

func main() {
	if _, err := os.Stdout.WriteString(strings.Join(counts.Lines(), "\n") + "\n"); err != nil {
		os.Exit(1)
	}
}
