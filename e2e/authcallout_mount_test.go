package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// userAuth allows good and says who it is; everybody else is denied.
func userAuth(user string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != good {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-User", user)
		fmt.Fprintf(w, `{"userUuid":%q}`, user)
	}
}

// shipped reads a sample and replaces what an operator is told to change. Each
// text must be there once.
func shipped(t *testing.T, file string, replace map[string]string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(Root(), "envoy", file))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for old, with := range replace {
		if n := strings.Count(text, old); n != 1 {
			t.Fatalf("%s holds %q %d times, want once", file, old, n)
		}
		text = strings.Replace(text, old, with, 1)
	}
	return []byte(text)
}

func port(t *testing.T, addr string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestAuthcalloutShippedEnvoy starts envoy/authcallout/envoy.yaml as it is, but
// for addresses.
func TestAuthcalloutShippedEnvoy(t *testing.T) {
	t.Parallel()
	upstream, auth := newServer(t, echo), newServer(t, userAuth("user-1"))
	module, err := Module("authcallout")
	if err != nil {
		t.Fatal(err)
	}
	bootstrap := shipped(t, "authcallout/envoy.yaml", map[string]string{
		"port_value: 9901":                      "port_value: 0",
		"{address: 0.0.0.0, port_value: 10000}": "{address: 127.0.0.1, port_value: 0}",
		"port_value: 8080":                      "port_value: " + port(t, upstream.Addr),
		"port_value: 9001":                      "port_value: " + port(t, auth.Addr),
		"dist/authcallout.wasm":                 module,
	})
	var out logBuffer
	e := startWith(t, Options{Dir: t.TempDir(), Bootstrap: bootstrap, Env: []string{"AUTH_SERVICE_KEY=key-of-the-operator"}, Stdout: &out})
	at := addr(t, e, "http")

	allowed := do(t, at, request{path: "/p", headers: append(token(good), [2]string{"x-user-id", "root"})})
	if allowed.status != 200 {
		t.Fatalf("status %d, want 200\n%s", allowed.status, tail(e.Log(), 20))
	}
	want(t, "x-user-id", allowed.echoed(t).Header("x-user-id"), "user-1")
	want(t, "the service's key", auth.Seen(nil)[0].Header("x-api-key"), "key-of-the-operator")
	for name, test := range map[string]struct {
		request request
		status  int
	}{
		"denied":                     {request{headers: token(wrong)}, 401},
		"without a token":            {request{}, 401},
		"with an escaped slash":      {request{path: "/a%2Fb", headers: token(good)}, 400},
		"with an alias of a header":  {request{headers: append(token(good), [2]string{"x_user_id", "root"})}, 400},
		"POST with a body":           {request{method: "POST", body: "b", headers: token(good)}, 200},
		"two tokens":                 {request{headers: append(token(good), token(good)...)}, 400},
		"an upgrade nobody provides": {request{headers: append(token(good), [2]string{"Connection", "upgrade"}, [2]string{"Upgrade", "websocket"})}, 403},
	} {
		if r := do(t, at, test.request); r.status != test.status {
			t.Errorf("%s: status %d, want %d", name, r.status, test.status)
		}
	}

	var text string
	await(t, "the histogram, which Envoy merges every five seconds", func() bool {
		text, err = e.Admin("/stats/prometheus")
		return err != nil || strings.Contains(text, `gatehouse_callout_milliseconds_count{gatehouse_filter="authcallout"} 3`)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`gatehouse_requests{gatehouse_filter="authcallout"} 5`,
		`gatehouse_verdicts{gatehouse_filter="authcallout",verdict="allowed"} 2`,
		`gatehouse_verdicts{gatehouse_filter="authcallout",verdict="denied"} 1`,
		`gatehouse_verdicts{gatehouse_filter="authcallout",verdict="no_token"} 1`,
		`gatehouse_verdicts{gatehouse_filter="authcallout",verdict="ambiguous_token"} 1`,
		`gatehouse_verdicts{gatehouse_filter="authcallout",verdict="unreachable"} 0`,
		`gatehouse_shadow{gatehouse_filter="authcallout",verdict="denied"} 0`,
		`gatehouse_callouts{gatehouse_filter="authcallout",outcome="answered"} 3`,
		`gatehouse_panics{gatehouse_filter="authcallout"} 0`,
	} {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			found := regexp.MustCompile(`(?m)^\w*`+line[:strings.IndexByte(line, '{')]+`\b.*$`).FindAllString(text, -1)
			t.Errorf("/stats/prometheus has no line %s but\n%s", line, strings.Join(found, "\n"))
		}
	}
	await(t, "the access log", func() bool {
		return regexp.MustCompile(`(?m) GET / 401 authcallout=denied\b.* gatehouse\.authcallout\.denied `).MatchString(out.String())
	})
	dump, err := e.Admin("/config_dump")
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"Envoy's log": e.Log(), "the access log": out.String(), "/config_dump": dump} {
		for _, secret := range []string{"token-1", "token-2", "key-of-the-operator"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds the secret %s", where, secret)
			}
		}
	}
}

