package host

import (
	"time"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
)

// Without allow_on_headers_stop_iteration, a stream that pauses at its headers
// gets no body callback, ever, and would hang. The setting cannot be read from
// inside, so the first bodies of a worker are waited for with a deadline; after
// one body callback that followed a pause the setting is known to be on.
const (
	bodyPatience = 5 * time.Second
	bodyTick     = time.Second
)

type bodyGuard struct {
	proven  bool
	period  uint32 // of Envoy's tick, milliseconds
	streams []waitingBody
}

type waitingBody struct {
	stream   *stream
	side     *side
	deadline time.Duration // by stopwatch
}

func (g *bodyGuard) waiting() bool { return len(g.streams) > 0 }

func (g *bodyGuard) watch(s *stream, d *side, now time.Duration) {
	if g.proven {
		return
	}
	g.streams = append(g.streams, waitingBody{s, d, now + bodyPatience})
	s.p.setTick()
}

// seen is called at every body callback of a stream that had paused.
func (g *bodyGuard) seen() {
	g.proven = true
	g.streams = nil
}

func (g *bodyGuard) forget(s *stream) {
	kept := g.streams[:0]
	for _, w := range g.streams {
		if w.stream != s {
			kept = append(kept, w)
		}
	}
	g.streams = kept
}

func (g *bodyGuard) expire(now time.Duration) {
	due := 0
	for due < len(g.streams) && now >= g.streams[due].deadline {
		due++
	}
	expired := g.streams[:due]
	g.streams = g.streams[due:]
	for _, w := range expired {
		// A tick runs in the plugin's context.
		_ = proxywasm.SetEffectiveContext(w.stream.id)
		w.stream.bodyUnavailable(w.side)
	}
}
