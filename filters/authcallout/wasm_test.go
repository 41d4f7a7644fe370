package authcallout

import (
	"io"
	"log"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/vmtest"
)

// TestWasmExchanges: the module as it ships, and the same code in Go.
func TestWasmExchanges(t *testing.T) {
	vmtest.Run(t, Plugin, "authcallout.wasm", func(t *testing.T, vm vmtest.VM) {
		for name, c := range map[string]struct {
			token  string
			answer string // status of the auth service; "": it is not asked; "reset": it resets
			status uint32 // of the reply; 0 if the request goes on
		}{
			"allowed":                   {"Bearer token-1", "200", 0},
			"denied":                    {"Bearer token-2", "401", 401},
			"no token":                  {"", "", 401},
			"the auth service is reset": {"Bearer token-1", "reset", 500},
		} {
			t.Run(name, func(t *testing.T) {
				host, ok := vmtest.Start(t, vm, "{"+kong+"}")
				if !ok {
					t.Fatal("the plugin did not start")
				}
				id := host.InitializeHttpContext()
				headers := [][2]string{{":method", "GET"}, {":path", "/private"}, {":authority", "example.org"}}
				if c.token != "" {
					headers = append(headers, [2]string{"authorization", c.token})
				}
				host.CallOnRequestHeaders(id, headers, true)
				calls := host.GetCalloutAttributesFromContext(id)
				if (len(calls) == 1) != (c.answer != "") {
					t.Fatalf("%d callouts", len(calls))
				}
				for _, call := range calls {
					answer := [][2]string{{":status", c.answer}, {"x-envoy-upstream-service-time", "1"}}
					if c.answer == "reset" {
						answer = nil
					}
					host.CallOnHttpCallResponse(call.CalloutID, answer, nil, nil)
				}
				reply := host.GetSentLocalResponse(id)
				switch {
				case reply == nil && c.status != 0:
					t.Errorf("went on, want %d", c.status)
				case reply != nil && reply.StatusCode != c.status:
					t.Errorf("replied %d, want %d", reply.StatusCode, c.status)
				case reply == nil && !vmtest.GoesOn(host, id):
					t.Error("hangs")
				}
			})
		}
		t.Run("a configuration with a fault is refused", func(t *testing.T) {
			if _, ok := vmtest.Start(t, vm, `{"clster":"a"}`); ok {
				t.Error("the plugin started")
			}
		})
	})
}

// TestWasmReuse: what one request has left in the memory that the next one uses
// is in no verdict, callout or cache entry of the next, nor the other way round.
func TestWasmReuse(t *testing.T) {
	vmtest.Run(t, Plugin, "authcallout.wasm", func(t *testing.T, vm vmtest.VM) {
		host, ok := vmtest.Start(t, vm, `{"cluster":"auth","profile":"ext-authz","path":"/check","allowed_client_headers_on_success":["x-trace"],
			"allowed_upstream_headers":["x-user-id"],"allowed_headers":["x-extra"],"cache":{"lifetime":"fixed","ttl":"1h"}}`)
		if !ok {
			t.Fatal("the plugin did not start")
		}
		for i, c := range []struct {
			token, extra string
			status       string // of the auth service; "": it is not asked
			user         string // that the upstream gets
		}{
			{"Bearer of-the-first-user-and-long", "e", "200", "user-1"},
			{"Bearer 2", "", "403", ""},
			{"Bearer of-the-first-user-and-long", "e", "", "user-1"},
			{"Bearer 3", "", "200", "user-3"},
			{"Bearer 2", "", "403", ""},
			{"", "", "403", ""},
			{"Bearer of-the-first-user-and-long", "e", "", "user-1"},
			{"Bearer 3", "", "", "user-3"},
		} {
			id := host.InitializeHttpContext()
			headers := [][2]string{{":method", "GET"}, {":path", "/private"}, {":authority", "example.org"}, {"x-user-id", "forged"}}
			if c.token != "" {
				headers = append(headers, [2]string{"authorization", c.token})
			}
			if c.extra != "" {
				headers = append(headers, [2]string{"x-extra", c.extra})
			}
			host.CallOnRequestHeaders(id, headers, true)
			calls := host.GetCalloutAttributesFromContext(id)
			if (len(calls) == 1) != (c.status != "") {
				t.Fatalf("%d: %d callouts", i, len(calls))
			}
			for _, call := range calls {
				asked := hosttest.Message{Fields: call.Headers}
				token, _ := asked.Header("authorization")
				extra, _ := asked.Header("x-extra")
				path, _ := asked.Header(":path")
				if token != c.token || extra != c.extra || path != "/check/private" {
					t.Errorf("%d: asked with token %q, extra %q, path %q", i, token, extra, path)
				}
				answer := [][2]string{{":status", c.status}, {"x-envoy-upstream-service-time", "1"}, {"x-user-id", c.user}, {"x-trace", c.user}}
				host.CallOnHttpCallResponse(call.CalloutID, answer, nil, nil)
			}
			if denied := host.GetSentLocalResponse(id) != nil; denied != (c.user == "") {
				t.Errorf("%d: denied: %v", i, denied)
			}
			if c.user != "" {
				upstream := hosttest.Message{Fields: host.GetCurrentRequestHeaders(id)}
				if user, n := upstream.Header("x-user-id"); user != c.user || n != 1 {
					t.Errorf("%d: the upstream gets %q (%d), want %q", i, user, n, c.user)
				}
				host.CallOnResponseHeaders(id, [][2]string{{":status", "200"}}, true)
				client := hosttest.Message{Fields: host.GetCurrentResponseHeaders(id)}
				if trace, n := client.Header("x-trace"); trace != c.user || n != 1 {
					t.Errorf("%d: the client gets %q (%d), want %q", i, trace, n, c.user)
				}
			}
			host.CompleteHttpContext(id)
		}
	})
}

