package e2e

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const bucket = "uploads"

// ownPrefix is a session policy under which a user reaches the keys below their
// own name and no others: it shows whose session a request was signed with.
const ownPrefix = `{"Version":"2012-10-17","Statement":[` +
	`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::` + bucket + `/%CLAIM(sub)%/*"},` +
	`{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::` + bucket + `"}]}`

// store is an Envoy before MinIO, where users have nothing but tokens.
type store struct {
	*Envoy
	minio  *MinIO
	issuer *Issuer
	tls    *authority
	tamper *Server // forwards to MinIO, with a change that a request asks for
}

// keepPaths is what S3 needs of a listener, as in the sample: a path is a key.
var keepPaths = Node{"normalize_path": false, "merge_slashes": false, "path_with_escaped_slashes_action": "KEEP_UNCHANGED"}

// jsonText renders settings.
func jsonText(t *testing.T, n Node) string {
	t.Helper()
	b, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// newIssuer starts a provider that ends with the test.
func newIssuer(t *testing.T) *Issuer {
	t.Helper()
	i, err := NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	})
	return i
}

// user is a token that MinIO takes, of a user by that name.
func user(t *testing.T, i *Issuer, name string, claims Node) string {
	t.Helper()
	all := Node{"sub": name, "aud": MinIOAudience, "exp": time.Now().Add(time.Hour).Unix()}
	merge(all, claims)
	token, err := i.Token(all)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func bearer(token string) [2]string { return [2]string{"Authorization", "Bearer " + token} }

// newStore starts MinIO and an Envoy with one listener a way of mounting awssign,
// and makes the bucket.
func newStore(t *testing.T) *store {
	t.Helper()
	s := &store{issuer: newIssuer(t), tls: newAuthority(t)}
	var err error
	if s.minio, err = StartMinIO(t.Context(), t.TempDir(), s.issuer); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.minio.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("MinIO's log ends with:\n%s", tail(s.minio.Log(), 20))
		}
	})
	host, _, _ := strings.Cut(s.minio.Addr, ":")
	settings := func(more Node) string {
		n := Node{
			"service": "s3", "region": MinIORegion, "allowed_hosts": []string{host},
			"credentials": []Node{{"source": "web_identity", "role_arn": s.minio.RoleARN, "policy": ownPrefix, "duration": "15m"}},
			"sts":         Node{"cluster": "sts", "authority": s.minio.Addr},
		}
		merge(n, more)
		return jsonText(t, n)
	}
	static := func(secret string) Node {
		return Node{"credentials": []Node{{"source": "static", "access_key_id": MinIOUser, "secret_access_key": secret}}}
	}
	b := Bootstrap{Dir: t.TempDir(), Clusters: []Cluster{{Name: "sts", Addr: s.minio.Addr}, {Name: "plain", Addr: s.minio.Addr}}}
	mount := func(name, cluster string, l Listener) {
		l.Name = name
		if l.HTTP == nil {
			l.HTTP = keepPaths
		}
		if l.Routes == nil {
			l.Routes = []Node{
				{"match": Node{"path_separated_prefix": "/rewritten"}, "route": Node{"cluster": cluster, "prefix_rewrite": "/" + bucket}},
				{"match": Node{"prefix": "/"}, "route": Node{"cluster": cluster, "timeout": "0s"}},
			}
		}
		b.Listeners = append(b.Listeners, l)
	}
	for name, more := range map[string]Node{
		"user":   {},
		"query":  {"sign_query": true},
		"hashed": {"payload": "hashed", "max_body_size": "1MiB"},
		"trust":  {"trust_content_sha256": true},
		"all":    {"sign_all_headers": true},
		"header": {"auth_header": "x-gatehouse-token", "auth_scheme": ""},
		"chained": {"credentials": []Node{{
			"source": "assume_role", "role_arn": "arn:aws:iam::123456789012:role/any", "policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::` + bucket + `/chained/*"}]}`,
			"base": Node{"source": "static", "access_key_id": MinIOUser, "secret_access_key": MinIOPassword},
		}}},
		"static": static(MinIOPassword),
		"wrong":  static(MinIOPassword + "x"),
		"shared": {"sessions": Node{"shared": true}},
	} {
		cluster := "minio-" + name
		b.Clusters = append(b.Clusters, Cluster{Name: cluster, Addr: s.minio.Addr,
			Plugins: []Plugin{{Filter: "awssign", Config: settings(more), Body: true, VM: "e2e"}}})
		mount(name, cluster, Listener{BufferSize: 2 << 20})
	}
	mount("down", "plain", Listener{Plugins: []Plugin{{Filter: "awssign", Body: true, VM: "e2e",
		Config: settings(Node{"mount": "downstream", "host": s.minio.Addr})}}})
	// Between Envoy and MinIO, for what is changed on the way.
	s.tamper = newServer(t, s.forward)
	for _, name := range []string{"user", "query", "hashed"} {
		cluster := "tampered-" + name
		for _, c := range b.Clusters {
			if c.Name == "minio-"+name {
				b.Clusters = append(b.Clusters, Cluster{Name: cluster, Addr: s.tamper.Addr, Plugins: c.Plugins})
				break
			}
		}
		mount("tampered "+name, cluster, Listener{BufferSize: 2 << 20})
	}
	mount("tls", "minio-user", Listener{TLS: s.tls.downstream()})
	mount("tls header", "minio-header", Listener{TLS: s.tls.downstream()})
	for i := range b.Listeners { // MinIO is addressed by its own name, as S3 is
		for _, r := range b.Listeners[i].Routes {
			merge(r["route"].(Node), Node{"host_rewrite_literal": s.minio.Addr})
		}
	}
	s.Envoy = start(t, b, Options{Concurrency: 2})
	t.Cleanup(func() { // after the parallel subtests
		access, err := os.ReadFile(filepath.Join(b.Dir, "access.log"))
		if err != nil {
			t.Error(err)
		}
		// All tokens, MinIO's session tokens too, are JWTs and begin with eyJ; the
		// signatures of the tests' own clients are zeros.
		for _, text := range []string{s.Log(), string(access)} {
			if found := regexp.MustCompile("eyJ.*|Signature=0*[1-9a-f].*|" + regexp.QuoteMeta(MinIOPassword)).FindString(text); found != "" {
				t.Errorf("Envoy's log or the access log holds %s", found)
			}
		}
	})
	if r := do(t, addr(t, s.Envoy, "static"), request{method: "PUT", path: "/" + bucket}); r.status != 200 {
		t.Fatalf("making the bucket: status %d: %s", r.status, r.body)
	}
	return s
}

// s3Code is the code of an error of S3's, "" if it is none.
func s3Code(r response) string {
	var e struct{ Code string }
	if xml.Unmarshal([]byte(r.body), &e) != nil {
		return ""
	}
	return e.Code
}

// outcome is status and code of an answer, such as "403 AccessDenied".
func outcome(r response) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", r.status, s3Code(r)))
}

// TestAwssignStore: awssign before a real S3 store and a real STS.
func TestAwssignStore(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	alice := bearer(user(t, s.issuer, "alice", nil))
	t.Run("keys", func(t *testing.T) { s.testKeys(t, alice) })
	t.Run("operations", func(t *testing.T) { s.testOperations(t, alice) })
	t.Run("refusals", func(t *testing.T) { s.testRefusals(t, alice) })
	t.Run("tampering", func(t *testing.T) { s.testTampering(t, alice) })
	t.Run("users", s.testUsers)
	t.Run("end of a token", s.testEndOfToken)
	t.Run("client", s.testClient)
	t.Run("large upload", func(t *testing.T) { s.testLargeUpload(t, alice) })
}

// testKeys puts, reads and lists keys as clients may write them.
func (s *store) testKeys(t *testing.T, alice [2]string) {
	t.Parallel()
	for _, listener := range []string{"user", "query", "hashed", "all", "down"} {
		for name, test := range map[string]struct{ path, key string }{
			"plain":                       {"plain.txt", "plain.txt"},
			"a space":                     {"with%20space", "with space"},
			"a plus as it is":             {"plus+plus", "plus+plus"},
			"an escaped plus":             {"escaped%2Bplus", "escaped+plus"},
			"an escaped slash":            {"a%2Fb", "a/b"},
			"an escaped slash, lower":     {"c%2fd", "c/d"},
			"unicode":                     {"%C3%BCml%C3%A4ut-%F0%9F%98%80-%E6%97%A5", "ümläut-😀-日"},
			"lower-case escapes":          {"%c3%bc-lower", "ü-lower"},
			"reserved characters":         {"a=b@2x(1)!$&',;:*", "a=b@2x(1)!$&',;:*"},
			"unicode as it is":            {"ü-raw-日", "ü-raw-日"},
			"escaped reserved characters": {"A%3DB%402X%281%29%21%24%26%27%2C%3B%3A%2A", "A=B@2X(1)!$&',;:*"},
			"a percent sign":              {"100%25", "100%"},
			"what looks like an escape":   {"%2541", "%41"},
			"an escaped tilde":            {"%7Etilde~", "~tilde~"},
			"question mark and hash":      {"q%3Fm%23h", "q?m#h"},
			"a trailing slash":            {"folder/", "folder/"},
			"brackets and quotes":         {"%5Ba%5D%22%3C%3E%7B%7D%7C%5E%60", "[a]\"<>{}|^`"},
		} {
			for _, proto := range []protocol{http1, http2} {
				if name == "unicode as it is" && proto == http1 {
					continue // Envoy's parser refuses it
				}
				t.Run(fmt.Sprintf("%s/%s/%s", listener, name, proto), func(t *testing.T) {
					t.Parallel()
					at := addr(t, s.Envoy, listener)
					// A folder a case: what is listed is what was put.
					folder := fmt.Sprintf("alice/%s%d/", listener, cases.Add(1))
					path, body := "/"+bucket+"/"+folder+test.path, "body of "+test.key
					if strings.HasSuffix(path, "/") {
						body = "" // MinIO has folders without content only
					}
					if r := do(t, at, request{proto: proto, method: "PUT", wire: path, headers: [][2]string{alice}, body: body}); r.status != 200 {
						t.Fatalf("PUT %s: status %d: %s", path, r.status, r.body)
					}
					if r := do(t, at, request{proto: proto, wire: path, headers: [][2]string{alice}}); r.status != 200 || r.body != body {
						t.Errorf("GET %s: status %d: %q", path, r.status, r.body)
					}
					list := "/" + bucket + "?list-type=2&encoding-type=url&prefix=" + url.QueryEscape(folder)
					r := do(t, at, request{proto: proto, wire: list, headers: [][2]string{alice}})
					var found struct{ Contents []struct{ Key string } }
					if err := xml.Unmarshal([]byte(r.body), &found); err != nil || r.status != 200 {
						t.Fatalf("GET %s: status %d: %v: %s", list, r.status, err, r.body)
					}
					var keys []string
					for _, c := range found.Contents {
						key, err := url.QueryUnescape(c.Key)
						keys = append(keys, cmp.Or(key, fmt.Sprint(err)))
					}
					if !slices.Equal(keys, []string{folder + test.key}) {
						t.Errorf("listed %q, want %q", keys, folder+test.key)
					}
				})
			}
		}
	}
}

