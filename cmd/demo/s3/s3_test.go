package s3

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-proxy/gatehouse/e2e"
	"github.com/gatehouse-proxy/gatehouse/sigv4"
	"github.com/gatehouse-proxy/gatehouse/sigv4/credentials"
)

const (
	testRole   = "arn:aws:iam::123456789012:role/uploads"
	testRegion = "us-east-1"
)

var testNow = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// world is a store with its identity provider, at a fixed time.
type world struct {
	t      *testing.T
	store  *Store
	issuer *e2e.Issuer
	now    time.Time
}

func newWorld(t *testing.T, limits Limits) *world {
	t.Helper()
	w := &world{t: t, now: testNow}
	var err error
	if w.issuer, err = e2e.NewIssuer(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.issuer.Close(); err != nil {
			t.Error(err)
		}
	})
	tokens, err := Discover(t.Context(), w.issuer.URL(), "uploads-gateway")
	if err != nil {
		t.Fatal(err)
	}
	w.store = New(Options{Region: testRegion, Bucket: "uploads", RoleARN: testRole, Tokens: tokens, Limits: limits, Now: func() time.Time { return w.now }})
	return w
}

func (w *world) token(subject string, changes ...e2e.Node) string {
	w.t.Helper()
	claims := e2e.Node{"sub": subject, "aud": "uploads-gateway", "exp": testNow.Add(time.Hour).Unix()}
	for _, c := range changes {
		for name, value := range c {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
		}
	}
	token, err := w.issuer.Token(claims)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// answer is one that has come, headers as they were sent.
type answer = httptest.ResponseRecorder

func (w *world) serve(r *http.Request) *answer {
	recorder := httptest.NewRecorder()
	w.store.ServeHTTP(recorder, r)
	return recorder
}

func (w *world) sts(form string) *answer {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form))
	r.Header.Set("Content-Type", credentials.ContentType)
	return w.serve(r)
}

func (w *world) session(subject string) sigv4.Credentials {
	w.t.Helper()
	form, err := credentials.WebIdentity{RoleARN: testRole, SessionName: credentials.SessionName(subject), Token: w.token(subject)}.Form()
	if err != nil {
		w.t.Fatal(err)
	}
	resp := w.sts(form)
	got, err := credentials.Parse(credentials.ActionWebIdentity, resp.Code, resp.Body.Bytes())
	if err != nil {
		w.t.Fatal(err)
	}
	if got.Subject != subject || !got.Expires.Equal(testNow.Add(time.Hour)) {
		w.t.Fatalf("a session of %q until %s", got.Subject, got.Expires)
	}
	return got.Credentials
}

// call is a request of a client that signs. Between signing and sending, tamper
// may change it.
type call struct {
	method, target, body string
	headers              [][2]string
	payload              string // "": the body's hash
	query                bool   // sign the query
	region               string
	tamper               func(*http.Request)
}

func (w *world) do(c sigv4.Credentials, x call) *answer {
	w.t.Helper()
	if x.region == "" {
		x.region = testRegion
	}
	signer, err := sigv4.NewSigner(sigv4.OptionsFor("s3"))
	if err != nil {
		w.t.Fatal(err)
	}
	path, query, _ := strings.Cut(x.target, "?")
	request := sigv4.Request{Method: x.method, Path: path, RawQuery: query, Host: "s3.example.org", Headers: x.headers, Body: []byte(x.body), PayloadHash: x.payload}
	sign := signer.SignHeaders
	if x.query {
		sign = signer.SignQuery
	}
	var signed sigv4.Signed
	if err := sign(&signed, &request, c, sigv4.Scope{Service: "s3", Region: x.region, Time: testNow}); err != nil {
		w.t.Fatal(err)
	}
	request = signed.Apply(request)
	target := path
	if request.RawQuery != "" {
		target += "?" + request.RawQuery
	}
	r := httptest.NewRequest(x.method, target, strings.NewReader(x.body))
	r.Host = "s3.example.org"
	for _, h := range request.Headers {
		r.Header.Add(h[0], h[1])
	}
	if x.tamper != nil {
		x.tamper(r)
	}
	return w.serve(r)
}

