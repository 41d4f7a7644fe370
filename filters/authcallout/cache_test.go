package authcallout

import (
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
)

// service is an auth service that counts.
type service struct {
	answer filter.CalloutResult
	asked  int
}

func (s *service) serve(filter.Callout) filter.CalloutResult {
	s.asked++
	return s.answer
}

// at runs a request some time after the first one.
func at(f filter.Filter, after time.Duration, m *hosttest.Message, s *service) hosttest.Exchange {
	return hosttest.DriveAt(f, m, hosttest.Now.Add(after), s.serve)
}

func TestCache(t *testing.T) {
	t.Parallel()
	type step struct {
		after  time.Duration
		answer filter.CalloutResult
		word   filter.Word
		cache  string
	}
	ok, no, down := says(200, "", "x-user: ann", "cache-control: max-age=60"), says(401, "", "cache-control: max-age=60"), fails(filter.Unreachable)
	for name, c := range map[string]struct {
		cache string
		steps []step
	}{
		"a verdict is kept as long as its answer says": {`{}`, []step{
			{0, ok, Allowed, "miss"}, {59 * time.Second, no, Allowed, "hit"}, {60 * time.Second, no, Denied, "miss"}}},
		"max_ttl shortens it": {`{"max_ttl":"10s"}`, []step{
			{0, ok, Allowed, "miss"}, {9 * time.Second, no, Allowed, "hit"}, {10 * time.Second, no, Denied, "miss"}}},
		"min_ttl lengthens it": {`{"min_ttl":"2m"}`, []step{
			{0, ok, Allowed, "miss"}, {119 * time.Second, no, Allowed, "hit"}, {120 * time.Second, no, Denied, "miss"}}},
		"min_ttl does not revive what must not be kept": {`{"min_ttl":"2m","ttl":"2m"}`, []step{
			{0, says(200, "", "cache-control: no-store"), Allowed, "miss"}, {1, ok, Allowed, "miss"}}},
		"the answer's age counts": {`{}`, []step{
			{0, says(200, "", "cache-control: max-age=60", "age: 55"), Allowed, "miss"}, {4 * time.Second, no, Allowed, "hit"}, {5 * time.Second, no, Denied, "miss"}}},
		"an answer that says nothing is not kept": {`{}`, []step{
			{0, says(200, ""), Allowed, "miss"}, {1, no, Denied, "miss"}}},
		"ttl keeps an answer that says nothing": {`{"ttl":"5s"}`, []step{
			{0, says(200, ""), Allowed, "miss"}, {4 * time.Second, no, Allowed, "hit"}, {5 * time.Second, no, Denied, "miss"}}},
		"private is not kept": {`{"ttl":"5s"}`, []step{
			{0, says(200, "", "cache-control: private, max-age=60"), Allowed, "miss"}, {1, no, Denied, "miss"}}},
		"an answer that varies by what each request has of its own is not kept": {`{}`, []step{
			{0, says(200, "", "cache-control: max-age=60", "vary: Accept, TraceParent"), Allowed, "miss"}, {1, no, Denied, "miss"}}},
		"one that varies by what the key holds is": {`{}`, []step{
			{0, says(200, "", "cache-control: max-age=60", "vary: Authorization"), Allowed, "miss"}, {1, no, Allowed, "hit"}}},
		"fixed keeps whatever the answer says": {`{"lifetime":"fixed","ttl":"5s"}`, []step{
			{0, says(200, "", "cache-control: no-store"), Allowed, "miss"}, {4 * time.Second, no, Allowed, "hit"}, {5 * time.Second, no, Denied, "miss"}}},
		"denials are not kept": {`{}`, []step{
			{0, no, Denied, "miss"}, {1, ok, Allowed, "miss"}}},
		"denials are kept for negative_ttl": {`{"negative_ttl":"3s"}`, []step{
			{0, no, Denied, "miss"}, {2 * time.Second, ok, Denied, "hit"}, {3 * time.Second, ok, Allowed, "miss"}}},
		"failures are not kept": {`{"ttl":"1m","negative_ttl":"1m"}`, []step{
			{0, down, Unreachable, "miss"}, {1, ok, Allowed, "miss"}}},
		"a failure after the end is a failure": {`{}`, []step{
			{0, ok, Allowed, "miss"}, {60 * time.Second, down, Unreachable, "miss"}}},
		"stale_if_error answers while the service fails": {`{"stale_if_error":"30s"}`, []step{
			{0, ok, Allowed, "miss"}, {89 * time.Second, down, Allowed, "stale"}, {90 * time.Second, down, Unreachable, "miss"}}},
		"a revoked token's stale verdict ends with the denial": {`{"stale_if_error":"30s"}`, []step{
			{0, ok, Allowed, "miss"}, {61 * time.Second, no, Denied, "miss"}, {62 * time.Second, down, Unreachable, "miss"}}},
		"a stale verdict ends while the service is waited for": {`{"stale_if_error":"30s"}`, []step{
			{0, ok, Allowed, "miss"}, {89 * time.Second, filter.CalloutResult{Failure: filter.Timeout, Duration: time.Second}, TimedOut, "miss"}}},
		"must-revalidate forbids a stale answer": {`{"stale_if_error":"30s"}`, []step{
			{0, says(200, "", "cache-control: max-age=60, must-revalidate"), Allowed, "miss"}, {61 * time.Second, down, Unreachable, "miss"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFilter(t, "{"+kong+`,"error_status":["5xx"],"allowed_upstream_headers":["x-user"],"cache":`+c.cache+"}")
			s := new(service)
			for i, st := range c.steps {
				s.answer = st.answer
				m := get(bearer)
				e := at(f, st.after, m, s)
				if e.Word != st.word || e.Cache.String() != st.cache {
					t.Fatalf("step %d: got %s from %q, want %s from %q", i, e.Word, e.Cache, st.word, st.cache)
				}
				want, _ := c.steps[0].answer.Header("x-user")
				if st.cache == "hit" && st.word == Allowed {
					if v, _ := m.Header("x-user"); v != want {
						t.Errorf("step %d: the kept verdict set x-user %q", i, v)
					}
				}
			}
		})
	}
}

// TestCacheServerError: a 5xx says nothing about a token, also where no
// error_status makes it a failure.
func TestCacheServerError(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, "{"+kong+`,"cache":{"lifetime":"fixed","ttl":"1m","negative_ttl":"1m","stale_if_error":"1h"}}`)
	s := new(service)
	for i, st := range []struct {
		after  time.Duration
		answer filter.CalloutResult
		word   filter.Word
		cache  filter.Cache
	}{
		{0, says(503, ""), Denied, filter.CacheMiss},
		{1, says(200, ""), Allowed, filter.CacheMiss},
		{61 * time.Second, says(503, ""), Denied, filter.CacheMiss},
		{62 * time.Second, fails(filter.Timeout), Allowed, filter.CacheStale},
		{63 * time.Second, says(403, ""), Denied, filter.CacheMiss},
		{64 * time.Second, says(200, ""), Denied, filter.CacheHit},
	} {
		s.answer = st.answer
		if e := at(f, st.after, get(bearer), s); e.Word != st.word || e.Cache != st.cache {
			t.Errorf("step %d: got %s from %q, want %s from %q", i, e.Word, e.Cache, st.word, st.cache)
		}
	}
}

