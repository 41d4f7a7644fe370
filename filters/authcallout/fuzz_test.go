package authcallout

import (
	"strings"
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf/conftest"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
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
