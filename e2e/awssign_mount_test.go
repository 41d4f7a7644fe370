package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recorder is a handler that remembers what it was asked.
type recorder struct {
	handler http.HandlerFunc
	mu      sync.Mutex
	seen    []Seen
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	seen := see(req)
	r.mu.Lock()
	r.seen = append(r.seen, seen)
	r.mu.Unlock()
	r.handler(w, req)
}

func (r *recorder) Seen() []Seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

// userKeys is what the double of STS gives a user, for verify.py.
func userKeys(tokens ...string) map[string][2]string {
	keys := map[string][2]string{}
	for _, token := range tokens {
		k := keysOf(token)
		keys[k[0]] = [2]string{k[1], k[2]}
	}
	return keys
}

// staticKeys are those of staticCredentials, for verify.py.
func staticKeys() map[string][2]string { return map[string][2]string{staticID: {staticSecret, ""}} }

// staticCredentials are what a configuration of awssign says of a fixed key.
var staticCredentials = []Node{{"source": "static", "access_key_id": staticID, "secret_access_key": staticSecret}}

const (
	publicCAs = "trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}"
	sanOf     = "\n            match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: "
)

// TestAwssignShippedEnvoy starts envoy/awssign/envoy.yaml as it is, but for
// addresses and the certificate authority.
func TestAwssignShippedEnvoy(t *testing.T) {
	t.Parallel()
	const s3Host, stsHost = "s3.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"
	vouched := newAuthority(t, s3Host, stsHost)
	s3, tokens := &recorder{handler: echo}, &recorder{handler: sts(stsXML)}
	module, err := Module("awssign")
	if err != nil {
		t.Fatal(err)
	}
	ca := "trusted_ca: {filename: " + vouched.file + "}"
	bootstrap := shipped(t, "awssign/envoy.yaml", map[string]string{
		"port_value: 9901":                            "port_value: 0",
		"{address: 0.0.0.0, port_value: 10000}":       "{address: 127.0.0.1, port_value: 0}",
		"{address: " + s3Host + ", port_value: 443}":  "{address: 127.0.0.1, port_value: " + port(t, newTLSServer(t, vouched, s3)) + "}",
		"{address: " + stsHost + ", port_value: 443}": "{address: 127.0.0.1, port_value: " + port(t, newTLSServer(t, vouched, tokens)) + "}",
		publicCAs + sanOf + s3Host:                    ca + sanOf + s3Host,
		publicCAs + sanOf + stsHost:                   ca + sanOf + stsHost,
		"dist/awssign.wasm":                           module,
	})
	var out logBuffer
	e := startWith(t, Options{Dir: t.TempDir(), Bootstrap: bootstrap, Stdout: &out})
	at := addr(t, e, "http")
	alice := bearer(jwtOf("alice"))
	for name, test := range map[string]struct {
		request request
		status  int
	}{
		"an odd key":               {request{wire: "/a//b/../%C3%BC%20c?versionId=x&acl", headers: [][2]string{alice}}, 200},
		"an upload":                {request{method: "PUT", wire: "/k", body: strings.Repeat("x", 3<<20), headers: [][2]string{alice}}, 200},
		"no token":                 {request{}, 401},
		"a header that is twisted": {request{headers: [][2]string{alice, {"x_token", "a"}}}, 400},
	} {
		if r := do(t, at, test.request); r.status != test.status {
			t.Errorf("%s: status %d, want %d: %.300s", name, r.status, test.status, r.body)
		}
	}
	var signed signatures
	signed.add("the sample", scope{"s3", "eu-west-1", "UNSIGNED-PAYLOAD"}, userKeys(jwtOf("alice")), s3.Seen()...)
	signed.verify(t)
	for _, s := range s3.Seen() {
		want(t, "the host", s.Host, "uploads.s3.eu-west-1.amazonaws.com")
	}
	if asked := tokens.Seen(); len(asked) != 1 || asked[0].Host != stsHost || !strings.Contains(asked[0].Body, "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fuploads&") {
		t.Errorf("STS was asked %+v", asked)
	}
	text, err := e.Admin("/stats/prometheus")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`gatehouse_verdicts\{[^}]*gatehouse_filter="awssign"[^}]*verdict="signed"[^}]*\} 2`,
		`gatehouse_verdicts\{[^}]*gatehouse_filter="awssign"[^}]*verdict="no_token"[^}]*\} 1`,
		`gatehouse_cache_hits\{[^}]*gatehouse_filter="awssign"[^}]*\} 1`,
	} {
		if !regexp.MustCompile(`(?m)^\w*` + line + `$`).MatchString(text) {
			t.Errorf("/stats/prometheus has no line %s but\n%s", line, strings.Join(regexp.MustCompile(`(?m)^\w*gatehouse_.*[1-9]$`).FindAllString(text, -1), "\n"))
		}
	}
	await(t, "the access log", func() bool { return strings.Contains(out.String(), " GET / 401 gatehouse.awssign.no_token ") })
	if text := out.String() + e.Log(); strings.Contains(text, "eyJ") || strings.Contains(text, "session") {
		t.Errorf("a token in a log: %s", text)
	}
}