// TestCacheSlowBody: what is fresh is asked when the body is there; a client that
// sends it slowly gets no verdict that has ended meanwhile.
func TestCacheSlowBody(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, "{"+kong+`,"forward_body":true,"cache":{"lifetime":"fixed","ttl":"1m"}}`)
	s := &service{answer: says(200, "")}
	at(f, 0, hosttest.Request("POST", "/", bearer), s)
	slow := func(after time.Duration) filter.Outcome {
		o := f.(filter.Streamer).NewStream().OnRequest(hosttest.Request("POST", "/", bearer), hosttest.Now)
		return o.OnBody(filter.BodyResult{Now: hosttest.Now.Add(after)})
	}
	if o := slow(59 * time.Second); o.Word != Allowed || o.Cache != filter.CacheHit {
		t.Errorf("in time: %s from %q", o.Word, o.Cache)
	}
	if o := slow(time.Minute); o.Kind != filter.KindCall {
		t.Errorf("too late: %s from %q", o.Word, o.Cache)
	}
}

// TestCacheClockSetBack: a verdict that a denial has ended does not come back,
// nor anything else, where the clock is set back to before that denial.
func TestCacheClockSetBack(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, "{"+kong+`,"failure_mode":"open","cache":{"lifetime":"fixed","ttl":"1m"}}`)
	s := &service{answer: says(200, "")}
	at(f, 0, get(bearer), s)
	s.answer = says(401, "")
	at(f, time.Minute, get(bearer), s)
	if e := at(f, 50*time.Second, get(bearer), s); e.Word != Denied || s.asked != 3 {
		t.Errorf("got %q from %q, asked %d times", e.Word, e.Cache, s.asked)
	}
}

