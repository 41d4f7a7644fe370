package difftest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/gatehouse-proxy/gatehouse/sigv4"
)

var (
	credentials = sigv4.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	at          = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
)

// request is what both sign.
type request struct {
	method, path, query, host string
	headers                   [][2]string
	hash, token               string
	service                   string
}

// ours signs with package sigv4.
func ours(t *testing.T, r request, query bool) (signature, canonical string) {
	t.Helper()
	o := sigv4.Options{KeepPath: true} // the SDK never normalises
	if r.service == "s3" {
		o.SingleEncode = true
	}
	signer, err := sigv4.NewSigner(o)
	if err != nil {
		t.Fatal(err)
	}
	c := credentials
	c.SessionToken = r.token
	var s sigv4.Signed
	sign := signer.SignHeaders
	if query {
		sign = signer.SignQuery
	}
	in := sigv4.Request{Method: r.method, Path: r.path, RawQuery: r.query, Host: r.host, Headers: r.headers, PayloadHash: r.hash}
	if err := sign(&s, &in, c, sigv4.Scope{Service: r.service, Region: "us-east-1", Time: at}); err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	return s.Signature, s.CanonicalRequest()
}

// theirs signs with the SDK.
func theirs(t *testing.T, r request, query bool) string {
	t.Helper()
	target := "https://" + r.host + r.path
	q := r.query
	if query {
		if q != "" {
			q += "&"
		}
		q += "X-Amz-Expires=300"
	}
	if q != "" {
		target += "?" + q
	}
	req, err := http.NewRequest(r.method, target, nil)
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	for _, h := range r.headers {
		req.Header.Add(h[0], h[1])
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = r.service == "s3"
		o.DisableHeaderHoisting = true
	})
	c := aws.Credentials{AccessKeyID: credentials.AccessKeyID, SecretAccessKey: credentials.SecretAccessKey, SessionToken: r.token}
	var signed string
	if query {
		signed, _, err = signer.PresignHTTP(context.Background(), c, req, r.hash, r.service, "us-east-1", at)
	} else {
		err = signer.SignHTTP(context.Background(), c, req, r.hash, r.service, "us-east-1", at)
		signed = req.Header.Get("Authorization")
	}
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	_, signature, _ := strings.Cut(signed, "Signature=")
	return signature
}

const (
	unreserved = "abcXYZ019-._~"
	subDelims  = "!$&'()*+,;="
)

type random struct{ *rand.Rand }

func (r random) one(list ...string) string { return list[r.IntN(len(list))] }

// text returns n pieces: an unreserved character, one of others, or an escape.
func (r random) text(n int, others string, escapes ...string) string {
	var b strings.Builder
	for range r.IntN(n + 1) {
		switch k := r.IntN(5); {
		case k == 0 && others != "":
			b.WriteByte(others[r.IntN(len(others))])
		case k == 1 && len(escapes) > 0:
			b.WriteString(r.one(escapes...))
		default:
			b.WriteByte(unreserved[r.IntN(len(unreserved))])
		}
	}
	return b.String()
}

func (r random) request() request {
	out := request{
		method:  r.one("GET", "PUT", "POST", "DELETE"),
		host:    r.one("example.org", "b.example.org:8443", "192.0.2.1", "[2001:db8::1]:9000"),
		service: r.one("s3", "execute-api", "lambda"),
		token:   r.one("", "", "a+b/c=="),
		hash:    r.one(sigv4.EmptyPayload, sigv4.UnsignedPayload),
	}
	if out.service == "s3" {
		// Only what is encoded already in the canonical way: see TestWhereTheServiceCounts.
		out.path = "/" + r.text(12, "/", "%20", "%2B", "%3D", "%C3%BC", "%F0%9F%98%80", "%25", "%00")
	} else {
		out.path = "/" + r.text(12, subDelims+":@//", "%20", "%2f", "%2F", "%c3%bc", "%41", "%25", "%00")
	}
	if strings.HasPrefix(out.path, "//") {
		out.path = "/a" + out.path // an URL would take it for an authority
	}
	var pairs []string
	for range r.IntN(6) {
		key := r.text(3, "!$'()*+,:@/?", "%20", "%2B", "%26", "%c3%bc", "%61")
		pairs = append(pairs, key+r.one("", "=", "="+r.text(5, "!$'()*+,:@/?=", "%20", "%2b", "%26", "%C3%BC", "%41")))
	}
	out.query = strings.Join(pairs, "&")
	for range r.IntN(6) {
		out.headers = append(out.headers, [2]string{
			r.one("X-Amz-Meta-A", "x-amz-meta-a", "X-AMZ-ACL", "content-type", "Range", "X-Custom-"+r.text(3, ""), "User-Agent", "Expect", "Transfer-Encoding"),
			r.one("", " ") + r.text(6, "  ,;=\"()/") + r.one("", "  "),
		})
	}
	return out
}

