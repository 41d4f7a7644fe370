package e2e

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A double of AWS's STS, since no real one can be had that fails on demand: it
// verifies nothing, and gives each token credentials of its own.

// keysOf are the credentials that the double gives for a token or for whoever
// signed a call: id, secret key, session token.
func keysOf(token string) [3]string {
	sum := sha256.Sum256([]byte(token))
	text := hex.EncodeToString(sum[:8])
	return [3]string{"ASIA" + strings.ToUpper(text), "secret/key+of" + text, "session/token+of" + text + "=="}
}

// stsReply is an answer of STS to an action, for credentials that end then.
type stsReply func(action string, keys [3]string, end time.Time) (contentType, body string)

func stsXML(action string, k [3]string, end time.Time) (contentType, body string) {
	return "text/xml", fmt.Sprintf(`<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult><Credentials>`+
		`<AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration>`+
		`</Credentials></%[1]sResult></%[1]sResponse>`, action, k[0], k[1], k[2], end.UTC().Format(time.RFC3339))
}

func stsJSON(action string, k [3]string, end time.Time) (contentType, body string) {
	return "application/json", fmt.Sprintf(`{"%[1]sResponse":{"%[1]sResult":{"Credentials":{"AccessKeyId":%q,"SecretAccessKey":%q,"SessionToken":%q,"Expiration":%d.0}}}}`,
		action, k[0], k[1], k[2], end.Unix())
}

func stsJSONText(action string, k [3]string, end time.Time) (contentType, body string) {
	return "application/json", fmt.Sprintf(`{"%[1]sResponse":{"%[1]sResult":{"Credentials":{"AccessKeyId":%q,"SecretAccessKey":%q,"SessionToken":%q,"Expiration":%q}}}}`,
		action, k[0], k[1], k[2], end.UTC().Format(time.RFC3339))
}

func sts(reply stsReply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		who := r.PostForm.Get("WebIdentityToken")
		if who == "" {
			who = "assumed"
		}
		contentType, body := reply(r.PostForm.Get("Action"), keysOf(who), time.Now().Add(time.Hour))
		w.Header().Set("Content-Type", contentType)
		fmt.Fprint(w, body)
	}
}

// jwt is a token that nobody has signed: the double of STS takes it.
func jwt(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(claims)) + ".c2lnbmF0dXJl"
}

func jwtOf(sub string) string { return jwt(fmt.Sprintf(`{"sub":%q,"exp":4102444800}`, sub)) }

// scope is what a signature must be for.
type scope struct {
	service, region string
	unsigned        string // the literal signed for the body; "": its hash
}

var api = scope{"execute-api", "eu-west-1", ""}

// signing is one request through one configuration of awssign, with an STS, an
// upstream and a listener of its own.
type signing struct {
	config   Node             // over the defaults of newSignings
	sts      http.HandlerFunc // nil: one that gives credentials
	stsAddr  string           // or this address
	stsTLS   Node             // transport socket of STS's cluster
	upstream http.HandlerFunc // nil: echo
	retry    Node             // retry policy of the route
	hedged   bool             // an attempt that takes too long goes on beside the next one
	noFlag   bool             // without allow_on_headers_stop_iteration
	mount    string           // "": both
	request  request
	times    int // how often it is sent; 0 is once
	status   int
	word     string // of a denial
	left     int    // requests that the upstream sees; each must be signed. -2: two at least
	scope    scope  // zero: api
	unsigned bool   // they are not: the configuration says so
	asked    int    // requests that STS sees; -1: not judged
	check    func(t *testing.T, x outcomeOf)
}

// outcomeOf is all that a signing left behind.
type outcomeOf struct {
	response
	asked, left []Seen
}

// recorded is a request for e2e/boto3/verify.py.
type recorded struct {
	Request  Seen                 `json:"request"`
	Keys     map[string][2]string `json:"keys"`
	Service  string               `json:"service"`
	Region   string               `json:"region"`
	Unsigned string               `json:"unsigned_payload,omitempty"`
	name     string
}

// signatures collects recorded requests, so that botocore is started once.
type signatures struct {
	mu   sync.Mutex
	list []recorded
}

func (s *signatures) add(name string, sc scope, keys map[string][2]string, seen ...Seen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range seen {
		s.list = append(s.list, recorded{r, keys, sc.service, sc.region, sc.unsigned, name})
	}
}

// verify lets botocore make all the signatures once more.
func (s *signatures) verify(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	in, err := json.Marshal(s.list)
	if err != nil {
		t.Fatal(err)
	}
	var verdicts []string
	if err := json.Unmarshal([]byte(python(t, "verify.py", string(in))), &verdicts); err != nil || len(verdicts) != len(s.list) {
		t.Fatalf("%d verdicts about %d requests: %v", len(verdicts), len(s.list), err)
	}
	for i, v := range verdicts {
		if v != "ok" {
			t.Errorf("%s: %s", s.list[i].name, v)
		}
	}
	t.Logf("botocore has made %d signatures once more", len(verdicts))
}

