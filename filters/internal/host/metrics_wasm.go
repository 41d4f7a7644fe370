//go:build wasm

package host

import "unsafe"

// The SDK's metrics link fmt (+ 0.35 MB) for their panics; these do not.

//go:wasmimport env proxy_define_metric
func proxyDefineMetric(kind int32, name *byte, size int32, id *uint32) int32

//go:wasmimport env proxy_increment_metric
func proxyIncrementMetric(id uint32, offset int64) int32

//go:wasmimport env proxy_record_metric
func proxyRecordMetric(id uint32, value uint64) int32

// The kinds of metric of the proxy-wasm ABI 0.2.
const (
	kindCounter   = 0
	kindHistogram = 2
)

func defineCounter(name string) uint32   { return define(kindCounter, name) }
func defineHistogram(name string) uint32 { return define(kindHistogram, name) }

func define(kind int32, name string) (id uint32) {
	proxyDefineMetric(kind, unsafe.StringData(name), int32(len(name)), &id)
	return id
}

func incrementMetric(id uint32, n uint64) { proxyIncrementMetric(id, int64(n)) }
func recordMetric(id uint32, v uint64)    { proxyRecordMetric(id, v) }
