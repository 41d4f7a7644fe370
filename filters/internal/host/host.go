// Package host is the shell: the only code that talks to Envoy. It turns
// Envoy's callbacks into calls of a [filter.Filter] and carries out the
// outcomes: pause and resume exactly once, whole bodies, callouts, replies,
// metrics, and a recover at every entry point.
package host

import (
	"time"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
)

// clock is the time of day, read once a callback; spans are measured by
// stopwatch. Only tests of the shell replace it.
var clock = timeOfDay

// Run installs the plugins of a module. It must be called from an init
// function. With several plugins, Envoy's root_id chooses one.
func Run(plugins ...filter.Plugin) {
	proxywasm.SetVMContext(&vm{plugins: plugins})
}

type vm struct {
	types.DefaultVMContext
	plugins []filter.Plugin
}

// NewVM returns the VM context of plugins, for tests that run without wasm.
func NewVM(plugins ...filter.Plugin) types.VMContext { return &vm{plugins: plugins} }

func (v *vm) NewPluginContext(id uint32) types.PluginContext {
	p := &plugin{vm: v, id: id}
	p.enlist()
	return p
}

// choose finds the plugin for a root_id; a module of one plugin ignores it.
func (v *vm) choose(rootID string) (filter.Plugin, bool) {
	if len(v.plugins) == 1 {
		return v.plugins[0], true
	}
	for _, p := range v.plugins {
		if p.Name == rootID {
			return p, true
		}
	}
	return filter.Plugin{}, false
}

// plugin is one configuration in one worker.
type plugin struct {
	types.DefaultPluginContext
	vm      *vm
	id      uint32
	log     logger
	metrics metrics
	routes  routes
	bodies  bodyGuard
	ticker  filter.Ticker
	flights flights
	// shared are the callouts that several streams may wait for, by name;
	// leaderless ones wait for the next tick to be made again.
	shared     map[flightName]*sharedFlight
	leaderless []*sharedFlight
	spare      []*stream     // that have ended and can serve again
	lastTick   time.Duration // by stopwatch
	scratch    scratch

	lastVerdict verdictText
}

// scratch is memory that callbacks use one after the other; what is in it is
// handed to Envoy, which copies it, and never kept.
type scratch struct {
	headers [][2]string // of a callout
	answer  [][2]string // of its answer
}

func (p *plugin) OnPluginStart(int) (status types.OnPluginStartStatus) {
	status = types.OnPluginStartStatusFailed
	defer p.recovered("start")
	if !ownCallbacks {
		proxywasm.LogCritical("gatehouse: this module is as Go links it, without its callbacks: it has to go through build/optimize (make build)")
		return status
	}
	config, err := proxywasm.GetPluginConfiguration()
	if err != nil && err != types.ErrorStatusNotFound {
		proxywasm.LogCritical("gatehouse: configuration: Envoy gave none: " + err.Error())
		return status
	}
	rootID, _ := proxywasm.GetProperty([]string{"plugin_root_id"})
	chosen, ok := p.vm.choose(string(rootID))
	if !ok {
		text := "gatehouse: root_id: want one of"
		for _, q := range p.vm.plugins {
			text += " " + q.Name
		}
		proxywasm.LogCritical(text + "; got " + excerpt(string(rootID)))
		return status
	}
	p.log = logger{prefix: chosen.Name + ": "}
	p.metrics = defineMetrics(chosen)
	base, err := chosen.Load(config, p)
	if err != nil {
		proxywasm.LogCritical(chosen.Name + ": configuration: " + err.Error())
		return status
	}
	p.routes = newRoutes(chosen, p, config, base)
	p.ticker, _ = base.(filter.Ticker)
	p.shared = make(map[flightName]*sharedFlight)
	p.setTick()
	p.log.info("start", "version", filter.Version, "commit", filter.Commit)
	return types.OnPluginStartStatusOK
}

func (p *plugin) NewHttpContext(id uint32) types.HttpContext {
	return p.newStream(id)
}

// OnPluginDone lets Envoy drop the configuration at once.
func (p *plugin) OnPluginDone() bool { return true }

// OnTick runs the body guard and the filter's own tick. Envoy has one timer a
// plugin, so its period is the shorter of the two.
func (p *plugin) OnTick() {
	defer p.recovered("tick")
	now := stopwatch()
	p.bodies.expire(now)
	p.handOver()
	if p.ticker != nil && (p.lastTick == 0 || now-p.lastTick >= p.ticker.TickPeriod()) {
		p.lastTick = now
		p.settleTick(p.ticker.OnTick(clock()))
	}
	p.setTick()
}

func (p *plugin) settleTick(o filter.Outcome) {
	for o.Kind == filter.KindCall {
		then := o.OnReply
		res, ok := p.dispatch(&flight{owner: p.id}, o.Callout, p.calloutHeaders(o.Callout, nil), func(res filter.CalloutResult) {
			defer p.recovered("tick")
			p.settleTick(then(res))
		})
		if ok {
			return
		}
		o = then(res)
	}
}

func (p *plugin) setTick() {
	var period time.Duration
	if p.ticker != nil {
		period = p.ticker.TickPeriod()
	}
	if p.bodies.waiting() && (period == 0 || period > bodyTick) {
		period = bodyTick
	}
	if len(p.leaderless) > 0 {
		period = time.Millisecond
	}
	if ms := uint32(period / time.Millisecond); ms != p.bodies.period {
		p.bodies.period = ms
		_ = proxywasm.SetTickPeriodMilliSeconds(ms)
	}
}

// recovered is deferred at the entry points that have no request to answer.
func (p *plugin) recovered(where string) {
	if r := recover(); r != nil {
		p.panicked(where, r)
	}
}

func (p *plugin) panicked(where string, r any) {
	p.metrics.panics.Add(1)
	p.log.error("recovered from a panic", "in", where, "what", panicText(r), "stack", stack())
}

// Env implements filter.Host.
func (p *plugin) Env(name string) (string, bool) { return lookupEnv(name) }

// Counter implements filter.Host.
func (p *plugin) Counter(name string) filter.Counter { return p.metrics.own(name) }

// Shared implements filter.Host.
func (p *plugin) Shared() filter.Store { return sharedData{} }

// Log implements filter.Host.
func (p *plugin) Log(text string, pairs ...string) { p.log.warn(text, pairs...) }
