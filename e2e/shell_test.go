package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// The shell that all filters share, walked through by the probe (a filter that
// does what a request's headers say) in one Envoy.

// shellEnvoy has the listeners: "flag" (allow_on_headers_stop_iteration), "bare"
// (without it), "open" (the filter's failure answer lets pass), "tick", and
// "policy" (the filter's own edit moves the request to another route).
func shellEnvoy(t *testing.T, o Options) *Envoy {
	t.Helper()
	upstream := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Trailer {
			if len(values) > 0 { // an announced one that did not come has none
				w.Header().Add("x-got-trailer", name)
			}
		}
		if size := r.Header.Get("x-trailing"); size != "" {
			w.Header().Set("trailer", "x-end")
			defer func() { w.Header().Set("x-end", "1") }()
		}
		echo(w, r)
	})
	auth := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		switch r.URL.Path {
		case "/slow":
			time.Sleep(150 * time.Millisecond)
		case "/late":
			time.Sleep(2 * time.Second)
		case "/big":
			io.WriteString(w, strings.Repeat("x", 5000))
		case "/503":
			w.WriteHeader(503)
		}
		io.WriteString(w, "ok")
	})
	plugin := func(config, vm string, body bool) []Plugin {
		return []Plugin{{Filter: "probe", Module: "test/probe", Config: config, VM: vm, Body: body}}
	}
	overlay := func(text string) Node {
		return Node{"filter_metadata": Node{"gatehouse.probe": Node{"config": text}}}
	}
	policyRoute := func(name, match, text string) Node {
		return Node{
			"name": name, "metadata": overlay(text), "route": Node{"cluster": "echo"},
			"match": Node{"prefix": "/", "headers": []Node{{"name": "x-policy", "string_match": Node{"exact": match}}}},
		}
	}
	routes := []Node{
		policyRoute("one", "one", `{"policy":"two"}`),
		policyRoute("two", "two", `{"policy":"two"}  `),
		policyRoute("same", "same", `{"policy":"same"}`),
		policyRoute("ping", "ping", `{"policy":"pong"}`),
		policyRoute("pong", "pong", `{"policy":"ping"}`),
		policyRoute("bad", "bad", `{"bad":1}`),
		RouteTo("echo"),
	}
	return start(t, Bootstrap{
		Listeners: []Listener{
			{Name: "flag", Plugins: plugin("", "flag", true), BufferSize: 1 << 20},
			{Name: "bare", Plugins: plugin("", "bare", false)},
			{Name: "open", Plugins: plugin(`{"fail":"open"}`, "open", true)},
			{Name: "http2", Plugins: plugin("", "flag", true), Routes: []Node{RouteTo("echo2")}},
			{Name: "tick", Plugins: plugin(`{"tick":20}`, "tick", false)},
			{Name: "policy", Plugins: plugin(`{}`, "policy", false), Routes: routes},
			{Name: "recheck", Routes: routes, Plugins: []Plugin{
				plugin(`{}`, "policy", false)[0],
				{Native: Node{"name": "reroute", "typed_config": Node{"@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"}}},
				plugin(`{"recheck":true}`, "policy", false)[0],
			}},
		},
		Clusters: []Cluster{
			{Name: "echo", Addr: upstream.Addr},
			{Name: "echo2", Addr: upstream.Addr, HTTP2: true},
			{Name: "auth", Addr: auth.Addr},
			{Name: "down", Addr: closedAddr(t)},
			{Name: "reset", Addr: newFaulty(t, Reset).Addr},
		},
	}, o)
}

