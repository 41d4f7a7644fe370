package authcallout

import (
	"slices"
	"strings"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/identity"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
)

// prepare fills in what each question of the configuration has.
func (c *Config) prepare(call *filter.Callout) {
	*call = filter.Callout{
		Cluster:       c.Cluster,
		Timeout:       c.Timeout,
		Retries:       c.Retries,
		RetryOn:       c.RetryOn,
		MaxReply:      c.MaxReplySize,
		MaxConcurrent: c.MaxConcurrent,
		MaxWaiters:    c.Cache.MaxWaiters,
	}
}

// callout completes the question to the auth service, but for its path, which
// target still is to be appended to. The headers of an earlier question are
// overwritten.
func (c *Config) callout(call *filter.Callout, m filter.Message, token string) (target string) {
	method, _ := m.Header(":method")
	own, _ := m.Header(":path")
	if call.Method = c.Method; c.originalVerb {
		// A callout cannot open a tunnel, and the answer to a HEAD has no JSON.
		if call.Method = method; method == "CONNECT" || method == "HEAD" && c.needsJSON {
			call.Method = "GET"
		}
	}
	if call.Path = c.Path; !c.fixedPath {
		call.Path = c.path.String(m)
	}
	if c.AppendPath {
		target = own
	}
	if call.Path == "" && target == "" { // CONNECT has no path
		target = "/"
	}
	if call.Authority = c.Authority; !c.fixedAuthority {
		call.Authority = c.authority.String(m)
	}
	call.Headers = c.calloutHeaders(call.Headers[:0], m, token, method, own)
	switch {
	case c.ForwardBody:
		call.Body = m.Body()
	case c.body != nil:
		call.Body = c.body.Append(make([]byte, 0, len(c.BodyTemplate)+len(own)), m)
	}
	return target
}

// calloutHeaders lists what the auth service is told; each name once at most, in
// whatever spelling, the filter's own before the client's. A client has no say in
// how an answer is encoded that the filter must read.
func (c *Config) calloutHeaders(h [][2]string, m filter.Message, token, method, target string) [][2]string {
	n := 2 + len(c.add) + len(c.SecretHeaders) // token and content type
	if c.Forwarded != forwardedNone {
		n += 5
	}
	if !c.allowed.Empty() {
		n += len(m.Headers())
	}
	h = slices.Grow(h, n)
	if token != "" {
		h = append(h, [2]string{c.TokenHeader, token})
	}
	for i := range c.SecretHeaders {
		h = append(h, [2]string{c.SecretHeaders[i].Name, c.SecretHeaders[i].Value.Reveal()})
	}
	for i := range c.add {
		h = append(h, [2]string{c.add[i].name, c.add[i].value.String(m)})
	}
	h = c.forwardedHeaders(h, m, method, target)
	if c.ForwardBody {
		for _, name := range [...]string{"content-type", "content-encoding"} {
			if v, n := m.Header(name); n == 1 {
				h = append(h, [2]string{name, v})
			}
		}
	} else if c.body != nil {
		h = append(h, [2]string{"content-type", c.BodyContentType})
	}
	if c.allowed.Empty() {
		return h
	}
	own := h
	for _, f := range m.Headers() {
		name := f[0]
		if c.allowed.Match(name) && !c.disallowed.Match(name) && mayBeAsked(name) && !(c.needsJSON && identity.Same(name, "accept-encoding")) &&
			!identity.Same(name, c.TokenHeader) && !hasAlias(own, name) {
			h = append(h, f)
		}
	}
	return h
}

// mayBeAsked keeps back what is not the client's to tell the auth service:
// framing, Envoy's own headers, claims about another request, what describes the
// client's body and conditions, and what the shell copies to each callout itself
// (which differs from request to request and is no part of a question).
func mayBeAsked(name string) bool {
	if identity.Forbidden(name) || claimsForwarding(name) || strings.HasPrefix(name, "content-") || strings.HasPrefix(name, "if-") {
		return false
	}
	return name != "expect" && name != "range" && !perRequest(name)
}

// perRequest names what the shell copies to each callout.
func perRequest(name string) bool {
	return name == "x-request-id" || name == "traceparent" || name == "tracestate"
}

func has(headers [][2]string, name string) bool {
	for i := range headers {
		if headers[i][0] == name {
			return true
		}
	}
	return false
}

