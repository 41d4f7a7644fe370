package e2e

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Per-route configuration and shadow mode of authcallout.

// overlaid is a route for a path prefix with an overlay in its metadata.
func overlaid(prefix string, overlay any) Node {
	return Node{
		"name": strings.Trim(prefix, "/"), "match": Node{"prefix": prefix}, "route": Node{"cluster": "echo"},
		"metadata": Node{"filter_metadata": Node{"gatehouse.authcallout": Node{"config": overlay}}},
	}
}

func TestAuthcalloutRoutes(t *testing.T) {
	t.Parallel()
	upstream := newServer(t, echo)
	// The service allows what is asked at /v, and only that.
	auth := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-user", "ann")
		if r.URL.Path != "/v" {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	const config = `{"cluster":"auth","path":"/v","allowed_upstream_headers":["x-user"],"headers_to_remove":["authorization"],"deny":{"pass_status":true}}`
	plugin := Plugin{Filter: "authcallout", VM: "routes", Config: config}
	e := start(t, Bootstrap{
		Listeners: []Listener{{Name: "routes", Plugins: []Plugin{plugin}, Routes: []Node{
			overlaid("/other", `{"path":"/w"}`),
			overlaid("/open", `{"enabled":false}`),
			overlaid("/shadow", `{"mode":"shadow","path":"/w"}`),
			overlaid("/down", `{"mode":"shadow","cluster":"down"}`),
			overlaid("/nulled", `{"deny":null,"path":"/w"}`),
			overlaid("/typo", `{"pth":"/w"}`),
			overlaid("/text", `not JSON`),
			overlaid("/struct", Node{"path": "/v"}),
			overlaid("/list", []string{"/v"}),
			overlaid("/number", 7),
			overlaid("/boolean", true),
			overlaid("/empty", Node{}),
			overlaid("/null", nil),
			overlaid("/with-null", Node{"path": "/w", "cache": nil}),
			overlaid("/with-list", Node{"allow_status": []string{"200"}}),
			RouteTo("echo"),
		}}},
		Clusters: []Cluster{{Name: "echo", Addr: upstream.Addr}, {Name: "auth", Addr: auth.Addr}, {Name: "down", Addr: closedAddr(t)}},
	}, Options{Concurrency: 2})

	for name, c := range map[string]struct {
		path    string
		token   bool
		status  int
		user    string // what the upstream is told
		verdict string
	}{
		"the filter's own configuration":              {"/", true, 200, "ann", "allowed"},
		"without a token":                             {"/", false, 401, "", "no_token"},
		"another path to ask at":                      {"/other", true, 403, "", "denied"},
		"switched off, and the client's user is gone": {"/open", false, 200, "", "disabled"},
		"shadow lets a denied request pass":           {"/shadow", true, 200, "", "shadow_denied"},
		"shadow lets a request without token pass":    {"/shadow", false, 200, "", "shadow_no_token"},
		"shadow lets pass while the service is down":  {"/down", true, 200, "", "shadow_unreachable"},
		"null gives back the default":                 {"/nulled", true, 401, "", "denied"},
		"an unknown field closes its route":           {"/typo", true, 500, "", "bad_overlay"},
		"what is not JSON closes its route":           {"/text", true, 500, "", "bad_overlay"},
		"a struct closes its route":                   {"/struct", true, 500, "", "bad_overlay"},
		"a list closes its route":                     {"/list", true, 500, "", "bad_overlay"},
		"a number closes its route":                   {"/number", true, 500, "", "bad_overlay"},
		"a boolean closes its route":                  {"/boolean", true, 500, "", "bad_overlay"},
		"an empty struct closes its route":            {"/empty", true, 500, "", "bad_overlay"},
		"null closes its route":                       {"/null", true, 500, "", "bad_overlay"},
		"a null inside a struct closes its route":     {"/with-null", true, 500, "", "bad_overlay"},
		"a list inside a struct closes its route":     {"/with-list", true, 500, "", "bad_overlay"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 4 { // decoded, and kept, in both workers
				headers := [][2]string{{"x-user", "evil"}, {"x-case", name}}
				if c.token {
					headers = append(headers, [2]string{"authorization", "Bearer t"})
				}
				r := do(t, addr(t, e, "routes"), request{path: c.path, headers: headers})
				if r.status != c.status {
					t.Fatalf("status %d, want %d", r.status, c.status)
				}
				if r.status != 200 {
					continue
				}
				seen := r.echoed(t)
				if got := seen.Header("x-user"); got != c.user {
					t.Errorf("the upstream was told x-user %q, want %q", got, c.user)
				}
				if kept := seen.Header("authorization") != ""; c.token && kept != strings.HasPrefix(c.verdict, "shadow") {
					t.Errorf("token at the upstream: %v", kept)
				}
			}
			line, err := e.Lines("access.log", func(l string) bool { return strings.Contains(l, `"`+name+`"`) })
			if err != nil || !strings.Contains(line, `"verdict":"`+c.verdict+` `) && !strings.Contains(line, `"verdict":"`+c.verdict+`"`) {
				t.Errorf("access log %s, want verdict %s (%v)", line, c.verdict, err)
			}
			if c.path != "/" && !strings.Contains(line, " route="+strings.Trim(c.path, "/")) {
				t.Errorf("the route's name is not in %s", line)
			}
		})
	}
	t.Cleanup(func() {
		log := e.Log()
		if strings.Contains(log, "Bearer t") {
			t.Error("the log shows the token")
		}
		for _, route := range []string{"struct", "empty", "with-list", "list", "number", "boolean", "(with-)?null"} {
			if !regexp.MustCompile(`config: want JSON text, got a struct, .* route=` + route + `\b`).MatchString(log) {
				t.Errorf("the log does not say that the overlay of %s must be text", route)
			}
		}
	})
}