// testOperations: more of S3 than objects with odd names.
func (s *store) testOperations(t *testing.T, alice [2]string) {
	t.Parallel()
	for _, listener := range []string{"user", "query", "hashed", "all", "trust", "down", "shared"} {
		t.Run(listener, func(t *testing.T) {
			t.Parallel()
			at := addr(t, s.Envoy, listener)
			folder := fmt.Sprintf("/%s/alice/ops-%s/", bucket, listener)
			call := func(status int, q request) response {
				t.Helper()
				q.headers = append(q.headers, alice)
				r := do(t, at, q)
				if r.status != status {
					t.Fatalf("%s %s: status %d, want %d: %s", q.method, q.path, r.status, status, r.body)
				}
				return r
			}
			call(200, request{method: "PUT", path: folder + "a", body: "0123456789", headers: [][2]string{
				{"Content-Type", "text/x-e2e; a=b"}, {"x-amz-meta-note", "  two   words  "}, {"x-amz-meta-empty", ""},
				{"Content-MD5", "eB5eJF1ptWaXm4bijSPyxw=="},
			}})
			head := call(200, request{method: "HEAD", path: folder + "a"})
			want(t, "the type", head.headers.Get("Content-Type"), "text/x-e2e; a=b")
			want(t, "the metadata", head.headers.Get("X-Amz-Meta-Note"), "two   words")
			want(t, "a range", call(206, request{path: folder + "a", headers: [][2]string{{"Range", "bytes=2-4"}}}).body, "234")
			call(200, request{method: "PUT", path: folder + "copy", headers: [][2]string{{"x-amz-copy-source", folder + "a"}}})
			want(t, "the copy", call(200, request{path: folder + "copy"}).body, "0123456789")
			call(200, request{method: "PUT", path: folder + "a?tagging", body: "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"})
			if r := call(200, request{path: folder + "a?tagging"}); !strings.Contains(r.body, "<Value>v</Value>") {
				t.Errorf("tags: %s", r.body)
			}
			call(304, request{path: folder + "a", headers: [][2]string{{"If-None-Match", head.headers.Get("ETag")}}})
			call(200, request{path: folder + "a?response-content-type=text%2Fplain%3B+charset%3D%22%C3%BC%22&x=%2B&x=a&=z&valueless"})
			call(204, request{method: "DELETE", path: folder + "copy"})
			want(t, "after the deletion", outcome(call(404, request{path: folder + "copy"})), "404 NoSuchKey")

			// In parts, of which all but the last have 5 MiB at least: more than is hashed.
			var upload struct{ UploadId string }
			if err := xml.Unmarshal([]byte(call(200, request{method: "POST", path: folder + "parts?uploads"}).body), &upload); err != nil {
				t.Fatal(err)
			}
			parts, done := []string{strings.Repeat("0123456789abcdef", 5<<16), "the end"}, ""
			if listener == "hashed" {
				want(t, "a body over the limit", details(call(413, request{method: "PUT", path: folder + "parts", body: parts[0]})), "Request body exceeds size limit and cannot be used by plugins.")
				parts = parts[1:]
			}
			for i, body := range parts {
				r := call(200, request{method: "PUT", path: fmt.Sprintf("%sparts?partNumber=%d&uploadId=%s", folder, i+1, upload.UploadId), body: body})
				done += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, r.headers.Get("ETag"))
			}
			call(200, request{method: "POST", path: folder + "parts?uploadId=" + upload.UploadId, body: "<CompleteMultipartUpload>" + done + "</CompleteMultipartUpload>"})
			whole := strings.Join(parts, "")
			if r := call(200, request{path: folder + "parts"}); r.body != whole {
				t.Errorf("%d bytes came back, want %d", len(r.body), len(whole))
			}
			if len(parts) == 2 {
				want(t, "a range over two parts", call(206, request{path: folder + "parts", headers: [][2]string{{"Range", fmt.Sprintf("bytes=%d-%d", 5<<20-2, 5<<20+2)}}}).body, "efthe")
			}
		})
	}
}

