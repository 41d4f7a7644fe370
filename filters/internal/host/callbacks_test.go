package host_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/vmtest"
)

// silentEnvoy is a module whose calls are all answered with "ok" and nothing else.
type silentEnvoy struct {
	api.Module
	t *testing.T
}

func (e silentEnvoy) call(name string, args ...uint64) []uint64 {
	e.t.Helper()
	f := e.ExportedFunction(name)
	if f == nil {
		e.t.Fatalf("%s is not exported", name)
	}
	res, err := f.Call(context.Background(), args...)
	if err != nil {
		e.t.Fatalf("%s%v ended the VM: %v", name, args, err)
	}
	return res
}

func startSilent(t *testing.T, module string) silentEnvoy {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	t.Cleanup(func() { _ = r.Close(ctx) })
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	compiled, err := r.CompileModule(ctx, vmtest.Code(t, module))
	if err != nil {
		t.Fatal(err)
	}
	env := r.NewHostModuleBuilder("env")
	for _, f := range compiled.ImportedFunctions() {
		if from, name, _ := f.Import(); from == "env" {
			env.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
				if len(stack) > 0 {
					stack[0] = 0
				}
			}), f.ParamTypes(), f.ResultTypes()).Export(name)
		}
	}
	if _, err := env.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	m, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithStartFunctions("_initialize").WithStderr(os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	return silentEnvoy{m, t}
}

const pause = 1 // types.ActionPause

// TestWasmUnknownStreams: a number that nobody knows ends no VM (with the SDK's
// callbacks it would), and holds what it is about. Numbers of streams come back.
func TestWasmUnknownStreams(t *testing.T) {
	e := startSilent(t, "dist/test/probe.wasm")
	for name := range e.ExportedFunctionDefinitions() {
		if strings.HasPrefix(name, "gatehouse_") || name == "proxy_on_log" {
			t.Errorf("%s is exported", name)
		}
	}
	const plugin, stream, other = 1, 2, 77
	e.call("proxy_on_context_create", plugin, 0)
	if ok := e.call("proxy_on_vm_start", 0, 0); ok[0] != 1 {
		t.Fatal("the VM did not start")
	}
	if ok := e.call("proxy_on_configure", plugin, 0); ok[0] != 1 {
		t.Fatal("the plugin did not start")
	}
	for range 3 { // the same numbers again
		e.call("proxy_on_context_create", stream, plugin)
		e.call("proxy_on_context_create", other, other) // no such plugin
		for name, args := range map[string][]uint64{
			"proxy_on_request_headers":   {other, 3, 1},
			"proxy_on_request_body":      {other, 3, 1},
			"proxy_on_request_trailers":  {other, 3},
			"proxy_on_response_headers":  {other, 3, 1},
			"proxy_on_response_body":     {other, 3, 1},
			"proxy_on_response_trailers": {other, 3},
		} {
			if act := e.call(name, args...); act[0] != pause {
				t.Errorf("%s for an unknown stream: %d, want %d", name, act[0], pause)
			}
		}
		e.call("proxy_on_http_call_response", plugin, other, 1, 0, 0)
		e.call("proxy_on_delete", other)
		if act := e.call("proxy_on_request_headers", stream, 3, 1); act[0] != 0 {
			t.Errorf("a known stream: %d", act[0])
		}
		e.call("proxy_on_delete", stream)
		if act := e.call("proxy_on_request_headers", stream, 3, 1); act[0] != pause {
			t.Errorf("a stream that has ended: %d, want %d", act[0], pause)
		}
	}
	e.call("proxy_on_delete", plugin)
	e.call("proxy_on_context_create", stream, plugin)
	if act := e.call("proxy_on_request_headers", stream, 3, 1); act[0] != pause {
		t.Errorf("a stream of a plugin that has gone: %d, want %d", act[0], pause)
	}
}

// TestWasmMemory: values that Envoy hands over, of any size, lie apart from each
// other and from what the module allocates.
func TestWasmMemory(t *testing.T) {
	e := startSilent(t, "dist/test/probe.wasm")
	type block struct {
		at, size uint32
		mark     byte
	}
	var blocks []block
	for i := range 3000 {
		size := uint32(i*i%1500 + 1)
		if i%500 == 0 {
			size = 70000
		}
		b := block{uint32(e.call("proxy_on_memory_allocate", uint64(size))[0]), size, byte(i)}
		if b.at%8 != 0 {
			t.Fatalf("%d bytes at %#x", size, b.at)
		}
		data, ok := e.Memory().Read(b.at, size)
		if !ok {
			t.Fatalf("%d bytes at %#x are beyond the memory", size, b.at)
		}
		for j := range data {
			data[j] = b.mark
		}
		// Nobody holds the blocks but this test: only those of one collection stay.
		if blocks = append(blocks, b); len(blocks) > 20 {
			blocks = blocks[1:]
		}
		for _, b := range blocks {
			data, _ := e.Memory().Read(b.at, b.size)
			if data[0] != b.mark || data[b.size-1] != b.mark {
				t.Fatalf("a block of %d bytes was overwritten", b.size)
			}
		}
	}
}

// TestWasmWithoutCallbacks: a module that did not go through build/optimize has the
// SDK's callbacks, and refuses to start.
func TestWasmWithoutCallbacks(t *testing.T) {
	e := startSilent(t, ".cache/linked/dist/test/probe.wasm")
	e.call("proxy_on_context_create", 1, 0)
	if ok := e.call("proxy_on_configure", 1, 0); ok[0] != 0 {
		t.Error("the plugin started")
	}
}