// TestAuthcalloutRefusedAtStart: Envoy does not start with a configuration that
// the filter refuses, and says where the fault is.
func TestAuthcalloutRefusedAtStart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ config, fault string }{
		"several faults at once":       {`{"cluster": "auth", "timeout": 5, "tiemout": "5s"}`, "tiemout"},
		"a secret that is not there":   {`{"cluster": "auth", "secret_headers": [{"name": "x-api-key", "value": {"env": "NOT_SET"}}]}`, "NOT_SET"},
		"a configuration without JSON": {`cluster: auth`, "configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := Bootstrap{Dir: t.TempDir(), Listeners: []Listener{{Name: "l", Plugins: []Plugin{{Filter: "authcallout", Config: test.config}}}},
				Clusters: []Cluster{{Name: "echo", Addr: closedAddr(t)}}}
			config, err := b.JSON()
			if err != nil {
				t.Fatal(err)
			}
			e, err := Start(t.Context(), Options{Dir: b.Dir, Bootstrap: config})
			if err == nil {
				t.Fatalf("Envoy started: %v", e.Stop())
			}
			if !strings.Contains(err.Error(), test.fault) {
				t.Errorf("no word about %s in\n%v", test.fault, err)
			}
		})
	}
}

// TestAuthcalloutConfigurationUnderTraffic replaces the configuration while
// clients send requests: each is decided by the old or the new one, none is lost.
func TestAuthcalloutConfigurationUnderTraffic(t *testing.T) {
	t.Parallel()
	upstream := newServer(t, echo)
	before, after := newServer(t, userAuth("before")), newServer(t, userAuth("after"))
	config := func(cluster string) string {
		return `{"cluster": "` + cluster + `", "path": "/v", "timeout": "10s", "headers_from_json": [{"header": "x-user", "field": "userUuid"}]}`
	}
	// The listener keeps its port, so that clients stay; Envoy moves a listener on
	// port 0 elsewhere.
	number := 0
	if _, err := fmt.Sscan(port(t, freeAddr(t)), &number); err != nil {
		t.Fatal(err)
	}
	b := Bootstrap{
		Dir: t.TempDir(), Dynamic: true,
		Listeners: []Listener{{
			Name: "l", Port: number, Plugins: []Plugin{{Filter: "authcallout", VM: "e2e"}},
			// HTTP/2 connections end this long after their first GOAWAY; it must be
			// below the time that Envoy gives a replaced listener, after which it cuts.
			HTTP: Node{"drain_timeout": "0.2s"},
		}},
		Clusters: []Cluster{{Name: "echo", Addr: upstream.Addr}, {Name: "before", Addr: before.Addr}, {Name: "after", Addr: after.Addr}},
	}
	set := func(config string) { b.Listeners[0].Plugins[0].Config = config }
	set(config("before"))
	e := start(t, b, Options{Concurrency: 2, Drain: 5})
	at := addr(t, e, "l")

	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var users [2]atomic.Int64
	for i := range 6 {
		proto, token, status := http1, good, 200
		if i%2 == 0 {
			proto = http2
		}
		if i%3 == 0 {
			token, status = wrong, 401
		}
		clients.Go(func() {
			for ctx.Err() == nil {
				r, err := try(context.WithoutCancel(ctx), at, request{proto: proto, headers: [][2]string{{"authorization", token}}})
				if err != nil || r.status != status {
					t.Errorf("%s: status %d, want %d: %v", proto, r.status, status, err)
					return
				}
				switch {
				case strings.Contains(r.body, `"x-user": "before"`):
					users[0].Add(1)
				case strings.Contains(r.body, `"x-user": "after"`):
					users[1].Add(1)
				case status == 200:
					t.Errorf("passed without a verdict: %s", r.body)
					return
				}
			}
		})
	}
	defer clients.Wait()
	defer stop()
	traffic := func(i int) {
		from := users[i].Load()
		await(t, "requests under this configuration", func() bool { return users[i].Load() > from+50 || t.Failed() })
	}
	traffic(0)
	for _, step := range []struct {
		config string
		taken  bool
		then   int
	}{
		{config("after"), true, 1},
		{`{"cluster": "before", "no_such_setting": true}`, false, 1},
		{config("before"), true, 0},
		{`{"cluster": "after", "timeout": "0s"}`, false, 0},
		{config("after"), true, 1},
	} {
		set(step.config)
		taken, err := e.Update(b)
		if err != nil {
			t.Fatal(err)
		}
		if taken != step.taken {
			t.Errorf("%s: taken %v, want %v", step.config, taken, step.taken)
		}
		traffic(step.then)
		// The drained configuration decides no more.
		if other := users[1-step.then].Load(); other > 0 {
			traffic(step.then)
			if now := users[1-step.then].Load(); now != other {
				t.Errorf("%d requests were decided by a configuration that is gone", now-other)
			}
		}
	}
}