func hasAlias(headers [][2]string, name string) bool {
	for i := range headers {
		if identity.Same(headers[i][0], name) {
			return true
		}
	}
	return false
}

// forwardedHeaders tells the auth service about the request, from what Envoy
// knows and never from what the client claims (CVE-2026-40575).
func (c *Config) forwardedHeaders(h [][2]string, m filter.Message, method, target string) [][2]string {
	if c.Forwarded == forwardedNone {
		return h
	}
	authority, _ := m.Header(":authority")
	scheme, _ := m.Header(":scheme")
	if c.Forwarded == forwardedXOriginal {
		return append(h,
			[2]string{"x-original-method", method},
			[2]string{"x-original-url", scheme + "://" + authority + target})
	}
	address, _ := m.Property("source", "address")
	return append(h,
		[2]string{"x-forwarded-method", method},
		[2]string{"x-forwarded-proto", scheme},
		[2]string{"x-forwarded-host", authority},
		[2]string{"x-forwarded-uri", target},
		[2]string{"x-forwarded-for", msg.Host(address)})
}

// claimsForwarding reports headers by which a client could describe another
// request than its own, in any spelling (identity.Same).
func claimsForwarding(name string) bool {
	for _, prefix := range [...]string{"x-forwarded-", "x-original-"} {
		if len(name) > len(prefix) && identity.Same(name[:len(prefix)], prefix) {
			return true
		}
	}
	return identity.Same(name, "x-rewrite-url") || identity.Same(name, "x-real-ip") || identity.Same(name, "forwarded")
}

// applies reports whether the request is to be checked.
func (c *Config) applies(m filter.Message) bool {
	if len(c.Only) == 0 && len(c.Except) == 0 {
		return true
	}
	target, _ := m.Header(":path")
	path, _, _ := msg.SplitPath(target)
	if len(c.Only) > 0 && !matchAny(c.Only, m, path, true) {
		// An odd path may reach the upstream as one of these: check it.
		return msg.AmbiguousPath(target) != 0
	}
	return msg.AmbiguousPath(target) != 0 || !matchAny(c.Except, m, path, false)
}

// matchAny looks for a rule that matches; doubled is what a header that occurs
// twice counts as, such that the request is checked.
func matchAny(rules []rule, m filter.Message, path string, doubled bool) bool {
	for i := range rules {
		if rules[i].match(m, path, doubled) {
			return true
		}
	}
	return false
}

func (r *rule) match(m filter.Message, path string, doubled bool) bool {
	if r.Path != "" && path != r.Path {
		return false
	}
	if r.PathPrefix != "" && !segmentPrefix(path, r.PathPrefix) {
		return false
	}
	if len(r.Methods) > 0 {
		method, _ := m.Header(":method")
		found := false
		for _, want := range r.Methods {
			found = found || want == method
		}
		if !found {
			return false
		}
	}
	for _, h := range r.Headers {
		v, n := m.Header(h[0])
		if ok := n == 1 && (h[1] == "*" || v == h[1]) || n > 1 && doubled; !ok {
			return false
		}
	}
	return true
}

func segmentPrefix(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(prefix, "/"))
}

// tunnels reports that a request opens a tunnel, which has no body that could
// ever be whole; ok is false for an upgrade that claims a body all the same,
// which no WebSocket client sends and an upstream might read unseen. Without
// "connection: upgrade" Envoy takes it for any other request, with its body.
func tunnels(m filter.Message) (tunnel, ok bool) {
	method, _ := m.Header(":method")
	if method == "CONNECT" {
		return true, true
	}
	if _, n := m.Header("upgrade"); n == 0 {
		return false, true
	}
	length, n := m.Header("content-length")
	_, chunked := m.Header("transfer-encoding")
	return upgrades(m), method == "GET" && chunked == 0 && (n == 0 || length == "0")
}

func upgrades(m filter.Message) bool {
	for _, h := range m.Headers() {
		if h[0] != "connection" {
			continue
		}
		for list := h[1]; list != ""; {
			var token string
			if token, list = msg.NextToken(list); msg.Lower(token) == "upgrade" {
				return true
			}
		}
	}
	return false
}

func hasScheme(token, scheme string) bool {
	rest, ok := strings.CutPrefix(token, scheme)
	return ok && strings.HasPrefix(rest, " ")
}