// TestReset: nothing of a request stays in an exchange that serves again.
func TestReset(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, `{`+kong+`, "allowed_headers": ["x-*"]}`)
	x := f.(*Filter).NewStream().(*exchange)
	fresh := *x
	hosttest.Drive(streamer{f.(*Filter), x}, get("authorization: Bearer t", "x-one: 1"), func(filter.Callout) filter.CalloutResult {
		return says(200, "{}")
	})
	if x.token == "" || len(x.question.Headers) == 0 {
		t.Fatal("the exchange was not used")
	}
	x.Reset()
	for _, h := range x.question.Headers[:cap(x.question.Headers)] {
		if h != [2]string{} {
			t.Errorf("%q is still there", h)
		}
	}
	x.question.Headers, x.answered, fresh.answered = nil, nil, nil
	if !reflect.DeepEqual(*x, fresh) {
		t.Errorf("left: %+v", *x)
	}
}

// streamer gives one exchange only.
type streamer struct {
	*Filter
	x *exchange
}

func (s streamer) NewStream() filter.Filter { return s.x }

// overlay gives the requests that follow a route with an overlay.
func overlay(t *testing.T, host vmtest.Host, config string) {
	t.Helper()
	path := []string{"xds", "route_metadata", "filter_metadata", "gatehouse.authcallout", "config"}
	if err := host.SetProperty(path, []byte(config)); err != nil {
		t.Fatal(err)
	}
}

// TestWasmRoutesShareNoCallout: what a route allows an answer decides about its
// own requests only, also where two routes without names ask the same.
func TestWasmRoutesShareNoCallout(t *testing.T) {
	vmtest.Run(t, Plugin, "authcallout.wasm", func(t *testing.T, vm vmtest.VM) {
		host, ok := vmtest.Start(t, vm, `{"cluster":"auth","allow_field":"ok","failure_mode":"open","cache":{"lifetime":"fixed","ttl":"1m"}}`)
		if !ok {
			t.Fatal("the plugin did not start")
		}
		var calls []uint32
		var ids []uint32
		for _, config := range []string{`{"max_reply_size":0,"allow_field":null}`, `{}`, `{}`} {
			overlay(t, host, config)
			id := host.InitializeHttpContext()
			host.CallOnRequestHeaders(id, [][2]string{{":method", "GET"}, {":path", "/"}, {":authority", "a"}, {"authorization", "Bearer t"}}, true)
			for _, c := range host.GetCalloutAttributesFromContext(id) {
				calls = append(calls, c.CalloutID)
			}
			ids = append(ids, id)
		}
		if len(calls) != 2 {
			t.Fatalf("%d callouts for two routes", len(calls))
		}
		for _, c := range calls {
			host.CallOnHttpCallResponse(c, [][2]string{{":status", "200"}, {"x-envoy-upstream-service-time", "1"}}, nil, []byte(`{"ok":false}`))
		}
		for _, id := range ids[1:] {
			if r := host.GetSentLocalResponse(id); r == nil || r.StatusCode != 401 {
				t.Errorf("a request that the service denied got %+v", r)
			}
		}
	})
}