func TestRandomRequests(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4000) {
		r := random{rand.New(rand.NewPCG(seed, 4))}.request()
		for _, query := range []bool{false, true} {
			got, canonical := ours(t, r, query)
			if want := theirs(t, r, query); got != want {
				t.Fatalf("seed %d, in the query: %v: %+v\nsignature %s, the SDK's %s\n%s", seed, query, r, got, want, canonical)
			}
		}
	}
}

// Where the SDK differs from what the service computes. The SDK signs what it
// made itself, and makes none of these; a gateway signs what a client sends.
func TestWhereTheServiceCounts(t *testing.T) {
	t.Parallel()
	base := request{method: "GET", host: "example.org", path: "/", service: "s3", hash: sigv4.EmptyPayload}
	cases := map[string]struct {
		change func(*request)
		line   int    // of the canonical request
		want   string // what the service has there
		why    string
	}{
		"a raw reserved character in an S3 path": {
			func(r *request) { r.path = "/a=b@2x(1)" }, 1, "/a%3Db%402x%281%29",
			"S3 decodes and encodes; the SDK signs the path as it is (curl/curl#13754, envoyproxy/envoy#42165)",
		},
		"a plus in an S3 path": {
			func(r *request) { r.path = "/a+b" }, 1, "/a%2Bb",
			"S3 reads a raw plus as a space (anomalizer/ngx_aws_auth#87), other stores as a plus; Signed.Path has %2B, which is a plus to all",
		},
		"an escaped slash in an S3 path": {
			func(r *request) { r.path = "/a%2Fb" }, 1, "/a/b",
			"a key has no escaped slashes: S3 decodes it and leaves slashes alone",
		},
		"lower-case hex digits in an S3 path": {
			func(r *request) { r.path = "/%c3%bc" }, 1, "/%C3%BC", "S3 decodes and encodes",
		},
		"an escaped unreserved character in an S3 path": {
			func(r *request) { r.path = "/%7Ea" }, 1, "/~a", "S3 decodes and encodes",
		},
		"a default port that is sent": {
			func(r *request) { r.host = "example.org:443" }, 3, "host:example.org:443",
			"the SDK takes it off the request as well; a gateway does not, and the service signs what it sees",
		},
		"a tab in a header": {
			func(r *request) { r.headers = [][2]string{{"x-a", "1\t\t2"}} }, 4, "x-a:1 2",
			"blanks are spaces and tabs; the SDK squeezes spaces alone",
		},
		"a semicolon in a query": {
			func(r *request) { r.query = "a=1;b=2&c=3" }, 2, "a=1%3Bb%3D2&c=3",
			"net/url drops the pair; the service has it",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := base
			c.change(&r)
			signature, canonical := ours(t, r, false)
			if got := strings.Split(canonical, "\n")[c.line]; got != c.want {
				t.Errorf("%s, want %s: %s", got, c.want, c.why)
			}
			// When the SDK comes to agree, this is no difference any more.
			if theirs(t, r, false) == signature {
				t.Error("the SDK signs the same: " + fmt.Sprint(r))
			}
		})
	}
}

// The SDK never normalises paths; AWS's suite, and so the services, do. Signing
// the normalised path with it is the same.
func TestNormalisedPathsEqualTheSDKOnTheCleanPath(t *testing.T) {
	t.Parallel()
	signer, err := sigv4.NewSigner(sigv4.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for dotted, clean := range map[string]string{
		"/a/./b/../c/":     "/a/c/",
		"/a//b///c":        "/a/b/c",
		"/../a%20b/..%2fc": "/a%20b/..%2fc",
	} {
		var s sigv4.Signed
		in := sigv4.Request{Method: "GET", Path: dotted, Host: "example.org"}
		if err := signer.SignHeaders(&s, &in, credentials, sigv4.Scope{Service: "es", Region: "us-east-1", Time: at}); err != nil {
			t.Fatal(err)
		}
		want := theirs(t, request{method: "GET", path: clean, host: "example.org", service: "es", hash: sigv4.EmptyPayload}, false)
		if s.Signature != want {
			t.Errorf("%s: signature %s, the SDK's of %s is %s", dotted, s.Signature, clean, want)
		}
	}
}
