package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	h2 "golang.org/x/net/http2"
)

// TestAuthcalloutFaults: whatever the auth service does wrong, a request waits
// no longer than the timeout and passes only where the configuration says so.
func TestAuthcalloutFaults(t *testing.T) {
	t.Parallel()
	const kong = `"path": "/v", "require_token": false`
	failing := map[string]struct {
		addr string
		word string
	}{
		"down":      {closedAddr(t), "unreachable"},
		"silent":    {newFaulty(t, Hang).Addr, "timeout"},
		"resetting": {newFaulty(t, Reset).Addr, "unreachable"},
		"broken":    {newFaulty(t, Broken).Addr, "unreachable"},
		"truncated": {newFaulty(t, Truncated).Addr, "unreachable"},
		"huge":      {newFaulty(t, Huge).Addr, "unreachable"}, // Envoy cuts it off at async_response_buffer_limit
		"endless":   {newFaulty(t, Endless).Addr, "timeout"},
		"wordy":     {newServer(t, answer(200, strings.Repeat("x", 100<<10))).Addr, "reply_too_large"},
		"failing":   {newServer(t, answer(503, "secret")).Addr, "auth_error"},
	}
	modes := map[string]struct {
		settings string
		status   int
	}{
		"closed":                  {`, "error_status": ["5xx"]`, 500},
		"closed, 503":             {`, "error_status": ["5xx"], "status_on_error": 503`, 503},
		"open":                    {`, "error_status": ["5xx"], "failure_mode": "open", "failure_mode_allow_header_add": true`, 200},
		"closed, 5xx is a denial": {``, 500},
	}
	upstream := newServer(t, echo)
	b := Bootstrap{Clusters: []Cluster{{Name: "echo", Addr: upstream.Addr}}}
	for fault, f := range failing {
		b.Clusters = append(b.Clusters, Cluster{Name: fault, Addr: f.addr})
		timeout := "30s" // what is not about the timeout must not run into it
		if f.word == "timeout" {
			timeout = "300ms"
		}
		for mode, m := range modes {
			b.Listeners = append(b.Listeners, Listener{Name: fault + " " + mode, Plugins: []Plugin{
				{Filter: "authcallout", Config: `{"cluster": "` + fault + `", ` + kong + m.settings + `, "timeout": "` + timeout + `"}`, VM: "e2e"},
			}})
		}
	}
	b.Listeners = append(b.Listeners, Listener{Name: "no cluster", Plugins: []Plugin{
		{Filter: "authcallout", Config: `{"cluster": "nowhere", ` + kong + `}`, VM: "e2e"},
	}})
	e := start(t, b, Options{})

	for fault, f := range failing {
		for mode, m := range modes {
			for _, proto := range []protocol{http1, http2} {
				t.Run(fmt.Sprintf("%s/%s/%s", fault, mode, proto), func(t *testing.T) {
					t.Parallel()
					id := fmt.Sprintf("case-%d", cases.Add(1))
					r := do(t, addr(t, e, fault+" "+mode), request{proto: proto, headers: [][2]string{{"x-case", id}, {"x-envoy-auth-failure-mode-allowed", "false"}}})
					status, word := m.status, f.word
					if word == "auth_error" && mode == "closed, 5xx is a denial" {
						status, word = 401, "denied"
					}
					if m.status == 200 {
						word = "failed_open"
						want(t, "mark", r.echoed(t).Header("x-envoy-auth-failure-mode-allowed"), "true")
					} else if r.body != "" {
						t.Errorf("body %q", r.body)
					}
					if r.status != status {
						t.Errorf("status %d, want %d", r.status, status)
					}
					verdict, _ := logged(t, e, id)
					want(t, "the verdict in the access log", verdict, word)
				})
			}
		}
	}
	t.Run("a cluster that is not there", func(t *testing.T) {
		t.Parallel()
		if r := do(t, addr(t, e, "no cluster"), request{}); r.status != 500 {
			t.Errorf("status %d, want 500", r.status)
		}
	})
}

