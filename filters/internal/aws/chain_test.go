package aws_test

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/aws"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

const role = "arn:aws:iam::123456789012:role/uploads"

// jwt makes a token of claims; the signature is not looked at here.
func jwt(claims string) string {
	b := base64.RawURLEncoding
	return b.EncodeToString([]byte(`{"alg":"RS256"}`)) + "." + b.EncodeToString([]byte(claims)) + ".c2ln"
}

// user makes the token of a subject that ends after a time.
func user(sub string, life time.Duration) string {
	return jwt(`{"sub":"` + sub + `","team":"t-` + sub + `","exp":` + strconv.FormatInt(hosttest.Now.Add(life).Unix(), 10) + `}`)
}

// sts stands in for STS: it grants every token but those that it refuses.
type sts struct {
	t      *testing.T
	calls  []url.Values
	last   filter.Callout
	refuse string // a token
	answer *filter.CalloutResult
	life   time.Duration
	now    time.Time
}

func newSTS(t *testing.T) *sts { return &sts{t: t, life: time.Hour, now: hosttest.Now} }

func (s *sts) ask(c filter.Callout) filter.CalloutResult {
	form, err := url.ParseQuery(string(c.Body))
	if err != nil || c.Method != "POST" || strings.Contains(c.Path, "Token") {
		s.t.Errorf("asked with %s %s (%v)", c.Method, c.Path, err)
	}
	s.calls, s.last = append(s.calls, form), c
	if s.answer != nil {
		r := *s.answer
		if r.Now.IsZero() {
			r.Now = s.now
		}
		return r
	}
	token := form.Get("WebIdentityToken")
	if token != "" && token == s.refuse {
		return filter.CalloutResult{Status: 403, Now: s.now, Body: []byte(`{"Error":{"Code":"AccessDenied","Message":"Not authorized"},"RequestId":"r"}`)}
	}
	// The keys tell who asked, for what and at which call.
	id := "K" + strconv.Itoa(len(s.calls)) + "-" + form.Get("RoleSessionName")
	action := form.Get("Action")
	body := `{"` + action + `Response":{"` + action + `Result":{"Credentials":{"AccessKeyId":"` + id + `","SecretAccessKey":"s","SessionToken":"t","Expiration":` +
		strconv.FormatInt(s.now.Add(s.life).Unix(), 10) + `}}}}`
	return filter.CalloutResult{Status: 200, Now: s.now, Body: []byte(body)}
}

// search runs a search to its end and names what came: a key's ID or a problem.
func (s *sts) search(c *aws.Chain, token string, headers ...string) string {
	m := hosttest.Request("GET", "/", headers...)
	a, ask := c.Get(&aws.Query{Message: m, Token: token, Now: s.now})
	for ask != nil {
		res := s.ask(ask.Callout)
		a, ask = ask.Answer(&res)
	}
	return say(a)
}

var problems = map[aws.Problem]string{
	aws.Pass: "pass", aws.NoToken: "no token", aws.BadToken: "bad token", aws.ExpiredToken: "expired", aws.MissingClaim: "missing claim",
	aws.BadIdentity: "bad identity", aws.NoCredentials: "none", aws.Denied: "denied", aws.Erring: "erring", aws.BadReply: "bad reply", aws.CalloutFailed: "failed",
}

func say(a aws.Answer) string {
	if a.Problem != aws.None {
		return problems[a.Problem]
	}
	return a.Credentials.AccessKeyID
}