// TestAuthcalloutFilterChain: Envoy's own way of configuration per route, from
// 1.39 on. Before that Envoy has no such filter and must say so.
func TestAuthcalloutFilterChain(t *testing.T) {
	t.Parallel()
	upstream, auth := newServer(t, echo), newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v" {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	chain := func(config string) Node {
		p, err := Plugin{Filter: "authcallout", VM: "chain", Config: config}.node("chain")
		if err != nil {
			t.Fatal(err)
		}
		return Node{"filters": []Node{{"name": "authcallout", "typed_config": p["typed_config"]}}}
	}
	const typeURL = "type.googleapis.com/envoy.extensions.filters.http.filter_chain.v3."
	b := Bootstrap{
		Dir: t.TempDir(),
		Listeners: []Listener{{Name: "chain", Plugins: []Plugin{{Native: Node{
			"name": "per_route", "typed_config": Node{"@type": typeURL + "FilterChainConfig", "default_filter_chain": chain(`{"cluster":"auth","path":"/v"}`)},
		}}}, Routes: []Node{
			{
				"match": Node{"prefix": "/other"}, "route": Node{"cluster": "echo"},
				"typed_per_filter_config": Node{"per_route": Node{"@type": typeURL + "FilterChainConfigPerRoute", "filter_chain": chain(`{"cluster":"auth","path":"/w"}`)}},
			},
			RouteTo("echo"),
		}}},
		Clusters: []Cluster{{Name: "echo", Addr: upstream.Addr}, {Name: "auth", Addr: auth.Addr}},
	}
	if strings.HasPrefix(os.Getenv("ENVOY_VERSION"), "1.36") {
		bootstrap, err := b.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Start(t.Context(), Options{Bootstrap: bootstrap, Dir: b.Dir}); err == nil || !strings.Contains(err.Error(), "filter_chain") {
			t.Errorf("got %v, want Envoy's complaint about filter_chain", err)
		}
		return
	}
	e := start(t, b, Options{})
	for path, want := range map[string]int{"/": 200, "/other": 401} {
		if r := do(t, addr(t, e, "chain"), request{path: path, headers: [][2]string{{"authorization", "Bearer t"}}}); r.status != want {
			t.Errorf("%s: status %d, want %d", path, r.status, want)
		}
	}
}
