//go:build wasm

package host

import (
	"time"
	"unsafe"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
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

// given is where Envoy writes the address and the size of a value that it has
// put into memory from proxy_on_memory_allocate. It is no local variable: that
// call into the module may move the stack.
var given struct {
	value *byte
	size  int32
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

func httpCall(cluster string, headers [][2]string, body []byte, milliseconds uint32, answered func(headers, bodySize, trailers int)) bool {
	_, err := proxywasm.DispatchHttpCall(cluster, headers, body, nil, milliseconds, answered)
	return err == nil
}

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
