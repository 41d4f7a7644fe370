package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Root returns the folder of the project: the nearest one above the working
// directory that holds go.mod.
var Root = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d
		}
		if d == filepath.Dir(d) {
			panic("no go.mod in " + dir + " or above: run inside the project")
		}
	}
})

// Module returns the path of a compiled module of dist/.
func Module(name string) (string, error) {
	path := filepath.Join(Root(), "dist", name+".wasm")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("dist/%s.wasm is missing: run make build", name)
	}
	return path, nil
}
