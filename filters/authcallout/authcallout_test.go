package authcallout

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
)

func newFilter(t *testing.T, config string) (filter.Filter, *hosttest.Host) {
	t.Helper()
	host := hosttest.NewHost()
	host.Environment = map[string]string{"KEY": "s3cret"}
	f, err := load([]byte(config), host)
	if err != nil {
		t.Fatal(err)
	}
	return f, host
}

// kong is the seed's configuration.
const kong = `"auth_host":"testapi.default","auth_port":8080,"auth_urlpath":"/verify"`

// says makes an answer of the auth service: headers are "name: value".
func says(status int, body string, headers ...string) filter.CalloutResult {
	m := hosttest.Response(status, headers...)
	return filter.CalloutResult{Status: status, Body: []byte(body), Headers: m.Fields[1:]}
}

func fails(f filter.Failure) filter.CalloutResult { return filter.CalloutResult{Failure: f} }

func get(headers ...string) *hosttest.Message {
	return hosttest.Request("GET", "/a/b?x=1&y=2", headers...)
}

const bearer = "authorization: Bearer t"

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config  string
		request *hosttest.Message
		answer  filter.CalloutResult
		word    filter.Word
		status  int    // 0: goes on
		reply   string // "name: value" lines and the body
		goesOn  string // x-... and authorization headers of the request
		asked   int
	}{
		"200 lets a bearer token pass":                     {kong, get(bearer), says(200, ""), Allowed, 0, "", "authorization: Bearer t\n", 1},
		"no token is answered without asking":              {kong, get(), says(200, ""), NoToken, 401, "www-authenticate: Bearer\n", "", 0},
		"an empty token is no token":                       {kong, get("authorization: "), says(200, ""), NoToken, 401, "www-authenticate: Bearer\n", "", 0},
		"another scheme is answered without asking":        {kong, get("authorization: Basic t"), says(200, ""), BadTokenScheme, 401, "www-authenticate: Bearer\n", "", 0},
		"the scheme's case counts, as in the original":     {kong, get("authorization: bearer t"), says(200, ""), BadTokenScheme, 401, "www-authenticate: Bearer\n", "", 0},
		"the scheme alone is no token":                     {kong, get("authorization: Bearer"), says(200, ""), BadTokenScheme, 401, "www-authenticate: Bearer\n", "", 0},
		"two tokens are refused":                           {kong, get(bearer, "authorization: Bearer u"), says(200, ""), AmbiguousToken, 400, "", "", 0},
		"two tokens that Envoy has joined are refused":     {kong, get("authorization: Bearer t, Bearer u"), says(200, ""), AmbiguousToken, 400, "", "", 0},
		"a token under an alias is refused":                {kong + `,"token_header":"x-token","token_scheme":""`, get("x_token: t"), says(200, ""), AmbiguousToken, 400, "", "", 0},
		"any status but 200 is denied with 401":            {kong, get(bearer), says(403, "why"), Denied, 401, "www-authenticate: Bearer\n", "", 1},
		"a 201 is denied":                                  {kong, get(bearer), says(201, ""), Denied, 401, "www-authenticate: Bearer\n", "", 1},
		"a 302 is denied, not followed":                    {kong, get(bearer), says(302, "", "location: /login"), Denied, 401, "www-authenticate: Bearer\n", "", 1},
		"a 500 is denied, as in the original":              {kong, get(bearer), says(500, ""), Denied, 401, "www-authenticate: Bearer\n", "", 1},
		"a connection failure is 500":                      {kong, get(bearer), fails(filter.Unreachable), Unreachable, 500, "", "", 1},
		"a timeout is 500":                                 {kong, get(bearer), fails(filter.Timeout), TimedOut, 500, "", "", 1},
		"an unknown cluster is 500":                        {kong, get(bearer), fails(filter.UnknownCluster), UnknownCluster, 500, "", "", 1},
		"a reply too large is 500, also with status 200":   {kong, get(bearer), filter.CalloutResult{Failure: filter.ReplyTooLarge, Status: 200}, ReplyTooLarge, 500, "", "", 1},
		"too many callouts are 500":                        {kong, get(bearer), fails(filter.Overloaded), Overloaded, 500, "", "", 1},
		"status_on_error chooses another":                  {kong + `,"status_on_error":503`, get(bearer), fails(filter.Timeout), TimedOut, 503, "", "", 1},
		"failure_mode open lets pass on a failure":         {kong + `,"failure_mode":"open"`, get(bearer), fails(filter.Timeout), FailedOpen, 0, "", "authorization: Bearer t\n", 1},
		"failure_mode open still denies":                   {kong + `,"failure_mode":"open"`, get(bearer), says(401, ""), Denied, 401, "www-authenticate: Bearer\n", "", 1},
		"failure_mode open still wants a token":            {kong + `,"failure_mode":"open"`, get(), says(200, ""), NoToken, 401, "www-authenticate: Bearer\n", "", 0},
		"failure_mode open marks the request if told to":   {kong + `,"failure_mode":"open","failure_mode_allow_header_add":true`, get(bearer), fails(filter.Timeout), FailedOpen, 0, "", "authorization: Bearer t\nx-envoy-auth-failure-mode-allowed: true\n", 1},
		"a client's own failure mark is removed":           {kong, get(bearer, "x-envoy-auth-failure-mode-allowed: true", "x_envoy_auth_failure_mode_allowed: true"), says(200, ""), Allowed, 0, "", "authorization: Bearer t\n", 1},
		"error_status is a failure":                        {kong + `,"error_status":["5xx"],"failure_mode":"open"`, get(bearer), says(502, ""), FailedOpen, 0, "", "authorization: Bearer t\n", 1},
		"without require_token the service decides":        {kong + `,"require_token":false`, get(), says(200, ""), Allowed, 0, "", "", 1},
		"the token is still checked for its scheme":        {kong + `,"require_token":false`, get("authorization: Basic t"), says(200, ""), BadTokenScheme, 401, "www-authenticate: Bearer\n", "", 0},
		"without a scheme any token is asked about":        {kong + `,"require_token":false,"token_scheme":""`, get("authorization: Basic t"), says(200, ""), Allowed, 0, "", "authorization: Basic t\n", 1},
		"pass_status gives the service's status":           {kong + `,"deny":{"pass_status":true}`, get(bearer), says(403, "why"), Denied, 403, "", "", 1},
		"pass_status never turns a denial into a success":  {kong + `,"deny":{"pass_status":true}`, get(bearer), says(204, ""), Denied, 401, "www-authenticate: Bearer\n", "", 1},
		"pass_body gives body and type":                    {kong + `,"deny":{"pass_body":true}`, get(bearer), says(403, "why", "content-type: text/x-why", "content-encoding: gzip"), Denied, 401, "content-encoding: gzip\nwww-authenticate: Bearer\n[text/x-why]why", "", 1},
		"a body over deny.max_body_size is dropped":        {kong + `,"deny":{"pass_body":true,"max_body_size":2,"body":"no"}`, get(bearer), says(403, "why"), Denied, 401, "www-authenticate: Bearer\n[text/plain; charset=utf-8]no", "", 1},
		"fixed body and headers":                           {kong + `,"deny":{"status":403,"body":"{}","content_type":"application/json","headers":{"X-Why":"no"}}`, get(bearer), says(401, ""), Denied, 403, "x-why: no\n[application/json]{}", "", 1},
		"chosen headers of a denial reach the client":      {kong + `,"deny":{"pass_status":true},"allowed_client_headers":["location","x-auth-*"]`, get(bearer), says(302, "", "location: /login", "x-auth-why: no", "x-secret: s", "set-cookie: a=b"), Denied, 302, "location: /login\nx-auth-why: no\n", "", 1},
		"all headers but framing and Envoy's":              {kong + `,"deny":{"pass_status":true},"allowed_client_headers":["*"]`, get(bearer), says(403, "", "content-length: 9", "transfer-encoding: chunked", "x-envoy-upstream-service-time: 1", "connection: close", "date: now", "server: s", "set-cookie: a=b", "set-cookie: c=d"), Denied, 403, "set-cookie: a=b\nset-cookie: c=d\n", "", 1},
		"the service's challenge replaces ours":            {kong + `,"deny":{"pass_status":true}`, get(bearer), says(401, "", "www-authenticate: DPoP"), Denied, 401, "www-authenticate: DPoP\n", "", 1},
		"a field of the JSON answer lets pass":             {kong + `,"allow_field":"result.allow"`, get(bearer), says(200, `{"result":{"allow":true}}`), Allowed, 0, "", "authorization: Bearer t\n", 1},
		"a field of the JSON answer denies":                {kong + `,"allow_field":"result.allow"`, get(bearer), says(200, `{"result":{"allow":false}}`), Denied, 401, "www-authenticate: Bearer\n", "", 1},
		"a missing field denies":                           {kong + `,"allow_field":"result.allow"`, get(bearer), says(200, `{}`), Denied, 401, "www-authenticate: Bearer\n", "", 1},
		"a list is no value of a field":                    {kong + `,"allow_field":"ok"`, get(bearer), says(200, `{"ok":[true]}`), Denied, 401, "www-authenticate: Bearer\n", "", 1},
		"chosen values of a field":                         {kong + `,"allow_field":"verdict","allow_values":["yes","1"]`, get(bearer), says(200, `{"verdict":1}`), Allowed, 0, "", "authorization: Bearer t\n", 1},
		"an answer that is not JSON is a failure":          {kong + `,"allow_field":"ok"`, get(bearer), says(200, `{"ok":true`), BadReply, 500, "", "", 1},
		"an answer that repeats a key is a failure":        {kong + `,"allow_field":"ok"`, get(bearer), says(200, `{"ok":false,"ok":true}`), BadReply, 500, "", "", 1},
		"a denial need not be JSON":                        {kong + `,"allow_field":"ok"`, get(bearer), says(401, `no`), Denied, 401, "www-authenticate: Bearer\n", "", 1},
		"headers of the answer replace the client's":       {kong + `,"allowed_upstream_headers":["x-user"]`, get(bearer, "x-user: evil", "X_User: evil", "x-user: evil2"), says(200, "", "x-user: ann"), Allowed, 0, "", "authorization: Bearer t\nx-user: ann\n", 1},
		"identity headers are cleared if the answer omits": {kong + `,"allowed_upstream_headers":["x-user"]`, get(bearer, "x-user: evil"), says(200, ""), Allowed, 0, "", "authorization: Bearer t\n", 1},
		"both lines of a header of the answer are kept":    {kong + `,"allowed_upstream_headers":["x-group"]`, get(bearer, "x-group: evil"), says(200, "", "x-group: a", "x-group: b"), Allowed, 0, "", "authorization: Bearer t\nx-group: a\nx-group: b\n", 1},
		"appended headers keep the client's":               {kong + `,"allowed_upstream_headers_to_append":["x-via"]`, get(bearer, "x-via: c"), says(200, "", "x-via: s"), Allowed, 0, "", "authorization: Bearer t\nx-via: c\nx-via: s\n", 1},
		"fields of the answer become headers":              {kong + `,"headers_from_json":[{"header":"x-user","field":"user.id"},{"header":"x-admin","field":"admin"},{"header":"x-none","field":"none"}]`, get(bearer, "x-user: evil", "x-none: evil"), says(200, `{"user":{"id":7},"admin":true,"none":null}`), Allowed, 0, "", "authorization: Bearer t\nx-user: 7\nx-admin: true\n", 1},
		"a field with a line break is a failure":           {kong + `,"headers_from_json":[{"header":"x-user","field":"u"}]`, get(bearer), says(200, `{"u":"a\r\nx-admin: 1"}`), BadReply, 500, "", "", 1},
		"the token can be taken off":                       {kong + `,"headers_to_remove":["authorization"]`, get(bearer), says(200, ""), Allowed, 0, "", "", 1},
		"the token can be exchanged":                       {kong + `,"allowed_upstream_headers":["authorization"]`, get(bearer), says(200, "", "authorization: Bearer jwt"), Allowed, 0, "", "authorization: Bearer jwt\n", 1},
		"an exchanged token never falls back to the old":   {kong + `,"allowed_upstream_headers":["authorization"]`, get(bearer), says(200, ""), Allowed, 0, "", "", 1},
		"the answer may name headers to remove":            {kong + `,"headers_to_remove_header":"x-drop"`, get(bearer, "x-a: 1", "x-b: 2"), says(200, "", "x-drop: X-A, :path, host"), Allowed, 0, "", "authorization: Bearer t\nx-b: 2\n", 1},
		"further identity headers are always removed":      {kong + `,"identity_headers":["x-admin"],"except":[{"path_prefix":"/a"}]`, get("x-admin: 1", "x.admin: 1"), says(500, ""), Skipped, 0, "", "", 0},
		"Connection cannot take our headers off later":     {kong + `,"allowed_upstream_headers":["x-user"]`, get(bearer, "connection: close, X-User"), says(200, "", "x-user: ann"), Allowed, 0, "", "authorization: Bearer t\nx-user: ann\n", 1},
		"except by path":                                   {kong + `,"except":[{"path":"/a/b"}]`, get(), says(500, ""), Skipped, 0, "", "", 0},
		"except by prefix ends at a segment":               {kong + `,"except":[{"path_prefix":"/a/"},{"path_prefix":"/a/bc"}]`, hosttest.Request("GET", "/ab"), says(500, ""), NoToken, 401, "www-authenticate: Bearer\n", "", 0},
		"except by method and header (a preflight)":        {kong + `,"except":[{"methods":["OPTIONS"],"headers":{"access-control-request-method":"*"}}]`, hosttest.Request("OPTIONS", "/", "origin: https://a", "access-control-request-method: PUT"), says(500, ""), Skipped, 0, "", "", 0},
		"OPTIONS alone is no preflight":                    {kong + `,"except":[{"methods":["OPTIONS"],"headers":{"access-control-request-method":"*"}}]`, hosttest.Request("OPTIONS", "/"), says(500, ""), NoToken, 401, "www-authenticate: Bearer\n", "", 0},
		"an odd path is never excepted":                    {kong + `,"except":[{"path_prefix":"/a"}]`, hosttest.Request("GET", "/a/../private"), says(500, ""), NoToken, 401, "www-authenticate: Bearer\n", "", 0},
		"an encoded odd path is never excepted":            {kong + `,"except":[{"path_prefix":"/a"}]`, hosttest.Request("GET", "/a/%2e%2e/private"), says(500, ""), NoToken, 401, "www-authenticate: Bearer\n", "", 0},
		"only: other paths pass":                           {kong + `,"only":[{"path_prefix":"/private"}]`, get(), says(500, ""), Skipped, 0, "", "", 0},
		"only: these paths are checked":                    {kong + `,"only":[{"path_prefix":"/a"}]`, get(), says(500, ""), NoToken, 401, "www-authenticate: Bearer\n", "", 0},
		"only: a doubled header is checked":                {kong + `,"only":[{"headers":{"x-a":"1"}}]`, get("x-a: 1", "x-a: 1"), says(500, ""), NoToken, 401, "www-authenticate: Bearer\n", "", 0},
		"except: a doubled header is checked":              {kong + `,"except":[{"headers":{"x-a":"*"}}]`, get("x-a: 1", "x-a: 1"), says(500, ""), NoToken, 401, "www-authenticate: Bearer\n", "", 0},
		"only: an odd path is checked":                     {kong + `,"only":[{"path_prefix":"/private"}]`, hosttest.Request("GET", "/x/..;/private"), says(500, ""), NoToken, 401, "www-authenticate: Bearer\n", "", 0},
		"reject_ambiguous_paths answers 400":               {kong + `,"reject_ambiguous_paths":["dot_segment"]`, hosttest.Request("GET", "/a/../b", bearer), says(200, ""), AmbiguousPath, 400, "", "", 0},
		"only: a path with encoded letters is checked":     {kong + `,"only":[{"path_prefix":"/admin"}]`, hosttest.Request("GET", "/%61dmin"), says(500, ""), NoToken, 401, "www-authenticate: Bearer\n", "", 0},
		"every spelling of a removed header goes":          {kong + `,"headers_to_remove":["x-token"]`, get(bearer, "x-token: 1", "x_token: 2"), says(200, ""), Allowed, 0, "", "authorization: Bearer t\n", 1},
		"an upgrade that claims a body cannot be checked":  {kong + `,"forward_body":true`, hosttest.Request("POST", "/", bearer, "upgrade: websocket", "content-length: 3"), says(200, ""), BadUpgrade, 400, "", "", 0},
		"a GET upgrade that claims a body neither":         {kong + `,"forward_body":true`, hosttest.Request("GET", "/", bearer, "upgrade: websocket", "content-length: 3"), says(200, ""), BadUpgrade, 400, "", "", 0},
		"ext-authz passes the service's answer on":         {`"profile":"ext-authz","cluster":"auth"`, get(bearer), says(403, "why", "x-why: no", "content-type: text/plain"), Denied, 403, "x-why: no\n[text/plain]why", "", 1},
		"ext-authz fails with 403":                         {`"profile":"ext-authz","cluster":"auth"`, get(bearer), says(500, "", ""), AuthError, 403, "", "", 1},
		"ext-authz removes what the service names":         {`"profile":"ext-authz","cluster":"auth"`, get("x-a: 1"), says(200, "", "x-envoy-auth-headers-to-remove: x-a"), Allowed, 0, "", "", 1},
		"forward-auth passes redirects on":                 {`"profile":"forward-auth","cluster":"auth"`, get(), says(302, "", "location: /login"), Denied, 302, "location: /login\n", "", 1},
		"forward-auth lets any 2xx pass":                   {`"profile":"forward-auth","cluster":"auth"`, get(), says(204, ""), Allowed, 0, "", "", 1},
		"a profile's setting can be changed":               {`"profile":"forward-auth","cluster":"auth","allow_status":["200"]`, get(), says(204, ""), Denied, 401, "www-authenticate: Bearer\n", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, host := newFilter(t, "{"+c.config+"}")
			e, _ := hosttest.Drive(f, c.request, func(filter.Callout) filter.CalloutResult { return c.answer })
			if e.Word != c.word {
				t.Errorf("verdict %s, want %s", e.Word, c.word)
			}
			if len(e.Callouts) != c.asked {
				t.Errorf("asked %d times, want %d", len(e.Callouts), c.asked)
			}
			if e.Reply == nil {
				if c.status != 0 {
					t.Fatalf("went on, want a reply %d", c.status)
				}
				if got := c.request.Text("x-", "x_", "x.", "authorization"); got != c.goesOn {
					t.Errorf("went on with\n%swant\n%s", got, c.goesOn)
				}
			} else if got := text(e.Reply); e.Reply.Status != c.status || got != c.reply {
				t.Errorf("replied %d\n%s\nwant %d\n%s", e.Reply.Status, got, c.status, c.reply)
			}
			for _, line := range host.Logs {
				if strings.Contains(line, "Bearer t") {
					t.Errorf("a log line shows the token: %s", line)
				}
			}
		})
	}
}

