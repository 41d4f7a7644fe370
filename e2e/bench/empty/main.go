// Command empty is a Wasm filter that does nothing: what the SDK and Envoy's
// Wasm host cost by themselves.
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

func init() { proxywasm.SetVMContext(&vm{}) }

func main() {}