const (
	staticID, staticSecret = "AKIDSTATICEXAMPLE", "static/secret+EXAMPLEKEY"
	// At debug level Envoy logs its configuration, with what stands in it.
	secretVariable = "E2E_SECRET_ACCESS_KEY"
	apiHost        = "api.example.org"
)

// runSignings runs a table in both mounts, in one Envoy. Each case has a route
// with its configuration as the overlay: an instance of the filter for each would
// take a minute to start.
func runSignings(t *testing.T, table map[string]signing) {
	t.Helper()
	type running struct {
		signing
		id, listener string
		sts          *Server
	}
	handlers := map[string]http.HandlerFunc{}
	upstream := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if handler := handlers[r.Header.Get("X-Case")]; handler != nil {
			handler(w, r)
			return
		}
		echo(w, r)
	})
	b := Bootstrap{Dir: t.TempDir()}
	listeners := map[string]*Listener{}
	base := func(mount string) string {
		return jsonText(t, Node{
			"service": "execute-api", "region": "eu-west-1", "allowed_hosts": []string{"*.example.org"}, "mount": mount,
			"credentials": []Node{{"source": "web_identity", "role_arn": "arn:aws:iam::123456789012:role/api"}},
			"sts":         Node{"timeout": "400ms", "retries": 0},
		})
	}
	cases := map[string]running{}
	for name, x := range table {
		for _, mount := range []string{"upstream", "downstream"} {
			if x.mount != "" && x.mount != mount {
				continue
			}
			n := strconv.Itoa(len(cases))
			r := running{signing: x, id: "case-" + n, listener: mount}
			if x.noFlag {
				r.listener += " without the flag"
			}
			handler := x.sts
			if handler == nil {
				handler = sts(stsXML)
			}
			r.sts = newServer(t, handler)
			c := Cluster{Name: "sts-" + n, Addr: cmp.Or(x.stsAddr, r.sts.Addr)}
			if x.stsTLS != nil {
				c.Extra = Node{"transport_socket": Node{"name": "envoy.transport_sockets.tls", "typed_config": x.stsTLS}}
			}
			b.Clusters = append(b.Clusters, c)
			if x.upstream != nil {
				handlers[r.id] = x.upstream
			}

			l := listeners[r.listener]
			if l == nil {
				plugins := []Plugin{{Filter: "awssign", Config: base(mount), Body: !x.noFlag, VM: r.listener, HostEnv: []string{secretVariable}}}
				l = &Listener{Name: r.listener, HTTP: keepPaths}
				to := Cluster{Name: r.listener, Addr: upstream.Addr}
				if mount == "upstream" {
					to.Plugins = plugins
				} else {
					l.Plugins = plugins
				}
				b.Clusters = append(b.Clusters, to)
				listeners[r.listener] = l
			}
			sts := Node{"cluster": c.Name}
			overlay := Node{}
			merge(overlay, x.config)
			if given, ok := x.config["sts"].(Node); ok {
				merge(sts, given)
			}
			overlay["sts"] = sts
			route := Node{"cluster": r.listener, "timeout": "30s"}
			if x.retry != nil {
				route["retry_policy"] = x.retry
			}
			if x.hedged {
				route["hedge_policy"] = Node{"hedge_on_per_try_timeout": true}
			}
			l.Routes = append(l.Routes, Node{
				"match":    Node{"prefix": "/", "headers": []Node{{"name": "x-case", "string_match": Node{"exact": r.id}}}},
				"route":    route,
				"metadata": Node{"filter_metadata": Node{"gatehouse.awssign": Node{"config": jsonText(t, overlay)}}},
			})
			cases[name+"/"+mount] = r
		}
	}
	for _, l := range listeners {
		b.Listeners = append(b.Listeners, *l)
	}
	e := start(t, b, Options{LogLevel: "debug", Env: []string{secretVariable + "=" + staticSecret}})
	var signed signatures
	t.Run("requests", func(t *testing.T) {
		for name, x := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				x.run(t, e, name, x.id, addr(t, e, x.listener), x.sts, upstream, &signed)
			})
		}
	})
	signed.verify(t)
	scanLog(t, e)
}

