package main

import (
	"strconv"
	"strings"

	"github.com/gatehouse-proxy/gatehouse/e2e"
)

// route is one configuration of one filter, mounted on a host name of its own:
// the path is what the auth service judges, so it stays the seed's.
type route struct {
	host    string // "" is every other name, localhost among them
	filter  string
	title   string
	config  string
	cluster string // "" is the echo upstream
	tokens  []token
	tries   []try
}

// token is a user's, printed as a variable of the shell.
type token struct{ name, value string }

// try is a request to copy, and its promise.
type try struct {
	what    string
	path    string
	headers []string // those with a variable of the shell in it too
	status  int
	body    string // a text in the answer; "" promises an empty body
	method  string // "" is GET
	upload  string
}

const (
	public  = "/apikey-simple/public"
	private = "/apikey-simple/private"
	dummy   = "/apikey-simple/dummy"
	good    = "Authorization: Bearer token-1"
	wrong   = "Authorization: Bearer token-2"
)

var authRoutes = []route{
	{
		filter: "authcallout",
		title:  "authcallout, profile kong-custom-auth; require_token: false, since scenario 1 sends none",
		config: `{
  "profile": "kong-custom-auth",
  "cluster": "auth",
  "auth_urlpath": "/apikey-simple/verify",
  "require_token": false,
  "headers_from_json": [{"header": "x-user-id", "field": "userUuid"}]
}`,
		tries: []try{
			{what: "1. public path, no token: the auth service lets it pass", path: public, status: 200, body: `"path": "/apikey-simple/public"`},
			{what: "2. private path, valid token: the upstream learns who it is", path: private, headers: []string{good}, status: 200, body: `"x-user-id": "user-1"`},
			{what: "3. private path, invalid token", path: private, headers: []string{wrong}, status: 401},
			{what: "4. a path that nobody may have, valid token", path: dummy, headers: []string{good}, status: 401},
			{what: "a client that says itself who it is: its header does not arrive", path: public, headers: []string{"X-User-Id: admin"}, status: 200, body: `"x-user-id": "None"`},
		},
	},
	{
		host:   "strict.localhost",
		filter: "authcallout",
		title:  "the same with the profile's own default, require_token: true: no callout without a token",
		config: `{
  "profile": "kong-custom-auth",
  "cluster": "auth",
  "auth_urlpath": "/apikey-simple/verify"
}`,
		tries: []try{
			{what: "1. public path, no token: answered before anybody is asked", path: public, status: 401},
			{what: "2. private path, valid token", path: private, headers: []string{good}, status: 200, body: `"path": "/apikey-simple/private"`},
		},
	},
	{
		host:   "ext-authz.localhost",
		filter: "authcallout",
		title:  "authcallout, profile ext-authz: asks as Envoy's ext_authz does and passes the auth service's own denial",
		config: `{
  "profile": "ext-authz",
  "cluster": "auth",
  "path": "/check",
  "allowed_upstream_headers": ["x-user-id"]
}`,
		tries: []try{
			{what: "valid token", path: private, headers: []string{good}, status: 200, body: `"x-user-id": "user-1"`},
			{what: "invalid token: the auth service's answer, with its reason", path: private, headers: []string{wrong}, status: 401, body: "Unknown user"},
		},
	},
}

func (r route) name() string {
	if r.host == "" {
		return "gatehouse.demo"
	}
	return "gatehouse." + r.host
}

// listener mounts every route's filter in one chain; each route switches off
// the filters of the others.
func listener(port int, routes []route) e2e.Listener {
	l := e2e.Listener{Name: "demo", Port: port}
	hosts := []e2e.Node{}
	for i, r := range routes {
		l.Plugins = append(l.Plugins, e2e.Plugin{
			Name: r.name(), Filter: r.filter, Config: r.config, VM: "demo-" + strconv.Itoa(i),
			Module: "gatehouse", // compiled once
		})
		off := e2e.Node{}
		for _, other := range routes {
			if other.name() != r.name() {
				off[other.name()] = e2e.Node{"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": true}
			}
		}
		domain := r.host
		if domain == "" {
			domain = "*"
		}
		cluster := r.cluster
		if cluster == "" {
			cluster = "echo"
		}
		hosts = append(hosts, e2e.Node{
			"name":                    r.name(),
			"domains":                 []string{domain},
			"routes":                  []e2e.Node{e2e.RouteTo(cluster)},
			"typed_per_filter_config": off,
		})
	}
	l.HTTP = e2e.Node{
		"route_config":        e2e.Node{"name": "demo", "virtual_hosts": hosts},
		"strip_any_host_port": true,
		"stat_prefix":         "demo",
		"access_log":          []e2e.Node{accessLog("%FILTER_STATE(wasm.gatehouse.authcallout:PLAIN)%%FILTER_STATE(wasm.gatehouse.awssign:PLAIN)%")},
	}
	return l
}

// accessLog writes one readable line per request to standard output.
func accessLog(verdict string) e2e.Node {
	return e2e.Node{
		"name": "stdout",
		"typed_config": e2e.Node{
			"@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
			"log_format": e2e.Node{"omit_empty_values": true, "text_format_source": e2e.Node{
				"inline_string": "%START_TIME(%H:%M:%S)% %REQ(:METHOD)% %REQ(:AUTHORITY)%%REQ(:PATH)% -> %RESPONSE_CODE%  verdict: " + verdict + "  %DURATION% ms\n",
			}},
		},
	}
}

// introduce prints what to try. The format is what the demo's test reads.
func introduce(say *printer, port int, routes []route, admin string, authPID int) {
	base := "http://localhost:" + strconv.Itoa(port)
	say.line("")
	say.line("Gatehouse is up on %s (Envoy's admin interface: http://%s). Ctrl-C stops it.", base, admin)
	for _, r := range routes {
		say.line("")
		say.line("%s", r.title)
		for i, t := range r.tokens {
			if i == 0 {
				say.line("")
			}
			say.line("  %s='%s'", t.name, t.value)
		}
		for _, t := range r.tries {
			say.line("")
			say.line("  # %s", t.what)
			url := base + t.path
			if strings.ContainsAny(url, "?&") {
				url = "'" + url + "'"
			}
			curl := "curl -i " + url
			if t.method != "" {
				curl += " -X " + t.method
			}
			if r.host != "" {
				curl += " -H 'Host: " + r.host + "'"
			}
			for _, h := range t.headers {
				if strings.Contains(h, "$") {
					curl += ` -H "` + h + `"`
				} else {
					curl += " -H '" + h + "'"
				}
			}
			if t.upload != "" {
				curl += " --data-binary '" + t.upload + "'"
			}
			say.line("  %s", curl)
			if t.body == "" {
				say.line("  -> %d with an empty body", t.status)
			} else {
				say.line("  -> %d with %s in the body", t.status, t.body)
			}
		}
	}
	say.line("")
	say.line("When the auth service is down nothing passes undecided: kill %d, then try again.", authPID)
	say.line("")
	say.line("Requests:")
}
