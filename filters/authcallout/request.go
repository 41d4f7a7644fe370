package authcallout

import (
	"strings"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/identity"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
)

// callout builds the question to the auth service.
func (c *Config) callout(m filter.Message, token string) filter.Callout {
	method, _ := m.Header(":method")
	target, _ := m.Header(":path")
	call := filter.Callout{
		Cluster:       c.Cluster,
		Method:        c.Method,
		Authority:     c.Authority,
		Path:          c.Path,
		Timeout:       c.Timeout,
		Retries:       c.Retries,
		RetryOn:       c.RetryOn,
		MaxReply:      c.MaxReplySize,
		MaxConcurrent: c.MaxConcurrent,
	}
	if c.originalVerb {
		if call.Method = method; method == "CONNECT" {
			call.Method = "GET" // a callout cannot open a tunnel
		}
	}
	if !c.path.Constant() {
		call.Path = string(c.path.Append(nil, m))
	}
	if c.AppendPath {
		call.Path += target
	}
	if call.Path == "" { // CONNECT has no path
		call.Path = "/"
	}
	if !c.authority.Constant() {
		call.Authority = string(c.authority.Append(nil, m))
	}
	call.Headers = c.calloutHeaders(m, token, method, target)
	switch {
	case c.ForwardBody:
		call.Body = m.Body()
	case c.body != nil:
		call.Headers = append(call.Headers, [2]string{"content-type", c.BodyContentType})
		call.Body = c.body.Append(make([]byte, 0, len(c.BodyTemplate)+len(target)), m)
	}
	return call
}

// calloutHeaders lists what the auth service is told; each name once at most,
// the filter's own before the client's.
func (c *Config) calloutHeaders(m filter.Message, token, method, target string) [][2]string {
	h := make([][2]string, 0, 8+len(c.add)+len(c.SecretHeaders))
	if token != "" {
		h = append(h, [2]string{c.TokenHeader, token})
	}
	for i := range c.SecretHeaders {
		h = append(h, [2]string{c.SecretHeaders[i].Name, c.SecretHeaders[i].Value.Reveal()})
	}
	for i := range c.add {
		h = append(h, [2]string{c.add[i].name, string(c.add[i].value.Append(nil, m))})
	}
	h = c.forwardedHeaders(h, m, method, target)
	own := len(h)
	if c.ForwardBody {
		if v, n := m.Header("content-type"); n == 1 {
			h = append(h, [2]string{"content-type", v})
			own++
		}
	}
	if c.allowed.Empty() {
		return h
	}
	for _, f := range m.Headers() {
		name := f[0]
		if c.allowed.Match(name) && !c.disallowed.Match(name) && name != c.TokenHeader &&
			!identity.Forbidden(name) && !claimsForwarding(name) && !traces(name) && !has(h[:own], name) {
			h = append(h, f)
		}
	}
	return h
}

// traces reports the headers that the shell copies to every callout itself. They
// differ from request to request and are no part of a question.
func traces(name string) bool {
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
// request than its own; "_" counts as "-".
func claimsForwarding(name string) bool {
	name = strings.ReplaceAll(name, "_", "-")
	return strings.HasPrefix(name, "x-forwarded-") || strings.HasPrefix(name, "x-original-") ||
		name == "x-rewrite-url" || name == "x-real-ip" || name == "forwarded"
}

// applies reports whether the request is to be checked.
func (c *Config) applies(m filter.Message) bool {
	if len(c.Only) == 0 && len(c.Except) == 0 {
		return true
	}
	target, _ := m.Header(":path")
	path, _, _ := msg.SplitPath(target)
	if len(c.Only) > 0 && !matchAny(c.Only, m, path) {
		// An odd path may reach the upstream as one of these: check it.
		return msg.AmbiguousPath(target) != 0
	}
	return msg.AmbiguousPath(target) != 0 || !matchAny(c.Except, m, path)
}

func matchAny(rules []rule, m filter.Message, path string) bool {
	for i := range rules {
		if rules[i].match(m, path) {
			return true
		}
	}
	return false
}

func (r *rule) match(m filter.Message, path string) bool {
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
		if v, n := m.Header(h[0]); n != 1 || h[1] != "*" && v != h[1] {
			return false
		}
	}
	return true
}

func segmentPrefix(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(prefix, "/"))
}

// hasBody reports whether a request's body can ever be whole: that of an
// upgrade or a CONNECT is a tunnel.
func hasBody(m filter.Message) bool {
	if method, _ := m.Header(":method"); method == "CONNECT" {
		return false
	}
	_, upgrade := m.Header("upgrade")
	return upgrade == 0
}

func hasScheme(token, scheme string) bool {
	rest, ok := strings.CutPrefix(token, scheme)
	return ok && strings.HasPrefix(rest, " ")
}