// TestCacheKeepsOwnMemory: an entry keeps nothing of an answer but what it is
// counted with.
func TestCacheKeepsOwnMemory(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, "{"+kong+`,"allowed_upstream_headers":["x-user"],"headers_to_remove_header":"x-drop","allowed_client_headers_on_success":["x-client"],
		"headers_from_json":[{"header":"x-id","field":"id"},{"header":"x-name","field":"name"}],"allowed_client_headers":["x-why"],"deny":{"pass_body":true},
		"cache":{"lifetime":"fixed","ttl":"1m","negative_ttl":"1m"}}`)
	all := strings.Repeat("x", 1000) + "ann|x-old|c=1|no|text/plain"
	part := func(s string) string { i := strings.Index(all, s); return all[i : i+len(s)] }
	for status, want := range map[int]string{200: "x-user=ann x-id=7 x-name=ann -x-old x-client=c=1", 403: "x-why=no www-authenticate=Bearer text/plain because"} {
		s := &service{answer: filter.CalloutResult{Status: status, Body: []byte(`{"id":7,"name":"ann"}`), Headers: [][2]string{
			{"x-user", part("ann")}, {"x-drop", part("x-old")}, {"x-client", part("c=1")}, {"x-why", part("no")}, {"content-type", part("text/plain")}}}}
		if status == 403 {
			s.answer.Body = []byte("because")
		}
		token := "authorization: Bearer " + strconv.Itoa(status)
		flight := at(f, 0, get(token), s).Callouts[0].Flight
		d, _, _ := f.(*Filter).cache.decisions.Get([]byte(flight), hosttest.Now)
		var got []string
		texts := []string{d.reply.ContentType}
		for _, e := range d.edits {
			got, texts = append(got, e.name+"="+e.value), append(texts, e.value)
		}
		for _, r := range d.remove {
			got, texts = append(got, "-"+r), append(texts, r)
		}
		for _, h := range append(d.onSuccess, d.reply.Headers...) {
			got, texts = append(got, h[0]+"="+h[1]), append(texts, h[0], h[1])
		}
		if status == 403 {
			got = append(got, d.reply.ContentType, string(d.reply.Body))
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("kept %s, want %s", got, want)
		}
		from := uintptr(unsafe.Pointer(unsafe.StringData(all)))
		for _, s := range texts {
			if p := uintptr(unsafe.Pointer(unsafe.StringData(s))); s != "" && p >= from && p < from+uintptr(len(all)) {
				t.Errorf("%q keeps the whole answer", s)
			}
		}
	}
}

// TestCacheKey: whatever is sent to the auth service, and the route, tells
// verdicts apart.
func TestCacheKey(t *testing.T) {
	t.Parallel()
	const config = `{"cluster":"auth","path":"/v?q=%QUERY_PARAM(q)%","authority":"%REQ(x-auth)%","method":"original",
		"body_template":"{\"p\":\"%PATH%\",\"ip\":\"%CLIENT_IP%\"}","allowed_headers":["x-a","x-b"],"headers_to_add":{"x-h":"%REQ(x-src)%"},
		"token_scheme":"","require_token":false,"cache":{"lifetime":"fixed","ttl":"1m"}}`
	base := func() *hosttest.Message {
		m := hosttest.Request("GET", "/a?q=1", bearer, "x-a: 1", "x-auth: auth", "x-src: s")
		m.Properties = map[string]string{"xds.route_name": "one", "source.address": "192.0.2.1:1"}
		return m
	}
	for name, change := range map[string]func(*hosttest.Message){
		"token":                     func(m *hosttest.Message) { m.SetHeader("authorization", "Bearer u") },
		"no token":                  func(m *hosttest.Message) { m.RemoveHeader("authorization") },
		"method":                    func(m *hosttest.Message) { m.SetHeader(":method", "PUT") },
		"query, through the path":   func(m *hosttest.Message) { m.SetHeader(":path", "/a?q=2") },
		"path, through the body":    func(m *hosttest.Message) { m.SetHeader(":path", "/b?q=1") },
		"authority":                 func(m *hosttest.Message) { m.SetHeader("x-auth", "other") },
		"an allowed header's value": func(m *hosttest.Message) { m.SetHeader("x-a", "2") },
		"another allowed header":    func(m *hosttest.Message) { m.RemoveHeader("x-a"); m.AddHeader("x-b", "1") },
		"a second line of a header": func(m *hosttest.Message) { m.AddHeader("x-a", "1") },
		"an added header":           func(m *hosttest.Message) { m.SetHeader("x-src", "t") },
		"a property":                func(m *hosttest.Message) { m.Properties["source.address"] = "192.0.2.2:1" },
		"the route":                 func(m *hosttest.Message) { m.Properties["xds.route_name"] = "two" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFilter(t, config)
			s := &service{answer: says(200, "")}
			at(f, 0, base(), s)
			if e := at(f, 1, base(), s); e.Cache != filter.CacheHit || s.asked != 1 {
				t.Fatalf("the same request: %s, asked %d times", e.Cache, s.asked)
			}
			other := base()
			change(other)
			if e := at(f, 1, other, s); e.Cache != filter.CacheMiss || s.asked != 2 {
				t.Errorf("another request: %s, asked %d times", e.Cache, s.asked)
			}
		})
	}

	t.Run("the request's body", func(t *testing.T) {
		t.Parallel()
		f, _ := newFilter(t, `{"cluster":"auth","forward_body":true,"require_token":false,"cache":{"lifetime":"fixed","ttl":"1m"}}`)
		s := &service{answer: says(200, "")}
		for i, body := range []string{"a", "b", "a"} {
			m := hosttest.Request("POST", "/")
			m.Whole = []byte(body)
			if e := at(f, 0, m, s); (e.Cache == filter.CacheHit) != (i == 2) {
				t.Errorf("body %d: %s", i, e.Cache)
			}
		}
	})

	t.Run("what differs from request to request does not", func(t *testing.T) {
		t.Parallel()
		f, _ := newFilter(t, "{"+kong+`,"allowed_headers":["*"],"cache":{"lifetime":"fixed","ttl":"1m"}}`)
		s := &service{answer: says(200, "")}
		for i := range 3 {
			n := strconv.Itoa(i)
			at(f, 0, get(bearer, "x-request-id: "+n, "traceparent: "+n, "tracestate: "+n), s)
		}
		if s.asked != 1 {
			t.Errorf("asked %d times, want once", s.asked)
		}
	})
}