// TestAuthcalloutCredentialInjector: the recipe of the README by which no secret
// enters Wasm.
func TestAuthcalloutCredentialInjector(t *testing.T) {
	t.Parallel()
	upstream, auth := newServer(t, echo), newServer(t, userAuth("user-1"))
	dir := t.TempDir()
	secret := filepath.Join(dir, "auth_key.yaml")
	if err := os.WriteFile(secret, []byte(`resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: auth_key
  generic_secret: {secret: {inline_string: key-from-sds}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	const types = "type.googleapis.com/envoy.extensions."
	options := Node{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": Node{
		"@type":                types + "upstreams.http.v3.HttpProtocolOptions",
		"explicit_http_config": Node{"http_protocol_options": Node{}},
		"http_filters": []Node{
			{"name": "envoy.filters.http.credential_injector", "typed_config": Node{
				"@type":     types + "filters.http.credential_injector.v3.CredentialInjector",
				"overwrite": true,
				"credential": Node{"name": "envoy.http.injected_credentials.generic", "typed_config": Node{
					"@type":      types + "http.injected_credentials.generic.v3.Generic",
					"header":     "x-api-key",
					"credential": Node{"name": "auth_key", "sds_config": Node{"path_config_source": Node{"path": secret}}},
				}},
			}},
			{"name": "envoy.filters.http.upstream_codec", "typed_config": Node{"@type": types + "filters.http.upstream_codec.v3.UpstreamCodec"}},
		},
	}}
	e := start(t, Bootstrap{
		Dir:       dir,
		Listeners: []Listener{{Name: "l", Plugins: []Plugin{{Filter: "authcallout", Config: `{"cluster": "auth", "path": "/v"}`}}}},
		Clusters: []Cluster{{Name: "echo", Addr: upstream.Addr},
			{Name: "auth", Addr: auth.Addr, Extra: Node{"typed_extension_protocol_options": options}}},
	}, Options{})
	r := do(t, addr(t, e, "l"), request{headers: append(token(good), [2]string{"x-api-key", "guess"})})
	if r.status != 200 {
		t.Fatalf("status %d, want 200", r.status)
	}
	want(t, "the key on the callout", auth.Seen(nil)[0].Header("x-api-key"), "key-from-sds")
	want(t, "the key at the upstream", r.echoed(t).Header("x-api-key"), "guess")
	dump, err := e.Admin("/config_dump")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(dump+e.Log(), "key-from-sds") {
		t.Error("the key is in the config dump or the log")
	}
}

// TestAuthcalloutRouteRecheck: the auth service's own headers may move a request
// to a route with another policy; then that policy decides too.
func TestAuthcalloutRouteRecheck(t *testing.T) {
	t.Parallel()
	upstream := newServer(t, echo)
	auth := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		_, tenant, _ := strings.Cut(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case tenant == "pendulum" && r.URL.Path == "/gold":
			w.Header().Set("X-Tenant", "silver")
		case tenant == "pendulum":
			w.Header().Set("X-Tenant", "gold")
		case tenant == "refused" && r.URL.Path == "/gold":
			w.WriteHeader(http.StatusForbidden)
		case tenant == "refused":
			w.Header().Set("X-Tenant", "gold")
		default:
			w.Header().Set("X-Tenant", tenant)
		}
	})
	overlay := func(tenant, config string) Node {
		r := RouteTo("echo")
		r["match"] = Node{"prefix": "/", "headers": []Node{{"name": "x-tenant", "string_match": Node{"exact": tenant}}}}
		r["metadata"] = Node{"filter_metadata": Node{"gatehouse.authcallout": Node{"config": config}}}
		return r
	}
	const config = `"cluster": "auth", "path": "/base", "allowed_upstream_headers": ["x-tenant"]`
	plugins := []Plugin{
		{Filter: "authcallout", Config: `{` + config + `}`, VM: "e2e"},
		// Any of Envoy's filters that looks at the route makes it select one.
		{Native: Node{"name": "reroute", "typed_config": Node{"@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"}}},
		{Name: "again", Filter: "authcallout", Config: `{` + config + `, "recheck": true}`, VM: "e2e"},
	}
	routes := []Node{overlay("gold", `{"path": "/gold"}`), overlay("silver", `{"path": "/silver"}`), overlay("broken", `{"path": 1}`), RouteTo("echo")}
	e := start(t, Bootstrap{
		Clusters:  []Cluster{{Name: "echo", Addr: upstream.Addr}, {Name: "auth", Addr: auth.Addr}},
		Listeners: []Listener{{Name: "once", Routes: routes, Plugins: plugins[:1]}, {Name: "twice", Routes: routes, Plugins: plugins}},
	}, Options{})
	for name, test := range map[string]struct {
		listener, tenant string
		client           [2]string // a header of the client's
		asked            string    // paths of the auth service
		status           int
		upstream         int // requests that left
	}{
		"no other policy":                        {"twice", "bronze", [2]string{}, "/base", 200, 1},
		"the other policy is asked, and agrees":  {"twice", "gold", [2]string{}, "/base /gold", 200, 1},
		"the other policy is asked, and refuses": {"twice", "refused", [2]string{}, "/base /gold", 401, 0},
		"a policy that does not parse is a wall": {"twice", "broken", [2]string{}, "/base", 500, 0},
		"a policy that sends it on yet again":    {"twice", "pendulum", [2]string{}, "/base /gold", 500, 1},
		"one mount: the response is withheld":    {"once", "gold", [2]string{}, "/base", 500, 1},
		"one mount, no other policy":             {"once", "bronze", [2]string{}, "/base", 200, 1},
		// The client's header chooses the first route, as routes do; the service's
		// answer moves it back, where /base has to agree.
		"a client cannot choose its policy": {"twice", "bronze", [2]string{"x-tenant", "gold"}, "/gold /base", 200, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := fmt.Sprintf("case-%d", cases.Add(1))
			q := request{headers: [][2]string{{"authorization", "Bearer " + test.tenant}, {"x-request-id", id}}}
			if test.client[0] != "" {
				q.headers = append(q.headers, test.client)
			}
			r := do(t, addr(t, e, test.listener), q)
			mine := func(s Seen) bool { return s.Header("x-request-id") == id }
			var asked []string
			for _, s := range auth.Seen(mine) {
				asked = append(asked, s.Path)
			}
			if r.status != test.status {
				t.Errorf("status %d, want %d", r.status, test.status)
			}
			want(t, "the policies asked", strings.Join(asked, " "), test.asked)
			if n := len(upstream.Seen(mine)); n != test.upstream {
				t.Errorf("the upstream saw %d requests, want %d", n, test.upstream)
			}
			if r.status != 200 && strings.Contains(r.body, id) {
				t.Errorf("the upstream's response came through: %s", r.body)
			}
		})
	}
}