// TestAwssignShippedLambda starts envoy/awssign/lambda.yaml with other functions:
// two servers of this machine.
func TestAwssignShippedLambda(t *testing.T) {
	t.Parallel()
	const stsHost = "sts.eu-west-1.amazonaws.com"
	vouched := newAuthority(t, stsHost)
	functions := map[string]*recorder{"orders": {handler: echo}, "invoices": {handler: echo}}
	ports := map[string]string{}
	for name, f := range functions {
		ports[name] = port(t, newTLSServer(t, vouched, f))
	}
	tokens := &recorder{handler: sts(stsJSON)}
	module, err := Module("awssign")
	if err != nil {
		t.Fatal(err)
	}
	const overlay = `gatehouse.awssign: {config: '{"override_target_host": "`
	to := func(function string) string { return `"localhost", "override_target_port": ` + ports[function] }
	ca := "trusted_ca: {filename: " + vouched.file + "}"
	bootstrap := shipped(t, "awssign/lambda.yaml", map[string]string{
		"port_value: 9901":                                                          "port_value: 0",
		"{address: 0.0.0.0, port_value: 10000}":                                     "{address: 127.0.0.1, port_value: 0}",
		overlay + `ordersordersorders.lambda-url.eu-west-1.on.aws"`:                 strings.TrimSuffix(overlay, `"`) + to("orders"),
		overlay + `invoicesinvoices.lambda-url.eu-west-1.on.aws"`:                   strings.TrimSuffix(overlay, `"`) + to("invoices"),
		`"override_target_host": "ordersordersorders.lambda-url.eu-west-1.on.aws",`: `"override_target_host": "localhost",`,
		`"allowed_hosts": ["*.lambda-url.eu-west-1.on.aws"]`:                        `"allowed_hosts": ["localhost"]`,
		"{address: " + stsHost + ", port_value: 443}":                               "{address: 127.0.0.1, port_value: " + port(t, newTLSServer(t, vouched, tokens)) + "}",
		publicCAs + sanOf + stsHost:                                                 ca + sanOf + stsHost,
		publicCAs + "\n  - name: sts":                                               ca + "\n  - name: sts",
		"dist/awssign.wasm":                                                         module,
	})
	var out logBuffer
	e := startWith(t, Options{Dir: t.TempDir(), Bootstrap: bootstrap, Stdout: &out})
	at := addr(t, e, "http")
	alice := bearer(jwtOf("alice"))
	for name, test := range map[string]struct {
		request request
		status  int
	}{
		"one function":           {request{method: "POST", path: "/orders/a%20b/", body: `{"order":1}`, headers: [][2]string{alice, {"content-type", "application/json"}}}, 200},
		"the other":              {request{path: "/invoices?x=1", headers: [][2]string{alice}}, 200},
		"a host of the client's": {request{path: "/invoices", headers: [][2]string{alice, {"host", "evil.example.org"}}}, 200},
		"no route":               {request{path: "/elsewhere", headers: [][2]string{alice}}, 404},
		"no token":               {request{path: "/orders"}, 401},
	} {
		if r := do(t, at, test.request); r.status != test.status {
			t.Errorf("%s: status %d, want %d: %s", name, r.status, test.status, r.body)
		}
	}
	var signed signatures
	for name, times := range map[string]int{"orders": 1, "invoices": 2} {
		seen := functions[name].Seen()
		if len(seen) != times {
			t.Errorf("%s was called %d times, want %d", name, len(seen), times)
		}
		for _, s := range seen {
			want(t, "the host", s.Host, "localhost:"+ports[name])
		}
		signed.add(name, scope{"lambda", "eu-west-1", ""}, userKeys(jwtOf("alice")), seen...)
	}
	signed.verify(t)
	await(t, "the access log", func() bool { return strings.Contains(out.String(), " /orders 401 awssign=no_token ") })
	if text := out.String() + e.Log(); strings.Contains(text, "eyJ") || strings.Contains(text, "session/token") {
		t.Errorf("a token in a log: %s", text)
	}
}