func text(r *filter.Reply) string {
	m := hosttest.Message{Fields: r.Headers}
	s := m.Text()
	if len(r.Body) > 0 {
		s += "[" + r.ContentType + "]" + string(r.Body)
	}
	return s
}

// TestCallout: what the auth service is sent.
func TestCallout(t *testing.T) {
	t.Parallel()
	post := func(headers ...string) *hosttest.Message {
		m := hosttest.Request("POST", "/a/b?x=1&y=2", append([]string{bearer}, headers...)...)
		m.Whole = []byte("payload")
		m.Properties = map[string]string{"source.address": "192.0.2.7:4711"}
		return m
	}
	for name, c := range map[string]struct {
		config  string
		request *hosttest.Message
		want    string // method, authority, path; headers; body
	}{
		"kong-custom-auth": {
			kong, get(bearer),
			"POST testapi.default:8080 /verify\nauthorization: Bearer t\ncontent-type: application/json\n\n" + `{"path":"/a/b","raw_query":"x=1&y=2"}`,
		},
		"the body of the plugin's later release": {
			kong + `,"body_template":"{\"clientIP\":\"%CLIENT_IP%\",\"method\":\"%METHOD%\",\"urlPath\":\"%PATH%\",\"queryString\":\"%RAW_QUERY%\"}"`, post(),
			"POST testapi.default:8080 /verify\nauthorization: Bearer t\ncontent-type: application/json\n\n" + `{"clientIP":"192.0.2.7","method":"POST","urlPath":"/a/b","queryString":"x=1&y=2"}`,
		},
		"ext-authz": {
			`"profile":"ext-authz","cluster":"auth","path":"/prefix"`, post("x-a: 1"),
			"POST example.org /prefix/a/b?x=1&y=2\nauthorization: Bearer t\n\n",
		},
		"forward-auth": {
			`"profile":"forward-auth","cluster":"auth"`, post("x-a: 1", "X-Forwarded-Uri: /evil", "x_forwarded_uri: /evil", "x-original-url: /evil", "X-Real-Ip: 1.1.1.1", "forwarded: for=1.1.1.1", "connection: x-a", "x-envoy-internal: true", "content-length: 7"),
			"GET auth /\nauthorization: Bearer t\nx-forwarded-method: POST\nx-forwarded-proto: https\nx-forwarded-host: example.org\nx-forwarded-uri: /a/b?x=1&y=2\nx-forwarded-for: 192.0.2.7\nx-a: 1\n\n",
		},
		"a client does not choose the encoding of an answer that is read": {
			kong + `,"allowed_headers":["*"],"allow_field":"ok","body_template":""`, get(bearer, "accept-encoding: gzip", "accept_encoding: br", "x-a: 1"),
			"POST testapi.default:8080 /verify\nauthorization: Bearer t\nx-a: 1\n\n",
		},
		"a doubled header is shown as the upstream gets it": {
			kong + `,"auth_urlpath":null,"path":"/v?t=%QUERY_PARAM(x)%","body_template":"","headers_to_add":{"x-for":"%REQ(x-tenant)%"}`,
			hosttest.Request("GET", "/?x=mine&x=yours", bearer, "x-tenant: mine", "x-tenant: yours"),
			"POST testapi.default:8080 /v?t=mine%2Cyours\nauthorization: Bearer t\nx-for: mine,yours\n\n",
		},
		"a HEAD is asked about with GET where the answer is read": {
			`"profile":"ext-authz","cluster":"auth","allow_field":"ok"`, hosttest.Request("HEAD", "/a"),
			"GET example.org /a\n\n",
		},
		"and with HEAD where it is not": {
			`"profile":"ext-authz","cluster":"auth"`, hosttest.Request("HEAD", "/a"),
			"HEAD example.org /a\n\n",
		},
		"but of one that is only passed on": {
			`"profile":"forward-auth","cluster":"auth","forwarded_headers":"none"`, get("accept-encoding: gzip"),
			"GET auth /\naccept-encoding: gzip\n\n",
		},
		"an upgrade header alone makes no tunnel: the body is waited for": {
			kong + `,"forward_body":true`, func() *hosttest.Message {
				m := hosttest.Request("GET", "/ws", bearer, "upgrade: websocket")
				m.Whole = []byte("unseen")
				return m
			}(),
			"POST testapi.default:8080 /verify\nauthorization: Bearer t\n\nunseen",
		},
		"x-original": {
			kong + `,"forwarded_headers":"x-original","body_template":""`, get(bearer),
			"POST testapi.default:8080 /verify\nauthorization: Bearer t\nx-original-method: GET\nx-original-url: https://example.org/a/b?x=1&y=2\n\n",
		},
		"chosen headers, templates and secrets": {
			kong + `,"allowed_headers":["x-a-*","cookie"],"disallowed_headers":["x-a-no"],"headers_to_add":{"x-tenant":"%QUERY_PARAM(x)%-%REQ(x-a-1)%"},"secret_headers":[{"name":"x-api-key","value":{"env":"KEY"}}],"body_template":""`,
			get(bearer, "x-a-1: one", "x-a-no: no", "x-b: no", "cookie: c=1", "x-api-key: evil", "x-tenant: evil"),
			"POST testapi.default:8080 /verify\nauthorization: Bearer t\nx-api-key: s3cret\nx-tenant: 1-one\nx-a-1: one\ncookie: c=1\n\n",
		},
		"identity headers that a client forged are not sent": {
			kong + `,"allowed_headers":["*"],"allowed_upstream_headers":["x-user"],"body_template":""`, get(bearer, "x-user: evil", "x-b: 1"),
			"POST testapi.default:8080 /verify\nauthorization: Bearer t\nx-b: 1\n\n",
		},
		"the request's own body": {
			kong + `,"forward_body":true`, post("content-type: text/plain"),
			"POST testapi.default:8080 /verify\nauthorization: Bearer t\ncontent-type: text/plain\n\npayload",
		},
		"a client's header never stands in for ours, in any spelling": {
			kong + `,"allowed_headers":["*"],"secret_headers":[{"name":"x-api-key","value":{"env":"KEY"}}]`,
			get(bearer, "x_api_key: evil", "Authorization_: evil", "x.forwarded.for: evil", "content-type: text/evil", "content-encoding: gzip", "expect: 100-continue", "range: bytes=0-1", "if-none-match: x", "x-ok: 1"),
			"POST testapi.default:8080 /verify\nauthorization: Bearer t\nx-api-key: s3cret\ncontent-type: application/json\nauthorization_: evil\nx-ok: 1\n\n" + `{"path":"/a/b","raw_query":"x=1&y=2"}`,
		},
		"the first bytes of the request's own body": {
			kong + `,"forward_body":true,"max_body_size":3,"partial_body":true`, post(),
			"POST testapi.default:8080 /verify\nauthorization: Bearer t\n\npay",
		},
		"an upgrade has no body to wait for": {
			kong + `,"forward_body":true`, hosttest.Request("GET", "/ws", bearer, "connection: upgrade", "upgrade: websocket"),
			"POST testapi.default:8080 /verify\nauthorization: Bearer t\n\n",
		},
		"CONNECT has no path": {
			`"profile":"ext-authz","cluster":"auth"`, &hosttest.Message{Fields: [][2]string{{":method", "CONNECT"}, {":authority", "example.org:443"}}},
			"GET example.org:443 /\n\n",
		},
		"a path as a template is encoded": {
			kong + `,"auth_urlpath":null,"path":"/check?u=%REQ(x-u)%"`, get(bearer, "x-u: a&b=/?"),
			"POST testapi.default:8080 /check?u=a%26b%3D%2F%3F\nauthorization: Bearer t\ncontent-type: application/json\n\n" + `{"path":"/a/b","raw_query":"x=1&y=2"}`,
		},
		"a quote in the path cannot leave its JSON string": {
			kong, hosttest.Request("GET", `/a","admin":"1?"\`, bearer),
			"POST testapi.default:8080 /verify\nauthorization: Bearer t\ncontent-type: application/json\n\n" + `{"path":"/a\",\"admin\":\"1","raw_query":"\"\\"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := strings.Replace(c.config, `"auth_urlpath":"/verify","auth_urlpath":null,`, "", 1)
			f, _ := newFilter(t, "{"+config+"}")
			e, _ := hosttest.Drive(f, c.request, func(filter.Callout) filter.CalloutResult { return says(200, "") })
			if len(e.Callouts) != 1 {
				t.Fatalf("asked %d times, want once (%s)", len(e.Callouts), e.Word)
			}
			call := e.Callouts[0]
			fields := hosttest.Message{Fields: call.Headers}
			got := call.Method + " " + call.Authority + " " + call.Path + "\n" + fields.Text() + "\n" + string(call.Body)
			if got != c.want {
				t.Errorf("sent\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestCalloutLimits: every limit of the configuration reaches the callout.
func TestCalloutLimits(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, "{"+kong+`,"timeout":"250ms","retries":2,"retry_on":"reset","max_reply_size":"1KiB","max_concurrent_callouts":7,"cluster":"c"}`)
	e, _ := hosttest.Drive(f, get(bearer), func(filter.Callout) filter.CalloutResult { return says(200, "") })
	call := e.Callouts[0]
	if call.Cluster != "c" || call.Timeout != 250*time.Millisecond || call.Retries != 2 || call.RetryOn != "reset" || call.MaxReply != 1024 || call.MaxConcurrent != 7 {
		t.Errorf("got %+v", call)
	}
}

func TestBodyTooLarge(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, "{"+kong+`,"forward_body":true,"max_body_size":3}`)
	m := hosttest.Request("POST", "/", bearer)
	m.Whole = []byte("four")
	e, _ := hosttest.Drive(f, m, func(filter.Callout) filter.CalloutResult { return says(200, "") })
	if e.Word != BodyTooLarge || e.Reply.Status != 413 || len(e.Callouts) != 0 {
		t.Errorf("got %s %+v", e.Word, e.Reply)
	}
}

// TestClientHeaders: what the service has for the client comes with the response.
func TestClientHeaders(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, "{"+kong+`,"allowed_client_headers_on_success":["set-cookie"]}`)
	_, stream := hosttest.Drive(f, get(bearer), func(filter.Callout) filter.CalloutResult {
		return says(200, "", "set-cookie: s=1", "set-cookie: t=2", "x-internal: 1")
	})
	r := hosttest.Response(200, "set-cookie: own=0")
	hosttest.DriveResponse(stream, r, nil)
	if got, want := r.Text("set-", "x-"), "set-cookie: own=0\nset-cookie: s=1\nset-cookie: t=2\n"; got != want {
		t.Errorf("the client got\n%swant\n%s", got, want)
	}
}

// TestValuesForTheClient: what no header may have does not reach the client.
func TestValuesForTheClient(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, "{"+kong+`,"allowed_client_headers_on_success":["*"],"allowed_client_headers":["*"],"deny":{"pass_status":true}}`)
	answer := func(status int) func(filter.Callout) filter.CalloutResult {
		return func(filter.Callout) filter.CalloutResult {
			res := says(status, "", "x-good: 1")
			for _, name := range []string{"x-bad", "location", "set-cookie", "www-authenticate"} {
				res.Headers = append(res.Headers, [2]string{name, "a\r\nset-cookie: evil=1"})
			}
			for _, name := range []string{"content-length", "transfer-encoding", "connection", "x-envoy-upstream-canary", ":status", "Content_Length", "server"} {
				res.Headers = append(res.Headers, [2]string{name, "1"})
			}
			return res
		}
	}
	_, stream := hosttest.Drive(f, get(bearer), answer(200))
	r := hosttest.Response(200)
	hosttest.DriveResponse(stream, r, nil)
	if got := r.Text(); got != ":status: 200\nx-good: 1\n" {
		t.Errorf("with the response came\n%q", got)
	}
	e, _ := hosttest.Drive(f, get(bearer), answer(401))
	if got := text(e.Reply); got != "x-good: 1\nwww-authenticate: Bearer\n" {
		t.Errorf("with the denial came\n%q", got)
	}
}

// TestFailedOpen: a request that nobody has checked keeps no token that is not
// for the upstream, and no mark of the client's own.
func TestFailedOpen(t *testing.T) {
	t.Parallel()
	for _, mark := range []string{"false", "true"} {
		f, host := newFilter(t, "{"+kong+`,"failure_mode":"open","failure_mode_allow_header_add":`+mark+`,"headers_to_remove":["authorization"],"identity_headers":["x-user"]}`)
		m := get(bearer, "x-user: evil", "x_user: evil", "x-envoy-auth-failure-mode-allowed: false", "x_envoy_auth_failure_mode_allowed: false")
		e, stream := hosttest.Drive(f, m, func(filter.Callout) filter.CalloutResult { return fails(filter.Timeout) })
		want := ""
		if mark == "true" {
			want = "x-envoy-auth-failure-mode-allowed: true\n"
		}
		if got := m.Text("x", "auth"); e.Word != FailedOpen || got != want {
			t.Errorf("%s, went on with\n%s", e.Word, got)
		}
		if len(host.Logs) != 1 || strings.Contains(host.Logs[0], "Bearer") {
			t.Errorf("logged %q", host.Logs)
		}
		for _, name := range []string{"x-user", "X_User", "x-envoy-auth-failure-mode-allowed", "x_envoy_auth_failure_mode_allowed"} {
			if !stream.(filter.TrailerStripper).StripsTrailer(name) {
				t.Errorf("a trailer %s would go on", name)
			}
		}
	}
}

// TestCounters: what the common counters do not show.
func TestCounters(t *testing.T) {
	t.Parallel()
	f, host := newFilter(t, "{"+kong+`,"identity_headers":["x-user"],"forward_body":true,"partial_body":true,"max_body_size":1}`)
	m := hosttest.Request("POST", "/", bearer, "x-user: 1", "x_user: 2", "connection: x-user")
	m.Whole = []byte("ab")
	hosttest.Drive(f, m, func(filter.Callout) filter.CalloutResult { return says(200, "") })
	if got := host.Counts["identity_headers_stripped"]; got != 3 {
		t.Errorf("identity_headers_stripped %d, want 3", got)
	}
	if got := host.Counts["partial_bodies"]; got != 1 {
		t.Errorf("partial_bodies %d, want 1", got)
	}
}

// TestFailureIsClosed: a fault of the filter itself never lets a request pass.
func TestFailureIsClosed(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, "{"+kong+`,"failure_mode":"open","status_on_error":503}`)
	o := f.(filter.Streamer).NewStream().(filter.Failer).OnFailure()
	if o.Kind != filter.KindReply || o.Reply.Status != 503 {
		t.Errorf("got %v %s", o.Kind, strconv.Itoa(o.Reply.Status))
	}
}