func (x *signing) run(t *testing.T, e *Envoy, name, id, at string, sts, upstream *Server, signed *signatures) {
	t.Helper()
	q := x.request
	q.headers = append(slices.Clone(q.headers), [2]string{"x-case", id})
	if !slices.ContainsFunc(q.headers, func(h [2]string) bool { return h[0] == "host" }) {
		q.headers = append(q.headers, [2]string{"host", apiHost})
	}
	var got outcomeOf
	for range max(x.times, 1) {
		got.response = do(t, at, q)
	}
	got.asked, got.left = sts.Seen(nil), upstream.Seen(func(s Seen) bool { return s.Header("x-case") == id })
	if got.status != x.status {
		t.Errorf("status %d, want %d: %s", got.status, x.status, got.body)
	}
	if len(got.left) != x.left && (x.left >= 0 || len(got.left) < -x.left) {
		t.Errorf("%d requests have left, want %d: %+v", len(got.left), x.left, got.left)
	}
	if x.asked >= 0 && len(got.asked) != x.asked {
		t.Errorf("STS was asked %d times, want %d", len(got.asked), x.asked)
	}
	if x.word != "" {
		_, word := logged(t, e, id)
		want(t, "the details in the access log", word, "gatehouse.awssign."+x.word)
	}
	keys := staticKeys()
	for _, who := range append(userTokens(q), "assumed") {
		k := keysOf(who)
		keys[k[0]] = [2]string{k[1], k[2]}
	}
	if !x.unsigned {
		sc := x.scope
		if sc == (scope{}) {
			sc = api
		}
		signed.add(name, sc, keys, got.left...)
		for _, s := range got.left {
			for header, values := range s.Headers {
				for _, token := range userTokens(q) {
					if strings.Contains(strings.Join(values, " "), token) && header != "x-kept" {
						t.Errorf("the token has left in %s", header)
					}
				}
			}
		}
	}
	for _, s := range got.asked {
		if s.Method != "POST" || strings.Contains(s.Path, "?") {
			t.Errorf("STS was asked by %s %s", s.Method, s.Path)
		}
		if s.Header("authorization") != "" {
			signed.add(name+", the call of STS", scope{"sts", "eu-west-1", ""}, keys, s)
		}
	}
	if x.check != nil && !t.Failed() {
		x.check(t, got)
	}
}

