package host

import (
	"strconv"
	"time"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
)

// copied are the request's headers that every callout carries: Envoy gives a
// callout neither a request id nor a parent span of its own.
var copied = [...]string{"x-request-id", "traceparent", "tracestate"}

// maxCopied bounds the values of copied: W3C asks proxies to pass on a tracestate of 512
// characters. Longer ones stay away from a service that would refuse the call for them,
// by which others may go as well.
//
// Source: https://www.w3.org/TR/trace-context/#tracestate-limits
const maxCopied = 1 << 10

// copied finds those of copied that a message has, the first of each name, in one
// pass.
func (m *message) copied() (found [len(copied)]*[2]string) {
	const shortest, longest = len("tracestate"), len("x-request-id")
	m.fetch()
	for i := range m.headers {
		h := &m.headers[i]
		if len(h[0]) < shortest || len(h[0]) > longest {
			continue
		}
		for j := range copied {
			if found[j] == nil && h[0] == copied[j] && len(h[1]) <= maxCopied {
				found[j] = h
			}
		}
	}
	return found
}

// flight is a callout that waits for its answer. It can be used again after that.
type flight struct {
	owner    uint32 // the stream or plugin that has made it
	inAir    bool
	started  time.Duration // by stopwatch
	timeout  time.Duration
	maxReply int
	done     func(filter.CalloutResult)
	answered func(headers, bodySize, trailers int) // made once
}

// flights caps the callouts of one configuration in one worker. The answer to
// a stream that has ended is dropped, while Envoy keeps its call going: such
// a call counts until its timeout, or clients that hang up could pass the cap.
type flights struct {
	count   int
	orphans []time.Duration // deadlines
}

func (f *flights) full(most int, now time.Duration) bool {
	if most <= 0 || f.count+len(f.orphans) < most {
		return false
	}
	kept := f.orphans[:0]
	for _, deadline := range f.orphans {
		if now < deadline {
			kept = append(kept, deadline)
		}
	}
	f.orphans = kept
	return f.count+len(f.orphans) >= most
}

func (f *flights) orphan(fl *flight) {
	const most = 4096 // no cap is set, or it is larger: the list stays small
	f.count--
	fl.inAir = false
	if len(f.orphans) < most {
		f.orphans = append(f.orphans, fl.started+fl.timeout)
	}
}

// dispatch starts a callout. One that cannot start is answered at once: ok is
// false and res holds the failure. done runs exactly once, unless the stream ends
// first.
func (p *plugin) dispatch(fl *flight, c *filter.Callout, headers [][2]string, done func(filter.CalloutResult)) (res filter.CalloutResult, ok bool) {
	started := stopwatch()
	if p.flights.full(c.MaxConcurrent, started) {
		res.Failure, res.Now = filter.Overloaded, clock()
		p.metrics.callout(res.Failure, 0)
		return res, false
	}
	fl.started, fl.timeout, fl.maxReply, fl.done = started, c.Timeout, c.MaxReply, done
	if fl.answered == nil {
		fl.answered = func(headers, bodySize, _ int) { p.answered(fl, headers, bodySize) }
	}
	ok = httpCall(c.Cluster, headers, c.Body, milliseconds(c.Timeout), fl)
	clear(p.scratch.headers) // a token stays no longer than it is needed
	if !ok {
		res.Failure, res.Now = filter.UnknownCluster, clock()
		p.metrics.callout(res.Failure, 0)
		p.log.error("Envoy refused a callout: is the cluster defined?", "cluster", excerpt(c.Cluster))
		return res, false
	}
	p.flights.count++
	fl.inAir = true
	return res, true
}

// answered is what becomes of an answer.
func (p *plugin) answered(fl *flight, headers, bodySize int) {
	defer p.recovered("callout")
	p.flights.count--
	fl.inAir = false
	forgetCall()
	res := p.readResult(headers, bodySize, fl.maxReply)
	res.Now = clock()
	res.Duration = stopwatch() - fl.started
	// An answer that began in time and never ended is a reset too. Envoy's
	// timers go by the clock of its event loop, which may be some ms behind.
	if res.Failure == filter.Unreachable && res.Duration+res.Duration/16+10*time.Millisecond >= fl.timeout {
		res.Failure = filter.Timeout
	}
	p.metrics.callout(res.Failure, res.Duration)
	fl.done(res)
	clear(p.scratch.answer) // what it says of a user stays no longer than it is needed
}

// milliseconds rounds up, so that no timeout becomes 0, which is none.
func milliseconds(d time.Duration) uint32 {
	return uint32((d + time.Millisecond - 1) / time.Millisecond)
}

// calloutHeaders lists all headers of a callout, valid until the next callout.
func (p *plugin) calloutHeaders(c *filter.Callout, from *message) [][2]string {
	h := p.scratch.headers[:0]
	h = append(h, [2]string{":method", c.Method}, [2]string{":path", c.Path}, [2]string{":authority", c.Authority})
	h = append(h, c.Headers...)
	if from != nil {
		values := from.copied()
		for i, name := range copied {
			if values[i] != nil && !named(c.Headers, name) {
				h = append(h, *values[i])
			}
		}
	}
	if c.Retries > 0 {
		h = append(h, [2]string{"x-envoy-max-retries", strconv.Itoa(c.Retries)}, [2]string{"x-envoy-retry-on", c.RetryOn})
	}
	p.scratch.headers = h
	return h
}

func named(headers [][2]string, name string) bool {
	for i := range headers {
		if headers[i][0] == name {
			return true
		}
	}
	return false
}

// readResult tells the ways apart in which Envoy reports a callout: no headers
// at all is a reset; an answer without x-envoy-upstream-service-time was made by
// Envoy itself, since its router adds that header to every real answer.
func (p *plugin) readResult(numHeaders, bodySize, maxReply int) filter.CalloutResult {
	var res filter.CalloutResult
	if numHeaders == 0 {
		res.Failure = filter.Unreachable
		return res
	}
	headers := headerPairs(answerHeaders, p.scratch.answer)
	p.scratch.answer = headers
	real := false
	n := 0
	for i := range headers {
		h := &headers[i]
		switch {
		case h[0] == ":status":
			res.Status, _ = strconv.Atoi(h[1])
		case h[0] == "x-envoy-upstream-service-time":
			real = true
		case h[0] != "" && h[0][0] != ':':
			if n != i {
				headers[n] = *h
			}
			n++
		}
	}
	res.Headers = headers[:n]
	if !real {
		res.Failure = filter.Unreachable
		if res.Status == 504 {
			res.Failure = filter.Timeout
		}
		return filter.CalloutResult{Failure: res.Failure}
	}
	if bodySize > maxReply {
		res.Failure = filter.ReplyTooLarge
		return res
	}
	if bodySize > 0 {
		res.Body, _ = proxywasm.GetHttpCallResponseBody(0, bodySize)
	}
	return res
}
