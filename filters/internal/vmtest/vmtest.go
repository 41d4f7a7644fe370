// Package vmtest runs a plugin under the SDK's host emulator, once as Go and
// once as the compiled module under wazero. Compiling a module takes seconds, so
// a package makes one VM and all its exchanges share it.
package vmtest

import (
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/proxytest"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/host"
)

// Run calls test with a VM of the plugin in Go and one of dist/<module>. The
// emulator is global, so its subtests do not run in parallel.
func Run(t *testing.T, p filter.Plugin, module string, test func(t *testing.T, vm types.VMContext)) {
	t.Helper()
	// The emulator prints callout headers, tokens included.
	log.SetOutput(io.Discard)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	t.Run("go", func(t *testing.T) { test(t, host.NewVM(p)) })
	t.Run("wasm", func(t *testing.T) {
		path := filepath.Join(root(), "dist", module)
		code, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("no module (run: make build): %v", err)
		}
		vm, err := proxytest.NewWasmVMContext(code)
		if err != nil {
			t.Fatalf("load %s: %v", path, err)
		}
		t.Cleanup(func() { vm.Close() })
		test(t, vm)
	})
}

// Start starts the plugin with a configuration.
func Start(t *testing.T, vm types.VMContext, config string) (proxytest.HostEmulator, types.OnPluginStartStatus) {
	t.Helper()
	opt := proxytest.NewEmulatorOption().WithVMContext(vm).WithPluginConfiguration([]byte(config))
	emulator, reset := proxytest.NewHostEmulator(opt)
	t.Cleanup(reset)
	return emulator, emulator.StartPlugin()
}

func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}