// TestAwssignTargets: the downstream mount chooses where a request goes, and no
// client does.
func TestAwssignTargets(t *testing.T) {
	t.Parallel()
	vouched := newAuthority(t)
	plain, secure, other := &recorder{handler: echo}, &recorder{handler: echo}, newServer(t, echo)
	plainServer := newServer(t, plain.ServeHTTP)
	trust := Node{"transport_socket": Node{"name": "envoy.transport_sockets.tls", "typed_config": Node{
		"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", "sni": "localhost",
		"common_tls_context": Node{"validation_context": Node{"trusted_ca": Node{"filename": vouched.file}}},
	}}}
	route := func(name, overlay string) Node {
		return Node{"match": Node{"path_separated_prefix": "/" + name}, "route": Node{"cluster_header": "x-gatehouse-cluster"},
			"metadata": Node{"filter_metadata": Node{"gatehouse.awssign": Node{"config": overlay}}}}
	}
	config := jsonText(t, Node{
		"mount": "downstream", "service": "lambda", "region": "eu-west-1", "allowed_hosts": []string{"*.example.org"},
		"override_target_host": "f.example.org", "override_target_protocol": "https",
		"target":      Node{"filter_state": false, "cluster_header": "x-gatehouse-cluster", "https_cluster": "secure", "http_cluster": "plain"},
		"credentials": staticCredentials,
	})
	e := start(t, Bootstrap{
		Listeners: []Listener{{Name: "l", HTTP: keepPaths, Plugins: []Plugin{{Filter: "awssign", Config: config, Body: true}}, Routes: []Node{
			route("secure", `{}`), route("plain", `{"override_target_protocol": "http"}`),
			route("template", `{"override_target_host": "%REQ(x-function)%.example.org"}`),
		}}},
		Clusters: []Cluster{{Name: "plain", Addr: plainServer.Addr}, {Name: "secure", Addr: newTLSServer(t, vouched, secure), Extra: trust}, {Name: "other", Addr: other.Addr}},
	}, Options{})
	for name, test := range map[string]struct {
		path     string
		headers  [][2]string
		status   int
		to, host string
	}{
		"the cluster with TLS":          {"/secure", nil, 200, "secure", "f.example.org"},
		"the cluster without":           {"/plain", nil, 200, "plain", "f.example.org"},
		"a client names a cluster":      {"/plain", [][2]string{{"x-gatehouse-cluster", "other"}}, 200, "plain", "f.example.org"},
		"a client names a host":         {"/secure", [][2]string{{"host", "evil.example.net"}}, 200, "secure", "f.example.org"},
		"a function by header":          {"/template", [][2]string{{"x-function", "g"}}, 200, "secure", "g.example.org"},
		"a header that leaves the list": {"/template", [][2]string{{"x-function", "evil.net/"}}, 400, "", ""},
		"a header that is missing":      {"/template", nil, 400, "", ""},
		"a header with a port":          {"/template", [][2]string{{"x-function", "evil.net:80#"}}, 400, "", ""},
	} {
		id := fmt.Sprintf("case-%d", cases.Add(1))
		r := do(t, addr(t, e, "l"), request{path: test.path, headers: append(test.headers, [2]string{"x-case", id})})
		if r.status != test.status {
			t.Errorf("%s: status %d, want %d: %s", name, r.status, test.status, r.body)
		}
		for cluster, rec := range map[string]*recorder{"plain": plain, "secure": secure} {
			for _, s := range rec.Seen() {
				if s.Header("x-case") == id && (cluster != test.to || s.Host != test.host) {
					t.Errorf("%s: reached %s for %s, want %s for %s", name, cluster, s.Host, test.to, test.host)
				}
			}
		}
	}
	if n := len(other.Seen(nil)); n > 0 {
		t.Errorf("%d requests went where the client wanted", n)
	}
	if n := len(plain.Seen()) + len(secure.Seen()); n != 5 {
		t.Errorf("%d requests have left, want 5", n)
	}
	var signed signatures
	signed.add("targets", scope{"lambda", "eu-west-1", ""}, staticKeys(), append(plain.Seen(), secure.Seen()...)...)
	signed.verify(t)
}