// TestSharedCache: workers of one configuration share verdicts, others do not.
func TestSharedCache(t *testing.T) {
	t.Parallel()
	const shared = `,"allowed_upstream_headers":["x-user"],"allowed_client_headers_on_success":["set-cookie"],"headers_to_remove_header":"x-drop","cache":{"lifetime":"fixed","ttl":"1m","negative_ttl":"1m","shared":true}}`
	store := hosttest.Store{}
	worker := func(config string) filter.Filter {
		host := hosttest.NewHost()
		host.Store = store
		f, err := load([]byte(config), host)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	s := &service{answer: says(200, "", "x-user: ann", "set-cookie: a=b", "x-drop: x-old")}
	first, second := worker("{"+kong+shared), worker("{"+kong+shared)
	at(first, 0, get(bearer), s)
	m := get(bearer, "x-old: 1")
	e := at(second, 1, m, s)
	if e.Cache != filter.CacheShared || e.Word != Allowed || s.asked != 1 {
		t.Fatalf("the second worker got %s from %q, asked %d times", e.Word, e.Cache, s.asked)
	}
	if got := m.Text("x-"); got != "x-user: ann\n" {
		t.Errorf("the shared verdict left the request with %q", got)
	}
	if e := at(second, 2, get(bearer), s); e.Cache != filter.CacheHit {
		t.Errorf("the shared verdict was not kept by the worker: %q", e.Cache)
	}
	if e := at(worker("{"+kong+`,"timeout":"2s"`+shared), 1, get(bearer), s); e.Cache != filter.CacheMiss {
		t.Errorf("another configuration got %q", e.Cache)
	}
	for key, v := range store {
		if strings.Contains(key+string(v.Value), "Bearer") {
			t.Error("the store holds the token")
		}
	}
	s.answer = says(403, "", "www-authenticate: DPoP")
	denied := get("authorization: Bearer u")
	at(first, 0, denied, s)
	if e := at(second, 1, get("authorization: Bearer u"), s); e.Cache != filter.CacheShared || e.Reply == nil || e.Reply.Status != 401 || text(e.Reply) != "www-authenticate: DPoP\n" {
		t.Errorf("the shared denial: %q %+v", e.Cache, e.Reply)
	}
}

// TestCacheCoalesced: one that has waited uses the answer, and does not keep it.
func TestCacheCoalesced(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, "{"+kong+`,"cache":{"lifetime":"fixed","ttl":"1m","max_waiters":7}}`)
	s := &service{answer: says(200, "")}
	s.answer.Waited = true
	e := at(f, 0, get(bearer), s)
	if e.Cache != filter.CacheCoalesced || e.Word != Allowed {
		t.Errorf("got %s from %q", e.Word, e.Cache)
	}
	if c := e.Callouts[0]; c.Flight == "" || c.MaxWaiters != 7 {
		t.Errorf("flight %q, %d waiters", c.Flight, c.MaxWaiters)
	}
	s.answer.Waited = false
	if e := at(f, 1, get(bearer), s); e.Cache != filter.CacheMiss {
		t.Errorf("the next one got %q", e.Cache)
	}
}

