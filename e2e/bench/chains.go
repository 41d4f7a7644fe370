package main

import (
	"fmt"
	"strings"

	"github.com/gatehouse-proxy/gatehouse/e2e"
)

// chain is one filter chain under test.
type chain struct {
	name     string // of the listener
	title    string // in the report
	filter   []e2e.Plugin
	requests [][]byte
	asks     int    // requests that reach the auth service for each: 1 or 0
	counter  string // of Envoy's: rises by one a request, if given

	// What it is compared with, by name: a chain that does the same without the
	// filter, and the filter of Envoy's own.
	base, reference string

	body     int          // bytes of each request's body
	proxied  bool         // the auth service is the upstream
	upstream []e2e.Plugin // filters of that upstream's cluster
	closed   bool         // not in the open model, whose requests are others
}

const (
	upstreamless = `ok` // direct responses: what an upstream costs is not ours to measure
	authTimeout  = "5s" // a busy machine is no fault
)

// request is what a client sends; with Envoy's own headers (x-forwarded-proto,
// x-request-id) and the pseudo-headers the filter sees ten.
func request(token int) []byte {
	return fmt.Appendf(nil, "GET /orders/42?expand=items HTTP/1.1\r\nhost: shop.example.org\r\nuser-agent: bench/1.0\r\naccept: application/json\r\naccept-encoding: gzip\r\nauthorization: Bearer 6fq0vTz8sXkq4mWc1bYtR2nJ5hLd%04d\r\n\r\n", token)
}

func requests(tokens int) [][]byte {
	list := make([][]byte, tokens)
	for i := range list {
		list[i] = request(i)
	}
	return list
}

const sharedTokens = 256

// chains lists what is compared: first the empty chain.
func chains() []chain { return append(authChains(), signingChains()...) }

// authChains all ask the same service the same question.
func authChains() []chain {
	plain, many := requests(1), requests(sharedTokens)
	ours := func(config string) []e2e.Plugin {
		return []e2e.Plugin{{Filter: "authcallout", VM: "bench", Config: `{"cluster": "auth", "timeout": "` + authTimeout + `", ` + config + `}`}}
	}
	calls := func(config string) []e2e.Plugin {
		return []e2e.Plugin{{Module: "test/calls", Filter: "calls", VM: "calls_" + config, Config: config}}
	}
	const (
		likeExtAuthz = `"profile": "ext-authz", "path": "/check"`
		identity     = `, "allowed_upstream_headers": ["x-user-id"]`
		cache        = `, "cache": {"lifetime": "fixed", "ttl": "1h"`
	)
	list := []chain{
		{name: "empty", title: "empty chain", requests: plain},
		{name: "wasm", title: "Wasm filter that does nothing", filter: []e2e.Plugin{{Module: "test/empty", Filter: "empty"}}, requests: plain},
		{name: "ext_authz", title: "Envoy's ext_authz (HTTP)", filter: extAuthz(false), requests: plain, asks: 1},
		{name: "ext_authz_identity", title: "Envoy's ext_authz, sets an identity header", filter: extAuthz(true), reference: "ext_authz_identity", requests: plain, asks: 1},
		{name: "lua", title: "Envoy's Lua, httpCall", filter: lua(), requests: plain, asks: 1},
		{name: "callout", title: "Wasm filter that makes the callout with constant headers, and nothing else", filter: []e2e.Plugin{{Module: "test/callout", Filter: "callout"}}, requests: plain, asks: 1},
		{name: "calls_ask", title: "Wasm filter that makes the calls into Envoy of authcallout, profile ext-authz, and nothing else", filter: calls("ask"), requests: plain, asks: 1},
		{name: "uncached", title: "authcallout, profile ext-authz", filter: ours(likeExtAuthz), requests: plain, asks: 1},
		{name: "uncached_identity", title: "authcallout, profile ext-authz, sets an identity header", filter: ours(likeExtAuthz + identity), reference: "ext_authz_identity", requests: plain, asks: 1},
		{name: "kong", title: "authcallout, profile kong-custom-auth (POST, JSON)", filter: ours(`"path": "/check"`), requests: plain, asks: 1},
		{name: "calls_hit", title: "Wasm filter that makes the calls into Envoy of a cache hit, and nothing else", filter: calls("hit"), requests: plain,
			counter: "wasmcustom.calls.hits"},
		{name: "hit", title: "authcallout, cache hit in the worker", filter: ours(likeExtAuthz + cache + `}`), requests: plain,
			counter: "wasmcustom.gatehouse.authcallout.cache_hits"},
		{name: "hit_identity", title: "authcallout, cache hit in the worker, sets an identity header", filter: ours(likeExtAuthz + identity + cache + `}`), reference: "ext_authz_identity", requests: plain,
			counter: "wasmcustom.gatehouse.authcallout.cache_hits"},
		// A worker's cache of one entry, and tokens at random: its own hardly ever hits.
		{name: "shared", title: "authcallout, cache hit in shared data", filter: ours(likeExtAuthz + cache + `, "max_entries": 1, "shared": true, "shared_slots": 65536}`), requests: many,
			counter: "wasmcustom.gatehouse.authcallout.cache_shared_hits"},
	}
	for i := range list {
		c := &list[i]
		c.base = "empty"
		if c.reference == "" && c.name != c.base {
			c.reference = "ext_authz"
		}
	}
	return list
}