// want compares status and S3's code; "" wants no error.
func want(t *testing.T, resp *answer, status int, code string) string {
	t.Helper()
	body := resp.Body.String()
	got := struct {
		Code      string
		RequestID string `xml:"RequestId"`
		Nested    string `xml:"Error>Code"` // of STS
	}{}
	if code != "" {
		if err := xml.Unmarshal([]byte(body), &got); err != nil || got.RequestID == "" {
			t.Errorf("no XML with a request's id (%v): %s", err, body)
		}
	}
	if resp.Code != status || got.Code+got.Nested != code {
		t.Errorf("status %d, want %d with %q: %s", resp.Code, status, code, body)
	}
	return body
}

func TestTokensAreExchangedOnlyIfGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{})
	other := newWorld(t, Limits{})
	good := w.token("ann")
	parts := strings.Split(good, ".")
	form := func(token string) url.Values {
		return url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {testRole}, "RoleSessionName": {"ann"}, "WebIdentityToken": {token}}
	}
	with := func(name, value string) url.Values {
		f := form(good)
		f.Set(name, value)
		return f
	}
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, x := range map[string]struct {
		form   url.Values
		status int
		code   string
	}{
		"a good token":                           {form(good), 200, ""},
		"an audience among others":               {form(w.token("ann", e2e.Node{"aud": []string{"x", "uploads-gateway"}})), 200, ""},
		"an expired token":                       {form(w.token("ann", e2e.Node{"exp": testNow.Unix()})), 400, "ExpiredTokenException"},
		"an expired token for another audience":  {form(w.token("ann", e2e.Node{"exp": 1, "aud": "x"})), 400, "InvalidIdentityToken"},
		"a token without an end":                 {form(w.token("ann", e2e.Node{"exp": nil})), 400, "InvalidIdentityToken"},
		"a token that is not valid yet":          {form(w.token("ann", e2e.Node{"nbf": testNow.Unix() + 1})), 400, "InvalidIdentityToken"},
		"a token for another audience":           {form(w.token("ann", e2e.Node{"aud": "x"})), 400, "InvalidIdentityToken"},
		"a token without an audience":            {form(w.token("ann", e2e.Node{"aud": nil})), 400, "InvalidIdentityToken"},
		"a token of another issuer":              {form(w.token("ann", e2e.Node{"iss": "https://login.example.org"})), 400, "InvalidIdentityToken"},
		"a token for nobody":                     {form(w.token("")), 400, "InvalidIdentityToken"},
		"a token of another key":                 {form(other.token("ann", e2e.Node{"iss": w.issuer.URL()})), 400, "InvalidIdentityToken"},
		"other claims under the same signature":  {form(parts[0] + "." + encode(`{"sub":"bob"}`) + "." + parts[2]), 400, "InvalidIdentityToken"},
		"no signature":                           {form(encode(`{"alg":"none"}`) + "." + parts[1] + "."), 400, "InvalidIdentityToken"},
		"an HMAC by what everybody knows":        {form(encode(`{"alg":"HS256","kid":"1"}`) + "." + parts[1] + "." + parts[2]), 400, "InvalidIdentityToken"},
		"a signature of zeros":                   {form(parts[0] + "." + parts[1] + "." + encode(strings.Repeat("\x00", 64))), 400, "InvalidIdentityToken"},
		"an unknown key's name":                  {form(encode(`{"alg":"ES256","kid":"2"}`) + "." + parts[1] + "." + parts[2]), 400, "InvalidIdentityToken"},
		"no JWT":                                 {form("token-1"), 400, "InvalidIdentityToken"},
		"another role":                           {with("RoleArn", testRole+"2"), 403, "AccessDenied"},
		"a life that is too long":                {with("DurationSeconds", "43201"), 400, "ValidationError"},
		"a life that is too short":               {with("DurationSeconds", "899"), 400, "ValidationError"},
		"a session name that STS would not take": {with("RoleSessionName", "a b"), 400, "ValidationError"},
		"a policy, which would not be heeded":    {with("Policy", "{}"), 400, "ValidationError"},
		"another action":                         {with("Action", "AssumeRole"), 400, "InvalidAction"},
		"a form without end":                     {with("WebIdentityToken", strings.Repeat("x", maxForm)), 400, "ValidationError"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := want(t, w.sts(x.form.Encode()), x.status, x.code)
			if strings.Contains(body, "SecretAccessKey") != (x.code == "") || strings.Contains(body, parts[2]) {
				t.Errorf("answered %s", body)
			}
		})
	}
}

