//go:build wasm

package host

import (
	"unsafe"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

// Envoy's callbacks about streams. The SDK exports functions for them, whose places
// these take when a module is made (build/optimize -own): it looks each stream up in
// three maps, and a number that it does not know ends the VM, by a panic. What is
// about plugins stays the SDK's.
//
// Source: proxy-wasm ABI 0.2.0, https://github.com/proxy-wasm/spec

var (
	plugins table[*plugin]
	streams table[*stream]
	calls   table[*flight]

	// ownCallbacks: these functions are called, not the SDK's.
	ownCallbacks bool
)

func (p *plugin) enlist() { plugins.put(p.id, p) }

//go:linkname createContext github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/internal.proxyOnContextCreate
func createContext(id, parent uint32)

//go:linkname deleteContext github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/internal.proxyOnDelete
func deleteContext(id uint32)

// onContextCreate makes a plugin, which has no parent, or the stream of one.
//
//go:wasmexport gatehouse_on_context_create
func onContextCreate(id, parent uint32) {
	if parent == 0 {
		ownCallbacks = true
		createContext(id, parent)
	} else if p := plugins.get(parent); p != nil {
		streams.put(id, p.newStream(id))
	}
}

// onDelete is the end of a stream or of a plugin.
//
//go:wasmexport gatehouse_on_delete
func onDelete(id uint32) {
	if s := streams.take(id); s != nil {
		s.OnHttpStreamDone()
	} else if plugins.take(id) != nil {
		deleteContext(id)
	}
}

// What these return for a stream that nobody knows, which Envoy does not ask for,
// holds it.

//go:wasmexport gatehouse_on_request_headers
func onRequestHeaders(id uint32, n int32, end bool) types.Action {
	if s := streams.get(id); s != nil {
		return s.OnHttpRequestHeaders(int(n), end)
	}
	return types.ActionPause
}

//go:wasmexport gatehouse_on_request_body
func onRequestBody(id uint32, size int32, end bool) types.Action {
	if s := streams.get(id); s != nil {
		return s.OnHttpRequestBody(int(size), end)
	}
	return types.ActionPause
}

//go:wasmexport gatehouse_on_request_trailers
func onRequestTrailers(id uint32, n int32) types.Action {
	if s := streams.get(id); s != nil {
		return s.OnHttpRequestTrailers(int(n))
	}
	return types.ActionPause
}

//go:wasmexport gatehouse_on_response_headers
func onResponseHeaders(id uint32, n int32, end bool) types.Action {
	if s := streams.get(id); s != nil {
		return s.OnHttpResponseHeaders(int(n), end)
	}
	return types.ActionPause
}

//go:wasmexport gatehouse_on_response_body
func onResponseBody(id uint32, size int32, end bool) types.Action {
	if s := streams.get(id); s != nil {
		return s.OnHttpResponseBody(int(size), end)
	}
	return types.ActionPause
}

//go:wasmexport gatehouse_on_response_trailers
func onResponseTrailers(id uint32, n int32) types.Action {
	if s := streams.get(id); s != nil {
		return s.OnHttpResponseTrailers(int(n))
	}
	return types.ActionPause
}

// onHTTPCallResponse hands on the answer to a callout, in the context of whoever
// has made it. A stream that has ended gets none.
//
//go:wasmexport gatehouse_on_http_call_response
func onHTTPCallResponse(_, id uint32, headers, bodySize, trailers int32) {
	f := calls.take(id)
	if f == nil || streams.get(f.owner) == nil && plugins.get(f.owner) == nil {
		return
	}
	_ = proxywasm.SetEffectiveContext(f.owner)
	f.answered(int(headers), int(bodySize), int(trailers))
}

// onMemoryAllocate gives Envoy the memory for a value that it hands over. Small
// values share a block, which is let go when the last of them is: one allocation for
// some ten requests.
//
//go:wasmexport gatehouse_on_memory_allocate
func onMemoryAllocate(size uint32) *byte {
	const whole, most, align = 4 << 10, 1 << 10, 8
	if size > most {
		return unsafe.SliceData(make([]byte, size))
	}
	size = (size + align - 1) &^ (align - 1)
	if int(size) > len(valueBlock) {
		valueBlock = make([]byte, whole)
	}
	p := unsafe.SliceData(valueBlock)
	valueBlock = valueBlock[size:]
	return p
}

var valueBlock []byte
