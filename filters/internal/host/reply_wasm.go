//go:build wasm

package host

import (
	"unsafe"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

// The SDK's SendHttpResponse passes no details.
//
//go:wasmimport env proxy_send_local_response
func proxySendLocalResponse(status uint32, details *byte, detailsSize int32, body *byte, bodySize int32,
	headers *byte, headersSize int32, grpcStatus int32) int32

func sendLocalResponse(status int, details string, headers [][2]string, body []byte) error {
	pairs := serialize(nil, headers)
	st := proxySendLocalResponse(uint32(status), unsafe.StringData(details), int32(len(details)),
		unsafe.SliceData(body), int32(len(body)), unsafe.SliceData(pairs), int32(len(pairs)), noGRPCStatus)
	if st != 0 {
		return types.ErrorStatusBadArgument
	}
	return nil
}
