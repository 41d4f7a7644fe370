//go:build wasm

package host

import (
	"encoding/binary"
	"unsafe"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

// The SDK's SendHttpResponse passes no details.
//
//go:wasmimport env proxy_send_local_response
func proxySendLocalResponse(status uint32, details *byte, detailsSize int32, body *byte, bodySize int32,
	headers *byte, headersSize int32, grpcStatus int32) int32

func sendLocalResponse(status int, details string, headers [][2]string, body []byte) error {
	pairs := serialize(headers)
	st := proxySendLocalResponse(uint32(status), unsafe.StringData(details), int32(len(details)),
		unsafe.SliceData(body), int32(len(body)), unsafe.SliceData(pairs), int32(len(pairs)), noGRPCStatus)
	if st != 0 {
		return types.ErrorStatusBadArgument
	}
	return nil
}

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
