// Command wasm is e2e/bench/empty with the sandbox in it: what it is larger is
// what the sandbox adds to a module. It uses all of the API but Check, which
// belongs to tools.
package main

import (
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"

	"github.com/gatehouse-proxy/gatehouse/sandbox"
)

func main() {}

func init() { proxywasm.SetVMContext(&vm{}) }

type vm struct{ types.DefaultVMContext }

func (*vm) NewPluginContext(uint32) types.PluginContext { return &plugin{} }

type plugin struct {
	types.DefaultPluginContext
	script *sandbox.Script
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext { return &stream{script: p.script} }

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	source, err := proxywasm.GetPluginConfiguration()
	if err != nil {
		return types.OnPluginStartStatusFailed
	}
	env := sandbox.NewEnv()
	env.AllowAll()
	env.Define("host.park", sandbox.Func("park", func(c *sandbox.Call) error { return c.Park(c.Arg(1)) }))
	env.Module("host", "host")
	program, err := sandbox.Compile("size", string(source), sandbox.Config{Env: env, Print: proxywasm.LogInfo, Now: func() int64 { return 0 }})
	if err != nil {
		return types.OnPluginStartStatusFailed
	}
	p.script = program.NewScript()
	return types.OnPluginStartStatusOK
}

type stream struct {
	types.DefaultHttpContext
	script *sandbox.Script
}

func (s *stream) OnHttpRequestHeaders(int, bool) types.Action {
	run := s.script.NewRun(s)
	defer run.Close()
	v, err := run.DecodeJSON(`{}`)
	if err == nil {
		err = run.Start(v)
	}
	for err == nil && run.Status() == sandbox.Parked {
		var x any
		if x, err = run.ToGo(sandbox.Nil); err == nil {
			v, err = run.FromGo(x)
		}
		if err == nil {
			err = run.Resume(v)
		}
	}
	if err != nil {
		proxywasm.LogError(err.Error())
		return types.ActionContinue
	}
	text, _ := run.EncodeJSON(run.Results()[0])
	proxywasm.LogInfo(text)
	return types.ActionContinue
}
