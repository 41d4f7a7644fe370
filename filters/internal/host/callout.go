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

// flight is a callout that waits for its answer.
type flight struct{ deadline time.Duration } // by stopwatch

// flights caps the callouts of one configuration in one worker. The SDK drops
// the answer to a stream that has ended, while Envoy keeps its call going: such
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
	if len(f.orphans) < most {
		f.orphans = append(f.orphans, fl.deadline)
	}
}

// dispatch starts a callout. One that cannot start is answered at once: the
// flight is nil and res holds the failure. done runs exactly once, unless the
// stream ends first.
func (p *plugin) dispatch(c *filter.Callout, headers [][2]string, done func(filter.CalloutResult)) (res filter.CalloutResult, fl *flight) {
	started := stopwatch()
	if p.flights.full(c.MaxConcurrent, started) {
		res.Failure, res.Now = filter.Overloaded, clock()
		p.metrics.callout(res.Failure, 0)
		return res, nil
	}
	timeout, maxReply := c.Timeout, c.MaxReply // all that the answer needs of the callout
	_, err := proxywasm.DispatchHttpCall(c.Cluster, headers, c.Body, nil, milliseconds(c.Timeout),
		func(headers, bodySize, _ int) {
			p.flights.count--
			res := readResult(headers, bodySize, maxReply)
			res.Now = clock()
			res.Duration = stopwatch() - started
			// An answer that began in time and never ended is a reset too. Envoy's
			// timers go by the clock of its event loop, which may be some ms behind.
			if res.Failure == filter.Unreachable && res.Duration+res.Duration/16+10*time.Millisecond >= timeout {
				res.Failure = filter.Timeout
			}
			p.metrics.callout(res.Failure, res.Duration)
			done(res)
		})
	clear(p.scratch.headers) // a token stays no longer than it is needed
	if err != nil {
		res.Failure, res.Now = filter.UnknownCluster, clock()
		p.metrics.callout(res.Failure, 0)
		p.log.error("Envoy refused a callout: is the cluster defined?", "cluster", excerpt(c.Cluster))
		return res, nil
	}
	p.flights.count++
	return res, &flight{deadline: started + c.Timeout}
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
		for _, name := range copied {
			if v, n := from.Header(name); n > 0 && !named(c.Headers, name) {
				h = append(h, [2]string{name, v})
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
func readResult(numHeaders, bodySize, maxReply int) filter.CalloutResult {
	var res filter.CalloutResult
	if numHeaders == 0 {
		res.Failure = filter.Unreachable
		return res
	}
	headers := headerPairs(answerHeaders)
	real := false
	res.Headers = headers[:0]
	for _, h := range headers {
		switch {
		case h[0] == ":status":
			res.Status, _ = strconv.Atoi(h[1])
		case h[0] == "x-envoy-upstream-service-time":
			real = true
		case h[0] != "" && h[0][0] != ':':
			res.Headers = append(res.Headers, h)
		}
	}
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
