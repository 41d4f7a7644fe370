package host

import (
	"encoding/binary"
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

// serialize writes pairs as the proxy-wasm ABI has them: a count, all sizes,
// then all names and values, each ended by a zero byte.
func serialize(pairs [][2]string) []byte {
	size := 4
	for _, p := range pairs {
		size += len(p[0]) + len(p[1]) + 10
	}
	b := make([]byte, 0, size)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(pairs)))
	for _, p := range pairs {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p[0])))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p[1])))
	}
	for _, p := range pairs {
		b = append(append(b, p[0]...), 0)
		b = append(append(b, p[1]...), 0)
	}
	return b
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
	for i := range pairs {
		name, value := int(load32(b, 4+8*i)), int(load32(b, 8+8*i))
		end := at + name + value + 2
		if end > len(b) {
			return pairs[:i]
		}
		pairs[i] = [2]string{b[at : at+name], b[at+name+1 : end-1]}
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