func TestShell(t *testing.T) {
	t.Parallel()
	e := shellEnvoy(t, Options{Concurrency: 2})
	big := strings.Repeat("0123456789", 30000)
	larger := strings.Repeat(big, 10) // than Envoy's buffers

	for name, c := range map[string]struct {
		listener string
		steps    [][2]string // probe headers
		body     string
		status   int
		want     map[string]string // headers that reach the upstream
		upBody   string
	}{
		"a request passes":                      {"flag", nil, "", 200, nil, ""},
		"a body passes untouched":               {"flag", nil, big, 200, nil, big},
		"an edit reaches the upstream":          {"flag", [][2]string{{"x-probe", "set:x-a:1"}}, "", 200, map[string]string{"x-a": "1"}, ""},
		"a reply":                               {"flag", [][2]string{{"x-probe", "reply:403"}}, "", 403, nil, ""},
		"a reply to a request with a body":      {"flag", [][2]string{{"x-probe", "reply:403"}}, big, 403, nil, ""},
		"a callout":                             {"flag", [][2]string{{"x-probe", "call:auth:/"}}, "", 200, map[string]string{"x-call": "answered 200 2"}, ""},
		"a callout while the body comes":        {"flag", [][2]string{{"x-probe", "call:auth:/slow"}}, big, 200, map[string]string{"x-call": "answered 200 2"}, big},
		"a callout while the body waits":        {"bare", [][2]string{{"x-probe", "call:auth:/slow"}}, big, 200, map[string]string{"x-call": "answered 200 2"}, big},
		"more than is buffered, not asked for":  {"flag", [][2]string{{"x-probe", "onlycall:auth:/slow"}}, larger, 200, map[string]string{"x-call": "answered 200 2"}, larger},
		"a body against the filter's promise":   {"flag", [][2]string{{"x-probe", "onlycall:auth:/slow body:10"}}, big, 500, nil, ""},
		"a callout to a cluster that is not":    {"flag", [][2]string{{"x-probe", "call:nowhere:/"}}, "", 200, map[string]string{"x-call": "unknown_cluster 0 0"}, ""},
		"a callout that nobody accepts":         {"flag", [][2]string{{"x-probe", "call:down:/"}}, "", 200, map[string]string{"x-call": "unreachable 0 0"}, ""},
		"a callout that is reset":               {"flag", [][2]string{{"x-probe", "call:reset:/"}}, "", 200, map[string]string{"x-call": "unreachable 0 0"}, ""},
		"a callout that takes too long":         {"flag", [][2]string{{"x-probe", "call:auth:/late"}}, "", 200, map[string]string{"x-call": "timeout 0 0"}, ""},
		"a callout with too large an answer":    {"flag", [][2]string{{"x-probe", "call:auth:/big"}}, "", 200, map[string]string{"x-call": "reply_too_large 200 0"}, ""},
		"a service's own 503":                   {"flag", [][2]string{{"x-probe", "call:auth:/503"}}, "", 200, map[string]string{"x-call": "answered 503 2"}, ""},
		"two callouts in a row":                 {"flag", [][2]string{{"x-probe", "call:auth:/a call:auth:/slow"}}, "", 200, map[string]string{"x-call": "answered 200 2, answered 200 2"}, ""},
		"a whole body":                          {"flag", [][2]string{{"x-probe", "body:1000000"}}, big, 200, map[string]string{"x-body": "300000 false"}, big},
		"no body where one was wanted":          {"flag", [][2]string{{"x-probe", "body:10"}}, "", 200, map[string]string{"x-body": "0 false"}, ""},
		"a body over the limit":                 {"flag", [][2]string{{"x-probe", "body:299999"}}, big, 413, nil, ""},
		"part of a body":                        {"flag", [][2]string{{"x-probe", "partial:1000"}}, big, 200, map[string]string{"x-body": "1000 true"}, big},
		"part of a body, then a callout":        {"flag", [][2]string{{"x-probe", "partial:1000 call:auth:/slow"}}, big, 200, map[string]string{"x-body": "1000 true", "x-call": "answered 200 2"}, big},
		"a callout, then the body":              {"flag", [][2]string{{"x-probe", "call:auth:/slow body:1000000"}}, big, 200, map[string]string{"x-body": "300000 false", "x-call": "answered 200 2"}, big},
		"a body, then a callout":                {"flag", [][2]string{{"x-probe", "body:1000000 call:auth:/slow"}}, big, 200, map[string]string{"x-body": "300000 false", "x-call": "answered 200 2"}, big},
		"a rewritten body":                      {"flag", [][2]string{{"x-probe", "body:100 rewrite"}}, "abc", 200, map[string]string{"x-body": "3 false"}, "ABC!"},
		"a body rewritten after a callout":      {"flag", [][2]string{{"x-probe", "call:auth:/slow body:100 rewrite"}}, "abc", 200, map[string]string{"x-body": "3 false"}, "ABC!"},
		"a panic at the headers":                {"flag", [][2]string{{"x-probe", "panic"}}, "", 500, nil, ""},
		"a panic after a callout":               {"flag", [][2]string{{"x-probe", "call:auth:/ panic"}}, "", 500, nil, ""},
		"a panic after a body":                  {"flag", [][2]string{{"x-probe", "body:1000000 panic"}}, big, 500, nil, ""},
		"a panic at the response's headers":     {"flag", [][2]string{{"x-probe-response", "panic"}}, "", 500, nil, ""},
		"a panic with the response's body":      {"flag", [][2]string{{"x-probe-response", "body:1000000 panic"}}, "", 500, nil, ""},
		"a panic where the filter fails open":   {"open", [][2]string{{"x-probe", "panic"}}, "", 200, nil, ""},
		"a panic after a body, failing open":    {"open", [][2]string{{"x-probe", "body:1000000 panic"}}, big, 200, nil, big},
		"a panic after a callout, failing open": {"open", [][2]string{{"x-probe", "call:auth:/ panic"}}, big, 200, nil, big},
		"a reply instead of the response":       {"flag", [][2]string{{"x-probe-response", "reply:502"}}, "", 502, nil, ""},
		"a callout at the response":             {"flag", [][2]string{{"x-probe-response", "call:auth:/slow"}}, "", 200, nil, ""},
		"pieces of a request":                   {"flag", [][2]string{{"x-probe-chunks", "keep"}}, big, 200, nil, big},
		"a piece that is refused":               {"flag", [][2]string{{"x-probe-chunks", "refuse"}}, "abc", 403, nil, ""},
		"a route's overlay configures it":       {"policy", [][2]string{{"x-policy", "same"}}, "", 200, map[string]string{"x-policy": "same"}, ""},
		"a route with a broken overlay":         {"policy", [][2]string{{"x-policy", "bad"}}, "", 500, nil, ""},
		"a route without overlay beside it":     {"policy", nil, "", 200, nil, ""},
		"an edit that changes the policy":       {"policy", [][2]string{{"x-policy", "one"}}, "", 500, nil, ""},
		"the same, with a second mount":         {"recheck", [][2]string{{"x-policy", "one"}}, "", 200, map[string]string{"x-policy": "two"}, ""},
		"a second mount, policy unchanged":      {"recheck", [][2]string{{"x-policy", "same"}, {"x-probe", "call:auth:/"}}, "", 200, map[string]string{"x-policy": "same", "x-call": "answered 200 2"}, ""},
		"a policy that changes for ever":        {"recheck", [][2]string{{"x-policy", "ping"}}, "", 500, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, proto := range []protocol{http1, http2} {
				method := "POST"
				if c.body == "" {
					method = "GET"
				}
				r := do(t, addr(t, e, c.listener), request{proto: proto, method: method, path: "/", headers: c.steps, body: c.body})
				if r.status != c.status {
					t.Fatalf("%s: status %d %q, want %d", proto, r.status, r.body, c.status)
				}
				if c.status != 200 {
					continue
				}
				if resp := c.steps; len(resp) > 0 && resp[0][0] == "x-probe-response" {
					if got := r.headers.Get("x-call"); got != "answered 200 2" {
						t.Errorf("%s: the response has x-call %q", proto, got)
					}
					continue
				}
				seen := r.echoed(t)
				if seen.Body != c.upBody {
					t.Errorf("%s: the upstream got %d bytes, want %d", proto, len(seen.Body), len(c.upBody))
				}
				for k, v := range c.want {
					if got := seen.Header(k); got != v {
						t.Errorf("%s: the upstream got %s: %q, want %q", proto, k, got, v)
					}
				}
			}
		})
	}
}

