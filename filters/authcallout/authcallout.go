// Package authcallout asks an HTTP service about each request and carries out
// its verdict.
//
// It denies when the token is missing or doubled, when the service says no, and
// (unless failure_mode is open) when the service gives no usable answer. It
// never lets a request pass undecided, and never lets a client's copy of an
// identity header through, whatever the verdict.
package authcallout

import (
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/identity"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
)

// Plugin is the filter as the shell mounts it.
var Plugin = filter.Plugin{
	Name:     "authcallout",
	Verdicts: verdicts,
	Metrics:  declaredMetrics,
	Load:     load,
}

// failureMark tells the upstream that nobody has checked the request; a client's
// copy never reaches it.
const failureMark = "x-envoy-auth-failure-mode-allowed"

// Filter is one configuration.
type Filter struct {
	config  *Config
	metrics metrics
	host    filter.Host
	cache   verdictCache
}

// exchange is one request and its response, and then another one (Reset).
type exchange struct {
	*Filter
	token     string
	now       time.Time
	onSuccess [][2]string // for the client, when the response comes

	question filter.Callout // its headers keep their memory
	message  filter.Message // that answered concludes
	answered func(filter.CalloutResult) filter.Outcome
}

var (
	_ filter.Filter    = (*Filter)(nil)
	_ filter.Streamer  = (*Filter)(nil)
	_ filter.Rechecker = (*Filter)(nil)
	_ filter.Stripper  = (*Filter)(nil)
	_ filter.Shadower  = (*exchange)(nil)
	_ filter.Resetter  = (*exchange)(nil)

	_ filter.TrailerStripper = (*exchange)(nil)
	_ filter.ResponseSkipper = (*exchange)(nil)
	_ filter.Failer          = (*exchange)(nil)
)

// Rechecks implements filter.Rechecker.
func (f *Filter) Rechecks() bool { return f.config.Recheck }

// StripsTrailer implements filter.TrailerStripper: some servers take a trailer
// for a header.
func (f *Filter) StripsTrailer(name string) bool {
	return f.config.strip.Has(name) || identity.Same(name, failureMark)
}

// Shadows implements filter.Shadower.
func (f *Filter) Shadows() bool { return f.config.Mode == modeShadow }

// NewStream implements filter.Streamer.
func (f *Filter) NewStream() filter.Filter {
	x := &exchange{Filter: f}
	f.config.prepare(&x.question)
	x.answered = func(res filter.CalloutResult) filter.Outcome {
		d := x.config.judge(&res)
		return x.conclude(x.message, &d)
	}
	return x
}

// maxSpareHeaders bounds a list that is kept for the next exchange.
const maxSpareHeaders = 64

// Reset implements filter.Resetter: a token stays no longer than it is needed.
func (x *exchange) Reset() {
	x.token, x.now, x.onSuccess, x.message = "", time.Time{}, nil, nil
	q := &x.question
	q.Path, q.Authority, q.Method, q.Body, q.Flight = "", "", "", nil, ""
	clear(q.Headers[:cap(q.Headers)])
	if q.Headers = q.Headers[:0]; cap(q.Headers) > maxSpareHeaders {
		q.Headers = nil
	}
}

// OnRequest implements filter.Filter; the shell calls it on streams only.
func (f *Filter) OnRequest(m filter.Message, now time.Time) filter.Outcome {
	return f.NewStream().OnRequest(m, now)
}

// OnResponse implements filter.Filter.
func (f *Filter) OnResponse(filter.Message, time.Time) filter.Outcome { return filter.Continue() }

// OnRequest reads the token, strips what only this filter may set, and asks.
func (x *exchange) OnRequest(m filter.Message, now time.Time) filter.Outcome {
	c := x.config
	x.now = now
	token, tokenErr := identity.One(m, c.TokenHeader, identity.RefuseCommas)
	x.token = token
	x.Strip(m)

	if !c.Enabled {
		return filter.Pass(Disabled)
	}
	if c.ambiguity != 0 {
		if target, _ := m.Header(":path"); msg.AmbiguousPath(target)&c.ambiguity != 0 {
			return filter.Send(AmbiguousPath, filter.Reply{Status: 400})
		}
	}
	if !c.applies(m) {
		return filter.Pass(Skipped)
	}
	switch {
	case tokenErr == identity.ErrRepeated || tokenErr == identity.ErrAlias:
		return filter.Send(AmbiguousToken, filter.Reply{Status: 400})
	case token == "" && c.RequireToken:
		return filter.Send(NoToken, c.challenge(filter.Reply{Status: 401}, false))
	case token != "" && c.TokenScheme != "" && !hasScheme(token, c.TokenScheme):
		return filter.Send(BadTokenScheme, c.challenge(filter.Reply{Status: 401}, false))
	}
	if c.ForwardBody {
		tunnel, ok := tunnels(m)
		if !ok {
			return filter.Send(BadUpgrade, filter.Reply{Status: 400})
		}
		if tunnel {
			return x.ask(m)
		}
		return filter.NeedBody(filter.BodyNeed{Limit: c.MaxBodySize, Partial: c.PartialBody}, func(b filter.BodyResult) filter.Outcome {
			x.now = b.Now // a body may take as long as the client likes
			if b.TooLarge {
				return filter.Send(BodyTooLarge, filter.Reply{Status: 413})
			}
			if b.Truncated {
				x.metrics.partial.Add(1)
			}
			return x.ask(m)
		})
	}
	return x.ask(m)
}

// Strip implements filter.Stripper. It removes what only this filter may set,
// before anything else can fail.
func (f *Filter) Strip(m filter.Message) {
	if n := f.config.strip.Strip(m); n > 0 {
		f.metrics.stripped.Add(uint64(n))
	}
	identity.Remove(m, failureMark)
}

// conclude carries out a decision.
func (x *exchange) conclude(m filter.Message, d *decision) filter.Outcome {
	switch d.word {
	case Allowed:
		if !x.Shadows() {
			x.config.apply(m, d)
			x.onSuccess = d.onSuccess
		}
		return filter.Pass(Allowed)
	case Denied:
		return filter.Send(Denied, d.reply)
	default:
		return x.failed(m, d.word)
	}
}

// failed is the one place that decides about an auth service that failed.
func (x *exchange) failed(m filter.Message, why filter.Word) filter.Outcome {
	if x.config.FailureMode != failOpen {
		return filter.Send(why, x.config.challenge(filter.Reply{Status: x.config.StatusOnError}, false))
	}
	if x.Shadows() {
		return filter.Pass(FailedOpen)
	}
	x.host.Log("the auth service failed; the request passes, since failure_mode is open", "reason", string(why))
	for _, name := range x.config.HeadersToRemove {
		identity.Remove(m, name)
	}
	if x.config.FailureHeader {
		m.SetHeader(failureMark, "true")
	}
	return filter.Pass(FailedOpen)
}

// OnFailure implements filter.Failer: a fault of the filter itself is never a
// reason to let a request pass undecided, not even with failure_mode open.
func (x *exchange) OnFailure() filter.Outcome {
	return filter.Send(filter.InternalError, x.config.challenge(filter.Reply{Status: x.config.StatusOnError}, false))
}

// SkipsResponse implements filter.ResponseSkipper.
func (x *exchange) SkipsResponse() bool { return len(x.onSuccess) == 0 }

// OnResponse adds the headers that the auth service has for the client.
func (x *exchange) OnResponse(m filter.Message, _ time.Time) filter.Outcome {
	for _, h := range x.onSuccess {
		m.AddHeader(h[0], h[1])
	}
	return filter.Continue()
}