// TestAwssignAlteredTarget: with use_altered_target, what an earlier filter tells
// the dynamic_forward_proxy cluster is signed for, if it is allowed.
func TestAwssignAlteredTarget(t *testing.T) {
	t.Parallel()
	altered, own := &recorder{handler: echo}, &recorder{handler: echo}
	there, here := newServer(t, altered.ServeHTTP), newServer(t, own.ServeHTTP)
	config := jsonText(t, Node{
		"mount": "downstream", "service": "lambda", "region": "eu-west-1", "allowed_hosts": []string{"localhost", "127.0.0.1"},
		"override_target_host": "127.0.0.1", "override_target_port": json.Number(port(t, here.Addr)), "use_altered_target": true,
		"credentials": staticCredentials,
	})
	state := func(key, value string) Node {
		return Node{"object_key": key, "skip_if_empty": true,
			"format_string": Node{"text_format_source": Node{"inline_string": value}, "omit_empty_values": true}}
	}
	dns := Node{"name": "any", "dns_lookup_family": "V4_ONLY"}
	e := start(t, Bootstrap{
		Listeners: []Listener{{Name: "l", HTTP: keepPaths, Routes: []Node{RouteTo("any")}, Plugins: []Plugin{
			{Native: Node{"name": "alters", "typed_config": Node{
				"@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
				"on_request_headers": []Node{
					state("envoy.upstream.dynamic_host", "%REQ(x-tenant)%"),
					state("envoy.upstream.dynamic_port", "%REQ(x-tenant-port)%"),
				},
			}}},
			{Filter: "awssign", Config: config, Body: true},
			{Native: Node{"name": "envoy.filters.http.dynamic_forward_proxy", "typed_config": Node{
				"@type":            "type.googleapis.com/envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig",
				"dns_cache_config": dns, "allow_dynamic_host_from_filter_state": true,
			}}},
		}}},
		Clusters: []Cluster{{Name: "any", Addr: here.Addr, Extra: Node{"type": nil, "load_assignment": nil, "lb_policy": "CLUSTER_PROVIDED",
			"cluster_type": Node{"name": "envoy.clusters.dynamic_forward_proxy", "typed_config": Node{
				"@type": "type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig", "dns_cache_config": dns,
			}}}}},
	}, Options{})
	tenantPort := [2]string{"x-tenant-port", port(t, there.Addr)}
	for name, test := range map[string]struct {
		headers [][2]string
		status  int
	}{
		"the altered target":  {[][2]string{{"x-tenant", "localhost"}, tenantPort}, 200},
		"not an allowed one":  {[][2]string{{"x-tenant", "localhost.evil.example"}, tenantPort}, 403},
		"none, so our own":    {nil, 200},
		"what is no host":     {[][2]string{{"x-tenant", "a b"}, tenantPort}, 400},
		"the client's is not": {[][2]string{{"host", "evil.example"}}, 200},
	} {
		if r := do(t, addr(t, e, "l"), request{path: "/f?x=1", headers: test.headers}); r.status != test.status {
			t.Errorf("%s: status %d, want %d: %s", name, r.status, test.status, r.body)
		}
	}
	for _, to := range []struct {
		*recorder
		times int
		host  string
	}{{altered, 1, "localhost"}, {own, 2, here.Addr}} {
		if seen := to.Seen(); len(seen) != to.times {
			t.Errorf("%s was asked %d times, want %d", to.host, len(seen), to.times)
		}
		for _, s := range to.Seen() {
			want(t, "the host", s.Host, to.host)
		}
	}
	var signed signatures
	signed.add("altered", scope{"lambda", "eu-west-1", ""}, staticKeys(), append(altered.Seen(), own.Seen()...)...)
	signed.verify(t)
}

