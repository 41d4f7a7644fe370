package host

import (
	"encoding/binary"
	"strings"
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

// deserialize reads pairs as the ABI has them: see serialize. Texts of a length
// that cannot be end the list.
func deserialize(b string) [][2]string {
	if len(b) < 4 {
		return nil
	}
	n := int(uint32At(b, 0))
	at := 4 + 8*n
	if at > len(b) {
		return nil
	}
	pairs := make([][2]string, n, n+spareHeaders)
	for i := range pairs {
		sizes := b[4+8*i : 12+8*i]
		name, value := int(uint32At(sizes, 0)), int(uint32At(sizes, 4))
		if at+name+value+2 > len(b) {
			return pairs[:i]
		}
		pairs[i] = [2]string{b[at : at+name], b[at+name+1 : at+name+1+value]}
		at += name + value + 2
	}
	return pairs
}

func uint32At(b string, i int) uint32 {
	_ = b[i+3]
	return uint32(b[i]) | uint32(b[i+1])<<8 | uint32(b[i+2])<<16 | uint32(b[i+3])<<24
}

// status is an answer of Envoy's (proxy-wasm ABI 0.2, proxy_result_t).
type status int32

const (
	statusOK       status = 0
	statusNotFound status = 1
	statusOther    status = 10 // proxy_result_t's internal failure
)