func environment(name string) (string, bool) {
	v, ok := map[string]string{"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "env-secret"}[name]
	return v, ok
}

func settings(t *testing.T, text string, env func(string) (string, bool)) (*aws.Settings, error) {
	t.Helper()
	s := new(aws.Settings)
	err := conf.Decode([]byte(text), s.Fields(), env, func(errs *conf.Errors) { s.Check(errs, "eu-west-1", env) })
	return s, err
}

func newChain(t *testing.T, text string) (*aws.Chain, *hosttest.Host) {
	t.Helper()
	host := hosttest.NewHost()
	return chainOn(t, text, host), host
}

func chainOn(t *testing.T, text string, host *hosttest.Host) *aws.Chain {
	t.Helper()
	return chainIn(t, text, host, environment)
}

func chainIn(t *testing.T, text string, host *hosttest.Host, env func(string) (string, bool)) *aws.Chain {
	t.Helper()
	s, err := settings(t, text, env)
	if err != nil {
		t.Fatal(err)
	}
	c, err := aws.NewChain(s, []byte(text), host, aws.Counters{
		Hits: host.Counter("hits"), SharedHits: host.Counter("shared"), Misses: host.Counter("misses"),
		Refreshes: host.Counter("refreshes"), RefreshFailure: host.Counter("refresh_failures"), ClockCorrections: host.Counter("clock"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const perUser = `{"credentials":[{"source":"web_identity","role_arn":"` + role + `"}]}`

func TestChain(t *testing.T) {
	t.Parallel()
	ann := user("ann", 2*time.Hour)
	static := `{"source":"static","access_key_id":"STATIC","secret_access_key":"s"}`
	federated := `{"source":"web_identity","role_arn":"` + role + `"}`
	for name, c := range map[string]struct {
		config string
		token  string
		want   string
		asked  string // of each call: action, role, session name and what else is named
	}{
		"static keys ask nobody":                      {`{"credentials":[` + static + `]}`, "", "STATIC", ""},
		"the first source wins":                       {`{"credentials":[` + static + `,` + federated + `]}`, ann, "STATIC", ""},
		"the environment":                             {`{"credentials":[{"source":"environment"},` + static + `]}`, "", "ENV", ""},
		"a token of the user's":                       {perUser, ann, "K1-ann", "AssumeRoleWithWebIdentity uploads ann\n"},
		"no token is denied":                          {perUser, "", "no token", ""},
		"no token is denied before another source":    {`{"credentials":[` + federated + `,` + static + `]}`, "", "no token", ""},
		"no token goes to the next source if told so": {`{"credentials":[` + federated + `,` + static + `],"on_missing_token":"next"}`, "", "STATIC", ""},
		"a token that is refused never goes further":  {`{"credentials":[` + federated + `,` + static + `],"on_missing_token":"next"}`, "refused", "denied", "AssumeRoleWithWebIdentity uploads refused\n"},
		"no token passes if told so":                  {`{"credentials":[` + federated + `],"on_missing_token":"pass"}`, "", "pass", ""},
		"an expired token asks nobody":                {perUser, user("ann", 0), "expired", ""},
		"a token without an end is refused":           {perUser, jwt(`{"sub":"ann"}`), "bad token", ""},
		"a token whose end is no number is refused":   {perUser, jwt(`{"sub":"ann","exp":"1"}`), "bad token", ""},
		"a token that is no JWT is refused":           {perUser, "opaque", "bad token", ""},
		"a payload that repeats a claim is refused":   {perUser, jwt(`{"sub":"ann","exp":4000000000,"sub":"bob"}`), "bad token", ""},
		"a token without a claim that is needed":      {perUser, jwt(`{"exp":4000000000}`), "missing claim", ""},
		"a claim that is a list is no text":           {perUser, jwt(`{"exp":4000000000,"sub":["ann"]}`), "missing claim", ""},
		"an opaque token if told so":                  {`{"credentials":[{"source":"web_identity","role_arn":"` + role + `","session_name":"all"}],"opaque_token_ttl":"5m"}`, "opaque", "K1-all", "AssumeRoleWithWebIdentity uploads all\n"},
		"a role chosen by a claim":                    {`{"credentials":[{"source":"web_identity","role_arn":"arn:aws:iam::1:role/%CLAIM(team)%"}]}`, ann, "K1-ann", "AssumeRoleWithWebIdentity t-ann ann\n"},
		"a role that a claim would take elsewhere":    {`{"credentials":[{"source":"web_identity","role_arn":"arn:aws:iam::1:role/%CLAIM(team)%"}]}`, jwt(`{"exp":4000000000,"sub":"a","team":"x/admin"}`), "bad identity", ""},
		"a whole role from a claim":                   {`{"credentials":[{"source":"web_identity","role_arn":"%CLAIM(role)%"}]}`, jwt(`{"exp":4000000000,"sub":"ann","role":"arn:aws-cn:iam::1:role/x/y"}`), "K1-ann", "AssumeRoleWithWebIdentity x/y ann\n"},
		"a role in another partition":                 {`{"credentials":[{"source":"web_identity","role_arn":"arn:aws-us-gov:iam::1:role/gov"}]}`, ann, "K1-ann", "AssumeRoleWithWebIdentity gov ann\n"},
		"a subject that is no session name":           {perUser, jwt(`{"exp":4000000000,"sub":"auth0|ann smith"}`), "K1-auth0-ann-smith-4b3ac1431e746ff0", "AssumeRoleWithWebIdentity uploads auth0-ann-smith-4b3ac1431e746ff0\n"},
		"a subject that would become another one":     {perUser, jwt(`{"exp":4000000000,"sub":"ann "}`), "missing claim", ""},
		"also by a character that is not seen":        {perUser, jwt(`{"exp":4000000000,"sub":"an\u0001n"}`), "missing claim", ""},
		"a policy with a claim":                       {`{"credentials":[{"source":"web_identity","role_arn":"` + role + `","policy":"{\"Resource\":\"arn:aws:s3:::b/%CLAIM(sub)%/*\"}","policy_arns":["arn:aws:iam::aws:policy/ReadOnlyAccess"],"duration":"30m"}]}`, jwt(`{"exp":4000000000,"sub":"*"}`), "K1---684888c0ebb17f37", "AssumeRoleWithWebIdentity uploads --684888c0ebb17f37 policy={\"Resource\":\"arn:aws:s3:::b/${*}/*\"} arns=arn:aws:iam::aws:policy/ReadOnlyAccess seconds=1800\n"},
		"a role assumed by static keys":               {`{"credentials":[{"source":"assume_role","role_arn":"` + role + `","external_id":"ext-1","tags":[{"key":"app","value":"gw"}],"transitive_tag_keys":["app"],"source_identity":"gw","base":` + static + `}]}`, "", "K1-gatehouse", "AssumeRole uploads gatehouse ext=ext-1 tag=app:gw transitive=app source=gw\n"},
		"a role assumed by keys of the environment":   {`{"credentials":[{"source":"assume_role","role_arn":"` + role + `","base":{"source":"environment"}}]}`, "", "K1-gatehouse", "AssumeRole uploads gatehouse\n"},
		"a role assumed from a user's session":        {`{"credentials":[{"source":"assume_role","role_arn":"arn:aws:iam::1:role/tenant","session_name":"%CLAIM(sub)%","tags":[{"key":"team","value":"%CLAIM(team)%"}],"base":` + federated + `}]}`, ann, "K2-ann", "AssumeRoleWithWebIdentity uploads ann\nAssumeRole tenant ann tag=team:t-ann\n"},
		"a user's session needs the user's token":     {`{"credentials":[{"source":"assume_role","role_arn":"arn:aws:iam::1:role/tenant","base":` + federated + `}]}`, "", "no token", ""},
		"a refused token ends role chaining":          {`{"credentials":[{"source":"assume_role","role_arn":"arn:aws:iam::1:role/tenant","base":` + federated + `}]}`, "refused", "denied", "AssumeRoleWithWebIdentity uploads refused\n"},
		"claims that an earlier filter has verified":  {`{"claims_verified":true,"credentials":[{"source":"assume_role","role_arn":"` + role + `","session_name":"%CLAIM(sub)%","base":` + static + `}]}`, ann, "K1-ann", "AssumeRole uploads ann\n"},
		"such a source needs a token too":             {`{"claims_verified":true,"credentials":[{"source":"assume_role","role_arn":"` + role + `","session_name":"%CLAIM(sub)%","base":` + static + `}]}`, "", "no token", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chain, _ := newChain(t, c.config)
			s := newSTS(t)
			token := c.token
			if token == "refused" {
				token = user("refused", time.Hour)
				s.refuse = token
			}
			if got := s.search(chain, token); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if asked := s.asked(); asked != c.asked {
				t.Errorf("asked\n%swant\n%s", asked, c.asked)
			}
		})
	}
}

// asked lists the calls: action, role, session name, and what else was named.
func (s *sts) asked() string {
	var b strings.Builder
	for _, f := range s.calls {
		_, role, _ := strings.Cut(f.Get("RoleArn"), "role/")
		b.WriteString(f.Get("Action") + " " + role + " " + f.Get("RoleSessionName"))
		for _, p := range [...][2]string{
			{"ExternalId", "ext"}, {"Policy", "policy"}, {"PolicyArns.member.1.arn", "arns"}, {"DurationSeconds", "seconds"},
			{"Tags.member.1.Key", "tag"}, {"TransitiveTagKeys.member.1", "transitive"}, {"SourceIdentity", "source"},
		} {
			if v := f.Get(p[0]); v != "" {
				b.WriteString(" " + p[1] + "=" + v)
				if p[1] == "tag" {
					b.WriteString(":" + f.Get("Tags.member.1.Value"))
				}
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// The call is a POST of a form to the endpoint of the region; a call by keys is
// signed for it, as a verifier of its own sees, and one by token is not signed.
func TestCallout(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sts, cluster, authority, region string
	}{
		"the region's endpoint":       {`{}`, "sts.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com", "eu-west-1"},
		"another region":              {`{"region":"cn-north-1"}`, "sts.cn-north-1.amazonaws.com.cn", "sts.cn-north-1.amazonaws.com.cn", "cn-north-1"},
		"the global endpoint":         {`{"endpoint":"global"}`, "sts.amazonaws.com", "sts.amazonaws.com", "us-east-1"},
		"an endpoint of another kind": {`{"cluster":"minio","authority":"minio:9000","region":"local","path":"/?a=b"}`, "minio", "minio:9000", "local"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chain, _ := newChain(t, `{"sts":`+c.sts+`,"credentials":[{"source":"assume_role","role_arn":"`+role+`","base":{"source":"static","access_key_id":"BASE","secret_access_key":"base-secret","session_token":"base-token"}}]}`)
			s := newSTS(t)
			_, ask := chain.Get(&aws.Query{Message: hosttest.Request("GET", "/"), Now: hosttest.Now})
			call := ask.Callout
			if call.Cluster != c.cluster || call.Authority != c.authority || call.Method != "POST" || call.Timeout != 5*time.Second || call.Flight == "" {
				t.Errorf("called %+v", call)
			}
			path, query, _ := strings.Cut(call.Path, "?")
			r := sigv4.Request{Method: call.Method, Path: path, RawQuery: query, Host: call.Authority, Headers: call.Headers, Body: call.Body}
			v := sigv4.Verifier{Service: "sts", Region: c.region, Lookup: func(id, token string) (string, error) {
				if id != "BASE" || token != "base-token" {
					return "", errors.New("another key")
				}
				return "base-secret", nil
			}}
			if _, err := v.Verify(&r, hosttest.Now); err != nil {
				t.Errorf("the signature: %v", err)
			}

			web, _ := newChain(t, `{"sts":`+c.sts+`,"credentials":[{"source":"web_identity","role_arn":"`+role+`"}]}`)
			s.search(web, user("ann", time.Hour))
			for _, h := range s.last.Headers {
				if h[0] != "content-type" && h[0] != "accept" {
					t.Errorf("a call by token carries %s", h[0])
				}
			}
		})
	}
}

// What one user was given is no other's: neither by another token of the same
// role, nor by the same claims in another token, nor by a forged one.
func TestSessionsDoNotMix(t *testing.T) {
	t.Parallel()
	chain, host := newChain(t, perUser)
	s := newSTS(t)
	ann, bob := user("ann", time.Hour), user("bob", time.Hour)
	annAgain := user("ann", 2*time.Hour)
	forged := strings.TrimSuffix(ann, "c2ln") + "Zm9yZ2Vk"
	s.refuse = forged
	for i, step := range []struct{ token, want string }{
		{ann, "K1-ann"}, {bob, "K2-bob"}, {ann, "K1-ann"}, {bob, "K2-bob"},
		{annAgain, "K3-ann"}, {forged, "denied"}, {ann, "K1-ann"}, {forged, "denied"}, {annAgain, "K3-ann"},
	} {
		if got := s.search(chain, step.token); got != step.want {
			t.Errorf("step %d: got %s, want %s", i, got, step.want)
		}
	}
	if len(s.calls) != 4 || host.Counts["misses"] != 4 || host.Counts["hits"] != 5 {
		t.Errorf("%d calls, counts %v", len(s.calls), host.Counts)
	}
}

// A session is found again only for the very role, name, policy and tags.
func TestSessionsDependOnTheRequest(t *testing.T) {
	t.Parallel()
	chain, _ := newChain(t, `{"credentials":[{"source":"web_identity","role_arn":"arn:aws:iam::1:role/%REQ(x-a)%-%CLAIM(sub)%-%REQ(x-b)%","session_name":"s-%REQ(x-c)%"}]}`)
	s := newSTS(t)
	ann := user("ann", time.Hour)
	for i, step := range []struct{ a, b, c, want string }{
		{"x", "y", "1", "K1-s-1"}, {"x", "y", "2", "K2-s-2"}, {"x", "y", "1", "K1-s-1"},
		{"x-", "y", "1", "K3-s-1"}, {"x", "-y", "1", "K4-s-1"}, {"x-ann-ann", "", "1", "K5-s-1"}, {"x", "ann-", "1", "K6-s-1"},
	} {
		if got := s.search(chain, ann, "x-a: "+step.a, "x-b: "+step.b, "x-c: "+step.c); got != step.want {
			t.Errorf("step %d: got %s, want %s", i, got, step.want)
		}
	}
}

// clockwork is a search at a time after the start.
type clockwork struct {
	at     time.Duration
	answer string // of STS: "" grants
	want   string
	calls  int // in all
}

func (s *sts) run(t *testing.T, chain *aws.Chain, token string, steps []clockwork) {
	t.Helper()
	for i, step := range steps {
		s.now, s.answer = hosttest.Now.Add(step.at), nil
		switch step.answer {
		case "":
		case "reset":
			s.answer = &filter.CalloutResult{Failure: filter.Unreachable}
		case "503":
			s.answer = &filter.CalloutResult{Status: 503}
		case "refused":
			s.answer = &filter.CalloutResult{Status: 403, Body: []byte("<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")}
		case "403 of a firewall":
			s.answer = &filter.CalloutResult{Status: 403, Body: []byte("<html>Forbidden</html>")}
		case "431":
			s.answer = &filter.CalloutResult{Status: 431}
		default:
			s.answer = &filter.CalloutResult{Status: 200, Body: []byte(step.answer)}
		}
		if got := s.search(chain, token); got != step.want {
			t.Errorf("step %d (%v): got %s, want %s", i, step.at, got, step.want)
		}
		if len(s.calls) != step.calls {
			t.Errorf("step %d (%v): %d calls, want %d", i, step.at, len(s.calls), step.calls)
		}
	}
}

func TestLifeOfASession(t *testing.T) {
	t.Parallel()
	const m, s = time.Minute, time.Second
	for name, c := range map[string]struct {
		config string
		token  string
		steps  []clockwork
	}{
		"it is renewed ahead of its end, and not used in its last seconds": {perUser, user("ann", 12*time.Hour), []clockwork{
			{0, "", "K1-ann", 1}, {54 * m, "", "K1-ann", 1}, {56 * m, "", "K2-ann", 2}, {60 * m, "", "K2-ann", 2},
		}},
		"it stays in use while renewing fails, and not longer": {perUser, user("ann", 12*time.Hour), []clockwork{
			{0, "", "K1-ann", 1}, {56 * m, "reset", "K1-ann", 2}, {56*m + 500*time.Millisecond, "reset", "K1-ann", 2}, {58 * m, "503", "K1-ann", 3},
			{59*m + 20*s, "{", "K1-ann", 4}, {59*m + 31*s, "reset", "failed", 5}, {59*m + 32*s, "", "K6-ann", 6},
		}},
		"a refusal ends it at once": {perUser, user("ann", 12*time.Hour), []clockwork{
			{0, "", "K1-ann", 1}, {56 * m, "refused", "denied", 2}, {56*m + s, "", "denied", 2}, {56*m + 6*s, "", "K3-ann", 3},
		}},
		"what is no word of STS's does not end it": {perUser, user("ann", 12*time.Hour), []clockwork{
			{0, "431", "erring", 1}, {0, "", "K2-ann", 2}, {56 * m, "431", "K2-ann", 3}, {57 * m, "403 of a firewall", "K2-ann", 4}, {58 * m, "", "K5-ann", 5},
		}},
		"max_age counts from the token's answer, also by way of another role": {`{"sessions":{"max_age":"20m"},"credentials":[{"source":"assume_role","role_arn":"` + role + `","session_name":"%CLAIM(sub)%","base":{"source":"web_identity","role_arn":"` + role + `"}}]}`, user("ann", 12*time.Hour), []clockwork{
			{0, "", "K2-ann", 2}, {14 * m, "", "K2-ann", 2}, {19*m + 29*s, "reset", "K2-ann", 4}, {19*m + 31*s, "refused", "denied", 5},
		}},
		"it ends with its token": {perUser, user("ann", 10*time.Minute), []clockwork{
			{0, "", "K1-ann", 1}, {7 * m, "", "K1-ann", 1}, {9*m + 45*s, "", "K2-ann", 2}, {10 * m, "", "expired", 2},
		}},
		"it ends with max_age": {`{"sessions":{"max_age":"10m"},"credentials":[{"source":"web_identity","role_arn":"` + role + `"}]}`, user("ann", 12*time.Hour), []clockwork{
			{0, "", "K1-ann", 1}, {7 * m, "", "K1-ann", 1}, {9*m + 45*s, "refused", "denied", 2},
		}},
		"an opaque token's is asked for again after its time": {`{"opaque_token_ttl":"5m","credentials":[{"source":"web_identity","session_name":"all","role_arn":"` + role + `"}]}`, "opaque", []clockwork{
			{0, "", "K1-all", 1}, {3 * m, "", "K1-all", 1}, {5 * m, "refused", "denied", 2},
		}},
		"without negative_ttl each request asks": {`{"sessions":{"negative_ttl":"0s"},"credentials":[{"source":"web_identity","role_arn":"` + role + `"}]}`, user("ann", time.Hour), []clockwork{
			{0, "refused", "denied", 1}, {0, "refused", "denied", 2}, {0, "", "K3-ann", 3},
		}},
		"failures are not kept": {perUser, user("ann", time.Hour), []clockwork{
			{0, "reset", "failed", 1}, {0, "503", "erring", 2}, {0, "nothing", "bad reply", 3}, {0, "", "K4-ann", 4},
		}},
		"the proxy's own is renewed at use where nothing ticks": {`{"credentials":[{"source":"assume_role","role_arn":"` + role + `","base":{"source":"environment"}}]}`, "", []clockwork{
			{0, "", "K1-gatehouse", 1}, {54 * m, "", "K1-gatehouse", 1}, {56 * m, "", "K2-gatehouse", 2},
		}},
		"a chained session is renewed by both": {`{"credentials":[{"source":"assume_role","role_arn":"` + role + `","session_name":"%CLAIM(sub)%","base":{"source":"web_identity","role_arn":"` + role + `"}}]}`, user("ann", 12*time.Hour), []clockwork{
			{0, "", "K2-ann", 2}, {54 * m, "", "K2-ann", 2}, {56 * m, "", "K4-ann", 4},
		}},
		"a refused token ends a chained session": {`{"credentials":[{"source":"assume_role","role_arn":"` + role + `","session_name":"%CLAIM(sub)%","base":{"source":"web_identity","role_arn":"` + role + `"}}]}`, user("ann", 12*time.Hour), []clockwork{
			{0, "", "K2-ann", 2}, {56 * m, "refused", "denied", 3}, {56*m + s, "refused", "denied", 3},
		}},
		"a chained session stays in use while renewing its base fails": {`{"credentials":[{"source":"assume_role","role_arn":"` + role + `","session_name":"%CLAIM(sub)%","base":{"source":"web_identity","role_arn":"` + role + `"}}]}`, user("ann", 12*time.Hour), []clockwork{
			{0, "", "K2-ann", 2}, {59*m + 10*s, "reset", "K2-ann", 4},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chain, _ := newChain(t, c.config)
			newSTS(t).run(t, chain, c.token, c.steps)
		})
	}
}

// The tick renews the proxy's own sessions, so that requests never wait.
func TestTick(t *testing.T) {
	t.Parallel()
	const m = time.Minute
	chain, _ := newChain(t, `{"credentials":[{"source":"assume_role","role_arn":"`+role+`","base":{"source":"environment"}}]}`)
	if chain.TickPeriod() != time.Second {
		t.Fatalf("ticks every %v", chain.TickPeriod())
	}
	s := newSTS(t)
	tick := func(at time.Duration, refuse bool) {
		s.now, s.answer = hosttest.Now.Add(at), nil
		if refuse {
			s.answer = &filter.CalloutResult{Failure: filter.Timeout}
		}
		for ask := chain.Due(s.now); ask != nil; {
			res := s.ask(ask.Callout)
			_, ask = ask.Answer(&res)
		}
	}
	get := func(at time.Duration, want string, calls int) {
		t.Helper()
		s.now, s.answer = hosttest.Now.Add(at), nil
		if got := s.search(chain, ""); got != want || len(s.calls) != calls {
			t.Errorf("at %v: got %s after %d calls, want %s after %d", at, got, len(s.calls), want, calls)
		}
	}
	tick(0, false)
	get(0, "K1-gatehouse", 1)
	get(56*m, "K1-gatehouse", 1) // due, but that is the tick's
	tick(56*m, true)
	get(56*m, "K1-gatehouse", 2)
	tick(56*m+500*time.Millisecond, false) // too soon after a failure
	get(56*m, "K1-gatehouse", 2)
	tick(57*m, false)
	get(57*m, "K3-gatehouse", 3)
	tick(58*m, false)
	get(58*m, "K3-gatehouse", 3)

	none, _ := newChain(t, perUser)
	if none.TickPeriod() != 0 || none.Due(hosttest.Now) != nil {
		t.Error("users' sessions are renewed without them")
	}
}

// Requests that ask the same at the same time share one call, and get what it
// brought without asking again.
func TestSingleFlight(t *testing.T) {
	t.Parallel()
	chain, _ := newChain(t, perUser)
	s := newSTS(t)
	get := func(token string) *aws.Ask {
		_, ask := chain.Get(&aws.Query{Message: hosttest.Request("GET", "/"), Token: token, Now: hosttest.Now})
		return ask
	}
	ann, bob := user("ann", time.Hour), user("bob", time.Hour)
	leader, waiter, other := get(ann), get(ann), get(bob)
	if leader.Callout.Flight != waiter.Callout.Flight || leader.Callout.Flight == other.Callout.Flight {
		t.Error("the wrong ones share a call")
	}
	res := s.ask(leader.Callout)
	first, _ := leader.Answer(&res)
	res.Waited = true
	second, next := waiter.Answer(&res)
	if next != nil || say(first) != "K1-ann" || say(second) != "K1-ann" || second.From != filter.CacheCoalesced || first.From != filter.CacheMiss {
		t.Errorf("got %v (%s), then %v (%s)", first, first.From, second, second.From)
	}
	// Near the end one renews, the others go on with what there is.
	now := hosttest.Now.Add(56 * time.Minute)
	if a, ask := chain.Get(&aws.Query{Message: hosttest.Request("GET", "/"), Token: ann, Now: now}); ask == nil || a.Problem != aws.None {
		t.Error("nobody renews")
	}
	if a, ask := chain.Get(&aws.Query{Message: hosttest.Request("GET", "/"), Token: ann, Now: now}); ask != nil || say(a) != "K1-ann" {
		t.Error("a second one waits for the renewal")
	}
}

// Workers share sessions by Envoy's shared data, if told so.
func TestSharedSessions(t *testing.T) {
	t.Parallel()
	const shared = `{"sessions":{"shared":true,"shared_slots":64},"credentials":[{"source":"web_identity","role_arn":"` + role + `"}]}`
	host := hosttest.NewHost()
	one, two := chainOn(t, shared, host), chainOn(t, shared, host)
	s := newSTS(t)
	ann := user("ann", 12*time.Hour)
	s.search(one, ann)
	s.run(t, two, ann, []clockwork{{0, "", "K1-ann", 1}, {time.Minute, "", "K1-ann", 1}, {56 * time.Minute, "", "K2-ann", 2}})
	if host.Counts["shared"] != 1 {
		t.Errorf("%d hits in the shared cache, want 1", host.Counts["shared"])
	}
	bad := user("bad", time.Hour)
	s.refuse, s.now = bad, hosttest.Now
	if s.search(one, bad) != "denied" || s.search(two, bad) != "denied" || len(s.calls) != 3 {
		t.Error("a refusal is not shared")
	}
	// Another configuration shares nothing, and by default nobody does.
	other := chainOn(t, strings.Replace(shared, "uploads", "others", 1), host)
	if got := s.search(other, ann); got != "K4-ann" {
		t.Errorf("another configuration got %s", got)
	}
	// Nor does one whose keys are others, also where they stand in the environment.
	const proxy = `{"sessions":{"shared":true,"shared_slots":64},"credentials":[{"source":"assume_role","role_arn":"` + role + `","session_name":"%REQ(x)%","base":{"source":"environment"}}]}`
	calls := len(s.calls)
	for i, key := range []string{"a", "b", "a"} {
		s.search(chainIn(t, proxy, host, func(name string) (string, bool) { return name + key, true }), "", "x: y")
		if want := calls + min(i+1, 2); len(s.calls) != want {
			t.Errorf("%d: %d calls, want %d", i, len(s.calls), want)
		}
	}
	before := len(host.Store)
	s.search(chainOn(t, perUser, host), ann)
	if len(host.Store) != before {
		t.Error("sessions are shared without being told so")
	}
	for name, v := range host.Store {
		if strings.Contains(name+string(v.Value), ann) {
			t.Error("the store holds a token")
		}
	}
}

// A call that STS refuses for its time is made again by STS's.
func TestClockOfSTS(t *testing.T) {
	t.Parallel()
	chain, host := newChain(t, `{"credentials":[{"source":"assume_role","role_arn":"`+role+`","base":{"source":"environment"}}]}`)
	chain.Clock.Limit = time.Hour
	s := newSTS(t)
	_, ask := chain.Get(&aws.Query{Message: hosttest.Request("GET", "/"), Now: hosttest.Now})
	stamp := func() string {
		for _, h := range ask.Callout.Headers {
			if h[0] == "x-amz-date" {
				return h[1]
			}
		}
		return ""
	}
	if stamp() != "20220101T000000Z" {
		t.Fatalf("signed at %s", stamp())
	}
	refused := filter.CalloutResult{Status: 403, Now: s.now, Headers: [][2]string{{"date", "Sat, 01 Jan 2022 00:20:00 GMT"}},
		Body: []byte(`<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired</Message></Error></ErrorResponse>`)}
	_, ask = ask.Answer(&refused)
	if ask == nil || stamp() != "20220101T002000Z" || host.Counts["clock"] != 1 {
		t.Fatalf("not asked again by STS's clock: %v", host.Counts)
	}
	if a, again := ask.Answer(&refused); again != nil || say(a) != "denied" {
		t.Errorf("asked a third time, or got %s", say(a))
	}
}

// Sessions end by the clock that only STS turns back: where the local one is far
// ahead, those of STS are good all the same; an upstream's word makes none so.
func TestEndsByTheClockOfSTS(t *testing.T) {
	t.Parallel()
	const now, back = "Sat, 01 Jan 2022 00:00:00 GMT", "Fri, 31 Dec 2021 22:00:00 GMT"
	for name, c := range map[string]struct{ upstream, sts, want string }{
		"control: nobody's word":     {"", "", "bad reply"},
		"STS's word":                 {"", back, "K1-ann"},
		"an upstream's word":         {back, "", "bad reply"},
		"both":                       {back, back, "K1-ann"},
		"STS's word against another": {back, now, "bad reply"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chain, _ := newChain(t, perUser)
			chain.Clock.Limit = 24 * time.Hour
			chain.Clock.Observe(c.upstream, hosttest.Now)
			s := newSTS(t)
			_, ask := chain.Get(&aws.Query{Message: hosttest.Request("GET", "/"), Token: user("ann", time.Hour), Now: hosttest.Now})
			s.life = -time.Hour // by the local clock
			res := s.ask(ask.Callout)
			res.Headers = [][2]string{{"date", c.sts}}
			a, _ := ask.Answer(&res)
			if got := say(a); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// Nobody is locked out by a wrong time: what an upstream says ends nothing, what
// stands before STS has no say, and what STS itself said is asked again.
func TestAWrongTimeLocksNobodyOut(t *testing.T) {
	t.Parallel()
	const ahead = "Sat, 01 Jan 2022 02:00:00 GMT"
	refusal := []byte("<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")
	for name, c := range map[string]struct {
		upstream string
		sts      *filter.CalloutResult
	}{
		"an upstream's":            {ahead, nil},
		"that of a load balancer":  {"", &filter.CalloutResult{Status: 503, Headers: [][2]string{{"date", ahead}}}},
		"that of a firewall":       {"", &filter.CalloutResult{Status: 403, Body: []byte("no"), Headers: [][2]string{{"date", ahead}}}},
		"once, by STS itself":      {"", &filter.CalloutResult{Status: 403, Body: refusal, Headers: [][2]string{{"date", ahead}}}},
		"control: by nobody":       {"", nil},
		"control: without a date":  {"", &filter.CalloutResult{Status: 503}},
		"an upstream's and STS's ": {ahead, &filter.CalloutResult{Status: 403, Body: refusal, Headers: [][2]string{{"date", ahead}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chain, _ := newChain(t, perUser)
			chain.Clock.Limit = 24 * time.Hour
			s := newSTS(t)
			if got := s.search(chain, user("bob", time.Hour)); got != "K1-bob" {
				t.Fatal(got)
			}
			chain.Clock.Observe(c.upstream, hosttest.Now)
			if s.answer = c.sts; s.answer != nil {
				s.search(chain, user("eve", time.Hour))
			}
			real := &clockedSTS{s}
			s.answer = nil
			if bySTS := c.sts != nil && strings.Contains(string(c.sts.Body), "AccessDenied"); !bySTS {
				// An upstream's word is a reason to ask STS once.
				asked := len(s.calls)
				first := s.search(chain, user("bob", time.Hour))
				again := s.search(chain, user("bob", time.Hour))
				if want := asked + min(len(c.upstream), 1); len(s.calls) != want || first != again || c.upstream == "" && first != "K1-bob" {
					t.Errorf("a session was dropped for %s, then %s, by %d calls, want %d", first, again, len(s.calls), want)
				}
			}
			for _, sub := range []string{"ann", "bob"} {
				if got := real.search(chain, user(sub, time.Hour)); !strings.HasSuffix(got, "-"+sub) {
					t.Errorf("%s got %s", sub, got)
				}
			}
			if got := real.search(chain, user("ann", 0)); got != "expired" {
				t.Errorf("a token that has expired: %s", got)
			}
		})
	}
}

// Where the local clock is ahead, or was put right since STS said so, tokens and
// sessions end by STS's.
func TestEndsWhereTheLocalClockIsWrong(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) string { return hosttest.Now.Add(d).Format("Mon, 02 Jan 2006 15:04:05") + " GMT" }
	ask := func(c *aws.Chain, s *sts, token, date string) string {
		a, ask := c.Get(&aws.Query{Message: hosttest.Request("GET", "/"), Token: token, Now: s.now})
		for ask != nil {
			res := s.ask(ask.Callout)
			res.Headers = append(res.Headers, [2]string{"date", date})
			a, ask = ask.Answer(&res)
		}
		return say(a)
	}
	t.Run("ahead", func(t *testing.T) {
		t.Parallel()
		chain, _ := newChain(t, perUser)
		chain.Clock.Limit = 24 * time.Hour
		s := newSTS(t)
		if got := ask(chain, s, user("bob", time.Hour), at(-2*time.Hour)); got != "K1-bob" {
			t.Fatal(got)
		}
		if got := ask(chain, s, user("ann", -time.Hour), at(-2*time.Hour)); got != "K2-ann" {
			t.Errorf("a token that ends by the local clock alone: %s", got)
		}
		if got := ask(chain, s, user("eve", -2*time.Hour), at(-2*time.Hour)); got != "expired" {
			t.Errorf("a token that has ended by both: %s", got)
		}
	})
	t.Run("behind, after a machine has stood still", func(t *testing.T) {
		t.Parallel()
		chain, _ := newChain(t, perUser)
		chain.Clock.Limit = 24 * time.Hour
		s := newSTS(t)
		ann := user("ann", 15*time.Minute)
		if got := ask(chain, s, ann, at(0)); got != "K1-ann" {
			t.Fatal(got)
		}
		s.now = hosttest.Now.Add(5 * time.Minute)
		if !chain.Clock.Observe(at(25*time.Minute), s.now) {
			t.Fatal("not corrected")
		}
		s.refuse = ann // as STS does, whose clock is right
		if got := ask(chain, s, ann, at(25*time.Minute)); got != "denied" {
			t.Errorf("got %s for a token that has ended", got)
		}
	})
	t.Run("put right", func(t *testing.T) {
		t.Parallel()
		chain, _ := newChain(t, `{"credentials":[{"source":"assume_role","role_arn":"`+role+`","base":{"source":"environment"}}]}`)
		chain.Clock.Limit = 24 * time.Hour
		s := newSTS(t) // two hours ahead: the session ends an hour before this
		s.life = -time.Hour
		due := chain.Due(s.now)
		if due == nil {
			t.Fatal("nothing is due")
		}
		res := s.ask(due.Callout)
		res.Headers = [][2]string{{"date", at(-2 * time.Hour)}}
		if a, next := due.Answer(&res); next != nil || say(a) != "K1-gatehouse" {
			t.Fatal(say(a))
		}
		s.now = hosttest.Now.Add(-50 * time.Minute) // the right time now, ten minutes after the end
		if chain.Due(s.now) != nil {
			t.Fatal("renewed though nobody says what time it is")
		}
		chain.Clock.Observe(at(-50*time.Minute), s.now)
		if due = chain.Due(s.now); due == nil {
			t.Fatal("a session that has ended is not renewed")
		}
		s.life = time.Hour
		res = s.ask(due.Callout)
		res.Headers = [][2]string{{"date", at(-50 * time.Minute)}}
		if a, _ := due.Answer(&res); say(a) != "K2-gatehouse" {
			t.Error(say(a))
		}
		if chain.Due(s.now.Add(time.Second)) != nil {
			t.Error("renewed again")
		}
	})
}

// A token that is revoked lives on for max_age, also where its session is the base of
// others that begin later.
func TestMaxAgeByWayOfOtherRoles(t *testing.T) {
	t.Parallel()
	chain, _ := newChain(t, `{"sessions":{"max_age":"20m"},"credentials":[{"source":"assume_role","role_arn":"`+role+`","session_name":"%REQ(x)%","base":{"source":"web_identity","role_arn":"`+role+`"}}]}`)
	s := newSTS(t)
	ann := user("ann", 12*time.Hour)
	for _, step := range []struct {
		at    time.Duration
		x     string
		calls int
	}{
		{0, "a", 2}, {14 * time.Minute, "b", 3}, {14*time.Minute + time.Second, "b", 3}, {19*time.Minute + 50*time.Second, "b", 5},
	} {
		s.now = hosttest.Now.Add(step.at)
		if s.search(chain, ann, "x: "+step.x); len(s.calls) != step.calls {
			t.Errorf("after %s: %d calls, want %d", step.at, len(s.calls), step.calls)
		}
	}
}

// clockedSTS says the time.
type clockedSTS struct{ *sts }

func (s *clockedSTS) search(c *aws.Chain, token string) string {
	a, ask := c.Get(&aws.Query{Message: hosttest.Request("GET", "/"), Token: token, Now: s.now})
	for ask != nil {
		res := s.ask(ask.Callout)
		res.Headers = append(res.Headers, [2]string{"date", s.now.Format("Mon, 02 Jan 2006 15:04:05") + " GMT"})
		a, ask = ask.Answer(&res)
	}
	return say(a)
}

// Half a key in the environment is none.
func TestHalfAnEnvironment(t *testing.T) {
	t.Parallel()
	const config = `{"on_missing_token":"next","credentials":[{"source":"environment"},{"source":"static","access_key_id":"STATIC","secret_access_key":"s"}]}`
	for _, only := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		env := func(name string) (string, bool) { return map[bool]string{true: "x"}[name == only], name == only }
		if got := newSTS(t).search(chainIn(t, config, hosttest.NewHost(), env), ""); got != "STATIC" {
			t.Errorf("%s alone: %s", only, got)
		}
	}
}

// Credentials that requests were signed with are found by their key as long as they
// are in use, whoever else comes.
func TestAgain(t *testing.T) {
	t.Parallel()
	const config = `{"on_missing_token":"next","sessions":{"max_entries":20},"credentials":[{"source":"web_identity","role_arn":"` + role + `"},{"source":"assume_role","role_arn":"` + role + `","base":{"source":"environment"}},{"source":"static","access_key_id":"STATIC","secret_access_key":"s"}]}`
	chain, _ := newChain(t, config)
	chain.Retries = true
	s := newSTS(t)
	ann, own := s.search(chain, user("ann", time.Hour)), s.search(chain, "")
	for i := range 50 {
		s.search(chain, user("other"+strconv.Itoa(i), time.Hour))
		if s.search(chain, user("ann", time.Hour)) != ann || s.search(chain, "") != own {
			t.Fatal("a session in use was dropped")
		}
	}
	for id, want := range map[string]bool{ann: true, own: true, "STATIC": true, "ENV": false, "K3-other0": false, "": false} {
		c, ok := chain.Again(id, s.now)
		if ok != want || ok && c.AccessKeyID != id {
			t.Errorf("%q: %v %s", id, ok, c.AccessKeyID)
		}
	}
	if _, ok := chain.Again(ann, s.now.Add(time.Hour)); ok {
		t.Error("found after its end")
	}
	off, _ := newChain(t, perUser)
	if _, ok := off.Again(s.search(off, user("ann", time.Hour)), s.now); ok {
		t.Error("kept where nobody asks")
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) string { return hosttest.Now.Add(d).Format("Mon, 02 Jan 2006 15:04:05") + " GMT" }
	c := aws.Clock{Limit: time.Hour}
	for i, step := range []struct {
		date    string
		correct bool
		offset  time.Duration
	}{
		{at(3 * time.Minute), false, 0},
		{at(10 * time.Minute), true, 10 * time.Minute},
		{at(11 * time.Minute), false, 10 * time.Minute},
		{at(2 * time.Hour), false, 10 * time.Minute},
		{at(-30 * time.Minute), true, -30 * time.Minute},
		{"yesterday", false, -30 * time.Minute},
		{at(time.Second), true, 0},
	} {
		if got := c.Observe(step.date, hosttest.Now); got != step.correct || c.Now(hosttest.Now) != hosttest.Now.Add(step.offset) {
			t.Errorf("step %d: corrected %v, now %v off", i, got, c.Now(hosttest.Now).Sub(hosttest.Now))
		}
	}
	var never aws.Clock
	if never.Observe(at(10*time.Minute), hosttest.Now) {
		t.Error("corrected without a limit")
	}
}

// No log line holds a token or a key.
func TestLogsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	chain, host := newChain(t, perUser)
	s := newSTS(t)
	ann := user("ann", time.Hour)
	s.refuse = ann
	for range 20 {
		s.search(chain, ann)
		s.now = s.now.Add(6 * time.Second)
	}
	if n := len(host.Logs); n == 0 || n > 12 {
		t.Errorf("%d lines in two minutes", n)
	}
	for _, line := range host.Logs {
		if strings.Contains(line, ann) || !strings.Contains(line, "code AccessDenied") {
			t.Error(line)
		}
	}
}
