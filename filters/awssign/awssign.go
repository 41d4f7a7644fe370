// Package awssign signs requests for AWS with Signature Version 4, with
// credentials that belong to the proxy or to the request's own user.
//
// A user's credentials come from AWS STS for the OAuth or OpenID Connect token of
// the request itself, and are kept under the digest of that token. The filter
// fails closed: a request without credentials, or that cannot be signed, is
// answered and never goes on, unless it has no token and on_missing_token is
// pass. It chooses no host by what a request says, and passes on neither the
// token nor a signature of the client's.
package awssign

import (
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/aws"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/identity"
	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

// Plugin is the filter as the shell mounts it.
var Plugin = filter.Plugin{
	Name:     "awssign",
	Verdicts: verdicts,
	Metrics:  declaredMetrics,
	Load:     load,
}

// Filter is one configuration.
type Filter struct {
	config  *Config
	metrics metrics
	host    filter.Host
	chain   *aws.Chain
	signers [len(ruled)]*sigv4.Signer
	scratch sigv4.Signed // a worker has one thread
	proven  int64        // the second of a signature that AWS took
	aimedAt string       // the last host that aim was asked for
	aimed   *target
}

// exchange is one request and its response, and then another one (Reset).
type exchange struct {
	*Filter
	target      *target
	payload     string // what is signed for the body; "": hash it
	credentials sigv4.Credentials
	until       time.Time // their end, by the chain's Clock.Ends; zero: none
	from        filter.Cache
	again       bool // this is Envoy's own retry
	signed      bool
	at          time.Time // when it was signed, by the local clock
}

var (
	_ filter.Filter   = (*Filter)(nil)
	_ filter.Streamer = (*Filter)(nil)
	_ filter.Ticker   = (*Filter)(nil)

	_ filter.HeaderEditor = (*Filter)(nil)

	_ filter.TrailerStripper = (*exchange)(nil)
	_ filter.ResponseSkipper = (*exchange)(nil)
	_ filter.Resetter        = (*exchange)(nil)
)

// load decodes a configuration; it is the plugin's Load.
func load(data []byte, host filter.Host) (filter.Filter, error) {
	c, err := decode(data, host.Env)
	if err != nil {
		return nil, err
	}
	f := &Filter{config: c, metrics: newMetrics(host), host: host}
	if f.chain, err = aws.NewChain(&c.Credentials, data, host, f.metrics.credentials); err != nil {
		return nil, err
	}
	f.chain.Clock.Limit = c.MaxClockSkew
	f.chain.Retries = c.Mount == mountUpstream
	for i, service := range ruled {
		if f.signers[i], err = c.newSigner(service); err != nil {
			return nil, conf.Errors{{Path: "sign_headers", Text: err.Error(), Beyond: true}}
		}
	}
	return f, nil
}

// NewStream implements filter.Streamer.
func (f *Filter) NewStream() filter.Filter { return &exchange{Filter: f} }

// Reset implements filter.Resetter.
func (x *exchange) Reset() { *x = exchange{Filter: x.Filter} }

// OnRequest implements filter.Filter; the shell calls it on streams only.
func (f *Filter) OnRequest(m filter.Message, now time.Time) filter.Outcome {
	return f.NewStream().OnRequest(m, now)
}

// OnResponse implements filter.Filter.
func (f *Filter) OnResponse(filter.Message, time.Time) filter.Outcome { return filter.Continue() }

// TickPeriod implements filter.Ticker.
func (f *Filter) TickPeriod() time.Duration {
	if !f.config.Enabled {
		return 0
	}
	return f.chain.TickPeriod()
}

// OnTick implements filter.Ticker: it renews the proxy's own sessions ahead of
// their end, so that no request waits for that.
func (f *Filter) OnTick(now time.Time) filter.Outcome {
	if f.TickPeriod() == 0 {
		return filter.Continue() // a tick of the shell's own
	}
	return f.renew(f.chain.Due(now))
}

func (f *Filter) renew(ask *aws.Ask) filter.Outcome {
	if ask == nil {
		return filter.Continue()
	}
	return filter.Call(ask.Callout, func(res filter.CalloutResult) filter.Outcome {
		if _, next := ask.Answer(&res); next != nil {
			return f.renew(next)
		}
		return f.renew(f.chain.Due(res.Now))
	})
}

// StripsTrailer implements filter.TrailerStripper.
func (x *exchange) StripsTrailer(name string) bool {
	c := x.config
	return c.Enabled && (signsTrailer(name) || identity.Same(name, c.Credentials.AuthHeader) ||
		c.PreserveAuthHeader && identity.Same(name, c.PreserveAuthHeaderKey))
}

// OnRequest decides target and payload, then looks for credentials.
func (x *exchange) OnRequest(m filter.Message, now time.Time) filter.Outcome {
	c := x.config
	if c.Target.ClusterHeader != "" {
		identity.Remove(m, c.Target.ClusterHeader)
	}
	if !c.Enabled {
		return filter.Pass(Disabled)
	}
	token := ""
	if x.chain.NeedsToken() {
		if c.Mount == mountUpstream && x.retried(m, now) {
			return x.sign(m, now)
		}
		var problem aws.Problem
		if token, problem = c.Credentials.Token(m); problem != aws.None {
			return c.deny(&aws.Answer{Problem: problem})
		}
	}
	if token == "" && x.chain.Passes() {
		x.takeToken(m)
		return filter.Pass(Unsigned)
	}
	word := x.aim(m)
	if word != "" {
		return c.refuse(word)
	}
	if x.payload, word = c.payloadHash(m, x.target.service); word != "" {
		return c.refuse(word)
	}
	if x.payload, word = tunnelPayload(m, x.payload); word != "" {
		return c.refuse(word)
	}
	if own := x.chain.Fixed(); own != nil && x.payload != "" {
		x.credentials = *own
		return x.sign(m, now)
	}
	return x.start(m, token, now)
}

// start begins the search for credentials.
func (x *exchange) start(m filter.Message, token string, now time.Time) filter.Outcome {
	answer, ask := x.chain.Get(&aws.Query{Message: m, Token: token, Now: now})
	return x.search(m, now, answer, ask)
}

// search goes on until there are credentials, or none.
func (x *exchange) search(m filter.Message, now time.Time, answer aws.Answer, ask *aws.Ask) filter.Outcome {
	if ask != nil {
		o := filter.Call(ask.Callout, func(res filter.CalloutResult) filter.Outcome {
			answer, next := ask.Answer(&res)
			return x.search(m, res.Now, answer, next)
		})
		if x.payload != "" {
			o = o.WithoutBody() // a large upload waits for its session, and is not refused
		}
		return o
	}
	if answer.Problem != aws.None {
		return x.config.deny(&answer).From(answer.From)
	}
	x.credentials, x.until, x.from = answer.Credentials, answer.Until, answer.From
	if x.payload != "" {
		return x.sign(m, now)
	}
	return filter.NeedBody(filter.BodyNeed{Limit: x.config.MaxBodySize}, func(b filter.BodyResult) filter.Outcome {
		if b.TooLarge {
			return x.config.refuse(BodyTooLarge)
		}
		x.payload = sigv4.HashPayload(m.Body())
		x.metrics.hashed.Add(uint64(len(m.Body())))
		if x.until.IsZero() || x.chain.Clock.Ends(b.Now).Before(x.until) {
			return x.sign(m, b.Now)
		}
		// The session, or the token with it, has ended while the body came.
		token := ""
		if x.chain.NeedsToken() {
			token, _ = x.config.Credentials.Token(m) // which was good
		}
		return x.start(m, token, b.Now)
	})
}

// sign replaces what the client sent by way of a signature with ours.
func (x *exchange) sign(m filter.Message, now time.Time) filter.Outcome {
	c := x.config
	x.takeToken(m)
	s := &x.scratch
	path, query, err := x.signature(s, m, x.chain.Clock.Now(now))
	if err != nil {
		return c.refuse(Unsignable)
	}
	for _, name := range s.RemoveHeaders {
		m.RemoveHeader(name)
	}
	for _, h := range s.SetHeaders {
		m.SetHeader(h[0], h[1])
	}
	target := path
	if c.Mount == mountUpstream {
		target = s.Path // in the listener, another path may be another route
	}
	if s.RawQuery != query || target != path {
		if c.SignQuery {
			keepForLogs(m)
		}
		if s.RawQuery != "" {
			target += "?" + s.RawQuery
		}
		m.SetHeader(":path", target)
	}
	if x.target.rewrite {
		m.SetHeader(":authority", x.target.authority)
	}
	if x.target.cluster != "" {
		m.SetHeader(c.Target.ClusterHeader, x.target.cluster)
	}
	x.signed, x.at = true, now
	return filter.Pass(Signed).From(x.from)
}

// originalPath is where Envoy's rewrites leave the path that they replace; its
// default access log and our samples write %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%.
//
// Source: https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#x-envoy-original-path
const originalPath = "x-envoy-original-path"

// keepForLogs leaves the path as it came for access logs: the new one is a link
// that works for whoever reads it, with the session's token in it.
func keepForLogs(m filter.Message) {
	if _, n := m.Header(originalPath); n == 0 {
		path, _ := m.Header(":path")
		m.SetHeader(originalPath, path)
	}
}

// signature makes the signature of a request as it stands.
func (x *exchange) signature(s *sigv4.Signed, m filter.Message, at time.Time) (path, query string, err error) {
	method, _ := m.Header(":method")
	target, _ := m.Header(":path")
	path, query = splitQuery(target)
	// Field by field: the compiler would make a literal elsewhere and copy it.
	var r sigv4.Request
	r.Method, r.Path, r.RawQuery, r.Host = method, path, query, x.target.authority
	r.Headers, r.PayloadHash = m.Headers(), x.payload
	scope := sigv4.Scope{Service: x.target.service, Region: x.target.region, Time: at}
	signer := x.signers[x.target.rules]
	if x.config.SignQuery {
		return path, query, signer.SignQuery(s, &r, x.credentials, scope)
	}
	return path, query, signer.SignHeaders(s, &r, x.credentials, scope)
}

// splitQuery cuts at the first "?", as strings.Cut does by way of four more functions:
// their code costs a request more than this loop.
func splitQuery(target string) (path, query string) {
	for i := range len(target) {
		if target[i] == '?' {
			return target[:i], target[i+1:]
		}
	}
	return target, ""
}

// takeToken removes the token, or moves it where the configuration wants it if a
// source uses tokens. A client's own is removed from there.
func (x *exchange) takeToken(m filter.Message) {
	c := x.config
	token := ""
	if c.PreserveAuthHeader && x.chain.NeedsToken() {
		from := c.Credentials.AuthHeader
		if x.again { // the first attempt has moved it
			from = c.PreserveAuthHeaderKey
		}
		token, _ = m.Header(from)
	}
	if c.Credentials.AuthHeader != "authorization" { // which the signature replaces
		identity.Remove(m, c.Credentials.AuthHeader)
	}
	if c.PreserveAuthHeader {
		identity.Remove(m, c.PreserveAuthHeaderKey)
		if token != "" {
			m.SetHeader(c.PreserveAuthHeaderKey, token)
		}
	}
}

// SkipsResponse implements filter.ResponseSkipper. Where AWS took a signature of the
// same second, the clock is right: under load that is nearly always so, and reading
// the headers of a response costs a good part of a signature. No proof counts of a
// clock that was corrected: an upstream that lies about the time could give both.
func (x *exchange) SkipsResponse() bool {
	return !x.signed || x.config.MaxClockSkew == 0 || x.at.Unix() == x.proven && !x.chain.Clock.Corrected()
}

// OnResponse corrects the clock when AWS refuses a signature for its time. The
// next request, or Envoy's own retry in an upstream mount, is then signed right.
func (x *exchange) OnResponse(m filter.Message, now time.Time) filter.Outcome {
	if !x.signed {
		return filter.Continue()
	}
	status, _ := m.Header(":status")
	if strings.HasPrefix(status, "2") {
		x.proven = x.at.Unix()
	}
	switch status {
	case "400", "401", "403":
		if date, n := m.Header("date"); n == 1 && x.chain.Clock.Observe(date, now) {
			x.metrics.credentials.ClockCorrections.Add(1)
			x.host.Log("AWS's clock differs; requests are signed by its time from now on")
		}
	}
	return filter.Continue()
}
