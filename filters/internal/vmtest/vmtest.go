// Package vmtest runs a plugin under the SDK's host emulator, once as Go and
// once as the compiled module under wazero. Compiling a module takes seconds, so
// a package makes one VM and all its exchanges share it.
package vmtest

import (
	"bytes"
	"encoding/binary"
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/proxytest"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/host"
)

// VM is what Run gives and Start takes.
type VM = types.VMContext

// Host is the emulated Envoy.
type Host = proxytest.HostEmulator

// PluginContext is the context of callouts that no request has made.
const PluginContext = proxytest.PluginContextID

// Run calls test with a VM of the plugin in Go and one of dist/<module>. The
// emulator is global, so its subtests do not run in parallel.
func Run(t *testing.T, p filter.Plugin, module string, test func(t *testing.T, vm VM)) {
	t.Helper()
	// The emulator prints callout headers, tokens included.
	log.SetOutput(io.Discard)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	t.Run("go", func(t *testing.T) { test(t, host.NewVM(p)) })
	t.Run("wasm", func(t *testing.T) {
		vm, err := proxytest.NewWasmVMContext(endsByLog(t, Code(t, "dist/"+module)))
		if err != nil {
			t.Fatalf("load %s: %v", module, err)
		}
		t.Cleanup(func() { vm.Close() })
		test(t, vm)
	})
}

// Start starts the plugin with a configuration; ok is false if it was refused.
func Start(t *testing.T, vm VM, config string) (h Host, ok bool) {
	t.Helper()
	opt := proxytest.NewEmulatorOption().WithVMContext(vm).WithPluginConfiguration([]byte(config))
	emulator, reset := proxytest.NewHostEmulator(opt)
	t.Cleanup(reset)
	return emulator, emulator.StartPlugin() == types.OnPluginStartStatusOK
}

// GoesOn reports that a request is on its way, neither held nor answered.
func GoesOn(h Host, id uint32) bool {
	return h.GetSentLocalResponse(id) == nil && h.GetCurrentHttpStreamAction(id) == types.ActionContinue
}

// endsByLog gives proxy_on_delete the name proxy_on_log, by which alone the
// emulator tells a module that a stream has ended.
func endsByLog(t *testing.T, module []byte) []byte {
	t.Helper()
	const (
		exports = 7 // the section's number (WebAssembly 5.5.10)
		deleted = "\x0fproxy_on_delete\x00"
		logged  = "\x0cproxy_on_log\x00"
	)
	for at := 8; at < len(module); {
		size, n := binary.Uvarint(module[at+1:])
		start := at + 1 + n
		end := start + int(size)
		if module[at] == exports {
			body := bytes.Replace(module[start:end], []byte(deleted), []byte(logged), 1)
			if len(body) == end-start {
				t.Fatal("the module does not export proxy_on_delete")
			}
			return slices.Concat(module[:at+1], binary.AppendUvarint(nil, uint64(len(body))), body, module[end:])
		}
		at = end
	}
	t.Fatal("the module exports nothing")
	return nil
}

// Code reads a compiled module, by its path in the project.
func Code(t *testing.T, module string) []byte {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	code, err := os.ReadFile(filepath.Join(filepath.Dir(file), "..", "..", "..", module))
	if err != nil {
		t.Fatalf("no module (run: make build): %v", err)
	}
	return code
}