// TestAuthcalloutLoad: retries, caps, clients that hang up, an auth service that
// dies and returns, two workers.
func TestAuthcalloutLoad(t *testing.T) {
	t.Parallel()
	auth := newAuthService(t)
	upstream := newServer(t, echo)
	var shaky atomic.Int64
	flaky := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if shaky.Add(1)%3 != 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	arrived, release := make(chan struct{}, 100), make(chan struct{})
	held := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	plugin := func(config string) []Plugin {
		return []Plugin{{Filter: "authcallout", Config: config, VM: "e2e"}}
	}
	e := start(t, Bootstrap{
		Clusters: []Cluster{
			{Name: "echo", Addr: upstream.Addr}, {Name: "auth", Addr: auth.Addr}, {Name: "flaky", Addr: flaky.Addr}, {Name: "held", Addr: held.Addr},
		},
		Listeners: []Listener{
			{Name: "auth", Plugins: plugin(`{"cluster": "auth", "path": "/apikey-simple/verify", "timeout": "2s"}`)},
			{Name: "flaky", Plugins: plugin(`{"cluster": "flaky", "path": "/v", "require_token": false, "retries": 2, "timeout": "10s"}`)},
			{Name: "held", Plugins: plugin(`{"cluster": "held", "path": "/v", "require_token": false, "timeout": "30s"}`)},
			{Name: "capped", Plugins: plugin(`{"cluster": "held", "path": "/v", "require_token": false, "timeout": "30s", "max_concurrent_callouts": 1}`)},
		},
	}, Options{Concurrency: 2})

	t.Run("retries repeat the whole question", func(t *testing.T) {
		if r := do(t, addr(t, e, "flaky"), request{path: "/p"}); r.status != 200 {
			t.Errorf("status %d, want 200", r.status)
		}
		seen := flaky.Seen(nil)
		if len(seen) != 3 || seen[2].Body != `{"path":"/p","raw_query":""}` {
			t.Errorf("the auth service saw %+v, want three times the same question", seen)
		}
	})

	t.Run("a client that hangs up leaves nothing", func(t *testing.T) {
		before := stats(t, e)
		const gone = 20
		for range gone {
			conn := raw(t, addr(t, e, "held"), "GET /gone HTTP/1.1\r\nhost: a\r\n\r\n")
			<-arrived
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
		}
		await(t, "the requests to be given up", func() bool {
			return stats(t, e)["wasmcustom.gatehouse.authcallout.abandoned"]-before["wasmcustom.gatehouse.authcallout.abandoned"] == gone
		})
		if seen := upstream.Seen(func(s Seen) bool { return s.Path == "/gone" }); len(seen) != 0 {
			t.Errorf("the upstream saw %d of them", len(seen))
		}
		if r := do(t, addr(t, e, "auth"), request{path: "/apikey-simple/private", headers: token(good)}); r.status != 200 {
			t.Errorf("status %d for the next client, want 200", r.status)
		}
	})

	t.Run("the cap on concurrent callouts holds per worker", func(t *testing.T) {
		var overloaded, held atomic.Int64
		var clients sync.WaitGroup
		for range 6 {
			clients.Go(func() {
				r, err := try(t.Context(), addr(t, e, "capped"), request{path: "/capped", headers: [][2]string{{"connection", "close"}}})
				switch {
				case err != nil:
					t.Error(err)
				case r.status == 500:
					overloaded.Add(1)
				case r.status == 200:
					held.Add(1)
				default:
					t.Errorf("status %d", r.status)
				}
			})
		}
		// Two workers hold one callout each at most; with luck of the kernel's
		// choice only one of them got clients.
		await(t, "all others to be refused", func() bool { return overloaded.Load() >= 4 })
		close(release)
		clients.Wait()
		if h := held.Load(); h < 1 || h > 2 {
			t.Errorf("%d were held, want 1 or 2", h)
		}
	})

	t.Run("nothing passes undecided while the auth service dies and returns", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var clients sync.WaitGroup
		var allowed, failed, denied atomic.Int64
		for i := range 8 {
			token, proto := good, http1
			if i%2 == 0 {
				token = wrong
			}
			if i%4 < 2 {
				proto = http2
			}
			clients.Go(func() {
				for ctx.Err() == nil {
					began := time.Now()
					r, err := try(context.WithoutCancel(ctx), addr(t, e, "auth"), request{proto: proto, path: "/apikey-simple/private", headers: [][2]string{{"authorization", token}}})
					switch {
					case err != nil:
						t.Errorf("a request without an answer: %v", err)
						return
					case r.status == 200 && token == good:
						allowed.Add(1)
					case r.status == 401 && token == wrong:
						denied.Add(1)
					case r.status == 500:
						failed.Add(1)
					default:
						t.Errorf("status %d for %s", r.status, token)
						return
					}
					if took := time.Since(began); took > 20*time.Second {
						t.Errorf("answered after %s, the timeout is 2 s", took)
					}
				}
			})
		}
		defer clients.Wait()
		defer stop()
		more := func(what string, n *atomic.Int64) {
			from := n.Load()
			await(t, what, func() bool { return n.Load() > from+20 })
		}
		more("requests to be allowed", &allowed)
		for range 2 {
			auth.process.kill()
			more("failures to be noticed", &failed)
			auth.start(t, auth.Addr)
			more("requests to be allowed again", &allowed)
			more("requests to be denied again", &denied)
		}
	})

	t.Run("two workers share the work", func(t *testing.T) {
		var clients sync.WaitGroup
		for i := range 64 {
			token, status := good, 200
			if i%2 == 0 {
				token, status = wrong, 401
			}
			clients.Go(func() {
				r, err := try(t.Context(), addr(t, e, "auth"), request{path: "/apikey-simple/private", headers: [][2]string{{"authorization", token}, {"connection", "close"}}})
				if err != nil || r.status != status {
					t.Errorf("status %d, want %d: %v", r.status, status, err)
				}
			})
		}
		clients.Wait()
		for _, worker := range []string{"worker_0", "worker_1"} {
			n := 0
			for name, v := range stats(t, e) {
				if strings.Contains(name, worker+".downstream_cx_total") && !strings.Contains(name, "admin") {
					n += v
				}
			}
			if n == 0 {
				t.Errorf("%s took no connection", worker)
			}
		}
	})

	t.Run("no token and no secret is in the log", func(t *testing.T) {
		for _, secret := range []string{"token-1", "token-2"} {
			if strings.Contains(e.Log(), secret) {
				t.Errorf("Envoy's log holds %s", secret)
			}
		}
	})

	t.Run("no panic was recovered and no VM has died", func(t *testing.T) {
		s := stats(t, e)
		if n := s["wasmcustom.gatehouse.authcallout.panics"]; n != 0 {
			t.Errorf("%d panics", n)
		}
		for name, n := range s {
			if strings.Contains(name, "vm_reload") && n != 0 {
				t.Errorf("%s: %d", name, n)
			}
		}
	})
}