// userTokens are the tokens in a request's headers.
func userTokens(q request) []string {
	var tokens []string
	for _, h := range q.headers {
		if token, ok := strings.CutPrefix(h[1], "Bearer "); ok {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

var logEntry = regexp.MustCompile(`(?m)^\[\d{4}-\d\d-\d\d [^\]]*\]\[\d+\]\[(\w+)\]\[(\w+)\]`)

// scanLog looks for secrets in a log at debug level. Envoy itself dumps request
// headers there, before and after the filter: with the client's token, and with
// the signature and the session token. That is Envoy's own, in loggers of its
// own; nothing else may hold a token, and nothing at all a secret key.
func scanLog(t *testing.T, e *Envoy) {
	t.Helper()
	text := e.Log()
	starts := logEntry.FindAllStringSubmatchIndex(text, -1)
	if len(starts) < 100 {
		t.Fatalf("%d entries in the log: is it at debug level?", len(starts))
	}
	ours := 0
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		entry, logger := text[at[0]:end], text[at[4]:at[5]]
		if logger == "wasm" {
			ours++
		}
		for _, secret := range []string{"secret/key+of", staticSecret} {
			if strings.Contains(entry, secret) {
				t.Errorf("a secret key in the log: %s", entry)
			}
		}
		for _, token := range []string{"session/token+of", "eyJ", "session%2Ftoken"} {
			if strings.Contains(entry, token) && logger != "http" && logger != "router" {
				t.Errorf("a token in an entry of %s: %s", logger, entry)
			}
		}
	}
	if ours == 0 {
		t.Error("the filter has logged nothing: is it at debug level?")
	}
}

// TestAwssignSigns: requests whose signature botocore makes too.
func TestAwssignSigns(t *testing.T) {
	t.Parallel()
	alice := [][2]string{bearer(jwtOf("alice"))}
	static := Node{"credentials": []Node{{"source": "static", "access_key_id": staticID, "secret_access_key": Node{"env": secretVariable}}}}
	with := func(n Node, more ...Node) Node {
		all := Node{}
		merge(all, n)
		for _, m := range more {
			merge(all, m)
		}
		return all
	}
	service := func(name string) Node { return with(static, Node{"service": name}) }
	odd := "/stage/a%20b//c/./d/../%C3%BC/e%2Ff/arn:aws:x/(1)*~/?b=2&a=1&a=0&c&d=%20x%2B&%C3%BC=%26&e="
	legoConfig := Node{"profile": "lego-1.0.9", "aws_service": "lambda", "aws_region": "eu-west-1", "aws_assume_role_name": "functions",
		"aws_assume_role_arn": "arn:aws:iam::300000000000:role/functions", "service": nil, "region": nil, "credentials": nil}
	lego := func(more Node) Node { return with(legoConfig, more) }
	var once503 sync.Map
	again := func(w http.ResponseWriter, r *http.Request) {
		if _, seen := once503.LoadOrStore(r.Header.Get("X-Case"), true); !seen {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		echo(w, r)
	}
	// Waits a second, so that a signature made again has another time.
	retry := Node{"retry_on": "5xx", "num_retries": 2, "rate_limited_retry_back_off": Node{"reset_headers": []Node{{"name": "Retry-After", "format": "SECONDS"}}}}
	resigned := func(t *testing.T, x outcomeOf) {
		t.Helper()
		first, second := signedAt(x.left[0]), signedAt(x.left[1])
		if first == second {
			t.Errorf("both attempts are signed for %s", first)
		}
	}
	// Answers no attempt before another has come.
	var arrivals sync.Map
	together := func(w http.ResponseWriter, r *http.Request) {
		all, _ := arrivals.LoadOrStore(r.Header.Get("X-Case"), new(atomic.Int32))
		n := all.(*atomic.Int32)
		n.Add(1)
		for deadline := time.Now().Add(10 * time.Second); n.Load() < 2 && time.Now().Before(deadline); {
			time.Sleep(5 * time.Millisecond)
		}
		echo(w, r)
	}
	hedge := Node{"retry_on": "5xx", "num_retries": 2, "per_try_timeout": "0.05s"}
	signedOnce := func(t *testing.T, x outcomeOf) {
		t.Helper()
		for _, s := range x.left {
			for _, header := range []string{"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"} {
				if n := len(s.Headers[header]); n != 1 {
					t.Errorf("%s left %d times", header, n)
				}
			}
		}
	}
	// A service whose clock is half an hour ahead.
	ahead := func(then http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			now := time.Now().Add(30 * time.Minute)
			at, err := time.Parse("20060102T150405Z", signedAt(see(r)))
			if err != nil || now.Sub(at).Abs() > 5*time.Minute {
				w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
				w.Header().Set("Content-Type", "text/xml")
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>Signature expired</Message></Error></ErrorResponse>`)
				return
			}
			then(w, r)
		}
	}
	slowly := func(then http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(150 * time.Millisecond)
			then(w, r)
		}
	}
	// AWS's clock ends its sessions too.
	later := func(action string, k [3]string, end time.Time) (contentType, body string) {
		return stsXML(action, k, end.Add(30*time.Minute))
	}
	assumed := Node{"credentials": []Node{{
		"source": "assume_role", "role_arn": "arn:aws:iam::210987654321:role/partner", "external_id": "gate:7f3a/x=", "session_name": "gate",
		"tags": []Node{{"key": "team", "value": "a+b/c=d"}}, "base": Node{"source": "static", "access_key_id": staticID, "secret_access_key": Node{"env": secretVariable}},
	}}}
	role := func(part string) func(*testing.T, outcomeOf) {
		return func(t *testing.T, x outcomeOf) {
			t.Helper()
			if !strings.Contains(x.asked[0].Body, part) {
				t.Errorf("STS was asked by %s, want %s in it", x.asked[0].Body, part)
			}
		}
	}
	vouched := newAuthority(t)
	stsOverTLS := newTLSServer(t, vouched, sts(stsXML))
	trusts := func(a *authority, name string) Node {
		return Node{"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", "sni": name,
			"common_tls_context": Node{"validation_context": Node{"trusted_ca": Node{"filename": a.file},
				"match_typed_subject_alt_names": []Node{{"san_type": "DNS", "matcher": Node{"exact": name}}}}}}
	}
	runSignings(t, map[string]signing{
		"a function":            {config: service("lambda"), request: request{method: "POST", wire: "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af/invocations?Qualifier=1", body: `{"a":1}`}, scope: scope{"lambda", "eu-west-1", ""}, status: 200, left: 1},
		"an API, odd path":      {config: service("execute-api"), request: request{wire: odd}, status: 200, left: 1},
		"an API, in the query":  {config: with(service("execute-api"), Node{"sign_query": true}), request: request{wire: odd}, status: 200, left: 1},
		"an API, all headers":   {config: with(service("execute-api"), Node{"sign_all_headers": true}), request: request{wire: odd, headers: [][2]string{{"x-custom", "  a   b "}, {"x-custom", "c"}, {"accept", "*/*"}}}, status: 200, left: 1},
		"STS itself":            {config: service("sts"), request: request{wire: "/?Action=GetCallerIdentity&Version=2011-06-15"}, scope: scope{"sts", "eu-west-1", ""}, status: 200, left: 1},
		"a search":              {config: service("es"), request: request{method: "POST", wire: "/i,j/_search?q=a%20AND%20b&size=1", body: `{"query":{}}`, headers: [][2]string{{"content-type", "application/json"}}}, scope: scope{"es", "eu-west-1", ""}, status: 200, left: 1},
		"a table":               {config: service("dynamodb"), request: request{method: "POST", body: `{"TableName":"t"}`, headers: [][2]string{{"x-amz-target", "DynamoDB_20120810.DescribeTable"}, {"content-type", "application/x-amz-json-1.0"}}}, scope: scope{"dynamodb", "eu-west-1", ""}, status: 200, left: 1},
		"an unsigned payload":   {config: with(static, Node{"payload": "unsigned"}), request: request{method: "POST", body: "b"}, scope: scope{"execute-api", "eu-west-1", "UNSIGNED-PAYLOAD"}, status: 200, left: 1},
		"a body of HTTP/2":      {config: service("es"), request: request{proto: http2, method: "POST", body: strings.Repeat("x", 100000)}, scope: scope{"es", "eu-west-1", ""}, status: 200, left: 1},
		"unsigned chunks":       {config: service("s3"), request: request{method: "PUT", wire: "/b/k", body: "1\r\nx\r\n0\r\n\r\n", headers: [][2]string{{"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, {"content-encoding", "aws-chunked"}, {"x-amz-trailer", "x-amz-checksum-crc32"}, {"x-amz-decoded-content-length", "1"}}}, scope: scope{"s3", "eu-west-1", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, status: 200, left: 1},
		"host read for service": {config: with(static, Node{"service": nil, "region": nil, "allowed_hosts": nil}), request: request{headers: [][2]string{{"host", "abc.execute-api.us-gov-west-1.amazonaws.com"}}}, scope: scope{"execute-api", "us-gov-west-1", ""}, status: 200, left: 1},

		"STS answers in XML":                {request: request{headers: alice}, asked: 1, status: 200, left: 1},
		"STS answers in JSON":               {sts: sts(stsJSON), request: request{headers: alice}, asked: 1, status: 200, left: 1},
		"STS answers in JSON, time as text": {sts: sts(stsJSONText), request: request{headers: alice}, asked: 1, status: 200, left: 1},
		"an upload that is faster than STS": {config: Node{"service": "s3"}, sts: slowly(sts(stsXML)), request: request{method: "PUT", wire: "/b/k", body: strings.Repeat("x", 4<<20), headers: alice}, scope: scope{"s3", "eu-west-1", "UNSIGNED-PAYLOAD"}, asked: 1, status: 200, left: 1},
		"two requests, one session":         {request: request{headers: alice}, times: 2, asked: 1, status: 200, left: 2},
		"a user, in the query":              {config: Node{"sign_query": true}, request: request{headers: alice, wire: "/p?x=1"}, asked: 1, status: 200, left: 1},
		"a role by claim and header": {config: Node{"credentials": []Node{{"source": "web_identity", "role_arn": "arn:aws-cn:iam::123456789012:role/%CLAIM(tenant)%-%REQ(x-tier)%"}}},
			request: request{headers: [][2]string{bearer(jwt(`{"sub":"a b","tenant":"acme","exp":4102444800}`)), {"x-tier", "gold"}}}, asked: 1, status: 200, left: 1,
			check: role("RoleArn=arn%3Aaws-cn%3Aiam%3A%3A123456789012%3Arole%2Facme-gold&")},
		"an assumed role":         {config: assumed, asked: -1, status: 200, left: 1, check: role("ExternalId=gate%3A7f3a%2Fx%3D")},
		"an assumed role by user": {config: Node{"credentials": []Node{{"source": "assume_role", "role_arn": "arn:aws:iam::210987654321:role/api", "session_name": "%CLAIM(sub)%", "base": Node{"source": "web_identity", "role_arn": "arn:aws:iam::123456789012:role/federated"}}}}, request: request{headers: alice}, asked: 2, status: 200, left: 1},
		"the token is kept":       {config: Node{"preserve_auth_header": true, "preserve_auth_header_key": "x-kept"}, request: request{headers: append(alice, [2]string{"x-kept", "guess"})}, asked: 1, status: 200, left: 1, check: func(t *testing.T, x outcomeOf) { want(t, "the kept token", x.left[0].Header("x-kept"), alice[0][1]) }},
		"STS over TLS":            {stsAddr: stsOverTLS, stsTLS: trusts(vouched, "localhost"), request: request{headers: alice}, status: 200, left: 1},
		"STS of a forged name":    {stsAddr: stsOverTLS, stsTLS: trusts(vouched, "sts.example.org"), request: request{headers: alice}, status: 502, word: "sts_unreachable"},
		"STS nobody vouches for":  {stsAddr: stsOverTLS, stsTLS: trusts(newAuthority(t), "localhost"), request: request{headers: alice}, status: 502, word: "sts_unreachable"},
		"a missing token, passed": {config: Node{"on_missing_token": "pass"}, status: 200, left: 1, unsigned: true, check: func(t *testing.T, x outcomeOf) { none(t, "upstream", x.left[0], "authorization", "x-amz-date") }},
		"a missing token, next source": {config: Node{"on_missing_token": "next", "credentials": []Node{{"source": "web_identity", "role_arn": "arn:aws:iam::123456789012:role/api"}, static["credentials"].([]Node)[0]}},
			status: 200, left: 1, check: func(t *testing.T, x outcomeOf) { signedBy(t, x.left[0], staticID) }},

		"LEGO: a path that ends in a slash": {config: lego(nil), mount: "downstream", request: request{headers: alice, wire: "/a/b/"}, scope: scope{"lambda", "eu-west-1", ""}, asked: 1, status: 200, left: 1},
		"LEGO: a client cannot refresh":     {config: lego(nil), mount: "downstream", times: 3, request: request{headers: append(alice, [2]string{"x-sts-refresh", "true"})}, scope: scope{"lambda", "eu-west-1", ""}, asked: 1, status: 200, left: 3},

		"a retry, a user":              {upstream: again, retry: retry, mount: "upstream", request: request{headers: alice}, asked: 1, status: 200, left: 2, check: resigned},
		"a retry, a user in the query": {config: Node{"sign_query": true}, upstream: again, retry: retry, mount: "upstream", request: request{headers: alice, wire: "/p?x=1"}, asked: 1, status: 200, left: 2, check: resigned},
		"a retry, a hashed body":       {upstream: again, retry: retry, mount: "upstream", request: request{method: "POST", body: strings.Repeat("body ", 1000), headers: alice}, asked: 1, status: 200, left: 2, check: resigned},
		"a retry, HTTP/2":              {upstream: again, retry: retry, mount: "upstream", request: request{proto: http2, method: "POST", body: strings.Repeat("body ", 1000), headers: alice}, asked: 1, status: 200, left: 2, check: resigned},
		"a retry, an unsigned payload": {config: Node{"service": "s3"}, scope: scope{"s3", "eu-west-1", "UNSIGNED-PAYLOAD"}, upstream: again, retry: retry, mount: "upstream", request: request{method: "PUT", wire: "/b/a%20b", body: "b", headers: alice}, asked: 1, status: 200, left: 2, check: resigned},
		"a retry, the proxy's keys":    {config: static, upstream: again, retry: retry, mount: "upstream", request: request{}, status: 200, left: 2, check: resigned},
		"a retry, an assumed role":     {config: assumed, upstream: again, retry: retry, mount: "upstream", request: request{}, asked: -1, status: 200, left: 2, check: resigned},
		"a retry, the proxy's keys after users'": {config: Node{"on_missing_token": "next", "credentials": []Node{{"source": "web_identity", "role_arn": "arn:aws:iam::123456789012:role/api"}, static["credentials"].([]Node)[0]}},
			upstream: again, retry: retry, mount: "upstream", request: request{}, status: 200, left: 2, check: resigned},
		// Attempts that wait for STS side by side share the request's headers.
		"attempts side by side":                {config: Node{"service": "s3"}, scope: scope{"s3", "eu-west-1", "UNSIGNED-PAYLOAD"}, sts: slowly(sts(stsXML)), upstream: together, retry: hedge, hedged: true, mount: "upstream", request: request{method: "PUT", wire: "/b/k", body: "b", headers: alice}, asked: 1, status: 200, left: -2, check: signedOnce},
		"attempts side by side, a hashed body": {sts: slowly(sts(stsXML)), upstream: together, retry: hedge, hedged: true, mount: "upstream", request: request{method: "POST", body: "body", headers: alice}, asked: 1, status: 200, left: -2, check: signedOnce},
		"a retry, downstream": {upstream: again, retry: retry, mount: "downstream", request: request{headers: alice}, asked: 1, status: 200, left: 2, check: func(t *testing.T, x outcomeOf) {
			want(t, "the second signature", x.left[1].Header("authorization"), x.left[0].Header("authorization"))
		}},

		"a clock that is an hour behind":       {config: static, upstream: ahead(echo), times: 2, status: 200, left: 2},
		"the same, put right by Envoy's retry": {sts: sts(later), upstream: ahead(echo), retry: Node{"retry_on": "retriable-status-codes", "retriable_status_codes": []int{403}, "num_retries": 1}, mount: "upstream", request: request{headers: alice}, asked: 1, status: 200, left: 2},
		"a clock that is not to be corrected":  {config: with(static, Node{"max_clock_skew": "20m"}), upstream: ahead(echo), times: 2, status: 403, left: 2},
		"STS's clock":                          {config: assumed, sts: ahead(sts(later)), asked: -1, status: 200, left: 1},
	})
}

// signedAt is the time of a signature, in its header or query.
func signedAt(s Seen) string {
	if d := s.Header("x-amz-date"); d != "" {
		return d
	}
	_, rest, _ := strings.Cut(s.Path, "X-Amz-Date=")
	at, _, _ := strings.Cut(rest, "&")
	return at
}

func signedBy(t *testing.T, s Seen, id string) {
	t.Helper()
	if !strings.Contains(s.Header("authorization"), "Credential="+id+"/") {
		t.Errorf("signed by %s, want %s", s.Header("authorization"), id)
	}
}

// TestAwssignLetsNothingOut: where there are no credentials or no signature, no
// request leaves, whatever the mount.
func TestAwssignLetsNothingOut(t *testing.T) {
	t.Parallel()
	alice := [][2]string{bearer(jwtOf("alice"))}
	says := func(status int, body string) http.HandlerFunc { return answer(status, body) }
	refused := says(400, `<ErrorResponse><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code><Message>No OpenIDConnect provider found</Message></Error><RequestId>r</RequestId></ErrorResponse>`)
	refusedJSON := says(403, `{"Error":{"Code":"AccessDenied","Message":"Not authorized to perform sts:AssumeRoleWithWebIdentity","Type":"Sender"},"RequestId":"r"}`)
	const original = `{"message":"Error fetching STS credentials. Enable 'return_sts_error' in config for details."}`
	reply := func(status int, body string) func(*testing.T, outcomeOf) {
		return func(t *testing.T, x outcomeOf) {
			t.Helper()
			want(t, "the body", x.body, body)
			want(t, "the type", x.headers.Get("Content-Type"), "application/json; charset=utf-8")
			want(t, "caching", x.headers.Get("Cache-Control"), "no-store")
			if challenge := x.headers.Get("WWW-Authenticate"); (challenge != "") != (status == 401) {
				t.Errorf("www-authenticate: %q", challenge)
			}
		}
	}
	withKeys := func(change func(*[3]string)) http.HandlerFunc {
		return sts(func(action string, k [3]string, end time.Time) (string, string) {
			change(&k)
			return stsXML(action, k, end)
		})
	}
	ended := sts(func(action string, k [3]string, _ time.Time) (string, string) {
		return stsXML(action, k, time.Now().Add(-time.Minute))
	})
	assumed := Node{"credentials": []Node{{"source": "assume_role", "role_arn": "arn:aws:iam::210987654321:role/partner", "base": Node{"source": "static", "access_key_id": staticID, "secret_access_key": Node{"env": secretVariable}}}}}
	byClaim := Node{"credentials": []Node{{"source": "web_identity", "role_arn": "arn:aws:iam::123456789012:role/%CLAIM(tenant)%"}}}
	runSignings(t, map[string]signing{
		"control":                            {request: request{headers: alice}, asked: 1, status: 200, left: 1},
		"no token":                           {status: 401, word: "no_token", check: reply(401, `{"message":"A token is required."}`)},
		"another scheme":                     {request: request{headers: [][2]string{{"authorization", "Basic YTpi"}}}, status: 401, word: "bad_token"},
		"a signature instead of a token":     {request: request{headers: [][2]string{{"authorization", "AWS4-HMAC-SHA256 Credential=AKIDSTATICEXAMPLE/20261121/eu-west-1/execute-api/aws4_request, SignedHeaders=host, Signature=" + strings.Repeat("0", 64)}}}, status: 401, word: "bad_token"},
		"two tokens":                         {request: request{headers: [][2]string{bearer(jwtOf("alice")), bearer(jwtOf("bob"))}}, status: 400, word: "ambiguous_token"},
		"no JWT":                             {request: request{headers: [][2]string{bearer("opaque-token")}}, status: 401, word: "bad_token"},
		"a JWT without an end":               {request: request{headers: [][2]string{bearer(jwt(`{"sub":"a"}`))}}, status: 401, word: "bad_token"},
		"a JWT that has ended":               {request: request{headers: [][2]string{bearer(jwt(`{"sub":"a","exp":1500000000}`))}}, status: 401, word: "expired_token"},
		"a claim that is missing":            {config: byClaim, request: request{headers: alice}, status: 401, word: "missing_claim"},
		"a claim that is a list":             {config: byClaim, request: request{headers: [][2]string{bearer(jwt(`{"sub":"a","tenant":["a"],"exp":4102444800}`))}}, status: 401, word: "missing_claim"},
		"a claim that would be another role": {config: byClaim, request: request{headers: [][2]string{bearer(jwt(`{"sub":"a","tenant":"x/../admin","exp":4102444800}`))}}, status: 403, word: "bad_identity"},
		"a host that is not allowed":         {request: request{headers: append(alice, [2]string{"host", "evil.example.net"})}, status: 403, word: "host_not_allowed"},
		"a host with an allowed one before":  {request: request{headers: append(alice, [2]string{"host", "api.example.org.evil.net"})}, status: 403, word: "host_not_allowed"},
		"the default list":                   {config: Node{"allowed_hosts": nil}, request: request{headers: alice}, status: 403, word: "host_not_allowed"},
		"a host with user info":              {request: request{headers: append(alice, [2]string{"host", "api.example.org@evil.net"})}, status: 400},
		"a host that tells no service":       {config: Node{"service": nil, "region": nil, "sts": Node{"region": "eu-west-1"}}, request: request{headers: alice}, status: 400, word: "unknown_service"},
		"a body over the limit":              {config: Node{"max_body_size": "10B"}, request: request{method: "POST", headers: alice, body: strings.Repeat("x", 11)}, asked: -1, status: 413, word: "body_too_large"},
		"signed chunks":                      {request: request{method: "POST", body: "x", headers: append(alice, [2]string{"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"})}, status: 400, word: "chunk_signatures"},
		"signed chunks, of SigV4A":           {request: request{method: "POST", body: "x", headers: append(alice, [2]string{"x-amz-content-sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"})}, status: 400, word: "chunk_signatures"},
		"two hashes":                         {request: request{method: "POST", body: "x", headers: append(alice, [2]string{"x-amz-content-sha256", "a"}, [2]string{"x-amz-content-sha256", "b"})}, status: 400, word: "bad_payload_hash"},
		"a hash that is none":                {config: Node{"trust_content_sha256": true}, request: request{method: "POST", body: "x", headers: append(alice, [2]string{"x-amz-content-sha256", "abc"})}, status: 400, word: "bad_payload_hash"},
		"a malformed path":                   {request: request{wire: "/a%zz", headers: alice}, asked: -1, status: 400, word: "unsignable"},
		"an upgrade with a body":             {request: request{method: "POST", body: "x", headers: append(alice, [2]string{"Connection", "upgrade"}, [2]string{"Upgrade", "websocket"})}, status: 400, word: "bad_upgrade"},
		"no body callbacks":                  {noFlag: true, request: request{method: "POST", body: "x", headers: alice}, asked: -1, status: 500, word: "body_unavailable"},

		"nobody listens":             {stsAddr: closedAddr(t), request: request{headers: alice}, status: 502, word: "sts_unreachable", check: reply(502, original)},
		"STS never answers":          {stsAddr: newFaulty(t, Hang).Addr, request: request{headers: alice}, status: 504, word: "sts_timeout", check: reply(504, original)},
		"STS resets":                 {stsAddr: newFaulty(t, Reset).Addr, request: request{headers: alice}, status: 502, word: "sts_unreachable"},
		"STS speaks no HTTP":         {stsAddr: newFaulty(t, Broken).Addr, request: request{headers: alice}, status: 502, word: "sts_unreachable"},
		"STS breaks off":             {stsAddr: newFaulty(t, Truncated).Addr, request: request{headers: alice}, status: 502},
		"STS sends 64 MiB":           {stsAddr: newFaulty(t, Huge).Addr, request: request{headers: alice}, status: 502},
		"STS never ends":             {stsAddr: newFaulty(t, Endless).Addr, request: request{headers: alice}, status: 504, word: "sts_timeout"},
		"STS answers 128 KiB":        {sts: says(200, strings.Repeat("x", 128<<10)), request: request{headers: alice}, asked: 1, status: 502, word: "sts_reply_too_large"},
		"a cluster that is not":      {config: Node{"sts": Node{"cluster": "nowhere"}}, request: request{headers: alice}, status: 500, word: "unknown_cluster"},
		"STS refuses":                {sts: refused, request: request{headers: alice}, asked: 1, status: 401, word: "sts_denied", check: reply(401, original)},
		"STS refuses, again":         {sts: refused, request: request{headers: alice}, times: 3, asked: 1, status: 401, word: "sts_denied"},
		"STS refuses in JSON":        {sts: refusedJSON, request: request{headers: alice}, asked: 1, status: 401, word: "sts_denied"},
		"STS refuses, told in XML":   {config: Node{"return_aws_sts_error": true}, sts: refused, request: request{headers: alice}, asked: 1, status: 400, word: "sts_denied", check: reply(400, `{"message":"Unable to assume role [arn:aws:iam::123456789012:role/api]","stsResponse":{"Error":{"Code":"InvalidIdentityToken","Message":"No OpenIDConnect provider found"}}}`)},
		"STS refuses, told in JSON":  {config: Node{"return_aws_sts_error": true}, sts: refusedJSON, request: request{headers: alice}, asked: 1, status: 403, word: "sts_denied", check: reply(403, `{"message":"Unable to assume role [arn:aws:iam::123456789012:role/api]","stsResponse":{"Error":{"Code":"AccessDenied","Message":"Not authorized to perform sts:AssumeRoleWithWebIdentity","Type":"Sender"},"RequestId":"r"}}`)},
		"nobody listens, told":       {config: Node{"return_aws_sts_error": true}, stsAddr: closedAddr(t), request: request{headers: alice}, status: 502, word: "sts_unreachable"},
		"STS refuses without a word": {sts: says(403, "<html>Forbidden</html>"), request: request{headers: alice}, asked: 1, status: 502, word: "sts_error"},
		"STS fails":                  {sts: says(500, ""), request: request{headers: alice}, asked: 1, status: 502, word: "sts_error"},
		"STS is busy":                {sts: says(503, "busy"), request: request{headers: alice}, asked: 1, status: 502, word: "sts_error"},
		"STS says try again":         {sts: says(400, `<ErrorResponse><Error><Code>IDPCommunicationError</Code><Message>m</Message></Error></ErrorResponse>`), request: request{headers: alice}, asked: 1, status: 502, word: "sts_error"},
		"STS redirects":              {sts: answer(302, "", [2]string{"Location", "http://" + apiHost}), request: request{headers: alice}, asked: 1, status: 502},
		"an empty answer":            {sts: says(200, ""), request: request{headers: alice}, asked: 1, status: 502, word: "sts_bad_reply"},
		"an answer of HTML":          {sts: says(200, "<html>captive portal</html>"), request: request{headers: alice}, asked: 1, status: 502, word: "sts_bad_reply"},
		"an answer of JSON":          {sts: says(200, `{"ok":true}`), request: request{headers: alice}, asked: 1, status: 502, word: "sts_bad_reply"},
		"no secret key":              {sts: withKeys(func(k *[3]string) { k[1] = "" }), request: request{headers: alice}, asked: 1, status: 502, word: "sts_bad_reply"},
		"no key id":                  {sts: withKeys(func(k *[3]string) { k[0] = "" }), request: request{headers: alice}, asked: 1, status: 502, word: "sts_bad_reply"},
		"no session token":           {sts: withKeys(func(k *[3]string) { k[2] = "" }), request: request{headers: alice}, asked: 1, status: 502, word: "sts_bad_reply"},
		"a session that has ended":   {sts: ended, request: request{headers: alice}, asked: 1, status: 502, word: "sts_bad_reply"},
		"the proxy's role, refused":  {config: assumed, sts: refusedJSON, asked: -1, status: 401, word: "sts_denied"},
		"the proxy's role, failing":  {config: assumed, sts: says(500, ""), asked: -1, status: 502, word: "sts_error"},
		"one user's session is no other's": {config: Node{"on_missing_token": "next", "credentials": []Node{
			{"source": "web_identity", "role_arn": "arn:aws:iam::123456789012:role/api"}, {"source": "static", "access_key_id": staticID, "secret_access_key": Node{"env": secretVariable}}}},
			sts: refused, request: request{headers: alice}, asked: 1, status: 401, word: "sts_denied"},
	})
}