// TestCacheCookies: clients without a token, whom nothing tells apart, never get
// one cookie, whether from the cache or from one callout.
func TestCacheCookies(t *testing.T) {
	t.Parallel()
	const config = `{"cluster":"auth","profile":"forward-auth","allowed_client_headers_on_success":["set-cookie"],"cache":{"lifetime":"fixed","ttl":"1m","negative_ttl":"1m"}}`
	for name, c := range map[string]struct {
		request string
		answer  filter.CalloutResult
		shared  bool
	}{
		"a login page":             {"x-a: 1", says(302, "", "location: /login", "set-cookie: state=1"), false},
		"a session":                {"x-a: 1", says(200, "", "set-cookie: session=1"), false},
		"no cookie":                {"x-a: 1", says(302, "", "location: /login"), true},
		"a session of one's token": {bearer, says(200, "", "set-cookie: session=1"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFilter(t, config)
			s := &service{answer: c.answer}
			at(f, 0, get(c.request), s)
			if e := at(f, 1, get(c.request), s); (e.Cache == filter.CacheHit) != c.shared {
				t.Errorf("the next one got it from %q", e.Cache)
			}
			f, _ = newFilter(t, config)
			calls := 0
			e := hosttest.DriveAt(f, get(c.request), hosttest.Now, func(call filter.Callout) filter.CalloutResult {
				res := c.answer
				calls++
				if res.Waited = calls == 1; !res.Waited && call.Flight != "" {
					t.Error("waits for another one's answer again")
				}
				return res
			})
			if (calls == 1) != c.shared || (e.Cache == filter.CacheCoalesced) != c.shared {
				t.Errorf("one that has waited asked %d times, and got it from %q", calls, e.Cache)
			}
		})
	}
}

// TestShadow: decided and counted, nothing done.
func TestShadow(t *testing.T) {
	t.Parallel()
	const config = "{" + kong + `,"mode":"shadow","allowed_upstream_headers":["x-user"],"headers_to_remove":["authorization"],"allowed_client_headers_on_success":["*"]}`
	f, _ := newFilter(t, config)
	m := get(bearer, "x-user: evil")
	e, stream := hosttest.Drive(f, m, func(filter.Callout) filter.CalloutResult { return says(200, "", "x-user: ann", "set-cookie: a=b") })
	if e.Word != Allowed || m.Text("x-", "authorization") != "authorization: Bearer t\n" {
		t.Errorf("got %s, and the request is\n%s", e.Word, m.Text())
	}
	r := hosttest.Response(200)
	hosttest.DriveResponse(stream, r, nil)
	if r.Text("set-") != "" {
		t.Errorf("the response is\n%s", r.Text())
	}
	if !f.(filter.Streamer).NewStream().(filter.Shadower).Shadows() {
		t.Error("the shell is not told")
	}
}

// TestDisabled: no check, but the identity headers are removed.
func TestDisabled(t *testing.T) {
	t.Parallel()
	f, _ := newFilter(t, "{"+kong+`,"enabled":false,"identity_headers":["x-user"]}`)
	m := get("x-user: evil")
	e, _ := hosttest.Drive(f, m, nil)
	if e.Word != Disabled || e.Reply != nil || m.Text("x-") != "" {
		t.Errorf("got %s, and the request is\n%s", e.Word, m.Text())
	}
}

// FuzzDecision: only what encodeDecision wrote is read.
func FuzzDecision(f *testing.F) {
	f.Add(encodeDecision(nil, &decision{word: Allowed, edits: []edit{{"x-user", "ann", true}}, remove: []string{"x-a"}, onSuccess: [][2]string{{"a", "b"}}}))
	f.Add(encodeDecision(nil, &decision{word: Denied, reply: filter.Reply{Status: 401, Body: []byte("no"), ContentType: "text/plain"}}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		d, ok := decodeDecision(b)
		if ok && string(encodeDecision(nil, d)) != string(b) {
			t.Fatalf("%x reads as %+v, which is written as %x", b, d, encodeDecision(nil, d))
		}
		if ok && d.word != Allowed && d.word != Denied {
			t.Fatalf("read the word %s", d.word)
		}
	})
}