// mount adds a listener and a cluster of its name, with filters in one of the two.
func (b *Bootstrap) mount(where string, filters []Plugin, l Listener, upstream string) {
	c := Cluster{Name: l.Name, Addr: upstream}
	l.Routes = []Node{RouteTo(l.Name)}
	if where == "downstream" {
		l.Plugins = filters
	} else {
		c.Plugins = filters
	}
	b.Listeners, b.Clusters = append(b.Listeners, l), append(b.Clusters, c)
}

// TestAwssignTunnels: a WebSocket's request is signed, in both mounts, whatever is to
// be done about bodies, and then carries bytes.
func TestAwssignTunnels(t *testing.T) {
	t.Parallel()
	b := Bootstrap{}
	upstreams := map[string]*recorder{}
	for _, mount := range []string{"downstream", "upstream"} {
		for _, payload := range []string{"hashed", "unsigned"} {
			name := mount + " " + payload
			config := jsonText(t, Node{
				"mount": mount, "service": "execute-api", "region": "eu-west-1", "payload": payload, "allowed_hosts": []string{"*.example.org"},
				"credentials": staticCredentials,
			})
			plugin := []Plugin{{Filter: "awssign", Config: config, Body: true, VM: "tunnels"}}
			upstreams[name] = &recorder{handler: echo}
			b.mount(mount, plugin, Listener{Name: name, HTTP: Node{"upgrade_configs": []Node{{"upgrade_type": "websocket"}}}}, newServer(t, upstreams[name].ServeHTTP).Addr)
		}
	}
	e := start(t, b, Options{})
	for name, upstream := range upstreams {
		t.Run(name, func(t *testing.T) {
			conn := raw(t, addr(t, e, name), "GET /chat?room=1 HTTP/1.1\r\nhost: ws.example.org\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
			if head := readHead(t, conn); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
				t.Fatalf("answer %q, want 101", head)
			}
			carries(t, conn, conn)
			seen := upstream.Seen()
			if len(seen) != 1 {
				t.Fatalf("the upstream was asked %d times", len(seen))
			}
			s := scope{"execute-api", "eu-west-1", ""}
			if strings.HasSuffix(name, " unsigned") {
				s.unsigned = "UNSIGNED-PAYLOAD"
			}
			var signed signatures
			signed.add(name, s, staticKeys(), seen...)
			signed.verify(t)
		})
	}
}