func TestObjectsComeBackAsTheyWerePut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{})
	ann := w.session("ann")
	for name, x := range map[string]call{
		"a hashed body":         {target: "/uploads/ann/a%20b%2Bc%2Fd/%C3%A9?x-id=PutObject"},
		"an unsigned body":      {target: "/uploads/ann/unsigned", payload: sigv4.UnsignedPayload},
		"a presigned request":   {target: "/uploads/ann/presigned", payload: sigv4.UnsignedPayload, query: true},
		"a key with odd slashs": {target: "/uploads/ann//x/../y/."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x.method, x.body, x.headers = "PUT", "hello, "+name, [][2]string{{"content-type", "text/plain"}, {"x-amz-meta-owner", "Ann"}}
			etag := w.do(ann, x)
			want(t, etag, 200, "")
			resp := w.do(ann, call{method: "GET", target: x.target})
			if got := want(t, resp, 200, ""); got != x.body {
				t.Errorf("got %q", got)
			}
			h := resp.Header()
			if h.Get("Content-Type") != "text/plain" || h.Get("X-Amz-Meta-Owner") != "Ann" || h.Get("Etag") != etag.Header().Get("Etag") || len(h.Get("Etag")) != 34 {
				t.Errorf("headers %v", h)
			}
			resp = w.do(ann, call{method: "HEAD", target: x.target})
			if got := want(t, resp, 200, ""); got != "" || resp.Header().Get("Content-Length") != fmt.Sprint(len(x.body)) {
				t.Errorf("HEAD: %q, headers %v", got, resp.Header())
			}
			want(t, w.do(ann, call{method: "DELETE", target: x.target}), 204, "")
			want(t, w.do(ann, call{method: "DELETE", target: x.target}), 204, "")
			want(t, w.do(ann, call{method: "GET", target: x.target}), 404, "NoSuchKey")
			if got := w.do(ann, call{method: "HEAD", target: x.target}).Body.String(); got != "" {
				t.Errorf("a body in the answer to HEAD: %q", got)
			}
		})
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{})
	ann := w.session("ann")
	want(t, w.do(ann, call{method: "PUT", target: "/uploads/ann/x", body: "0123456789"}), 200, "")
	for text, x := range map[string]struct {
		status       int
		body, range_ string
	}{
		"bytes=0-3":                    {206, "0123", "bytes 0-3/10"},
		"bytes=8-":                     {206, "89", "bytes 8-9/10"},
		"bytes=-3":                     {206, "789", "bytes 7-9/10"},
		"bytes=-30":                    {206, "0123456789", "bytes 0-9/10"},
		"bytes=5-99999999999999999999": {206, "56789", "bytes 5-9/10"},
		"bytes=10-":                    {416, "", ""},
		"bytes=-0":                     {416, "", ""},
		"bytes=3-1":                    {200, "0123456789", ""},
		"bytes=0-1,3-4":                {200, "0123456789", ""},
		"bytes=a-b":                    {200, "0123456789", ""},
		"lines=0-1":                    {200, "0123456789", ""},
	} {
		resp := w.do(ann, call{method: "GET", target: "/uploads/ann/x", headers: [][2]string{{"range", text}}})
		code := ""
		if x.status == 416 {
			code = "InvalidRange"
		}
		if body := want(t, resp, x.status, code); code == "" && body != x.body || resp.Header().Get("Content-Range") != x.range_ {
			t.Errorf("%s: %q, %v", text, body, resp.Header())
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{})
	ann := w.session("ann")
	for _, key := range []string{"ann/b/1", "ann/a", "ann/b/2", "ann/c%20%26d", "ann/b0"} {
		want(t, w.do(ann, call{method: "PUT", target: "/uploads/" + key, body: "x"}), 200, "")
	}
	for name, x := range map[string]struct{ query, keys, groups string }{
		"all, in order":      {"prefix=ann/", "ann/a ann/b/1 ann/b/2 ann/b0 ann/c &d", ""},
		"grouped":            {"prefix=ann/&delimiter=/", "ann/a ann/b0 ann/c &d", "ann/b/"},
		"a narrower prefix":  {"prefix=ann/b", "ann/b/1 ann/b/2 ann/b0", ""},
		"nothing there":      {"prefix=ann/z", "", ""},
		"after a key":        {"prefix=ann/&start-after=ann/b/1", "ann/b/2 ann/b0 ann/c &d", ""},
		"escaped":            {"prefix=ann/c&encoding-type=url", "ann/c%20%26d", ""},
		"none wanted":        {"prefix=ann/&max-keys=0", "", ""},
		"the bucket's slash": {"prefix=ann/a", "ann/a", ""},
	} {
		for _, size := range []string{"", "&max-keys=1", "&max-keys=2"} {
			if strings.Contains(x.query, "max-keys") && size != "" {
				continue
			}
			var keys, groups []string
			token := ""
			for pages := 0; ; pages++ {
				target := "/uploads/?list-type=2&" + x.query + size
				if token != "" {
					target += "&continuation-token=" + url.QueryEscape(token)
				}
				var got page
				if err := xml.Unmarshal([]byte(want(t, w.do(ann, call{method: "GET", target: target}), 200, "")), &got); err != nil {
					t.Fatal(err)
				}
				for _, e := range got.Contents {
					keys = append(keys, e.Key)
				}
				for _, g := range got.Common {
					groups = append(groups, g.Prefix)
				}
				if token = got.Next; got.Truncated != (token != "") || got.KeyCount != len(got.Contents)+len(got.Common) || pages > 9 {
					t.Fatalf("%s: page %d: %+v", name, pages, got)
				}
				if token == "" {
					break
				}
			}
			if strings.Join(keys, " ") != x.keys || strings.Join(groups, " ") != x.groups {
				t.Errorf("%s%s: keys %q, groups %q", name, size, keys, groups)
			}
		}
	}
}

func TestUsersAreKeptApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{})
	ann, bob := w.session("ann"), w.session("bob")
	want(t, w.do(ann, call{method: "PUT", target: "/uploads/ann/secret", body: "x"}), 200, "")
	for name, x := range map[string]call{
		"reads":                   {method: "GET", target: "/uploads/ann/secret"},
		"looks":                   {method: "GET", target: "/uploads/ann/none"},
		"writes":                  {method: "PUT", target: "/uploads/ann/secret", body: "y"},
		"deletes":                 {method: "DELETE", target: "/uploads/ann/secret"},
		"escapes a letter":        {method: "GET", target: "/uploads/%61nn/secret"},
		"goes through his folder": {method: "GET", target: "/uploads/../uploads/ann/secret"},
		"lists hers":              {method: "GET", target: "/uploads?list-type=2&prefix=ann/"},
		"lists all":               {method: "GET", target: "/uploads?list-type=2"},
		"lists by a part":         {method: "GET", target: "/uploads?list-type=2&prefix=bob"},
		"lists the buckets":       {method: "GET", target: "/"},
		"writes beside folders":   {method: "PUT", target: "/uploads/bob", body: "y"},
	} {
		t.Run(name, func(t *testing.T) { want(t, w.do(bob, x), 403, "AccessDenied") })
	}
	mixed := bob
	mixed.SessionToken = ann.SessionToken
	want(t, w.do(mixed, call{method: "GET", target: "/uploads/ann/secret"}), 400, "InvalidToken")
	mixed = ann
	mixed.SecretAccessKey = bob.SecretAccessKey
	want(t, w.do(mixed, call{method: "GET", target: "/uploads/ann/secret"}), 403, "SignatureDoesNotMatch")
	if got := want(t, w.do(ann, call{method: "GET", target: "/uploads/ann/secret"}), 200, ""); got != "x" {
		t.Errorf("got %q", got)
	}
}