func stats(t *testing.T, e *Envoy) map[string]int {
	t.Helper()
	s, err := e.Stats()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// await waits until something has happened; a minute later it will not.
func await(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestAuthcalloutTunnels: what switches protocols is judged before it does.
func TestAuthcalloutTunnels(t *testing.T) {
	t.Parallel()
	upstream := newServer(t, echo)
	judge := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != good {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	b := Bootstrap{Clusters: []Cluster{{Name: "echo", Addr: upstream.Addr}, {Name: "auth", Addr: judge.Addr}, {Name: "tcp", Addr: newTCPEcho(t)}}}
	for name, config := range map[string]string{
		"kong": `{"cluster": "auth", "path": "/v"}`,
		"ext":  `{"profile": "ext-authz", "cluster": "auth", "path": "/check"}`,
		"body": `{"cluster": "auth", "path": "/v", "forward_body": true}`,
	} {
		b.Listeners = append(b.Listeners, Listener{
			Name:    name,
			Plugins: []Plugin{{Filter: "authcallout", Config: config, Body: name == "body", VM: "e2e"}},
			HTTP: Node{
				"upgrade_configs":        []Node{{"upgrade_type": "websocket"}, {"upgrade_type": "CONNECT"}},
				"http2_protocol_options": Node{"allow_connect": true},
			},
			Routes: []Node{
				{"match": Node{"connect_matcher": Node{}}, "route": Node{"cluster": "tcp", "upgrade_configs": []Node{{"upgrade_type": "CONNECT", "connect_config": Node{}}}}},
				RouteTo("echo"),
			},
		})
	}
	e := start(t, b, Options{})

	const ws = "GET /chat HTTP/1.1\r\nhost: example.org\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	const tunnelHead = "CONNECT db.example.org:5432 HTTP/1.1\r\nhost: db.example.org:5432\r\n"
	for name, test := range map[string]struct {
		listener, head, token, status string
		open                          bool
	}{
		"a WebSocket is opened":                        {"kong", ws, good, "101", true},
		"a WebSocket is refused":                       {"kong", ws, wrong, "401", false},
		"CONNECT is opened":                            {"kong", tunnelHead, good, "200", true},
		"CONNECT is refused":                           {"kong", tunnelHead, wrong, "401", false},
		"ext-authz opens a WebSocket":                  {"ext", ws, good, "101", true},
		"ext-authz refuses a WebSocket":                {"ext", ws, wrong, "403", false},
		"ext-authz refuses CONNECT":                    {"ext", tunnelHead, wrong, "403", false},
		"ext-authz opens CONNECT":                      {"ext", tunnelHead, good, "200", true},
		"forward_body does not wait for a WebSocket's": {"body", ws, good, "101", true},
		"forward_body refuses a WebSocket":             {"body", ws, wrong, "401", false},
		"forward_body does not wait for a tunnel's":    {"body", tunnelHead, good, "200", true},
		"forward_body refuses CONNECT":                 {"body", tunnelHead, wrong, "401", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := raw(t, addr(t, e, test.listener), test.head+"authorization: "+test.token+"\r\n\r\n")
			if head := readHead(t, conn); !strings.HasPrefix(head, "HTTP/1.1 "+test.status+" ") {
				t.Fatalf("answer %q, want %s", head, test.status)
			}
			if !test.open {
				return
			}
			carries(t, conn, conn)
		})
	}

	//nolint:staticcheck // net/http, which is to replace it, refuses to send :protocol
	tunneling := &h2.Transport{AllowHTTP: true, DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	// CONNECT over HTTP/2 (RFC 9113, 8.5), and its extension for WebSockets
	// (RFC 8441), which Envoy shows to filters as an upgrade.
	for name, test := range map[string]struct {
		listener, token string
		protocol        string // :protocol
		status          int
	}{
		"CONNECT over HTTP/2 is opened":                          {"kong", good, "", 200},
		"CONNECT over HTTP/2 is refused":                         {"kong", wrong, "", 401},
		"ext-authz opens CONNECT over HTTP/2":                    {"ext", good, "", 200},
		"ext-authz refuses CONNECT over HTTP/2":                  {"ext", wrong, "", 403},
		"forward_body does not wait for a tunnel over HTTP/2":    {"body", good, "", 200},
		"forward_body refuses CONNECT over HTTP/2":               {"body", wrong, "", 401},
		"a WebSocket over HTTP/2 is opened":                      {"kong", good, "websocket", 200},
		"a WebSocket over HTTP/2 is refused":                     {"kong", wrong, "websocket", 401},
		"ext-authz opens a WebSocket over HTTP/2":                {"ext", good, "websocket", 200},
		"ext-authz refuses a WebSocket over HTTP/2":              {"ext", wrong, "websocket", 403},
		"forward_body does not wait for a WebSocket over HTTP/2": {"body", good, "websocket", 200},
		"forward_body refuses a WebSocket over HTTP/2":           {"body", wrong, "websocket", 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, out := io.Pipe()
			//nolint:errcheck // ends the tunnel, and cannot fail
			defer out.Close()
			target := "http://" + addr(t, e, test.listener)
			if test.protocol != "" {
				target += "/chat"
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodConnect, target, body)
			if err != nil {
				t.Fatal(err)
			}
			if test.protocol != "" {
				r.Header[":protocol"] = []string{test.protocol}
				r.Header.Set("Sec-WebSocket-Version", "13")
			}
			r.Header.Set("Authorization", test.token)
			r.Host = "db.example.org:5432"
			//nolint:staticcheck // as above
			resp, err := tunneling.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != test.status {
				t.Fatalf("status %d, want %d", resp.StatusCode, test.status)
			}
			if test.status != http.StatusOK {
				return
			}
			carries(t, out, resp.Body)
		})
	}
}
