//go:build !wasm

package host

import (
	"strings"
	"time"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func getProperty(p property) ([]byte, status) {
	value, err := proxywasm.GetProperty(strings.Split(string(p), "\x00"))
	switch err {
	case nil:
		return value, statusOK
	case types.ErrorStatusNotFound:
		return nil, statusNotFound
	default:
		return nil, statusOther
	}
}

func setProperty(p property, value []byte) {
	_ = proxywasm.SetProperty(strings.Split(string(p), "\x00"), value)
}

func headerPairs(k headerKind, _ [][2]string) (pairs [][2]string) {
	switch k {
	case requestHeaders:
		pairs, _ = proxywasm.GetHttpRequestHeaders()
	case responseHeaders:
		pairs, _ = proxywasm.GetHttpResponseHeaders()
	case answerHeaders:
		pairs, _ = proxywasm.GetHttpCallResponseHeaders()
	}
	return pairs
}

func editHeader(e edit, k headerKind, name, value string) (ok bool) {
	do := proxywasm.ReplaceHttpRequestHeader
	switch {
	case e == addHeader && k == responseHeaders:
		do = proxywasm.AddHttpResponseHeader
	case e == addHeader:
		do = proxywasm.AddHttpRequestHeader
	case k == responseHeaders:
		do = proxywasm.ReplaceHttpResponseHeader
	}
	return do(name, value) == nil
}

func httpCall(cluster string, headers [][2]string, body []byte, milliseconds uint32, f *flight) bool {
	_, err := proxywasm.DispatchHttpCall(cluster, headers, body, nil, milliseconds, f.answered)
	return err == nil
}

func getShared(key string) (value []byte, cas uint32, ok bool) {
	value, cas, err := proxywasm.GetSharedData(key)
	return value, cas, err == nil
}

func setShared(key string, value []byte, cas uint32) (ok bool) {
	return proxywasm.SetSharedData(key, value, cas) == nil
}

func forgetCall() {}

// ownCallbacks: the emulator calls the SDK.
const ownCallbacks = true

func (p *plugin) enlist() {}

func timeOfDay() time.Time { return time.Now() }

func stopwatch() time.Duration { return time.Duration(clock().UnixNano()) }