func TestBadRequestsAreRefusedAsByS3(t *testing.T) {
	t.Parallel()
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) {
			if r.Header.Set(name, value); value == "" {
				r.Header.Del(name)
			}
		}
	}
	put := func(tamper func(*http.Request)) call {
		return call{method: "PUT", target: "/uploads/ann/x", body: "hello", tamper: tamper}
	}
	for name, x := range map[string]struct {
		call
		after  time.Duration
		status int
		code   string
	}{
		"no signature":                 {call: put(header("Authorization", "")), status: 403, code: "AccessDenied"},
		"another scheme":               {call: put(header("Authorization", "Bearer x")), status: 400, code: "AuthorizationHeaderMalformed"},
		"another region":               {call: call{method: "GET", target: "/uploads/ann/x", region: "eu-west-1"}, status: 400, code: "AuthorizationHeaderMalformed"},
		"another method":               {call: put(func(r *http.Request) { r.Method = "DELETE" }), status: 403, code: "SignatureDoesNotMatch"},
		"another key":                  {call: put(func(r *http.Request) { r.RequestURI = "/uploads/ann/y" }), status: 403, code: "SignatureDoesNotMatch"},
		"another query":                {call: put(func(r *http.Request) { r.RequestURI += "?tagging" }), status: 403, code: "SignatureDoesNotMatch"},
		"another host":                 {call: put(func(r *http.Request) { r.Host = "example.net" }), status: 403, code: "SignatureDoesNotMatch"},
		"a header added":               {call: put(header("X-Amz-Meta-Owner", "x")), status: 403, code: "AccessDenied"},
		"another body":                 {call: put(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("HELLO")) }), status: 400, code: "XAmzContentSHA256Mismatch"},
		"a body that ends early":       {call: put(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("hell")) }), status: 400, code: "IncompleteBody"},
		"a body without a length":      {call: put(func(r *http.Request) { r.ContentLength = -1 }), status: 411, code: "MissingContentLength"},
		"another MD5":                  {call: put(header("Content-Md5", "AAAAAAAAAAAAAAAAAAAAAA==")), status: 400, code: "BadDigest"},
		"a quarter of an hour late":    {call: put(nil), after: 15*time.Minute + time.Second, status: 403, code: "RequestTimeTooSkewed"},
		"a quarter of an hour early":   {call: put(nil), after: -15*time.Minute - time.Second, status: 403, code: "RequestTimeTooSkewed"},
		"after the presigned end":      {call: call{method: "GET", target: "/uploads/ann/x", payload: sigv4.UnsignedPayload, query: true}, after: 5*time.Minute + time.Second, status: 403, code: "AccessDenied"},
		"two signatures":               {call: call{method: "GET", target: "/uploads/ann/x", payload: sigv4.UnsignedPayload, query: true, tamper: header("Authorization", "AWS4-HMAC-SHA256 x")}, status: 400, code: "InvalidRequest"},
		"a body in chunks":             {call: call{method: "PUT", target: "/uploads/ann/x", payload: sigv4.StreamingUnsignedTrailer}, status: 501, code: "NotImplemented"},
		"another bucket":               {call: call{method: "GET", target: "/downloads/ann/x"}, status: 404, code: "NoSuchBucket"},
		"a copy":                       {call: call{method: "PUT", target: "/uploads/ann/x", headers: [][2]string{{"x-amz-copy-source", "/uploads/bob/x"}}}, status: 501, code: "NotImplemented"},
		"a condition":                  {call: call{method: "PUT", target: "/uploads/ann/x", headers: [][2]string{{"if-none-match", "*"}}}, status: 501, code: "NotImplemented"},
		"a part of an upload in parts": {call: call{method: "POST", target: "/uploads/ann/x?uploads"}, status: 501, code: "NotImplemented"},
		"another kind of list":         {call: call{method: "GET", target: "/uploads?prefix=ann/"}, status: 501, code: "NotImplemented"},
		"a list of no number of keys":  {call: call{method: "GET", target: "/uploads?list-type=2&prefix=ann/&max-keys=x"}, status: 400, code: "InvalidArgument"},
		"a method that S3 has not":     {call: call{method: "PATCH", target: "/uploads/ann/x"}, status: 405, code: "MethodNotAllowed"},
		"too long a key":               {call: call{method: "PUT", target: "/uploads/ann/" + strings.Repeat("x", maxKey)}, status: 400, code: "KeyTooLongError"},
		"too much metadata":            {call: call{method: "PUT", target: "/uploads/ann/x", headers: [][2]string{{"x-amz-meta-a", strings.Repeat("x", maxMetadata)}}}, status: 400, code: "MetadataTooLarge"},
		"no right escape":              {call: call{method: "GET", target: "/uploads/ann/x", tamper: func(r *http.Request) { r.RequestURI = "/uploads/ann/%zz" }}, status: 400, code: "InvalidRequest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Limits{})
			ann := w.session("ann")
			w.now = testNow.Add(x.after)
			body := want(t, w.do(ann, x.call), x.status, x.code)
			if strings.Contains(body, "StringToSign") != (x.code == "SignatureDoesNotMatch") || strings.Contains(body, ann.SecretAccessKey) {
				t.Errorf("answered %s", body)
			}
			w.now = testNow
			want(t, w.do(ann, call{method: "GET", target: "/uploads/ann/x"}), 404, "NoSuchKey")
			if w.store.objects.used != 0 {
				t.Errorf("%d bytes held", w.store.objects.used)
			}
		})
	}
	w := newWorld(t, Limits{})
	ann := w.session("ann")
	w.now = testNow.Add(time.Hour)
	w.store.verifier.MaxSkew = 2 * time.Hour
	want(t, w.do(ann, call{method: "GET", target: "/uploads/ann/x"}), 400, "ExpiredToken")
	stranger := sigv4.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"}
	want(t, w.do(stranger, call{method: "GET", target: "/uploads/ann/x"}), 403, "InvalidAccessKeyId")
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Limits{Object: 10, Total: 25, Objects: 3, Sessions: 2})
	ann := w.session("ann")
	put := func(key string, size int) *answer {
		return w.do(ann, call{method: "PUT", target: "/uploads/ann/" + key, body: strings.Repeat("x", size)})
	}
	want(t, put("a", 11), 400, "EntityTooLarge")
	want(t, put("a", 10), 200, "")
	want(t, put("b", 10), 200, "")
	want(t, put("c", 6), 503, "SlowDown")
	want(t, put("b", 2), 200, "") // what it replaces is free again
	want(t, put("c", 6), 200, "")
	want(t, put("d", 1), 503, "SlowDown")
	want(t, w.do(ann, call{method: "DELETE", target: "/uploads/ann/a"}), 204, "")
	want(t, put("d", 10), 200, "")

	w.session("bob")
	form, err := credentials.WebIdentity{RoleARN: testRole, SessionName: "cy", Token: w.token("cy")}.Form()
	if err != nil {
		t.Fatal(err)
	}
	want(t, w.sts(form), 400, "Throttling")
	w.now = testNow.Add(time.Hour + time.Second)
	form, err = credentials.WebIdentity{RoleARN: testRole, SessionName: "cy", Token: w.token("cy", e2e.Node{"exp": w.now.Unix() + 9})}.Form()
	if err != nil {
		t.Fatal(err)
	}
	want(t, w.sts(form), 200, "") // those of the others have ended
}

func TestDiscoverRefusesStrangeProviders(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct{ config, keys string }{
		"another issuer": {`{"issuer": "https://login.example.org", "jwks_uri": "URL/keys"}`, `{}`},
		"no key":         {`{"issuer": "URL", "jwks_uri": "URL/keys"}`, `{"keys": [{"kty": "RSA", "kid": "1"}]}`},
		"a point that is not on the curve": {`{"issuer": "URL", "jwks_uri": "URL/keys"}`,
			`{"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "x": "` + strings.Repeat("A", 43) + `", "y": "` + strings.Repeat("A", 43) + `"}]}`},
		"no JSON": {`<html>`, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var server *httptest.Server
			server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer := x.config
				if r.URL.Path == "/keys" {
					answer = x.keys
				}
				io.WriteString(w, strings.ReplaceAll(answer, "URL", server.URL))
			}))
			defer server.Close()
			if v, err := Discover(t.Context(), server.URL, "x"); err == nil {
				t.Errorf("trusts %v", v)
			}
		})
	}
}