// chosen are the chains whose names begin with one of the prefixes, and those
// that they are compared with. No prefix chooses all.
func chosen(list []chain, prefixes string) ([]chain, error) {
	if prefixes == "" {
		return list, nil
	}
	wanted := map[string]bool{"empty": true}
	for p := range strings.SplitSeq(prefixes, ",") {
		found := false
		for _, c := range list {
			if strings.HasPrefix(c.name, p) {
				wanted[c.name], wanted[c.base], wanted[c.reference], found = true, true, true, true
			}
		}
		if p == "" || !found {
			return nil, fmt.Errorf("-chains: no chain's name begins with %q", p)
		}
	}
	var out []chain
	for _, c := range list {
		if wanted[c.name] {
			out = append(out, c)
		}
	}
	return out, nil
}

func extAuthz(identity bool) []e2e.Plugin {
	service := e2e.Node{
		"server_uri":  e2e.Node{"uri": "http://auth", "cluster": "auth", "timeout": authTimeout},
		"path_prefix": "/check",
	}
	if identity {
		service["authorization_response"] = e2e.Node{"allowed_upstream_headers": exactly("x-user-id")}
	}
	return []e2e.Plugin{{Native: e2e.Node{
		"name": "envoy.filters.http.ext_authz",
		"typed_config": e2e.Node{
			"@type":           "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
			"http_service":    service,
			"allowed_headers": exactly("x-request-id"), // authcallout always sends it
		},
	}}}
}

func exactly(names ...string) e2e.Node {
	patterns := []e2e.Node{}
	for _, n := range names {
		patterns = append(patterns, e2e.Node{"exact": n})
	}
	return e2e.Node{"patterns": patterns}
}

func lua() []e2e.Plugin {
	const source = `
function envoy_on_request(handle)
  local h = handle:headers()
  local answer = handle:httpCall("auth", {
    [":method"] = h:get(":method"),
    [":path"] = "/check" .. h:get(":path"),
    [":authority"] = h:get(":authority"),
    ["authorization"] = h:get("authorization"),
    ["x-request-id"] = h:get("x-request-id"),
  }, nil, 5000)
  if answer[":status"] ~= "200" then
    handle:respond({[":status"] = "403"}, "")
  end
end`
	return []e2e.Plugin{{Native: e2e.Node{
		"name": "envoy.filters.http.lua",
		"typed_config": e2e.Node{
			"@type":               "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
			"default_source_code": e2e.Node{"inline_string": source},
		},
	}}}
}

// listener serves a chain without an access log, and without an upstream unless
// the filter is in the upstream's cluster.
func (c chain) listener() e2e.Listener {
	l := e2e.Listener{
		Name:    c.name,
		Plugins: c.filter,
		Routes: []e2e.Node{{
			"match":           e2e.Node{"prefix": "/"},
			"direct_response": e2e.Node{"status": 200, "body": e2e.Node{"inline_string": upstreamless}},
		}},
		HTTP: e2e.Node{"access_log": []e2e.Node{}},
	}
	if c.proxied {
		l.Routes = []e2e.Node{e2e.RouteTo(c.name)}
	}
	return l
}

func find(list []chain, name string) chain {
	for _, c := range list {
		if c.name == name {
			return c
		}
	}
	panic("no chain " + name) // a mistake in this command
}
