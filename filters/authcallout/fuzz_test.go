package authcallout

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf/conftest"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/identity"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
)

// FuzzConfiguration: any text is a configuration or an error, never a panic.
func FuzzConfiguration(f *testing.F) {
	conftest.Fuzz(f, load, func(fl filter.Filter) {
		hosttest.Drive(fl, get(bearer), func(filter.Callout) filter.CalloutResult { return says(200, "{}") })
	})
}

// FuzzAnswer: whatever the auth service answers, a request goes on only with
// status 200 and {"ok":true}, and with headers that are headers.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(`{"ok":true,"user":"ann"}`), "x-user", "ann")
	f.Add(200, []byte(`{"ok":true,"user":"a\r\nx: y"}`), "x-user", "a\r\nb")
	f.Add(401, []byte(`{"ok":true}`), "x-drop", ":path, host, x-a")
	f.Add(200, []byte(`{"ok":[[[[[[`), "", "")
	host := hosttest.NewHost()
	fl, err := load([]byte(`{"cluster":"a","allow_field":"ok","allowed_upstream_headers":["x-user"],"headers_to_remove_header":"x-drop",
		"headers_from_json":[{"header":"x-id","field":"user"}],"allowed_client_headers":["*"],"deny":{"pass_body":true,"pass_status":true}}`), host)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, name, value string) {
		m := get(bearer, "x-user: evil", "x-id: evil")
		e, _ := hosttest.Drive(fl, m, func(filter.Callout) filter.CalloutResult {
			return filter.CalloutResult{Status: status, Body: body, Headers: [][2]string{{name, value}}}
		})
		if e.Reply != nil {
			if e.Reply.Status < 300 || e.Reply.Status > 599 {
				t.Fatalf("a denial has status %d", e.Reply.Status)
			}
			return
		}
		if e.Word != Allowed || status != 200 {
			t.Fatalf("went on with %s and status %d", e.Word, status)
		}
		if _, n := m.Header(":path"); n != 1 {
			t.Fatal("the answer took the path away")
		}
		for _, h := range m.Fields {
			if !msg.ValidHeaderValue(h[1]) {
				t.Fatalf("went on with %q", h)
			}
			if (h[0] == "x-user" || h[0] == "x-id") && h[1] == "evil" && value != "evil" && !strings.Contains(string(body), "evil") {
				t.Fatalf("the client's %s got through", h[0])
			}
		}
	})
}

// FuzzRequest: two requests share a verdict just where the auth service would be
// sent the same, and no spelling of an identity header goes on. A line of a text
// is a header.
func FuzzRequest(f *testing.F) {
	f.Add(":method: GET\n:path: /a\nx-a: 1", ":method: GET\n:path: /a\nx-a: 1\nx-b: 2", "one", "one", uint8(0))
	f.Add(":method: POST\n:path: /a?b\nx-a: 1\nx-a: 2", ":method: POST\n:path: /a\nx_user: e", "", "r", uint8(1))
	f.Add("X.User: e\nconnection: close, x-user", ":method: CONNECT\n:authority: a\nupgrade: b", "a", "", uint8(2))
	var filters []filter.Filter
	for _, config := range []string{
		`"allowed_headers":["*"]`,
		`"profile":"ext-authz","allowed_headers":["x-*"],"disallowed_headers":["x-b"],"path":"/p"`,
		`"profile":"forward-auth"`,
		`"forward_body":true,"headers_to_add":{"x-h":"%REQ(x-a)%|%QUERY_PARAM(b):3%"},"body_content_type":"text/plain"`,
		`"method":"original","authority":"%REQ(x-a)%","path":"/%METHOD%?%RAW_QUERY%","forwarded_headers":"x-original"`,
	} {
		fl, err := load([]byte(`{"cluster":"a","require_token":false,"token_scheme":"","identity_headers":["x-user"],"cache":{},`+config+"}"), hosttest.NewHost())
		if err != nil {
			f.Fatal(err)
		}
		filters = append(filters, fl)
	}
	f.Fuzz(func(t *testing.T, first, second, firstRoute, secondRoute string, which uint8) {
		fl := filters[int(which)%len(filters)]
		var flights, asked [2]string
		for i, text := range [...]string{first, second} {
			m := &hosttest.Message{Properties: map[string]string{"xds.route_name": [...]string{firstRoute, secondRoute}[i], "source.address": secondRoute}}
			for line := range strings.SplitSeq(text, "\n") {
				name, value, _ := strings.Cut(line, ": ")
				m.Fields = append(m.Fields, [2]string{name, value})
			}
			m.Whole = []byte(firstRoute)
			e, _ := hosttest.Drive(fl, m, func(filter.Callout) filter.CalloutResult { return says(200, "") })
			for _, h := range m.Fields {
				if e.Reply == nil && identity.Same(h[0], "x-user") {
					t.Fatalf("%q went on", h)
				}
			}
			for _, c := range e.Callouts {
				flights[i] = c.Flight
				asked[i] = fmt.Sprintf("%q %q %q %q %q %q %q", m.Properties["xds.route_name"], c.Cluster, c.Method, c.Authority, c.Path, c.Headers, c.Body)
				for _, h := range c.Headers {
					if identity.Forbidden(h[0]) || identity.Same(h[0], "x-user") {
						t.Fatalf("asked with %q", h)
					}
				}
			}
		}
		if (flights[0] == flights[1]) != (asked[0] == asked[1]) {
			t.Fatalf("asked\n%s\nand\n%s\nwith the keys\n%q\nand\n%q", asked[0], asked[1], flights[0], flights[1])
		}
	})
}
