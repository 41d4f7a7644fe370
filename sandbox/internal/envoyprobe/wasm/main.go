// Command wasm is a proxy-wasm filter that runs Lua programs inside Envoy and
// answers with what they used. It is for measurements and for proving that the
// limits of the sandbox hold on V8's stack; it is no product.
//
// The plugin configuration holds the programs, a line each: a name and the
// source in base 64 (it need not be UTF-8), with a tab between. A request with
// the header x-program names one; x-times says how often to run it, x-limits
// ("INSTRUCTIONS MEMORY") with what budgets. The answer is one line:
//
//	microseconds instructions bytes end message-or-results
package main

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"

	"github.com/gatehouse-proxy/gatehouse/sandbox"
)

func main() {}

func init() { proxywasm.SetVMContext(&vm{}) }

type vm struct{ types.DefaultVMContext }

func (*vm) NewPluginContext(uint32) types.PluginContext {
	return &plugin{programs: map[string]string{}}
}

type plugin struct {
	types.DefaultPluginContext
	programs map[string]string
}

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	config, err := proxywasm.GetPluginConfiguration()
	if err != nil {
		proxywasm.LogCritical("no configuration: " + err.Error())
		return types.OnPluginStartStatusFailed
	}
	for line := range strings.Lines(string(config)) {
		name, code, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		src, err := base64.StdEncoding.DecodeString(code)
		if err != nil {
			proxywasm.LogCritical("bad configuration: " + err.Error())
			return types.OnPluginStartStatusFailed
		}
		p.programs[name] = string(src)
	}
	return types.OnPluginStartStatusOK
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext { return &stream{p: p} }

type stream struct {
	types.DefaultHttpContext
	p *plugin
}

func (s *stream) OnHttpRequestHeaders(int, bool) types.Action {
	name, err := proxywasm.GetHttpRequestHeader("x-program")
	if err != nil {
		return types.ActionContinue
	}
	times := number("x-times", 1)
	cfg := sandbox.Config{Env: sandbox.NewEnv(), Now: func() int64 { return time.Now().UnixNano() }}
	cfg.Env.AllowAll()
	if l, err := proxywasm.GetHttpRequestHeader("x-limits"); err == nil {
		i, m, _ := strings.Cut(l, " ")
		instructions, _ := strconv.ParseInt(i, 10, 64)
		memory, _ := strconv.ParseInt(m, 10, 64)
		cfg.Limits = sandbox.Limits{Instructions: instructions, Memory: memory, State: memory}
	}
	reply(s.p.run(name, times, cfg))
	return types.ActionPause
}

func (p *plugin) run(name string, times int, cfg sandbox.Config) (int, string) {
	src, ok := p.programs[name]
	if !ok {
		return 404, "no such program"
	}
	prog, err := sandbox.Compile("program", src, cfg)
	if err != nil {
		return 200, "0 0 0 syntax " + err.Error()
	}
	script := prog.NewScript()
	var stats sandbox.Stats
	text := ""
	start := time.Now()
	for range times {
		r, err := script.Run(nil)
		s := r.Stats()
		stats.Instructions += s.Instructions
		stats.Memory += s.Memory
		text = result(r, err)
	}
	return 200, strconv.FormatInt(time.Since(start).Microseconds(), 10) + " " +
		strconv.FormatInt(stats.Instructions, 10) + " " + strconv.FormatInt(stats.Memory, 10) + " " + text
}

func result(r *sandbox.Run, err error) string {
	if e, ok := err.(*sandbox.Error); ok {
		return e.Kind.String() + " " + e.Message
	}
	text := "done"
	for _, v := range r.Results() {
		if n, ok := v.AsNumber(); ok {
			text += " " + strconv.FormatFloat(n, 'g', -1, 64)
		} else if s, ok := v.AsString(); ok {
			text += " " + s
		} else {
			text += " " + v.Type().String()
		}
	}
	return text
}

func number(header string, def int) int {
	s, err := proxywasm.GetHttpRequestHeader(header)
	if err != nil {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return def
	}
	return n
}

func reply(status int, text string) {
	if len(text) > 4096 {
		text = text[:4096]
	}
	if err := proxywasm.SendHttpResponse(uint32(status), nil, []byte(strings.ToValidUTF8(text, "?")), -1); err != nil {
		proxywasm.LogCritical(err.Error())
	}
}
