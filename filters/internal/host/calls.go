package host

import (
	"strings"
	"unsafe"
)

// property is the path of an attribute as Envoy takes it, made once: the parts
// with a zero byte between them.
type property string

func propertyOf(parts ...string) property { return property(strings.Join(parts, "\x00")) }

var routeNameProperty = propertyOf("xds", "route_name")

// headerKind names a set of headers (proxy-wasm ABI 0.2, proxy_map_type_t).
type headerKind int32

const (
	requestHeaders  headerKind = 0
	responseHeaders headerKind = 2
	answerHeaders   headerKind = 6
)

// edit is what becomes of headers that have the name already.
type edit uint8

const (
	replaceHeader edit = iota // they go
	addHeader                 // they stay
)

// serialize writes pairs as the proxy-wasm ABI has them: a count, all sizes,
// then all names and values, each ended by a zero byte. It uses room, if they fit.
func serialize(room []byte, pairs [][2]string) []byte {
	at := 4 + 8*len(pairs)
	size := at
	for i := range pairs {
		size += len(pairs[i][0]) + len(pairs[i][1]) + 2
	}
	if size > cap(room) {
		room = make([]byte, size+size/2)
	}
	b := room[:size]
	put32(b, 0, uint32(len(pairs)))
	for i := range pairs {
		name, value := pairs[i][0], pairs[i][1]
		put32(b, 4+8*i, uint32(len(name)))
		put32(b, 8+8*i, uint32(len(value)))
		at += copy(b[at:], name)
		b[at] = 0
		at += 1 + copy(b[at+1:], value)
		b[at] = 0
		at++
	}
	return b
}

// put32 writes what load32 reads. The caller holds i+4 <= len(b).
func put32(b []byte, i int, n uint32) {
	*(*uint32)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i)) = n
}

// spareHeaders is room for those that a filter adds.
const spareHeaders = 6

// deserialize reads pairs as the ABI has them (see serialize) into room, if they
// fit. Texts of a length that cannot be end the list. The texts lie in b.
func deserialize(b string, room [][2]string) [][2]string {
	if len(b) < 4 {
		return nil
	}
	n := int(load32(b, 0))
	at := 4 + 8*n
	if at > len(b) {
		return nil
	}
	if n > cap(room) {
		room = make([][2]string, n, n+spareHeaders)
	}
	pairs := room[:n]
	start := unsafe.Pointer(unsafe.StringData(b))
	for i := range pairs {
		name, value := int(load32(b, 4+8*i)), int(load32(b, 8+8*i))
		end := at + name + value + 2
		if end > len(b) {
			return pairs[:i]
		}
		// As slices of b, each would be checked once more.
		pairs[i][0] = unsafe.String((*byte)(unsafe.Add(start, at)), name)
		pairs[i][1] = unsafe.String((*byte)(unsafe.Add(start, at+name+1)), value)
		at = end
	}
	return pairs
}

// load32 reads a number of the ABI, which is that of Wasm: little-endian. A load
// at any address is one instruction there, which the compiler does not see. The
// caller holds i+4 <= len(b).
func load32(b string, i int) uint32 {
	return *(*uint32)(unsafe.Add(unsafe.Pointer(unsafe.StringData(b)), i))
}

// status is an answer of Envoy's (proxy-wasm ABI 0.2, proxy_result_t).
type status int32

const (
	statusOK       status = 0
	statusNotFound status = 1
	statusOther    status = 10 // proxy_result_t's internal failure
)