// TestShellBodies: bodies that end in other ways than a last piece.
func TestShellBodies(t *testing.T) {
	t.Parallel()
	e := shellEnvoy(t, Options{})
	flag := addr(t, e, "flag")

	t.Run("trailers end a request's body", func(t *testing.T) {
		for _, proto := range []protocol{http1, http2} {
			for _, steps := range []string{"body:100", "call:auth:/slow body:100", "body:100 call:auth:/slow"} {
				body := struct{ io.Reader }{strings.NewReader("abc")} // of unknown length
				req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+flag+"/", body)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("x-probe", steps)
				req.Trailer = http.Header{"X-End": {"1"}, "X-User": {"evil"}}
				resp, err := clients[proto].Do(req)
				if err != nil {
					t.Fatalf("%s %s: %v", proto, steps, err)
				}
				var seen Seen
				if err := json.NewDecoder(resp.Body).Decode(&seen); err != nil {
					t.Fatalf("%s %s: status %d: %v", proto, steps, resp.StatusCode, err)
				}
				resp.Body.Close()
				if seen.Header("x-body") != "3 false" || seen.Body != "abc" {
					t.Errorf("%s %s: the upstream got x-body %q and %q", proto, steps, seen.Header("x-body"), seen.Body)
				}
			}
		}
	})

	t.Run("a trailer never stands in for an identity header", func(t *testing.T) {
		for _, steps := range []string{"", "body:100", "call:auth:/slow"} {
			req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr(t, e, "http2")+"/", struct{ io.Reader }{strings.NewReader("abc")})
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("x-probe", steps)
			req.Trailer = http.Header{"X-End": {"1"}, "X-User": {"evil"}}
			resp, err := clients[http2].Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if got := resp.Header.Values("x-got-trailer"); len(got) != 1 || got[0] != "X-End" {
				t.Errorf("%q: the upstream got the trailers %q, want X-End alone", steps, got)
			}
		}
	})

	t.Run("trailers end a response's body", func(t *testing.T) {
		for _, proto := range []protocol{http1, http2} {
			r := do(t, flag, request{proto: proto, headers: [][2]string{{"x-probe-response", "body:100000 rewrite"}, {"x-trailing", "1"}}})
			if r.status != 200 || !strings.Contains(r.body, `"METHOD"`) {
				t.Errorf("%s: status %d, body %.60q", proto, r.status, r.body)
			}
		}
	})

	t.Run("pieces are edited as they pass", func(t *testing.T) {
		body := struct{ io.Reader }{strings.NewReader("abc")} // no content-length to break
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+flag+"/", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("x-probe-chunks", "upper")
		resp, err := clients[http2].Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		// The response's pieces pass through the filter too.
		if got, _ := io.ReadAll(resp.Body); !strings.Contains(string(got), `"BODY": "ABC`) {
			t.Errorf("the client got %q", got)
		}
	})
}