// TestWasmOwnCookie: of clients that ask the same at the same time each gets its
// own cookie, by a callout that is its own.
func TestWasmOwnCookie(t *testing.T) {
	vmtest.Run(t, Plugin, "authcallout.wasm", func(t *testing.T, vm vmtest.VM) {
		host, ok := vmtest.Start(t, vm, `{"cluster":"login","profile":"forward-auth","cache":{}}`)
		if !ok {
			t.Fatal("the plugin did not start")
		}
		var ids []uint32
		for range 3 {
			id := host.InitializeHttpContext()
			host.CallOnRequestHeaders(id, [][2]string{{":method", "GET"}, {":path", "/"}, {":authority", "a"}}, true)
			ids = append(ids, id)
		}
		if n := len(host.GetCalloutAttributesFromContext(ids[1])); n != 0 {
			t.Fatalf("the second one made %d callouts, want to wait", n)
		}
		for i, id := range ids {
			calls := host.GetCalloutAttributesFromContext(id)
			if len(calls) != 1 {
				t.Fatalf("request %d made %d callouts", i, len(calls))
			}
			host.CallOnHttpCallResponse(calls[0].CalloutID, [][2]string{{":status", "302"}, {"x-envoy-upstream-service-time", "1"},
				{"location", "/login"}, {"set-cookie", "state=" + strconv.Itoa(i)}}, nil, nil)
			reply := host.GetSentLocalResponse(id)
			if reply == nil {
				t.Fatalf("request %d got no reply", i)
			}
			m := hosttest.Message{Fields: reply.Headers}
			if cookie, n := m.Header("set-cookie"); cookie != "state="+strconv.Itoa(i) || n != 1 {
				t.Errorf("request %d got the cookie %q (%d)", i, cookie, n)
			}
		}
	})
}

// TestWasmStripsEverywhere: no branch lets a client's identity header through.
func TestWasmStripsEverywhere(t *testing.T) {
	const reset = "reset"
	vmtest.Run(t, Plugin, "authcallout.wasm", func(t *testing.T, vm vmtest.VM) {
		for name, c := range map[string]struct {
			config, overlay string
			answers         []string // status of the auth service, a request each; "": it is not asked
		}{
			"allowed":                           {"", "", []string{"200"}},
			"a hit":                             {`,"cache":{"lifetime":"fixed","ttl":"1h"}`, "", []string{"200", ""}},
			"stale":                             {`,"cache":{"lifetime":"fixed","ttl":"1us","stale_if_error":"1h"}`, "", []string{"200", reset}},
			"failed open":                       {`,"failure_mode":"open"`, "", []string{reset}},
			"disabled":                          {`,"enabled":false`, "", []string{""}},
			"disabled by the route":             {"", `{"enabled":false}`, []string{""}},
			"skipped by except":                 {`,"except":[{"path":"/private"}]`, "", []string{""}},
			"skipped by only":                   {`,"only":[{"path":"/other"}]`, "", []string{""}},
			"shadow, allowed":                   {`,"mode":"shadow"`, "", []string{"200"}},
			"shadow, denied":                    {`,"mode":"shadow"`, "", []string{"401"}},
			"shadow, failed":                    {`,"mode":"shadow"`, "", []string{reset}},
			"shadow by the route":               {"", `{"mode":"shadow"}`, []string{"401"}},
			"shadow, the overlay is broken":     {`,"mode":"shadow"`, `{"mod":"x"}`, []string{""}},
			"shadow, the overlay is no text":    {`,"mode":"shadow"`, "\x00\x01", []string{""}},
			"shadow, the overlay is not merged": {`,"mode":"shadow"`, `[`, []string{""}},
		} {
			t.Run(name, func(t *testing.T) {
				host, ok := vmtest.Start(t, vm, `{"cluster":"auth","identity_headers":["x-user"]`+c.config+`}`)
				if !ok {
					t.Fatal("the plugin did not start")
				}
				if c.overlay != "" {
					overlay(t, host, c.overlay)
				}
				for i, status := range c.answers {
					id := host.InitializeHttpContext()
					host.CallOnRequestHeaders(id, [][2]string{{":method", "POST"}, {":path", "/private"}, {":authority", "example.org"}, {"authorization", "Bearer t"},
						{"x-user", "evil"}, {"x_user", "evil"}, {"X.User", "evil"}, {"connection", "x-user"}, {"x-envoy-auth-failure-mode-allowed", "true"}}, true)
					calls := host.GetCalloutAttributesFromContext(id)
					if (len(calls) == 1) != (status != "") {
						t.Fatalf("request %d: %d callouts", i, len(calls))
					}
					for _, call := range calls {
						answer := [][2]string{{":status", status}, {"x-envoy-upstream-service-time", "1"}}
						if status == reset {
							answer = nil
						}
						host.CallOnHttpCallResponse(call.CalloutID, answer, nil, nil)
					}
					if !vmtest.GoesOn(host, id) {
						t.Fatalf("request %d did not go on", i)
					}
					m := hosttest.Message{Fields: host.GetCurrentRequestHeaders(id)}
					if got := m.Text("x", "conn"); got != "" {
						t.Errorf("request %d went on with\n%s", i, got)
					}
					host.CompleteHttpContext(id)
				}
			})
		}
	})
}

