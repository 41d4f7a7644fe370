// Command callout is a Wasm filter that makes the callout of the bench and
// nothing else: it reads no header, asks with constant ones, and lets every
// request pass. It is what the SDK, Go and Envoy's Wasm host cost a filter that
// asks, and so the least that any filter written on them can cost.
package main

import (
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

type (
	vm     struct{ types.DefaultVMContext }
	plugin struct{ types.DefaultPluginContext }
	stream struct{ types.DefaultHttpContext }
)

func (*vm) NewPluginContext(uint32) types.PluginContext { return &plugin{} }

func (*plugin) NewHttpContext(uint32) types.HttpContext { return &stream{} }

const timeout = 5000 // ms, as the other chains

// headers are those that the other chains send.
var headers = [][2]string{
	{":method", "GET"},
	{":path", "/check/orders/42?expand=items"},
	{":authority", "shop.example.org"},
	{"authorization", "Bearer 6fq0vTz8sXkq4mWc1bYtR2nJ5hLd0000"},
	{"x-request-id", "5d0b1e5e-6b8f-4c5c-9c6e-0d1f2a3b4c5d"},
}

func (*stream) OnHttpRequestHeaders(int, bool) types.Action {
	if _, err := proxywasm.DispatchHttpCall("auth", headers, nil, nil, timeout, func(int, int, int) {
		_ = proxywasm.ResumeHttpRequest()
	}); err != nil {
		return types.ActionContinue // the bench counts the callouts
	}
	return types.ActionPause
}

func init() { proxywasm.SetVMContext(&vm{}) }

func main() {}
