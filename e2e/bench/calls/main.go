//go:build wasm

// Command calls is a Wasm filter that makes the calls into Envoy that authcallout
// makes, and computes nothing: the least that a filter can cost that knows of
// routes, reads the headers and leaves its verdict for the access log. It has no
// SDK and keeps nothing of a stream. Configured with "ask" it makes those of a
// request without a cache, callout included, else those of a cache hit.
package main

import "unsafe"

//go:wasmimport env proxy_log
//go:noescape
func proxyLog(level int32, text *byte, size int32) int32

//go:wasmimport env proxy_get_buffer_bytes
//go:noescape
func proxyGetBufferBytes(kind, start, size int32, data unsafe.Pointer, got *int32) int32

//go:wasmimport env proxy_get_property
//go:noescape
func proxyGetProperty(path *byte, size int32, value unsafe.Pointer, valueSize *int32) int32

//go:wasmimport env proxy_set_property
//go:noescape
func proxySetProperty(path *byte, size int32, value *byte, valueSize int32) int32

//go:wasmimport env proxy_get_header_map_pairs
//go:noescape
func proxyGetHeaderMapPairs(kind int32, pairs unsafe.Pointer, size *int32) int32

//go:wasmimport env proxy_define_metric
//go:noescape
func proxyDefineMetric(kind int32, name *byte, size int32, id *uint32) int32

//go:wasmimport env proxy_increment_metric
//go:noescape
func proxyIncrementMetric(id uint32, n int64) int32

//go:wasmimport env proxy_record_metric
//go:noescape
func proxyRecordMetric(id uint32, n int64) int32

//go:wasmimport wasi_snapshot_preview1 clock_time_get
//go:noescape
func clockTimeGet(clock int32, precision int64, nanoseconds *int64) int32

//go:wasmimport env proxy_http_call
//go:noescape
func proxyHTTPCall(cluster *byte, clusterSize int32, headers *byte, headersSize int32, body *byte, bodySize int32,
	trailers *byte, trailersSize int32, milliseconds uint32, id *uint32) int32

//go:wasmimport env proxy_set_effective_context
func proxySetEffectiveContext(id uint32) int32

//go:wasmimport env proxy_continue_stream
func proxyContinueStream(kind int32) int32

// Numbers of the ABI.
const (
	debug           = 1
	counter         = 0
	histogram       = 2
	configuration   = 7 // a kind of buffer
	requestHeaders  = 0 // kinds of headers
	answerHeaders   = 6
	requests        = 0 // a kind of stream
	continues       = 0
	pauses          = 1
	realtime        = 0
	monotonic       = 1
	milliseconds    = 5000 // as the other chains
	verdictProperty = "gatehouse.authcallout"
	overlayProperty = "xds\x00route_metadata\x00filter_metadata\x00gatehouse.authcallout\x00config"
	routeProperty   = "xds\x00route_name"
	verdict         = "allowed cache=hit"
)

// state lies at fixed addresses: Envoy writes to it.
var state struct {
	value    *byte
	size     int32
	now      int64
	asks     bool
	counters [4]uint32
	duration uint32
	question []byte
	nothing  [4]byte
	call     uint32
	askedBy  [256]uint32 // by the number of the callout; 16 requests are in the air
	block    []byte
}

func text(s string) (*byte, int32) { return unsafe.StringData(s), int32(len(s)) }

func property(path string) {
	p, n := text(path)
	proxyGetProperty(p, n, unsafe.Pointer(&state.value), &state.size)
}

func headers(kind int32) {
	proxyGetHeaderMapPairs(kind, unsafe.Pointer(&state.value), &state.size)
}

func decide() {
	p, n := text(verdict)
	proxyLog(debug, p, n)
	at, size := text(verdictProperty)
	proxySetProperty(at, size, p, n)
}

//go:wasmexport proxy_abi_version_0_2_0
func abiVersion() {}

//go:wasmexport proxy_on_memory_allocate
func onMemoryAllocate(size uint32) *byte {
	if n := int(size+7) &^ 7; n > len(state.block) {
		state.block = make([]byte, max(4096, n))
	}
	p := unsafe.SliceData(state.block)
	state.block = state.block[(size+7)&^7:]
	return p
}

//go:wasmexport proxy_on_vm_start
func onVMStart(uint32, int32) bool { return true }

//go:wasmexport proxy_on_configure
func onConfigure(_ uint32, size int32) bool {
	proxyGetBufferBytes(configuration, 0, size, unsafe.Pointer(&state.value), &state.size)
	state.asks = size > 0 && unsafe.String(state.value, state.size) == "ask"
	for i, name := range []string{"calls.requests", "calls.hits", "calls.answered", "calls.allowed"} {
		p, n := text(name)
		proxyDefineMetric(counter, p, n, &state.counters[i])
	}
	p, n := text("calls.milliseconds")
	proxyDefineMetric(histogram, p, n, &state.duration)
	question := [][2]string{
		{":method", "GET"},
		{":path", "/check/orders/42?expand=items"},
		{":authority", "shop.example.org"},
		{"authorization", "Bearer 6fq0vTz8sXkq4mWc1bYtR2nJ5hLd0000"},
		{"x-request-id", "5d0b1e5e-6b8f-4c5c-9c6e-0d1f2a3b4c5d"},
	}
	b := []byte{byte(len(question)), 0, 0, 0}
	for _, h := range question {
		b = append(b, byte(len(h[0])), 0, 0, 0, byte(len(h[1])), 0, 0, 0)
	}
	for _, h := range question {
		b = append(append(append(append(b, h[0]...), 0), h[1]...), 0)
	}
	state.question = b
	return true
}

//go:wasmexport proxy_on_context_create
func onContextCreate(uint32, uint32) {}

//go:wasmexport proxy_on_request_headers
func onRequestHeaders(id uint32, _ int32, _ bool) int32 {
	proxyIncrementMetric(state.counters[0], 1)
	property(overlayProperty)
	property(routeProperty)
	clockTimeGet(realtime, 1, &state.now)
	headers(requestHeaders)
	if !state.asks {
		proxyIncrementMetric(state.counters[1], 1)
		proxyIncrementMetric(state.counters[3], 1)
		decide()
		return continues
	}
	clockTimeGet(monotonic, 1, &state.now)
	cluster, n := text("auth")
	proxyHTTPCall(cluster, n, unsafe.SliceData(state.question), int32(len(state.question)), nil, 0,
		&state.nothing[0], int32(len(state.nothing)), milliseconds, &state.call)
	state.askedBy[state.call%uint32(len(state.askedBy))] = id
	return pauses
}

//go:wasmexport proxy_on_http_call_response
func onHTTPCallResponse(_, call uint32, _, _, _ int32) {
	proxySetEffectiveContext(state.askedBy[call%uint32(len(state.askedBy))])
	headers(answerHeaders)
	clockTimeGet(realtime, 1, &state.now)
	clockTimeGet(monotonic, 1, &state.now)
	proxyIncrementMetric(state.counters[2], 1)
	proxyRecordMetric(state.duration, 0)
	proxyIncrementMetric(state.counters[3], 1)
	decide()
	proxyContinueStream(requests)
}

//go:wasmexport proxy_on_response_headers
func onResponseHeaders(uint32, int32, bool) int32 { return continues }

//go:wasmexport proxy_on_delete
func onDelete(uint32) {}

func main() {}