// TestShellBodyGuard: without allow_on_headers_stop_iteration a wanted body is
// answered with 500 after some seconds, and never hangs.
func TestShellBodyGuard(t *testing.T) {
	t.Parallel()
	e := shellEnvoy(t, Options{})
	began := time.Now()
	r := do(t, addr(t, e, "bare"), request{method: "POST", headers: [][2]string{{"x-probe", "body:100"}}, body: "abc"})
	if r.status != 500 {
		t.Errorf("status %d, want 500", r.status)
	}
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("answered after %v", d)
	}
	stats, err := e.Stats()
	if err != nil || stats["wasmcustom.gatehouse.probe.verdicts.body_unavailable"] != 1 {
		t.Errorf("body_unavailable counted %d times (%v)", stats["wasmcustom.gatehouse.probe.verdicts.body_unavailable"], err)
	}
	// A slow uploader is no missing flag once the worker knows that it is set.
	flag := addr(t, e, "flag")
	do(t, flag, request{method: "POST", headers: [][2]string{{"x-probe", "body:100"}}, body: "abc"})
	conn := raw(t, flag, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\nx-probe: body:100\r\n\r\n")
	time.Sleep(7 * time.Second)
	io.WriteString(conn, "abc")
	if head := readHead(t, conn); !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		t.Errorf("a slow upload got %q", head)
	}
}

// TestShellSurvives: panics everywhere, and the same VMs go on.
func TestShellSurvives(t *testing.T) {
	t.Parallel()
	e := shellEnvoy(t, Options{Concurrency: 2})
	flag := addr(t, e, "flag")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 25 {
				for _, h := range [][2]string{{"x-probe", "panic"}, {"x-probe", "call:auth:/ panic"}, {"x-probe-response", "panic"}, {"x-probe-chunks", "panic"}, {"x-probe", "body:10 panic"}} {
					_, _ = try(t.Context(), flag, request{method: "POST", headers: [][2]string{h}, body: "abc"})
				}
				// A client that hangs up in the middle of a callout.
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(5+i)*time.Millisecond)
				_, _ = try(ctx, flag, request{headers: [][2]string{{"x-probe", "call:auth:/slow"}}})
				cancel()
				r, err := try(t.Context(), flag, request{headers: [][2]string{{"x-probe", "call:auth:/"}}})
				if err != nil || r.status != 200 {
					t.Errorf("a good request among them got %d, %v", r.status, err)
				}
			}
		})
	}
	wg.Wait()
	stats, err := e.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if stats["wasmcustom.gatehouse.probe.panics"] < 500 {
		t.Errorf("%d panics counted", stats["wasmcustom.gatehouse.probe.panics"])
	}
	if stats["wasmcustom.gatehouse.probe.abandoned"] == 0 {
		t.Error("no abandoned request was counted")
	}
	for name, n := range stats {
		if strings.Contains(name, "vm_reload") && n > 0 {
			t.Errorf("%s: %d: a VM died", name, n)
		}
	}
}

// TestShellTicks: the filter's own tick makes callouts outside of requests.
func TestShellTicks(t *testing.T) {
	t.Parallel()
	e := shellEnvoy(t, Options{})
	do(t, addr(t, e, "tick"), request{})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		stats, err := e.Stats()
		if err != nil {
			t.Fatal(err)
		}
		if stats["wasmcustom.gatehouse.probe.tick_answers"] >= 3 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d ticks, %d answers", stats["wasmcustom.gatehouse.probe.ticks"], stats["wasmcustom.gatehouse.probe.tick_answers"])
		}
	}
}