// TestAwssignWithoutCapabilities: a filter that may not change headers answers, and
// lets nothing out.
func TestAwssignWithoutCapabilities(t *testing.T) {
	t.Parallel()
	sample, err := os.ReadFile(filepath.Join(Root(), "envoy", "awssign", "lambda.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^ +(\w+): \{\}$`).FindAllStringSubmatch(string(sample), -1) {
		all = append(all, m[1])
	}
	upstream := &recorder{handler: echo}
	server := newServer(t, upstream.ServeHTTP)
	b := Bootstrap{}
	for name, status := range map[string]int{"": 200, "proxy_add_header_map_value": 500, "proxy_replace_header_map_value": 500, "proxy_remove_header_map_value": 500} {
		allowed := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == name })
		if want := len(all) - min(len(name), 1); len(allowed) != want || want < 40 {
			t.Fatalf("%d capabilities without %q of %d", len(allowed), name, len(all))
		}
		for _, mount := range []string{"downstream", "upstream"} {
			l := fmt.Sprintf("%s %s %d", mount, cmp.Or(name, "all"), status)
			config := jsonText(t, Node{"mount": mount, "service": "s3", "region": "eu-west-1", "allowed_hosts": []string{"*.example.org"}, "credentials": staticCredentials})
			plugin := []Plugin{{Filter: "awssign", Config: config, Body: true, VM: l, Allowed: allowed}}
			b.mount(mount, plugin, Listener{Name: l}, server.Addr)
		}
	}
	e := start(t, b, Options{})
	for _, l := range b.Listeners {
		t.Run(l.Name, func(t *testing.T) {
			before := len(upstream.Seen())
			// A signature of the client's: all three ways to change a header are needed.
			r := do(t, addr(t, e, l.Name), request{path: "/k", headers: [][2]string{{"host", "b.example.org"}, {"x-amz-date", "20260101T000000Z"}, {"x-amz-security-token", "guess"}}})
			refused := strings.HasSuffix(l.Name, "500")
			if left := len(upstream.Seen()) - before; refused != (r.status == 500) || left != map[bool]int{false: 1, true: 0}[refused] {
				t.Errorf("status %d, %d requests have left: %s", r.status, left, r.body)
			}
		})
	}
	if !strings.Contains(e.Log(), "does capability_restriction_config allow") {
		t.Error("the log does not say why")
	}
}

// TestAwssignRefusedAtStart: what Envoy does not start with, and why.
func TestAwssignRefusedAtStart(t *testing.T) {
	t.Parallel()
	const static = `"credentials": [{"source": "static", "access_key_id": "AKIDEXAMPLE", "secret_access_key": "never-to-be-seen"}], "service": "s3", "region": "eu-west-1"`
	for name, test := range map[string]struct{ config, fault string }{
		"a target in the upstream mount": {`{"override_target_host": "a.amazonaws.com", ` + static + `}`, "in the upstream mount the cluster decides where a request goes"},
		"shadow mode":                    {`{"mode": "shadow", ` + static + `}`, "a signer has no shadow mode"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := Bootstrap{Dir: t.TempDir(), Listeners: []Listener{{Name: "l"}},
				Clusters: []Cluster{{Name: "echo", Addr: closedAddr(t), Plugins: []Plugin{{Filter: "awssign", Config: test.config}}}}}
			config, err := b.JSON()
			if err != nil {
				t.Fatal(err)
			}
			e, err := Start(t.Context(), Options{Dir: b.Dir, Bootstrap: config})
			if err == nil {
				t.Fatalf("Envoy started: %v", e.Stop())
			}
			if !strings.Contains(err.Error(), test.fault) || strings.Contains(err.Error(), "never-to-be-seen") {
				t.Errorf("want %q, and no key, in\n%v", test.fault, err)
			}
		})
	}
}
