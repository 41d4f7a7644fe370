//go:build !wasm

package host

import "github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"

func defineCounter(name string) uint32   { return uint32(proxywasm.DefineCounterMetric(name)) }
func defineHistogram(name string) uint32 { return uint32(proxywasm.DefineHistogramMetric(name)) }

func incrementMetric(id uint32, n uint64) { proxywasm.MetricCounter(id).Increment(n) }
func recordMetric(id uint32, v uint64)    { proxywasm.MetricHistogram(id).Record(v) }
