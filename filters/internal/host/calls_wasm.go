//go:build wasm

package host

import (
	"time"
	"unsafe"
)

// What each request asks of Envoy goes past the SDK here, whose calls allocate
// paths, results and errors (a property that is not there: 5 times).

//go:wasmimport env proxy_get_property
//go:noescape
func proxyGetProperty(path *byte, size int32, value unsafe.Pointer, valueSize *int32) status

//go:wasmimport env proxy_set_property
//go:noescape
func proxySetProperty(path *byte, size int32, value *byte, valueSize int32) status

//go:wasmimport wasi_snapshot_preview1 clock_time_get
//go:noescape
func clockTimeGet(clock int32, precision int64, nanoseconds *int64) int32

//go:wasmimport env proxy_get_header_map_pairs
//go:noescape
func proxyGetHeaderMapPairs(kind int32, pairs unsafe.Pointer, size *int32) status

//go:wasmimport env proxy_replace_header_map_value
//go:noescape
func proxyReplaceHeaderMapValue(kind int32, name *byte, nameSize int32, value *byte, valueSize int32) status

//go:wasmimport env proxy_add_header_map_value
//go:noescape
func proxyAddHeaderMapValue(kind int32, name *byte, nameSize int32, value *byte, valueSize int32) status

//go:wasmimport env proxy_http_call
//go:noescape
func proxyHTTPCall(cluster *byte, clusterSize int32, headers *byte, headersSize int32, body *byte, bodySize int32,
	trailers *byte, trailersSize int32, milliseconds uint32, id *uint32) status

//go:wasmimport env proxy_get_shared_data
//go:noescape
func proxyGetSharedData(key *byte, size int32, value unsafe.Pointer, valueSize *int32, cas *uint32) status

//go:wasmimport env proxy_set_shared_data
//go:noescape
func proxySetSharedData(key *byte, size int32, value *byte, valueSize int32, cas uint32) status

// given is where Envoy writes the address and the size of a value that it has
// put into memory from proxy_on_memory_allocate. It is no local variable: that
// call into the module may move the stack.
var given struct {
	value *byte
	size  int32
	cas   uint32 // the version of a shared value
}

// getProperty reads an attribute. The value belongs to the caller.
func getProperty(p property) ([]byte, status) {
	given.value, given.size = nil, 0
	st := proxyGetProperty(unsafe.StringData(string(p)), int32(len(p)), unsafe.Pointer(&given.value), &given.size)
	if st != statusOK {
		return nil, st
	}
	value := unsafe.Slice(given.value, given.size)
	given.value = nil
	return value, statusOK
}

// setProperty leaves a value in the stream's filter state. Envoy copies it.
func setProperty(p property, value []byte) {
	_ = proxySetProperty(unsafe.StringData(string(p)), int32(len(p)), unsafe.SliceData(value), int32(len(value)))
}

// getShared reads shared data. The value belongs to the caller.
func getShared(key string) (value []byte, cas uint32, ok bool) {
	given.value, given.size, given.cas = nil, 0, 0
	if proxyGetSharedData(unsafe.StringData(key), int32(len(key)), unsafe.Pointer(&given.value), &given.size, &given.cas) != statusOK {
		return nil, 0, false
	}
	value = unsafe.Slice(given.value, given.size)
	given.value = nil
	return value, given.cas, true
}

// setShared replaces shared data. Envoy copies it.
func setShared(key string, value []byte, cas uint32) (ok bool) {
	return proxySetSharedData(unsafe.StringData(key), int32(len(key)), unsafe.SliceData(value), int32(len(value)), cas) == statusOK
}

// headerPairs reads all headers of one kind, into room if they fit; their texts
// share one block of memory.
func headerPairs(k headerKind, room [][2]string) [][2]string {
	given.value, given.size = nil, 0
	if proxyGetHeaderMapPairs(int32(k), unsafe.Pointer(&given.value), &given.size) != statusOK || given.value == nil {
		return nil
	}
	pairs := deserialize(unsafe.String(given.value, given.size), room)
	given.value = nil
	return pairs
}

// editHeader changes a header. Envoy copies it.
func editHeader(e edit, k headerKind, name, value string) (ok bool) {
	n, v := unsafe.StringData(name), unsafe.StringData(value)
	if e == addHeader {
		return proxyAddHeaderMapValue(int32(k), n, int32(len(name)), v, int32(len(value))) == statusOK
	}
	return proxyReplaceHeaderMapValue(int32(k), n, int32(len(name)), v, int32(len(value))) == statusOK
}

// called is what httpCall hands to Envoy, and the number of the callout.
var called struct {
	headers    []byte
	noTrailers [4]byte // a count of 0
	id         uint32
}

// httpCall starts a callout; ok is false if Envoy refuses. Envoy copies all that
// it is given.
func httpCall(cluster string, headers [][2]string, body []byte, milliseconds uint32, f *flight) (ok bool) {
	h := serialize(called.headers, headers)
	st := proxyHTTPCall(unsafe.StringData(cluster), int32(len(cluster)), unsafe.SliceData(h), int32(len(h)),
		unsafe.SliceData(body), int32(len(body)), &called.noTrailers[0], int32(len(called.noTrailers)), milliseconds, &called.id)
	called.headers = h
	if st != statusOK {
		return false
	}
	calls.put(called.id, f)
	return true
}

// forgetCall clears what the last callout has left: a token stays no longer than
// it is needed. The SDK's emulator, which does not copy, needs it until the answer.
func forgetCall() {
	clear(called.headers[:cap(called.headers)])
	if cap(called.headers) > maxSpareBytes {
		called.headers = nil
	}
}

// maxSpareBytes bounds the memory that is kept for the next callout's headers.
const maxSpareBytes = 16 << 10

// The clocks of WASI.
const (
	realtime  = 0
	monotonic = 1
)

// timeOfDay is time.Now without its second reading, of the monotonic clock.
func timeOfDay() time.Time { return time.Unix(0, readClock(realtime)) }

// stopwatch is a time that only runs forward, from an arbitrary start.
func stopwatch() time.Duration { return time.Duration(readClock(monotonic)) }

func readClock(clock int32) (nanoseconds int64) {
	_ = clockTimeGet(clock, 1, &nanoseconds)
	return nanoseconds
}