// TestWasmOddRequests: whatever a client sends, the filter neither breaks nor
// leaves it hanging, and no log line shows a secret, at any level.
func TestWasmOddRequests(t *testing.T) {
	const token, own = "Bearer t0ken-of-the-client", "s3cret-of-the-filter"
	many := [][2]string{{":method", "GET"}, {":path", "/"}}
	for i := range 3000 {
		many = append(many, [2]string{"x-" + strconv.Itoa(i), strings.Repeat("v", i%50)})
	}
	huge := strings.Repeat("\xff", 64<<10)
	odd := map[string][][2]string{
		"no headers":       {},
		"no path":          {{":method", "GET"}, {":authority", "a"}},
		"no method":        {{":path", "/"}},
		"no authority":     {{":method", "GET"}, {":path", "/"}},
		"CONNECT":          {{":method", "CONNECT"}, {":authority", "a:443"}},
		"extended CONNECT": {{":method", "GET"}, {":path", "/"}, {"connection", "upgrade"}, {"upgrade", "websocket"}},
		"OPTIONS *":        {{":method", "OPTIONS"}, {":path", "*"}},
		"an empty path":    {{":method", "GET"}, {":path", ""}},
		"no UTF-8":         {{":method", "\xff"}, {":path", "/\xc0\xae?\xff#"}, {":authority", "\xfe"}, {"x-a", "\x80"}},
		"64 KiB":           {{":method", "GET"}, {":path", "/" + huge}, {":authority", huge}, {"connection", huge}, {"cookie", huge}},
		"3000 headers":     many,
		"two tokens":       {{":method", "GET"}, {":path", "/"}, {"authorization", token}},
		"names of nothing": {{":method", "GET"}, {":path", "/"}, {"", "v"}, {"x", ""}},
	}
	vmtest.Run(t, Plugin, "authcallout.wasm", func(t *testing.T, vm vmtest.VM) {
		for _, config := range []string{
			`"allowed_headers":["*"]`,
			`"profile":"ext-authz","allowed_upstream_headers":["x-user"],"cache":{"lifetime":"fixed","ttl":"1h","negative_ttl":"1h","shared":true}`,
			`"profile":"forward-auth","failure_mode":"open","reject_ambiguous_paths":["control"],"cache":{}`,
			`"forward_body":true,"headers_to_add":{"x-h":"%REQ(x-a)%%QUERY_PARAM(a)%%PROPERTY(a.b)%"},"path":"/%PATH%"`,
			`"except":[{"path":"/x","methods":["OPTIONS"]}],"mode":"shadow"`,
		} {
			t.Run(config, func(t *testing.T) {
				logged := new(logLines)
				log.SetOutput(logged)
				defer log.SetOutput(io.Discard)
				host, ok := vmtest.Start(t, vm, `{"cluster":"auth","secret_headers":[{"name":"x-key","value":"`+own+`"}],"identity_headers":["x-id"],`+config+`}`)
				if !ok {
					t.Fatal("the plugin did not start")
				}
				for name, headers := range odd {
					for _, status := range []string{"200", "401", "000", "", "600", "reset"} {
						id := host.InitializeHttpContext()
						host.CallOnRequestHeaders(id, append([][2]string{{"authorization", token}}, headers...), true)
						for _, call := range host.GetCalloutAttributesFromContext(id) {
							answer := [][2]string{{":status", status}, {"x-envoy-upstream-service-time", "1"}, {"www-authenticate", "a"}, {"www-authenticate", "b"}}
							if status == "reset" {
								answer = nil
							}
							host.CallOnHttpCallResponse(call.CalloutID, answer, nil, []byte(`{"a":1}`))
						}
						if reply := host.GetSentLocalResponse(id); reply == nil && !vmtest.GoesOn(host, id) {
							t.Errorf("%s, answer %q: hangs", name, status)
						} else if reply != nil && (reply.StatusCode < 300 || reply.StatusCode > 599) {
							t.Errorf("%s, answer %q: replied %d", name, status, reply.StatusCode)
						}
						host.CompleteHttpContext(id)
					}
				}
				if n, _ := host.GetCounterMetric("gatehouse.authcallout.panics"); n != 0 {
					t.Errorf("%d panics", n)
				}
				if logged.n == 0 || logged.secrets != "" {
					t.Errorf("%d log lines; with a secret: %s", logged.n, logged.secrets)
				}
			})
		}
	})
}

// logLines looks at each line as it is logged: the lines that the emulator keeps
// lie in memory of the VM, which is used again. It logs callouts too.
type logLines struct {
	n       int
	secrets string
}

func (l *logLines) Write(line []byte) (int, error) {
	if s := string(line); strings.Contains(s, "_log: ") {
		l.n++
		if strings.Contains(s, "t0ken") || strings.Contains(s, "s3cret") {
			l.secrets += s
		}
	}
	return len(line), nil
}