// details is the message of a local reply of ours, as JSON.
func details(r response) string {
	var m struct{ Message string }
	if json.Unmarshal([]byte(r.body), &m) != nil {
		return r.body
	}
	return m.Message
}

// testRefusals: who does not get what they ask for, from whom, and why.
func (s *store) testRefusals(t *testing.T, alice [2]string) {
	t.Parallel()
	other, err := NewIssuer() // with a key that MinIO does not know
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	})
	forged := user(t, other, "alice", Node{"iss": s.issuer.URL()})
	own := user(t, s.issuer, "alice", nil)
	head, rest, _ := strings.Cut(own, ".")
	_, signature, _ := strings.Cut(rest, ".")
	_, payload, _ := strings.Cut(user(t, s.issuer, "bob", nil), ".")
	payload, _, _ = strings.Cut(payload, ".")
	object := "/" + bucket + "/alice/refusals.txt"
	if r := do(t, addr(t, s.Envoy, "user"), request{method: "PUT", path: object, headers: [][2]string{alice}, body: "x"}); r.status != 200 {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	const date = "20260101T000000Z"
	presigned := "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDCLIENT%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=" + date +
		"&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=" + strings.Repeat("0", 64)
	for name, test := range map[string]struct {
		listener string
		request  request
		want     string // status, with the code of S3's error or the filter's word
	}{
		"a user's own object":                    {"user", request{headers: [][2]string{alice}}, "200"},
		"the same, downstream":                   {"down", request{headers: [][2]string{alice}}, "200"},
		"the same, in the query":                 {"query", request{headers: [][2]string{alice}}, "200"},
		"the proxy's own keys":                   {"static", request{}, "200"},
		"a wrong secret":                         {"wrong", request{}, "403 SignatureDoesNotMatch"},
		"no token":                               {"user", request{}, "401 no_token"},
		"no token, downstream":                   {"down", request{}, "401 no_token"},
		"another scheme":                         {"user", request{headers: [][2]string{{"authorization", "Basic YWxpY2U6eA=="}}}, "401 bad_token"},
		"two tokens":                             {"user", request{headers: [][2]string{alice, alice}}, "400 ambiguous_token"},
		"garbage for a token":                    {"user", request{headers: [][2]string{bearer("garbage")}}, "401 bad_token"},
		"a token that has expired":               {"user", request{headers: [][2]string{bearer(user(t, s.issuer, "alice", Node{"exp": time.Now().Add(-time.Minute).Unix()}))}}, "401 expired_token"},
		"a token of a forged key":                {"user", request{headers: [][2]string{bearer(forged)}}, "401 sts_denied"},
		"a forged token, downstream":             {"down", request{headers: [][2]string{bearer(forged)}}, "401 sts_denied"},
		"another one's claims, own signature":    {"user", request{headers: [][2]string{bearer(head + "." + payload + "." + signature)}}, "401 sts_denied"},
		"a token with a bit more":                {"user", request{headers: [][2]string{bearer(own + "A")}}, "401 sts_denied"},
		"a token for somebody else":              {"user", request{headers: [][2]string{bearer(user(t, s.issuer, "alice", Node{"aud": "another"}))}}, "401 sts_denied"},
		"a token without its user":               {"user", request{headers: [][2]string{bearer(user(t, s.issuer, "", nil))}}, "401 missing_claim"},
		"a user who would be all users":          {"user", request{headers: [][2]string{bearer(user(t, s.issuer, "*", nil))}}, "403 AccessDenied"},
		"another user's object":                  {"user", request{headers: [][2]string{bearer(user(t, s.issuer, "bob", nil))}}, "403 AccessDenied"},
		"rewritten after a downstream signature": {"down", request{path: "/rewritten/alice/refusals.txt", headers: [][2]string{alice}}, "403 SignatureDoesNotMatch"},
		"rewritten before an upstream one":       {"user", request{path: "/rewritten/alice/refusals.txt", headers: [][2]string{alice}}, "200"},
		"a client's own signature":               {"user", request{path: object + presigned, headers: [][2]string{alice}}, "200"},
		"the same, in the query ":                {"query", request{path: object + presigned, headers: [][2]string{alice}}, "200"},
		"a client's own signature alone":         {"user", request{path: object + presigned}, "401 no_token"},
		"a client's date, token and hash":        {"user", request{headers: [][2]string{alice, {"x-amz-date", date}, {"x-amz-security-token", "guess"}, {"x-amz-content-sha256", strings.Repeat("0", 64)}}}, "200"},
		"a wrong hash that is trusted":           {"trust", request{method: "PUT", path: object + ".not", body: "x", headers: [][2]string{alice, {"x-amz-content-sha256", strings.Repeat("0", 64)}}}, "400 XAmzContentSHA256Mismatch"},
		"signed chunks":                          {"user", request{method: "PUT", path: object + ".not", body: "x", headers: [][2]string{alice, {"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}}}, "400 chunk_signatures"},
		"signed chunks with a trailer":           {"down", request{method: "PUT", path: object + ".not", body: "x", headers: [][2]string{alice, {"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"}}}, "400 chunk_signatures"},
		"the proxy's role, its own prefix":       {"chained", request{method: "PUT", path: "/" + bucket + "/chained/a", body: "x"}, "200"},
		"the proxy's role, outside of it":        {"chained", request{}, "403 AccessDenied"},
		"a token in the wrong header":            {"header", request{headers: [][2]string{alice}}, "401 no_token"},
		"a token in a header of its own":         {"header", request{headers: [][2]string{{"x-gatehouse-token", own}}}, "200"},
		"a token in an alias of that header":     {"header", request{headers: [][2]string{{"x_gatehouse_token", own}}}, "400 ambiguous_token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := fmt.Sprintf("case-%d", cases.Add(1))
			q := test.request
			q.path = cmp.Or(q.path, object)
			q.headers = append(slices.Clone(q.headers), [2]string{"x-case", id})
			r := do(t, addr(t, s.Envoy, test.listener), q)
			got := outcome(r)
			if r.headers.Get("Server") != "MinIO" && r.headers.Get("X-Amz-Request-Id") == "" { // an answer of Envoy's
				_, word := logged(t, s.Envoy, id)
				got += " " + strings.TrimPrefix(word, "gatehouse.awssign.")
			}
			if got != test.want {
				t.Errorf("%s, want %s: %s", got, test.want, r.body)
			}
		})
	}
}

// forward passes requests on to MinIO, after the change that x-tamper names, a
// header that nobody signs.
func (s *store) forward(w http.ResponseWriter, r *http.Request) {
	q := request{method: r.Method, wire: r.RequestURI, headers: [][2]string{{"host", r.Host}}}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	q.body = string(body)
	for name, values := range r.Header {
		for _, v := range values {
			q.headers = append(q.headers, [2]string{name, v})
		}
	}
	set := func(name, value string) {
		q.headers = append(slices.DeleteFunc(q.headers, func(h [2]string) bool { return strings.EqualFold(h[0], name) }), [2]string{name, value})
	}
	switch what, value, _ := strings.Cut(r.Header.Get("X-Tamper"), ": "); what {
	case "query":
		q.wire += "&" + value
		if !strings.Contains(r.RequestURI, "?") {
			q.wire = r.RequestURI + "?" + value
		}
	case "expires":
		q.wire = strings.Replace(q.wire, "X-Amz-Expires=300", "X-Amz-Expires="+value, 1)
	case "path":
		q.wire = strings.Replace(q.wire, "tamper", value, 1)
	case "method":
		q.method = value
	case "body":
		q.body = value
	case "":
	default:
		set(what, value)
	}
	resp, err := try(r.Context(), s.minio.Addr, q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	for name, values := range resp.headers {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.status)
	io.WriteString(w, resp.body)
}

// testTampering changes signed requests between Envoy and MinIO.
func (s *store) testTampering(t *testing.T, alice [2]string) {
	t.Parallel()
	const mismatch = "403 SignatureDoesNotMatch"
	for listener, table := range map[string]map[string]string{
		"tampered user": {
			"": "200", "query: x=1": mismatch, "path: tampex": mismatch, "method: DELETE": mismatch, "x-amz-meta-a: c": mismatch,
			"content-type: text/html": mismatch, "x-amz-date: 20260101T000000Z": "403 RequestTimeTooSkewed",
			"x-amz-security-token: guess": "403 InvalidTokenId", "user-agent: another": "200", "x-forwarded-for: 192.0.2.1": "200",
			"x-amz-content-sha256: " + strings.Repeat("0", 64): mismatch,
		},
		"tampered query":  {"": "200", "query: x=1": mismatch, "path: tampex": mismatch, "method: DELETE": mismatch, "expires: 600": mismatch, "x-amz-meta-a: c": mismatch},
		"tampered hashed": {"": "200", "body: hello": "400 XAmzContentSHA256Mismatch"},
	} {
		for change, result := range table {
			t.Run(listener+"/"+change, func(t *testing.T) {
				t.Parallel()
				r := do(t, addr(t, s.Envoy, listener), request{method: "PUT", path: fmt.Sprintf("/%s/alice/tamper%d", bucket, cases.Add(1)), body: "olleh",
					headers: [][2]string{alice, {"x-amz-meta-a", "b"}, {"content-type", "text/plain"}, {"x-tamper", change}}})
				want(t, "the outcome", outcome(r), result)
			})
		}
	}
	// What left in the query is a link for whoever has it, for that one request.
	t.Run("a presigned link", func(t *testing.T) {
		t.Parallel()
		path := "/" + bucket + "/alice/tamper-link"
		at := addr(t, s.Envoy, "tampered query")
		if r := do(t, at, request{method: "PUT", path: path, body: "linked", headers: [][2]string{alice}}); r.status != 200 {
			t.Fatalf("status %d: %s", r.status, r.body)
		}
		if r := do(t, at, request{path: path, headers: [][2]string{alice}}); r.body != "linked" {
			t.Fatalf("status %d: %s", r.status, r.body)
		}
		link := s.tamper.Seen(func(r Seen) bool { return r.Method == "GET" && strings.HasPrefix(r.Path, path) })[0]
		none(t, "the link's request", link, "authorization")
		host := [2]string{"host", s.minio.Addr}
		want(t, "the link", outcome(do(t, s.minio.Addr, request{wire: link.Path, headers: [][2]string{host}})), "200")
		want(t, "the link to another object", outcome(do(t, s.minio.Addr, request{wire: strings.Replace(link.Path, "-link", "-other", 1), headers: [][2]string{host}})), mismatch)
		want(t, "the link for another method", outcome(do(t, s.minio.Addr, request{method: "DELETE", wire: link.Path, headers: [][2]string{host}})), mismatch)
	})
}

// testUsers: many requests of several users at once, on both workers. Each
// reaches their own objects, and nobody else's.
func (s *store) testUsers(t *testing.T) {
	t.Parallel()
	names := []string{"ada", "bea", "cyd"}
	for _, listener := range []string{"user", "down", "shared"} {
		t.Run(listener, func(t *testing.T) {
			t.Parallel()
			at := addr(t, s.Envoy, listener)
			tokens := map[string][2]string{}
			for _, n := range names {
				tokens[n] = bearer(user(t, s.issuer, n, Node{"for": listener}))
				if r := do(t, at, request{method: "PUT", path: "/" + bucket + "/" + n + "/" + listener, headers: [][2]string{tokens[n]}, body: n}); r.status != 200 {
					t.Fatalf("%s: status %d: %s", n, r.status, r.body)
				}
			}
			var clients sync.WaitGroup
			for i := range 12 {
				// Connections of their own, so that both workers get some.
				client := newClient(i%2 == 0)
				own, other := names[i%3], names[(i+1)%3]
				clients.Go(func() {
					defer client.CloseIdleConnections()
					for range 10 {
						for _, of := range []string{own, other} {
							r, err := tryWith(t.Context(), client, at, request{path: "/" + bucket + "/" + of + "/" + listener, headers: [][2]string{tokens[own]}})
							expect := "200"
							if of == other {
								expect = "403 AccessDenied"
							}
							if err != nil || outcome(r) != expect || of == own && r.body != own {
								t.Errorf("%s asks for the object of %s: %s, want %s: %v %s", own, of, outcome(r), expect, err, r.body)
								return
							}
						}
					}
				})
			}
			clients.Wait()
		})
	}
	t.Cleanup(func() {
		stats, err := s.Stats()
		if err != nil {
			t.Error(err)
		}
		for _, worker := range []string{".worker_0.", ".worker_1."} {
			connections := 0
			for name, n := range stats {
				if strings.HasSuffix(name, worker+"downstream_cx_total") {
					connections += n
				}
			}
			if connections < 5 {
				t.Errorf("%s had %d connections: the users were not mixed on both workers", worker, connections)
			}
		}
	})
}

// testEndOfToken: a session that was got with a token ends with it, though STS
// gave it 15 minutes at least.
func (s *store) testEndOfToken(t *testing.T) {
	t.Parallel()
	end := time.Now().Add(6 * time.Second).Truncate(time.Second)
	short := bearer(user(t, s.issuer, "alice", Node{"exp": end.Unix()}))
	passed := 0
	await(t, "the end of the token", func() bool {
		id := fmt.Sprintf("case-%d", cases.Add(1))
		late := !time.Now().Before(end)
		r := do(t, addr(t, s.Envoy, "user"), request{path: "/" + bucket + "?list-type=2", headers: [][2]string{short, {"x-case", id}}})
		switch {
		case r.status != 200: // STS may refuse it first
			_, word := logged(t, s.Envoy, id)
			return word == "gatehouse.awssign.expired_token"
		case late:
			t.Error("a session was used after the token's end")
		}
		passed++
		return t.Failed()
	})
	if passed == 0 {
		t.Error("the token was good for nothing")
	}
}

// testClient: AWS's own SDKs, which have nothing but a token. The one for Go sends
// x-amz-content-sha256 where it does not sign, too, and over TLS UNSIGNED-PAYLOAD
// for an object without content.
func (s *store) testClient(t *testing.T) {
	t.Parallel()
	const trailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER aws-chunked"
	for name, test := range map[string]struct {
		scheme, listener, header string
		boto3, sdkgo             string // what is sent as x-amz-content-sha256, which shows that the case is what it means to be
	}{
		"without keys, plain text":   {"http", "user", "", "none", "hash"},
		"without keys, TLS":          {"https", "tls", "", trailer + ", none", trailer + ", UNSIGNED-PAYLOAD, hash"},
		"with keys of nobody, TLS":   {"https", "tls header", "x-gatehouse-token", "signed " + trailer + ", signed hash", "signed " + trailer + ", signed UNSIGNED-PAYLOAD, signed hash"},
		"with keys of nobody, plain": {"http", "header", "x-gatehouse-token", "signed hash", "signed hash"},
	} {
		for _, client := range []struct {
			name, sent string
			run        func(t *testing.T, stdin string, args ...string) string
		}{
			{"boto3", test.boto3, func(t *testing.T, stdin string, args ...string) string {
				return python(t, "client.py", stdin, args...)
			}},
			{"sdkgo", test.sdkgo, sdkClient},
		} {
			t.Run(name+"/"+client.name, func(t *testing.T) {
				t.Parallel()
				args := []string{test.scheme + "://" + addr(t, s.Envoy, test.listener), bucket, fmt.Sprintf("alice/sdk-%d/", cases.Add(1)), s.tls.file}
				if test.header != "" {
					args = append(args, test.header)
				}
				out := client.run(t, user(t, s.issuer, "alice", nil), args...)
				var sent []string
				if err := json.Unmarshal([]byte(out), &sent); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				want(t, "x-amz-content-sha256 of the SDK", strings.Join(sent, ", "), client.sent)
			})
		}
	}
}

// python runs a script of e2e/boto3 and returns what it prints.
func python(t *testing.T, script, stdin string, args ...string) string {
	t.Helper()
	sdk, err := run(t, Root(), nil, filepath.Join("build", "boto3"), "-n")
	if err != nil {
		t.Fatal(sdk)
	}
	cmd := exec.CommandContext(t.Context(), "python3", append([]string{filepath.Join(Root(), "e2e", "boto3", script)}, args...)...)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+sdk)
	return runSDK(t, cmd, stdin)
}

// sdkClientBinary is compiled once for all cases.
var sdkClientBinary = sync.OnceValues(func() (string, error) {
	out, err := exec.Command(filepath.Join(Root(), "build", "sdkclient"), "-n").CombinedOutput()
	return strings.TrimSpace(string(out)), err
})

// sdkClient runs e2e/sdkclient and returns what it prints.
func sdkClient(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	binary, err := sdkClientBinary()
	if err != nil {
		t.Fatal(binary)
	}
	return runSDK(t, exec.CommandContext(t.Context(), binary, args...), stdin)
}

// runSDK runs a client that finds no settings and no credentials of the machine's,
// and returns what it prints.
func runSDK(t *testing.T, cmd *exec.Cmd, stdin string) string {
	t.Helper()
	cmd.Env = slices.DeleteFunc(cmd.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	cmd.Env = append(cmd.Env, "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
	cmd.Stdin = strings.NewReader(stdin)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, tail(complaint.String(), 30))
	}
	return string(out)
}

// testLargeUpload: 256 MiB pass through, and are not held back.
func (s *store) testLargeUpload(t *testing.T, alice [2]string) {
	t.Parallel()
	const size, most = 256 << 20, 48 << 20
	path := "/" + bucket + "/alice/large"
	memory(t, s.PID()) // from here on
	before := memory(t, s.PID())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+addr(t, s.Envoy, "user")+path, io.LimitReader(zeros{}, size))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = size
	req.Header.Set(alice[0], alice[1])
	resp, err := clients[http1].Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("status %d", resp.StatusCode)
	}
	after := memory(t, s.PID())
	t.Logf("Envoy's memory at its highest: %d MiB, %d MiB before", after>>20, before>>20)
	if after-before > most {
		t.Errorf("Envoy grew by %d MiB over an upload of %d MiB, want %d at most", (after-before)>>20, size>>20, most>>20)
	}
	r := do(t, addr(t, s.Envoy, "user"), request{path: path, headers: [][2]string{alice, {"Range", "bytes=-5"}}})
	want(t, "the end of it", r.headers.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/%d", size-5, size-1, size))
}

// zeros is an endless reader.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// memory is the most bytes that a process has had in memory since it was last
// asked for.
func memory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kilobytes int
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		t.Fatal(err)
	}
	// proc(5): 5 sets the highest mark to what there is now.
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}
