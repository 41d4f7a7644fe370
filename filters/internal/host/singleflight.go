package host

import (
	"slices"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
)

// flightName is what a filter calls a callout, and whose it is: what an answer
// means, how long it may take and how large it may be is up to the configuration,
// so routes with other overlays share none.
type flightName struct {
	of   *routeFilter
	name string
}

// sharedFlight is one callout for which several streams wait. The stream that
// made it leads. The answer is dropped when the leader's stream ends, so the
// callout is then made again for the others, from the plugin's own context,
// whose answers are never dropped.
type sharedFlight struct {
	name    flightName
	callout filter.Callout
	headers [][2]string // all of them
	waiters []waiter    // the leader's own, if it has one, is first
}

type waiter struct {
	stream *stream
	side   *side
	then   func(filter.CalloutResult) filter.Outcome
}

// call makes a stream's callout, or lets it wait for one of the same name. It is
// dispatch for streams: with a flight the answer comes by onCallout.
func (s *stream) call(d *side, c *filter.Callout, then func(filter.CalloutResult) filter.Outcome) (res filter.CalloutResult, waits bool) {
	d.flight.owner = s.id
	if c.Flight == "" {
		d.then = then
		if d.landed == nil {
			d.landed = func(res filter.CalloutResult) { s.onCallout(d, d.then, res) }
		}
		return s.p.dispatch(&d.flight, c, s.p.calloutHeaders(c, &s.request.message), d.landed)
	}
	w := waiter{s, d, then}
	name := flightName{s.filter.from, c.Flight}
	if sf := s.p.shared[name]; sf != nil {
		if len(sf.waiters) > c.MaxWaiters { // the leader is none
			res.Failure, res.Now = filter.TooManyWaiters, clock()
			s.p.metrics.callout(res.Failure, 0)
			return res, false
		}
		sf.waiters = append(sf.waiters, w)
		d.waits = sf
		s.p.metrics.coalesced.Add(1)
		return res, true
	}
	// It may outlive the stream, and so what the filter has made for that.
	sf := &sharedFlight{name: name, callout: *c, headers: slices.Clone(s.p.calloutHeaders(c, &s.request.message)), waiters: []waiter{w}}
	sf.callout.Headers = nil
	if res, waits = s.p.dispatch(&d.flight, c, sf.headers, func(res filter.CalloutResult) { s.p.land(sf, res) }); !waits {
		return res, false
	}
	d.waits = sf
	s.p.shared[name] = sf
	return res, true
}

// land gives an answer to everyone who waits for it. Each waiter has its own
// recover (onCallout), so one that breaks does not take it from the others.
func (p *plugin) land(sf *sharedFlight, res filter.CalloutResult) {
	delete(p.shared, sf.name)
	for _, w := range sf.waiters {
		enter(w.stream.id)
		w.stream.onCallout(w.side, w.then, res)
		res.Waited = true
	}
}

// leave takes a stream that ends out of its flight. If it was the leader, the
// answer will not come.
func (p *plugin) leave(d *side) {
	sf := d.waits
	d.waits = nil
	kept := sf.waiters[:0]
	for _, w := range sf.waiters {
		if w.side != d {
			kept = append(kept, w)
		}
	}
	sf.waiters = kept
	if !d.flight.inAir {
		return // it only waited
	}
	if len(sf.waiters) == 0 {
		delete(p.shared, sf.name)
		return
	}
	p.leaderless = append(p.leaderless, sf)
	p.setTick()
}

// handOver makes the callouts again whose leaders have gone.
func (p *plugin) handOver() {
	flights := p.leaderless
	p.leaderless = nil
	for _, sf := range flights {
		if len(sf.waiters) == 0 {
			delete(p.shared, sf.name)
			continue
		}
		if res, ok := p.dispatch(&flight{owner: p.id}, &sf.callout, sf.headers, func(res filter.CalloutResult) { p.land(sf, res) }); !ok {
			p.land(sf, res)
			enter(p.id)
		}
	}
}

// enter makes edits, replies and resuming another context's.
func enter(id uint32) { _ = proxywasm.SetEffectiveContext(id) }
